//! Timer invocations.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PATIENCE, Peer, attached, peer, stand_in, trio};
use crate::host::{Category, Host, Invocation, Level, NEVER, Outcome, Tick};

/// Reads a chunked body of one chunk.
async fn chunked(handler: &mut Peer) -> Value {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.extend(handler.bytes(1).await);
    }
    let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
    let body = handler.bytes(length).await;
    assert_eq!(handler.bytes(7).await, b"\r\n0\r\n\r\n");
    serde_json::from_slice(&body).unwrap()
}

/// Fires `drain` while `answer` stands ready.
async fn fire(
    host: &Host,
    worker: &mut peer::Worker,
    tick: &Tick,
    answer: &str,
) -> (Invocation, String, Value) {
    let serve = async {
        let mut handler = worker.accept().await;
        let head = handler.head().await;
        let body = chunked(&mut handler).await;
        handler.send(answer).await;
        (head, body)
    };
    let (invocation, (head, body)) = tokio::join!(host.timer_with("drain", tick), serve);
    (invocation, head, body)
}

fn json_answer(body: &str) -> String {
    answer("200 OK", "application/json", body)
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn posts_json_in_chunks_to_the_functions_name() {
    let (host, mut worker, _client) = trio().await;
    let (invocation, head, body) = fire(&host, &mut worker, &Tick::default(), &json_answer("{}")).await;
    let expected = format!(
        "POST /drain HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nTransfer-Encoding: chunked\r\n\
         X-Azure-Functions-HostVersion: 4.1054.100.0\r\nX-Azure-Functions-InvocationId: {}\r\n\
         User-Agent: Azure-Functions-Host/4.1054.100.0\r\nContent-Type: application/json; charset=utf-8\r\n\r\n",
        worker.port, invocation.id
    );
    assert_eq!(head, expected);
    invocation.assert_succeeded();
    let timer = &body["Data"].as_object().unwrap();
    assert_eq!(timer.len(), 1);
    let timer = timer.values().next().unwrap();
    let plain = json!({ "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": false });
    assert_eq!(timer, &plain);
    assert_eq!(body["Metadata"]["sys"]["MethodName"], "drain");
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["Data", "Metadata"]);

    let tick = Tick { last: Some(NEVER.to_owned()), past_due: true };
    let (_, _, body) = fire(&host, &mut worker, &tick, &json_answer("{}")).await;
    let timer = body["Data"].as_object().unwrap().values().next().unwrap();
    assert_eq!(timer["ScheduleStatus"]["Last"], "0001-01-01T00:00:00");
    assert_eq!(timer["IsPastDue"], true);
    let members: Vec<_> = timer["ScheduleStatus"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members.len(), 3, "Last, Next and LastUpdated: {members:?}");
}

