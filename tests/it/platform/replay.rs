//! Replays: which events they pick, in which order, and what they say.

use humanbound_sentinel::emulator::{PlatformOptions, ReplayAnswer, ReplayOptions};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::receiver::Receiver;
use super::{SECRET, Visit, event, options};

/// A platform with `count` events, a minute apart, and a webhook.
async fn with_events(count: u32, replay: ReplayOptions) -> (Visit, Receiver, Uuid) {
    let visit = Visit::start(PlatformOptions { replay, ..options() }).await;
    let receiver = Receiver::start().await;
    // Not in the order of their times.
    visit.platform.load((0..count).rev().map(event));
    let id = visit.webhook(&receiver.url()).await;
    (visit, receiver, id)
}

async fn replay(visit: &Visit, id: Uuid, range: Value) -> (u16, Value) {
    visit.webhooks(Method::POST, &format!("/{id}/replay"), Some(range)).await
}

/// The numbers of the events that came, lowest first.
fn numbers(receiver: &Receiver) -> Vec<u32> {
    let number = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap();
        body["title"].as_str().unwrap().strip_prefix("number ").unwrap().parse().unwrap()
    };
    let mut all: Vec<_> = receiver.signed(SECRET).iter().map(|one| number(&one.body)).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn queues_the_first_thousand_of_more() {
    let (visit, receiver, id) = with_events(2500, ReplayOptions::default()).await;
    assert_eq!(visit.platform.event_count(), 2500);
    assert_eq!(replay(&visit, id, json!({})).await, (200, json!({ "events_queued": 1000 })));
    visit.platform.settled().await;
    assert_eq!(numbers(&receiver), (0..1000).collect::<Vec<_>>());
    let (_, page) = visit.webhooks(Method::GET, &format!("/{id}/deliveries"), None).await;
    assert_eq!(page["total"], 1000);
}

#[tokio::test]
async fn may_queue_the_last_ones_instead() {
    let options = ReplayOptions { newest_first: true, limit: 10, ..ReplayOptions::default() };
    let (visit, receiver, id) = with_events(25, options).await;
    assert_eq!(replay(&visit, id, json!({})).await.1["events_queued"], 10);
    visit.platform.settled().await;
    assert_eq!(numbers(&receiver), (15..25).collect::<Vec<_>>());
}

#[tokio::test]
async fn picks_by_range_project_and_type() {
    let whole = ReplayOptions::default();
    let (visit, _receiver, id) = with_events(60, whole).await;
    let project = Uuid::from_u128(1);
    let cases = [
        (json!({ "since": "2026-01-01" }), 60),
        (json!({ "since": "2026-01-02" }), 0),
        (json!({ "until": "2026-01-01" }), 1),
        (json!({ "since": "2026-01-01T00:10:00Z", "until": "2026-01-01T00:19:00Z" }), 10),
        (json!({ "since": "2026-01-01T00:10:00", "until": "2026-01-01T01:19:00+01:00" }), 10),
        (json!({ "event_type": "drift.detected" }), 6),
        (json!({ "project_id": project.to_string().to_uppercase() }), 20),
        (json!({ "project_id": project, "event_type": "drift.detected" }), 2),
        (json!({ "event_type": "finding.made" }), 0),
    ];
    for (range, expected) in cases {
        let answer = replay(&visit, id, range.clone()).await;
        assert_eq!(answer, (200, json!({ "events_queued": expected })), "{range}");
    }
    for range in [json!({ "since": "yesterday" }), json!({ "until": 1 }), json!({ "project_id": "x" })] {
        assert_eq!(replay(&visit, id, range.clone()).await.0, 422, "{range}");
    }
}

#[tokio::test]
async fn has_every_reading_of_what_is_unknown() {
    let odd = ReplayOptions {
        until_is_exclusive: true,
        whole_days_only: true,
        answer: ReplayAnswer::NoNumber,
        ..ReplayOptions::default()
    };
    let (visit, receiver, id) = with_events(3, odd).await;
    assert_eq!(replay(&visit, id, json!({ "since": "2026-01-01T00:00:00Z" })).await.0, 422);
    let (status, body) = replay(&visit, id, json!({ "until": "2026-01-01" })).await;
    assert_eq!((status, body.get("events_queued")), (200, None));
    visit.platform.settled().await;
    assert_eq!(numbers(&receiver), Vec::<u32>::new(), "the event at midnight stays out");
}

#[tokio::test]
async fn sends_the_same_bytes_as_the_first_time() {
    let (visit, receiver, id) = with_events(0, ReplayOptions::default()).await;
    let first = visit.platform.publish(event(7));
    visit.platform.settled().await;
    replay(&visit, id, json!({})).await;
    visit.platform.settled().await;
    let [once, again] = receiver.signed(SECRET).try_into().unwrap();
    assert_eq!(once.body, again.body);
    assert!(visit.platform.deliveries(id).iter().all(|delivery| delivery.event_id == first));
}

#[tokio::test]
async fn an_inactive_webhook_is_neither_tested_nor_replayed_to() {
    let (visit, receiver, id) = with_events(3, ReplayOptions::default()).await;
    visit.webhooks(Method::PUT, &format!("/{id}"), Some(json!({ "is_active": false }))).await;
    assert_eq!(replay(&visit, id, json!({})).await.0, 409);
    assert_eq!(visit.webhooks(Method::POST, &format!("/{id}/test"), None).await.0, 409);
    visit.platform.publish(event(5));
    visit.platform.settled().await;
    assert!(receiver.signed(SECRET).is_empty());
}

#[tokio::test]
async fn holds_a_hundred_thousand_events_and_finds_its_way_in_them() {
    let body = event(0).body;
    let visit = Visit::start(options()).await;
    let template = event(1);
    let all = (0..100_000).map(|number| humanbound_sentinel::emulator::PlatformEvent {
        at: template.at + time::Duration::seconds(number),
        body: body.clone(),
        ..template.clone()
    });
    assert_eq!(visit.platform.load(all), 100_000);
    let receiver = Receiver::start().await;
    let id = visit.webhook(&receiver.url()).await;
    let range = json!({ "since": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:09Z" });
    assert_eq!(replay(&visit, id, range).await.1["events_queued"], 10);
}
