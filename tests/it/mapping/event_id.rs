//! `EventId`: the same for repeats of one event, another for another event.

use humanbound_sentinel::record;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

use super::row::{self, RECEIVED};

#[derive(Deserialize)]
struct Vector {
    name: String,
    body: String,
    canonical: String,
    event_id: String,
}

fn id(body: &str) -> String {
    record::map(body.as_bytes(), RECEIVED).unwrap().event_id.to_string()
}

/// The first 32 hex digits of SHA-256.
fn digest(text: &str) -> String {
    let half = Sha256::digest(text).first_chunk().copied().unwrap();
    format!("{:032x}", u128::from_be_bytes(half))
}

/// The vectors are made by `tests/fixtures/event_id.py`, not by us.
#[test]
fn agrees_with_the_vectors() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../fixtures/event_id.json")).unwrap();
    assert!(vectors.len() > 10);
    for vector in vectors {
        assert_eq!(
            digest(&vector.canonical),
            vector.event_id,
            "the vector {} contradicts itself",
            vector.name
        );
        assert_eq!(id(&vector.body), vector.event_id, "{}", vector.name);
        assert_eq!(id(&vector.canonical), vector.event_id, "{} in canonical form", vector.name);
    }
}

#[test]
fn does_not_depend_on_when_the_event_is_received() {
    let body = br#"{"event_type":"ping","data":{}}"#;
    let later = record::map(body, RECEIVED + time::Duration::days(3)).unwrap();
    assert_eq!(record::map(body, RECEIVED).unwrap().event_id, later.event_id);
}

#[test]
fn tells_different_bodies_apart() {
    let bodies = [
        "{}",
        r#"{"a":1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":1e0}"#,
        r#"{"a":"1"}"#,
        r#"{"a":[1]}"#,
        r#"{"a":null}"#,
        r#"{"a":{}}"#,
        r#"{"a":[]}"#,
        r#"{"A":1}"#,
        r#"{"a":-0}"#,
        r#"{"a":0}"#,
        r#"{"a":true}"#,
        r#"{"a":"true"}"#,
        r#"{"a":"é"}"#,
        r#"{"a":"e\u0301"}"#,
        r#"{"a b":1}"#,
        r#"{"a":1,"b":{}}"#,
        r#"{"b":{"a":1}}"#,
        r#"{"a\u0000":1}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"{"a":{"$serde_json::private::Number":"1"}}"#,
        r#"{"a":12345678901234567890123}"#,
        r#"{"a":12345678901234567890124}"#,
    ];
    let ids: HashSet<String> = bodies.iter().map(|body| id(body)).collect();
    assert_eq!(ids.len(), bodies.len());
}

#[test]
fn of_an_odd_body_is_taken_from_its_bytes() {
    for body in [r#"{"a":"\ud800"}"#.to_owned(), format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64))] {
        assert_eq!(id(&body), digest(&body));
        assert_ne!(id(&body), id(&format!("{body} ")));
    }
    assert_ne!(id(r#"{"a":"\ud800"}"#), id(r#"{"a":"\ud801"}"#), "both are read as U+FFFD");
}

#[test]
fn our_own_rows_are_of_their_own_family_and_no_two_are_equal() {
    let data = serde_json::json!({"spool_blobs": 3, "dead_letters": 0});
    let mapped = record::own_event("connector.heartbeat", data.clone(), RECEIVED);
    let row = row::valid(&mapped);
    for (column, value) in [
        ("EventType", r#""connector.heartbeat""#),
        ("EventFamily", r#""connector""#),
        ("Severity", r#""info""#),
        ("SeverityRank", "0"),
        ("ProjectId", "null"),
        ("TimeGenerated", r#""2026-08-06T08:00:00.1234567Z""#),
        ("EventTime", r#""2026-08-06T08:00:00.1234567Z""#),
        ("ReceivedTime", r#""2026-08-06T08:00:00.1234567Z""#),
        ("Data", r#"{"dead_letters":0,"spool_blobs":3}"#),
        ("AdditionalFields", "null"),
        ("Truncated", "false"),
    ] {
        assert_eq!(row::cell(&row, column), value, "{column}");
    }
    let later =
        record::own_event("connector.heartbeat", data.clone(), RECEIVED + time::Duration::microseconds(1));
    let other = record::own_event("connector.stats", data, RECEIVED);
    assert_ne!(mapped.event_id, later.event_id);
    assert_ne!(mapped.event_id, other.event_id);
}

#[test]
fn no_sender_can_forge_one_of_our_own_rows() {
    for event_type in
        ["connector.heartbeat", "Connector.Stats", " connector.stats ", "connector", "connector."]
    {
        let row = row::of(format!(r#"{{"event_type":"{event_type}","data":{{}}}}"#));
        assert_eq!(row["EventFamily"].text(), "other", "{event_type}");
    }
}