#[tokio::test]
async fn takes_only_2xx_with_a_json_object_for_success() {
    let (host, mut worker, _client) = trio().await;
    for (answer, succeeds) in [
        (json_answer("{}"), true),
        (answer("299 Odd", "text/json; charset=utf-8", "{}"), true),
        (json_answer(r#"{"Outputs":{"unknown":1},"Logs":["a",1],"ReturnValue":[]}"#), true),
        (json_answer(r#"{"outputs":null,"LOGS":null}"#), true),
        (answer("500 Internal Server Error", "application/json", "{}"), false),
        (answer("302 Found", "application/json", "{}"), false),
        (answer("200 OK", "text/plain", "{}"), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}".to_owned(), false),
        (json_answer("{"), false),
        (json_answer("[]"), false),
        (json_answer("\"text\""), false),
        (json_answer(r#"{"Logs":[{}]}"#), false),
        (json_answer(r#"{"Logs":"text"}"#), false),
        (json_answer(r#"{"Outputs":[]}"#), false),
        (String::new(), false),
    ] {
        let (invocation, _, _) = fire(&host, &mut worker, &Tick::default(), &answer).await;
        let expected = matches!(invocation.outcome, Outcome::Succeeded);
        assert_eq!(expected, succeeds, "{answer:?}: {invocation:?}");
    }
}

#[tokio::test]
async fn logs_what_the_answer_says_and_why_it_failed() {
    let (host, mut worker, _client) = trio().await;
    let (invocation, _, _) =
        fire(&host, &mut worker, &Tick::default(), &json_answer(r#"{"logs":["done"]}"#)).await;
    assert_eq!(invocation.logs, ["done"]);
    let line = host.wait_for_console(|line| line.text == "done", PATIENCE).await;
    assert_eq!((line.level, line.category), (Level::Information, Category::Function));
    let failing = answer("500 Oops", "application/json", "{\"why\":\"secret\"}");
    let (invocation, _, _) = fire(&host, &mut worker, &Tick::default(), &failing).await;
    assert_eq!(
        (invocation.status, invocation.body.as_slice()),
        (Some(500), b"{\"why\":\"secret\"}".as_slice())
    );
    let line =
        host.wait_for_console(|line| line.text.starts_with("Executed 'drain' (Failed"), PATIENCE).await;
    assert!(!line.text.contains("secret"), "the host does not log the body of a failure: {}", line.text);
}

#[tokio::test]
async fn hangs_on_an_answer_without_a_result() {
    let nothing = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned();
    for answer in [json_answer(""), json_answer("null"), nothing, super::empty("200 OK")] {
        let mut worker = peer::Worker::start().await;
        let host = attached(&worker)
            .timings(|timings| timings.function = Some(Duration::from_millis(100)))
            .start()
            .await;
        let (invocation, _, _) = fire(&host, &mut worker, &Tick::default(), &answer).await;
        assert_eq!(invocation.outcome, Outcome::TimedOut, "{answer:?}");
    }
}

#[tokio::test]
async fn kills_the_worker_and_its_other_requests_when_a_functions_time_is_over() {
    let timings = |timings: &mut crate::host::Timings| timings.function = Some(Duration::from_millis(500));
    let host = stand_in::host().env("DRAIN", "hang forever").timings(timings).start().await;
    let pid = host.pid();
    let invocation = host.timer("drain").await;
    assert_eq!(invocation.outcome, Outcome::TimedOut);
    host.wait_for_restarts(1).await;
    host.ready().await;
    assert_ne!(host.pid(), pid);
    let mut client = Peer::connect(host.address()).await;
    client.send("POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\nhang forever").await;
    assert_eq!(super::status(&client.head().await), 500, "an HTTP function has the same limit");
    host.wait_for_restarts(2).await;
    for turn in 3..=5 {
        assert_eq!(host.timer("drain").await.outcome, Outcome::TimedOut);
        host.wait_for_restarts(turn).await;
    }
    assert!(!host.stopped(), "time-outs are not counted as faults");
}

#[tokio::test]
async fn never_overlaps_a_timer_with_itself() {
    let (host, mut worker, _client) = trio().await;
    let serve = async {
        let mut first = worker.accept().await;
        first.head().await;
        assert!(worker.is_left_alone_for(Duration::from_millis(100)).await);
        first.send(json_answer("{}")).await;
        worker.accept().await.send(json_answer("{}")).await;
    };
    let (one, two, ()) = tokio::join!(host.timer("drain"), host.timer("drain"), serve);
    one.assert_succeeded();
    two.assert_succeeded();
}

#[tokio::test]
async fn does_not_try_a_timer_again() {
    let (host, mut worker, _client) = trio().await;
    let serve = async {
        worker.accept().await.reset();
        worker.is_left_alone_for(Duration::from_millis(200)).await
    };
    let (invocation, alone) = tokio::join!(host.timer("drain"), serve);
    assert!(matches!(invocation.outcome, Outcome::Failed(_)), "{invocation:?}");
    assert!(alone);
}
