//! Sending: signatures, retries, who gets what, and many at once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use humanbound_sentinel::emulator::{Delivery, DispatchOptions, Outcome, PlatformOptions, TestAnswer};
use reqwest::Method;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;
use uuid::Uuid;

use super::receiver::Receiver;
use super::{SECRET, Visit, described, event, options};

/// Attempt, status and error of each delivery.
fn brief(deliveries: &[Delivery]) -> Vec<(u32, Option<u16>, Option<&str>)> {
    deliveries.iter().map(|one| (one.attempt, one.status_code, one.error.as_deref())).collect()
}

#[tokio::test]
async fn tries_again_until_the_receiver_takes_it() {
    let visit = Visit::start(options()).await;
    let receiver = Receiver::start().await;
    let id = visit.webhook(&receiver.url()).await;
    receiver.answer(&[503, 401]);
    let event_id = visit.platform.publish(event(1));
    visit.platform.settled().await;
    let attempts = receiver.signed(SECRET);
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|one| one.body == event(1).body));
    let deliveries = visit.platform.deliveries(id);
    let expected = [(1, Some(503), Some("HTTP 503")), (2, Some(401), Some("HTTP 401")), (3, Some(200), None)];
    assert_eq!(brief(&deliveries), expected);
    assert!(deliveries.iter().all(|delivery| delivery.event_id == event_id));
}

#[tokio::test]
async fn gives_up_after_three_retries() {
    let visit = Visit::start(options()).await;
    let receiver = Receiver::start().await;
    let id = visit.webhook(&receiver.url()).await;
    receiver.answer(&[500; 4]);
    visit.platform.publish(event(1));
    visit.platform.settled().await;
    assert_eq!(receiver.signed(SECRET).len(), 4);
    assert_eq!(visit.platform.deliveries(id).last().unwrap().status_code, Some(500));
}

#[tokio::test]
async fn waits_twice_as_long_each_time() {
    let dispatch = DispatchOptions {
        first_wait: Duration::from_millis(400),
        wait_scale: 0.1,
        ..DispatchOptions::default()
    };
    let visit = Visit::start(PlatformOptions { dispatch, ..options() }).await;
    let receiver = Receiver::start().await;
    visit.webhook(&receiver.url()).await;
    receiver.answer(&[500; 3]);
    let began = Instant::now();
    visit.platform.publish(event(1));
    visit.platform.settled().await;
    assert!(began.elapsed() >= Duration::from_millis(40 + 80 + 160), "{:?}", began.elapsed());
    assert_eq!(receiver.signed(SECRET).len(), 4);
}

#[tokio::test]
async fn notes_why_there_was_no_answer_and_not_where() {
    let dispatch =
        DispatchOptions { retries: 0, time_out: Duration::from_millis(100), ..DispatchOptions::default() };
    let visit = Visit::start(PlatformOptions { dispatch, ..options() }).await;
    // One that takes connections and says nothing, and one that is bound and never listens.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpSocket::new_v4().unwrap();
    gone.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let urls = [silent.local_addr(), gone.local_addr()]
        .map(|address| format!("http://{}/h?code=key", address.unwrap()));
    for (url, error) in urls.iter().zip(["no answer in time", "no connection"]) {
        let id = visit.webhook(url).await;
        visit.platform.publish(event(1));
        visit.platform.settled().await;
        assert_eq!(brief(&visit.platform.deliveries(id)), [(1, None, Some(error))]);
        visit.webhooks(Method::DELETE, &format!("/{id}"), None).await;
    }
}

#[tokio::test]
async fn sends_a_webhook_the_types_that_it_wants() {
    let visit = Visit::start(options()).await;
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    visit.webhook(&all.url()).await;
    let mut narrow = described(&some.url());
    narrow["event_types"] = json!(["drift.detected"]);
    assert_eq!(visit.webhooks(Method::POST, "", Some(narrow)).await.0, 201);
    for number in 0..20 {
        visit.platform.publish(event(number));
    }
    let mut foreign = event(0);
    foreign.organisation_id = Some(Uuid::new_v4());
    visit.platform.publish(foreign);
    visit.platform.settled().await;
    assert_eq!((all.signed(SECRET).len(), some.signed(SECRET).len()), (20, 2));
    assert_eq!(visit.platform.event_count(), 21);
}

#[tokio::test]
async fn a_ping_says_whether_it_arrived_in_three_ways() {
    let cases = [
        (
            TestAnswer::Status,
            (200, json!({ "status": "ok" })),
            (502, json!({ "message": "Delivery failed" })),
        ),
        (
            TestAnswer::Delivered,
            (200, json!({ "delivered": true, "status_code": 200 })),
            (200, json!({ "delivered": false, "status_code": 500 })),
        ),
        (TestAnswer::AlwaysOk, (200, json!({ "status": "ok" })), (200, json!({ "status": "ok" }))),
    ];
    for (test_answer, arrived, lost) in cases {
        let visit = Visit::start(PlatformOptions { test_answer, ..options() }).await;
        let receiver = Receiver::start().await;
        let path = format!("/{}/test", visit.webhook(&receiver.url()).await);
        receiver.answer(&[200, 500]);
        assert_eq!(visit.webhooks(Method::POST, &path, None).await, arrived);
        assert_eq!(visit.webhooks(Method::POST, &path, None).await, lost);
        assert_eq!(receiver.signed(SECRET).len(), 2);
    }
}

#[tokio::test]
async fn delivers_many_at_once_and_says_how_each_ended() {
    let dispatch = DispatchOptions { retries: 1, wait_scale: 0.0, ..DispatchOptions::default() };
    let visit = Visit::start(PlatformOptions { dispatch, ..options() }).await;
    let receiver = Receiver::start().await;
    let webhook = visit.platform.add_webhook(&receiver.url(), SECRET).unwrap();
    let bodies: Vec<_> = (0..300).map(|number| event(number).body).collect();
    let stream = visit.platform.deliver_all(webhook.id, bodies, 32).unwrap();
    let outcomes: Vec<Outcome> = stream.collect().await;
    let places: BTreeSet<_> = outcomes.iter().map(|outcome| outcome.index).collect();
    assert_eq!(places, (0..300).collect());
    assert!(outcomes.iter().all(|one| one.is_delivered() && one.attempts == 1 && one.error.is_none()));
    assert_eq!(receiver.signed(SECRET).len(), 300);

    receiver.answer(&[500, 503]);
    let stream = visit.platform.deliver_all(webhook.id, vec![event(0).body], 1).unwrap();
    let last: Vec<_> = stream.collect().await;
    assert_eq!((last[0].status, last[0].attempts, last[0].is_delivered()), (Some(503), 2, false));
    assert!(visit.platform.deliver_all(Uuid::new_v4(), Vec::new(), 1).is_err());

    visit.platform.remove_webhook(webhook.id);
    assert!(visit.platform.webhooks().is_empty());
    assert!(visit.platform.deliver_all(webhook.id, Vec::new(), 1).is_err(), "it is gone");
}
