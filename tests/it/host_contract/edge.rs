//! What the host rejects before the worker sees it.

use std::time::Duration;

use super::{Peer, Worker, attached, empty, status, trio};
use crate::host::{FUNCTION_KEY, MASTER_KEY};

/// Sends a request with the given lines after `Host`, and returns the status; the worker answers 200 to what it gets.
async fn ask(line: &str, headers: &str) -> u16 {
    let worker = Worker::start().await;
    let host = attached(&worker).env("AzureWebJobs.health.Disabled", "true").start().await;
    answered(&host, worker, line, headers).await
}

async fn answered(host: &crate::host::Host, mut worker: Worker, line: &str, headers: &str) -> u16 {
    let mut client = Peer::connect(host.address()).await;
    client.send(format!("{line} HTTP/1.1\r\nHost: h\r\n{headers}\r\n")).await;
    tokio::select! {
        head = client.head() => return status(&head),
        mut handler = worker.accept() => {
            handler.head().await;
            handler.send(empty("200 OK")).await;
        }
    }
    status(&client.head().await)
}

#[tokio::test]
async fn wants_a_key_for_auth_level_function() {
    assert_eq!(ask("GET /api/status", "").await, 401);
    assert_eq!(ask("GET /api/status", "x-functions-key: wrong\r\n").await, 401);
    assert_eq!(ask("GET /api/status?code=wrong", "").await, 401);
    assert_eq!(ask("GET /api/status", &format!("X-Functions-Key: {FUNCTION_KEY}\r\n")).await, 200);
    assert_eq!(ask("GET /api/status", &format!("x-functions-key: {MASTER_KEY}\r\n")).await, 200);
    assert_eq!(ask(&format!("GET /api/status?a=b&code={FUNCTION_KEY}"), "").await, 200);
    assert_eq!(ask("POST /api/ingest", "Content-Length: 0\r\n").await, 200, "anonymous needs none");
}

#[tokio::test]
async fn passes_keys_on_to_the_worker() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(format!("GET /api/status?code={FUNCTION_KEY} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    assert!(worker.accept().await.head().await.contains(FUNCTION_KEY));
}

#[tokio::test]
async fn knows_only_the_routes_and_methods_of_the_functions() {
    for line in [
        "GET /api/nothing",
        "POST /api",
        "POST /api/ingest/more",
        "POST /ingest",
        "POST /drain",
        "POST /api/drain",
        "GET /api/ingest",
        "POST /api/status",
        "GET /api/health",
    ] {
        assert_eq!(ask(line, "").await, 404, "{line}");
    }
    assert_eq!(ask("POST /API/Ingest", "Content-Length: 0\r\n").await, 200, "routes do not mind the case");
    assert_eq!(ask("GET /", "").await, 200, "the host's own page");
}

#[tokio::test]
async fn rejects_bodies_over_its_limit() {
    assert_eq!(ask("POST /api/ingest", "Content-Length: 104857601\r\n").await, 413);
    let (_host, mut worker, mut client) = trio().await;
    client.send("POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n").await;
    worker.accept().await.head().await;

    let mut worker = Worker::start().await;
    let host = attached(&worker).env("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "4").start().await;
    let mut client = Peer::connect(host.address()).await;
    client
        .send("POST /api/ingest HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n")
        .await;
    let mut handler = worker.accept().await;
    handler.head().await;
    client.send("1\r\n!\r\n0\r\n\r\n").await;
    assert_eq!(status(&client.head().await), 413);
    assert_eq!(handler.until_end().await, b"4\r\nfour\r\n", "the worker never sees the end");
}

#[tokio::test]
async fn rejects_what_is_no_http() {
    for request in [
        "nonsense\r\n\r\n",
        "POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        "POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        let (_host, _worker, mut client) = trio().await;
        client.send(request).await;
        assert_eq!(status(&client.head().await), 400, "{request}");
        assert_eq!(client.until_end().await, b"");
    }
}

#[tokio::test]
async fn ends_the_connection_when_a_rejected_body_does_not_come() {
    let worker = Worker::start().await;
    let host = attached(&worker).timings(|timings| timings.unread = Duration::from_millis(50)).start().await;
    let mut client = Peer::connect(host.address()).await;
    client.send("POST /api/nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc").await;
    assert_eq!(status(&client.head().await), 404);
    assert_eq!(client.until_end().await, b"");
}

#[tokio::test]
async fn takes_the_next_request_after_a_rejected_body() {
    let (_host, _worker, mut client) = trio().await;
    client.send("POST /api/nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde").await;
    assert_eq!(status(&client.head().await), 404);
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(status(&head), 200);
    assert!(head.contains("\r\nConnection: close\r\n"));
    client.until_end().await;
}
