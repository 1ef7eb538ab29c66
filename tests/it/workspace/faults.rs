//! Failing on request.

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use humanbound_sentinel::emulator::Fault;
use serde_json::json;

use super::client::{call, gzip, rejected, send};
use super::start;

/// Whether the call ended with the peer's RST.
fn was_reset(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::ConnectionReset) {
            return true;
        }
        cause = inner.source();
    }
    false
}

#[tokio::test]
async fn answers_a_status_with_retry_after_until_it_is_cleared() {
    let workspace = start().await;
    workspace.set_fault(Fault::Status { code: 429, retry_after: Some("7".into()) });
    for _ in 0..2 {
        let answer = send(&workspace, &json!([{ "EventType": "a" }])).await;
        assert_eq!(answer.headers()["retry-after"], "7");
        rejected(answer, 429, "TooManyRequests").await;
    }
    workspace.clear_fault();
    assert_eq!(send(&workspace, &json!([{ "EventType": "a" }])).await.status(), 204);
    let calls = workspace.calls();
    assert_eq!((calls.accepted, calls.rejected, calls.unanswered, calls.total()), (1, 2, 0, 3));
    assert_eq!(workspace.row_count(), 1);
}

#[tokio::test]
async fn fails_the_next_calls_only() {
    let workspace = start().await;
    workspace.set_fault(Fault::status(503).next(2));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(send(&workspace, &json!([])).await.status().as_u16());
    }
    assert_eq!(seen, [503, 503, 204, 204]);
}

#[tokio::test]
async fn rejects_a_whole_call_for_one_marked_row() {
    let workspace = start().await;
    workspace.set_fault(Fault::status(400).for_rows_with("poison"));
    let good = json!([{ "EventTitle": "a" }]);
    let mixed = json!([{ "EventTitle": "a" }, { "EventTitle": "a poisoned row" }]).to_string();
    assert_eq!(send(&workspace, &good).await.status(), 204);
    let packed = call(&workspace, gzip(mixed.as_bytes())).await.header("Content-Encoding", "gzip");
    rejected(packed.send().await.unwrap(), 400, "InvalidRequestPayload").await;
    assert_eq!(workspace.row_count(), 1);
}

#[tokio::test]
async fn applies_the_first_rule_that_fits() {
    let workspace = start().await;
    workspace.set_fault(Fault::status(400).for_rows_with("poison"));
    workspace.add_fault(Fault::status(503).next(1));
    let poison = json!([{ "EventTitle": "poison" }]);
    // The marker needs the body, so a fault for any call comes first.
    assert_eq!(send(&workspace, &poison).await.status(), 503);
    assert_eq!(send(&workspace, &poison).await.status(), 400);
    assert_eq!(send(&workspace, &json!([])).await.status(), 204);
}

#[tokio::test]
async fn resets_the_connection() {
    let workspace = start().await;
    workspace.set_fault(Fault::Reset);
    let error = call(&workspace, "[{}]").await.send().await.unwrap_err();
    assert!(was_reset(&error), "{error:?}");
    assert_eq!((workspace.row_count(), workspace.calls().unanswered), (0, 1));
}

#[tokio::test]
async fn loses_the_answer_of_a_call_that_it_stored() {
    let workspace = start().await;
    workspace.set_fault(Fault::LostAnswer);
    let error = call(&workspace, "[{}]").await.send().await.unwrap_err();
    assert!(was_reset(&error), "{error:?}");
    assert_eq!((workspace.row_count(), workspace.calls().unanswered), (1, 1));
}

#[tokio::test]
async fn hangs_until_the_caller_gives_up() {
    let workspace = start().await;
    workspace.set_fault(Fault::Hang);
    let hung = call(&workspace, "[{}]").await.timeout(Duration::from_millis(200)).send().await.unwrap_err();
    assert!(hung.is_timeout());
    workspace.clear_fault();
    assert_eq!(send(&workspace, &json!([{}])).await.status(), 204);
    assert_eq!((workspace.row_count(), workspace.calls().unanswered), (1, 1));
}

#[tokio::test]
async fn answers_after_the_latency_and_later_when_it_is_slow() {
    let workspace = start().await;
    workspace.set_latency(Duration::from_millis(120));
    let request = call(&workspace, "[{}]").await;
    let began = Instant::now();
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());
    workspace.set_fault(Fault::Slow(Duration::from_millis(200)).next(1));
    let request = call(&workspace, "[{}]").await;
    let began = Instant::now();
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert!(began.elapsed() >= Duration::from_millis(320), "{:?}", began.elapsed());
    assert_eq!(workspace.row_count(), 2);
}
