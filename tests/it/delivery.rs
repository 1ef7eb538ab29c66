//! Group commit, the Logs Ingestion protocol, outages.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use humanbound_sentinel::delivery::retry::retry_after;
use humanbound_sentinel::emulator::Fault;
use time::macros::datetime;
use uuid::Uuid;

use crate::ingest::wait_until;
use crate::rig::{Answer, Rig, SOON, event};

/// Posts the events of `range`, `at_once` at a time.
pub async fn post_all(rig: &Rig, range: std::ops::Range<usize>, at_once: usize) -> Vec<Answer> {
    stream::iter(range).map(|n| rig.post(event(n))).buffer_unordered(at_once).collect().await
}

/// The distinct EventIds in the table.
pub async fn stored_ids(rig: &Rig) -> BTreeSet<String> {
    rig.rows().await.iter().map(|row| row["EventId"].as_str().unwrap().to_owned()).collect()
}

fn ids(answers: &[Answer]) -> BTreeSet<String> {
    answers.iter().map(Answer::event_id).collect()
}

#[tokio::test]
async fn a_lone_event_is_one_call_and_speaks_the_protocol() {
    let rig = Rig::start().await;
    rig.post(event(1)).await;
    let recorded = rig.workspace.recorded();
    let calls: Vec<_> =
        recorded.iter().filter(|call| call.target.starts_with("/dataCollectionRules/")).collect();
    assert_eq!(calls.len(), 1);
    let header = |name: &str| calls[0].headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert_eq!(header("content-encoding").as_deref(), Some("gzip"));
    assert!(Uuid::try_parse(&header("x-ms-client-request-id").unwrap()).is_ok());
}

#[tokio::test]
async fn a_burst_shares_calls() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_millis(30)).start().await;
    let answers = post_all(&rig, 0..400, 100).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(stored_ids(&rig).await, ids(&answers));
    let calls = rig.workspace.calls().accepted;
    assert!(calls < 200, "400 events took {calls} calls");
}

#[tokio::test]
async fn nothing_is_acknowledged_before_azure_monitor_has_answered() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_millis(500)).start().await;
    let started = Instant::now();
    assert_eq!(rig.post(event(1)).await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(500));
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let rig = Rig::start().await;
    assert_eq!(rig.post(event(1)).await.status, 200);
    rig.workspace.revoke_tokens();
    assert_eq!(rig.post(event(2)).await.told(), (200, "stored".into()));
    assert_eq!(rig.workspace.tokens_issued(), 2);
}

#[tokio::test]
async fn a_token_is_fetched_once_and_shared() {
    let rig = Rig::start().await;
    post_all(&rig, 0..100, 50).await;
    assert_eq!(rig.workspace.tokens_issued(), 1);
}

#[tokio::test]
async fn a_missing_role_means_not_yet() {
    let rig = Rig::start().await;
    rig.workspace.set_role_assigned(false);
    assert_eq!(rig.post(event(1)).await.told(), (202, "spooled".into()));
    let status = rig.status().await;
    assert_eq!(status["status"], "degraded");
    assert!(
        status["last_error"]["hint"].as_str().unwrap().contains("Monitoring Metrics Publisher"),
        "{status}"
    );
    let stopped = rig.drain().await;
    assert!(stopped.logs[0].contains("configuration error"), "{:?}", stopped.logs);
    assert_eq!((rig.spooled("pending").len(), rig.spooled("deadletter").len()), (1, 0));
    rig.workspace.set_role_assigned(true);
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), 1);
}

#[tokio::test]
async fn a_hiccup_is_retried_within_the_deadline() {
    let rig = Rig::start().await;
    rig.workspace.set_fault(Fault::status(503).next(1));
    assert_eq!(rig.post(event(1)).await.told(), (200, "stored".into()));
    rig.workspace.set_fault(Fault::Reset.next(1));
    assert_eq!(rig.post(event(2)).await.told(), (200, "stored".into()));
    rig.workspace.set_fault(Fault::Status { code: 429, retry_after: Some("1".into()) }.next(1));
    let started = Instant::now();
    assert_eq!(rig.post(event(3)).await.told(), (200, "stored".into()));
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
}

