//! Limits: what Azure Monitor would cut silently is cut openly.

use super::row::{self, Row};
use super::tree::Tree;

const FIELD: usize = 60_000;

fn truncated(row: &Row) -> bool {
    row["Truncated"] == Tree::Bool(true)
}

/// A body with `data` of exactly `bytes` bytes, which is one member of text.
fn with_data_of(bytes: usize) -> String {
    let empty = r#"{"x":""}"#.len();
    format!(r#"{{"event_type":"finding.created","data":{{"x":"{}"}}}}"#, "d".repeat(bytes - empty))
}

#[test]
fn a_string_of_60_000_bytes_is_kept_and_a_longer_one_is_cut() {
    for (length, kept) in [(FIELD - 1, FIELD - 1), (FIELD, FIELD), (FIELD + 1, FIELD), (900_000, FIELD)] {
        let row = row::of(format!(r#"{{"event_type":"x.y","title":"{}"}}"#, "t".repeat(length)));
        assert_eq!(row["EventTitle"].text().len(), kept);
        assert_eq!(truncated(&row), kept < length);
        assert!(!row.contains_key("AdditionalFields"), "the beginning is in its column");
    }
}

#[test]
fn a_string_is_cut_between_two_characters() {
    for (character, before) in [("é", 1), ("€", 1), ("€", 2), ("😀", 1), ("😀", 2), ("😀", 3)] {
        let title = format!("{}{}", "a".repeat(before), character.repeat(FIELD / character.len()));
        let row = row::of(format!(r#"{{"event_type":"x.y","title":"{title}"}}"#));
        let kept = row["EventTitle"].text();
        assert!(title.starts_with(kept) && kept.len() > FIELD - 4 && kept.len() < FIELD, "{}", kept.len());
        assert!(truncated(&row));
    }
}

#[test]
fn data_of_60_000_bytes_is_kept() {
    let row = row::of(with_data_of(FIELD));
    assert_eq!(row["Data"].to_string().len(), FIELD);
    assert!(!truncated(&row));
    let row = row::of(with_data_of(FIELD + 1));
    assert_eq!(row::cell(&row, "Data"), r#"{"_truncated":true}"#);
    assert!(truncated(&row));
}

#[test]
fn data_is_measured_without_the_white_space_around_it() {
    let body = with_data_of(FIELD).replace(r#""x":"#, &format!("{}\"x\" : ", " ".repeat(10_000)));
    assert!(!truncated(&row::of(body)));
}

#[test]
fn the_largest_members_are_left_out_and_the_columns_still_filled() {
    let big = "b".repeat(40_000);
    let body = format!(
        r#"{{"event_type":"finding.created","data":{{"finding_id":"F-1","transcript":"{big}","title":"{}","z":[1,2],"log":"{big}"}}}}"#,
        "t".repeat(FIELD + 5)
    );
    let row = row::of(body);
    let data = row["Data"].object();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["_truncated", "finding_id", "log", "z"]);
    assert_eq!(data["log"].text(), big);
    assert_eq!(data["z"].to_string(), "[1,2]");
    assert_eq!(data["_truncated"], Tree::Bool(true));
    assert_eq!(row::cell(&row, "FindingId"), r#""f-1""#);
    assert_eq!(row["FindingTitle"].text().len(), FIELD);
    assert!(truncated(&row));
}

#[test]
fn the_mark_of_truncation_stands_once() {
    let body = format!(r#"{{"data":{{"_truncated":false,"x":"{}","y":1}}}}"#, "x".repeat(FIELD));
    row::check(&body, &[("Data", r#"{"_truncated":true,"y":1}"#), ("Truncated", "true")]);
    let whole = r#"{"data":{"_truncated":"mine"},"_truncated":7}"#;
    row::check(
        whole,
        &[
            ("Data", r#"{"_truncated":"mine"}"#),
            ("AdditionalFields", r#"{"_truncated":7}"#),
            ("Truncated", "false"),
        ],
    );
}

#[test]
fn data_that_is_one_long_text_keeps_its_beginning() {
    let row = row::of(format!(r#"{{"data":"{}"}}"#, "d".repeat(100_000)));
    assert_eq!(row["Data"].text(), "d".repeat(FIELD - 2));
    assert!(truncated(&row));
    let row = row::of(format!(r#"{{"data":"{}"}}"#, "\\u0000".repeat(100_000)));
    let kept = row["Data"].to_string().len();
    assert!(kept > FIELD - 20 && kept <= FIELD, "{kept}");
    assert!(truncated(&row));
}

#[test]
fn data_that_is_one_long_array_keeps_its_first_items() {
    let items: Vec<String> = (0..20_000).map(|at| format!("\"item {at}\"")).collect();
    let row = row::of(format!(r#"{{"data":[{}]}}"#, items.join(",")));
    let Tree::Array(kept) = &row["Data"] else { panic!("{:?}", row["Data"]) };
    assert!(row["Data"].to_string().len() > FIELD - 20);
    assert!(kept.iter().zip(&items).all(|(kept, item)| kept.to_string() == *item));
    assert!(truncated(&row));
    let first_too_long = format!(r#"{{"data":["{}",1]}}"#, "x".repeat(FIELD));
    row::check(&first_too_long, &[("Data", "[]"), ("Truncated", "true")]);
}

#[test]
fn data_that_is_one_long_number_is_replaced() {
    for number in ["1".repeat(100_000), format!("0.{}", "1".repeat(100_000))] {
        row::check(
            &format!(r#"{{"data":{number}}}"#),
            &[("Data", r#"{"_truncated":true}"#), ("Truncated", "true")],
        );
    }
}

#[test]
fn ten_thousand_members_are_kept_as_far_as_they_fit() {
    let members: Vec<String> = (0..10_000).rev().map(|at| format!("\"member {at}\":{at}")).collect();
    let members = members.join(",");
    let row = row::of(format!(r#"{{"event_type":"x.y",{members},"data":{{{members}}}}}"#));
    for column in ["Data", "AdditionalFields"] {
        let kept = row[column].object();
        assert!(row[column].to_string().len() > FIELD - 40, "{column}");
        assert_eq!(kept["_truncated"], Tree::Bool(true));
        for (key, value) in kept.iter().filter(|(key, _)| *key != "_truncated") {
            assert_eq!(*key, format!("member {value}"));
        }
    }
    assert_eq!(row::cell(&row, "EventType"), r#""x.y""#);
    assert!(truncated(&row));
}

#[test]
fn a_row_of_nothing_but_long_strings_fits() {
    for (text, at_least) in
        [("x".repeat(70_000), 200_000), ("\\u0001".repeat(9_000), 100_000), ("é".repeat(40_000), 200_000)]
    {
        let members = |names: &[&str]| {
            names.iter().map(|name| format!("\"{name}\":\"{text}\",")).collect::<Vec<_>>().concat()
        };
        let envelope = members(&[
            "event_id",
            "organisation_id",
            "project_id",
            "project_name",
            "timestamp",
            "severity",
            "title",
            "description",
            "category",
            "owasp_category",
        ]);
        let data = members(&[
            "title",
            "finding_id",
            "threat_class",
            "status",
            "previous_status",
            "severity_label",
            "assignee_id",
            "assignee_name",
            "delegation_status",
            "actor",
            "outcome",
            "previous_grade",
            "grade",
            "dimension",
            "campaign_id",
            "campaign_status",
            "activity",
            "previous_activity",
        ]);
        let body = format!(r#"{{{envelope}"event_type":"finding.{text}","data":{{{data}"test_count":7}}}}"#);
        let mapped = humanbound_sentinel::record::map(body.as_bytes(), row::RECEIVED).unwrap();
        assert!(mapped.row.len() > at_least, "{}", mapped.row.len());
        let row = row::valid(&mapped);
        assert_eq!(row::cell(&row, "TestCount"), "7");
        assert_eq!(row::cell(&row, "EventFamily"), r#""finding""#);
        assert!(truncated(&row));
    }
}