#[tokio::test]
async fn a_wait_that_does_not_fit_the_deadline_goes_to_the_spool_at_once() {
    let rig = Rig::start().await;
    for code in [429, 503] {
        rig.workspace.set_fault(Fault::Status { code, retry_after: Some("60".into()) }.next(1));
        let started = Instant::now();
        assert_eq!(rig.post(event(code.into())).await.told(), (202, "spooled".into()));
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[test]
fn retry_after_is_read_in_both_forms() {
    let now = datetime!(2026-11-24 10:00:00 UTC);
    for (value, seconds) in [
        ("0", Some(0)),
        ("7", Some(7)),
        (" 7 ", Some(7)),
        ("99999999999999999999", Some(300)),
        ("Tue, 24 Nov 2026 10:00:09 GMT", Some(9)),
        ("Tue, 24 Nov 2026 09:00:00 GMT", Some(0)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
    ] {
        assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_for_azure_monitor_is_split() {
    let rig = Rig::builder()
        .workspace(|options| {
            options.body_limit = 8_000;
            options.latency = Duration::from_millis(100);
        })
        .start()
        .await;
    let answers = post_all(&rig, 0..60, 60).await;
    assert!(answers.iter().all(|answer| answer.told() == (200, "stored".into())));
    assert!(rig.workspace.calls().by_status[&413] > 0, "there was something to split");
    assert_eq!(stored_ids(&rig).await, ids(&answers));
}

#[tokio::test]
async fn the_neighbours_of_a_row_that_azure_monitor_rejects_survive() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_millis(50)).start().await;
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 7\""));
    let answers = post_all(&rig, 0..40, 40).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 202)));
    // A run that met the bad row first, and no good one, leaves the search to the next.
    wait_until(async || {
        rig.drain().await;
        rig.spooled("pending").is_empty()
    })
    .await;
    assert_eq!(stored_ids(&rig).await.len(), 39);
    assert_eq!((rig.spooled("pending").len(), rig.spooled("deadletter").len()), (0, 1));
}

#[tokio::test]
async fn a_workspace_that_hangs_is_answered_from_the_spool_before_the_deadline() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "2000").start().await;
    rig.workspace.set_fault(Fault::Hang);
    let started = Instant::now();
    let answers = post_all(&rig, 0..50, 50).await;
    assert!(started.elapsed() < Duration::from_millis(2_500), "{:?}", started.elapsed());
    assert!(answers.iter().all(|answer| answer.told() == (202, "spooled".into())));
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids(&answers));
}

#[tokio::test]
async fn an_answer_that_was_lost_leaves_a_repeat_with_the_same_event_id() {
    let rig = Rig::start().await;
    rig.workspace.set_fault(Fault::LostAnswer.next(1));
    assert_eq!(rig.post(event(1)).await.told(), (200, "stored".into()));
    assert_eq!((rig.rows().await.len(), stored_ids(&rig).await.len()), (2, 1));
}

#[tokio::test]
async fn the_breaker_spares_a_workspace_that_is_down_and_finds_out_when_it_is_back() {
    let rig = Rig::start().await;
    rig.workspace.set_fault(Fault::Status { code: 503, retry_after: Some("30".into()) });
    for n in 0..6 {
        assert_eq!(rig.post(event(n)).await.status, 202);
    }
    assert_eq!(rig.workspace.calls().total(), 3, "after three failures it is left alone");
    let line = rig.host.wait_for_console(|line| line.text.contains("breaker_opened"), SOON).await;
    assert_eq!(line.level, crate::host::Level::Warning);
}

#[tokio::test]
async fn the_probe_of_the_breaker_is_a_real_batch() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "2000").start().await;
    rig.workspace.set_fault(Fault::status(503));
    for n in 0..4 {
        assert_eq!(rig.post(event(n)).await.status, 202);
    }
    rig.workspace.clear_fault();
    let mut status = 0;
    // It opens for five seconds at first.
    for n in 4..44 {
        status = rig.post(event(n)).await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(status, 200);
    rig.host.wait_for_console(|line| line.text.contains("breaker_closed"), SOON).await;
}

#[tokio::test]
async fn calls_are_paced() {
    let rig = Rig::builder().set("MAX_CALLS_PER_MINUTE", "120").start().await;
    let started = Instant::now();
    let answers = post_all(&rig, 0..200, 10).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let allowed = 120 * (started.elapsed().as_secs() + 1) / 60 + 5;
    let calls = rig.workspace.calls().accepted;
    assert!(calls <= allowed, "{calls} calls, {allowed} allowed");
}

/// The connector fetches its first token by itself, a moment after it started.
async fn first_token(rig: &Rig) {
    wait_until(async || rig.workspace.tokens_issued() > 0).await;
}

#[tokio::test]
async fn an_identity_that_is_down_delays_nothing_but_the_token() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "2000").start().await;
    first_token(&rig).await;
    rig.workspace.set_identity_fault(Fault::status(500));
    rig.workspace.revoke_tokens();
    assert_eq!(rig.post(event(1)).await.told(), (202, "spooled".into()));
    assert!(rig.status().await["last_error"]["message"].as_str().unwrap().contains("managed identity"));
    rig.workspace.clear_identity_fault();
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), 1);
}

#[tokio::test]
async fn neither_azure_monitor_nor_the_spool_means_503_in_time() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "1500").start().await;
    std::fs::write(rig.spool.path().join("pending"), "a file where a folder should be").unwrap();
    rig.workspace.set_fault(Fault::status(500));
    let started = Instant::now();
    let answer = rig.post(event(1)).await;
    assert_eq!(answer.told(), (503, "unavailable".into()));
    assert!(answer.headers.contains_key("retry-after"));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    rig.host.wait_for_console(|line| line.text.contains("spool_write_failed"), SOON).await;
}

/// The host ends its worker with SIGKILL: what was answered 202 must be on disk by then.
#[tokio::test]
async fn a_spooled_event_survives_sigkill() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "2000").start().await;
    rig.workspace.set_fault(Fault::Hang);
    let answers = post_all(&rig, 0..20, 20).await;
    rig.host.kill_worker().await;
    rig.host.ready().await;
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids(&answers));
}

#[tokio::test]
async fn a_day_old_memory_is_not_needed_to_know_a_repeat_by_its_id() {
    let rig = Rig::start().await;
    let first = rig.post(event(1)).await;
    rig.host.kill_worker().await;
    rig.host.ready().await;
    let second = rig.post(event(1)).await;
    assert_eq!(second.told(), (200, "stored".into()), "the memory went with the process");
    assert_eq!(first.event_id(), second.event_id());
    wait_until(async || rig.rows().await.len() == 2).await;
    assert_eq!(stored_ids(&rig).await.len(), 1);
}

/// Alerts read the log: every line is one JSON object that names its event.
#[tokio::test]
async fn every_line_of_the_log_is_json_and_names_its_event() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "1500").set("WEBHOOK_SECRET", "s\n").start().await;
    rig.post(event(1)).await;
    rig.workspace.set_fault(Fault::status(403));
    let body = event(2);
    rig.send(crate::rig::signed("s", &body), body).await;
    rig.drain().await;
    rig.host.wait_for_console(|line| line.text.contains("drain_stopped"), SOON).await;
    let lines = rig.host.console();
    let lines: Vec<_> = lines.iter().filter(|line| line.category == crate::host::Category::Worker).collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        let fields: serde_json::Value = serde_json::from_str(&line.text).expect(&line.text);
        assert!(fields["event"].is_string(), "{}", line.text);
        assert!(fields["timestamp"].is_string(), "{}", line.text);
        // infra/alerts/errors.kql asks for the level in this spelling.
        assert!(["ERROR", "WARN", "INFO"].map(Into::into).contains(&fields["level"]), "{}", line.text);
    }
}

/// A fetch that outlasts the deadline of whoever waits for it goes on, and the next event finds the token.
#[tokio::test]
async fn a_slow_identity_is_heard_out() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "1500").start().await;
    first_token(&rig).await;
    rig.workspace.set_identity_fault(Fault::Slow(Duration::from_secs(2)));
    rig.workspace.revoke_tokens();
    assert_eq!(rig.post(event(1)).await.told(), (202, "spooled".into()));
    wait_until(async || rig.workspace.tokens_issued() >= 2).await;
    wait_until(async || rig.post(event(2)).await.status == 200 || rig.workspace.row_count() > 0).await;
    assert!(rig.workspace.tokens_issued() <= 3, "{} fetches", rig.workspace.tokens_issued());
}

/// Early in a token's last five minutes nobody waits for the identity endpoint, even when it hangs.
#[tokio::test]
async fn a_hung_identity_delays_nothing_while_the_token_works() {
    let rig =
        Rig::builder().workspace(|options| options.token_lifetime = Duration::from_secs(200)).start().await;
    assert_eq!(rig.post(event(0)).await.status, 200);
    rig.workspace.set_identity_fault(Fault::Hang);
    let started = Instant::now();
    for n in 1..6 {
        assert_eq!(rig.post(event(n)).await.told(), (200, "stored".into()));
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

/// Azure Monitor that is slow and works is not asked twice for the same rows.
#[tokio::test]
async fn a_slow_answer_makes_no_repeat() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_secs(3)).start().await;
    assert_eq!(rig.post(event(1)).await.told(), (200, "stored".into()));
    assert_eq!((rig.workspace.calls().total(), rig.rows().await.len()), (1, 1));
}
