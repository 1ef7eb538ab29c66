//! The readiness probe, the monitor's pings, and requests that come too early.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{PATIENCE, Peer, Worker, attached, empty, status};
use crate::host::{Builder, Host, ScriptRoot, State};

/// A host over a port on which the test may listen later, and that port.
fn over_a_free_port() -> (Builder, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let root = ScriptRoot::connector();
    (Host::builder(root).attach(port).timings(|timings| timings.ping = None), port)
}

/// Accepts the first connection on `port`, and answers its request with `answer`. Returns the request.
async fn meet(port: u16, answer: &str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert!(tokio::io::AsyncReadExt::read_buf(&mut stream, &mut request).await.unwrap() > 0);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(request).unwrap()
}

#[tokio::test]
async fn tries_again_while_the_connection_is_refused_and_pings_without_headers() {
    let (builder, port) = over_a_free_port();
    let host = builder.launch().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(host.state(), State::Initializing);
    let request = meet(port, &empty("500 Internal Server Error")).await;
    assert_eq!(request, format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"));
    host.ready().await;
}

#[tokio::test]
async fn takes_any_answer_and_any_other_fault_for_readiness() {
    for answer in [&empty("404 Not Found"), "no HTTP at all\r\n\r\n", ""] {
        let (builder, port) = over_a_free_port();
        let host = builder.launch().await;
        meet(port, answer).await;
        host.ready().await;
    }
}

#[tokio::test]
async fn is_not_ready_while_the_worker_accepts_but_does_not_answer() {
    let (builder, port) = over_a_free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let timings =
        |timings: &mut crate::host::Timings| timings.initialization = Some(Duration::from_millis(50));
    let host = builder.timings(timings).launch().await;
    let (_stream, _) = listener.accept().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        (host.state(), host.restarts()),
        (State::Initializing, 0),
        "the budget is counted in tries, not in time"
    );
}

#[tokio::test]
async fn counts_the_budget_in_tries_and_a_late_worker_as_a_fault() {
    let (builder, _) = over_a_free_port();
    let timings = |timings: &mut crate::host::Timings| {
        timings.poll = Duration::from_millis(5);
        timings.initialization = Some(Duration::from_millis(50));
    };
    let started = tokio::time::Instant::now();
    let host = builder.timings(timings).launch().await;
    host.wait_for_state(State::Stopped).await;
    assert!(started.elapsed() >= Duration::from_millis(3 * 50));
    assert_eq!(host.restarts(), 2);
    let late =
        host.console().into_iter().filter(|line| line.text == "the worker was not ready in time").count();
    assert_eq!(late, 3);
}

#[tokio::test]
async fn pings_again_at_random_and_when_its_own_monitor_is_asked() {
    let worker = Worker::start().await;
    let most = Duration::from_millis(5);
    let host = attached(&worker).timings(|timings| timings.ping = Some(most)).start().await;
    worker.wait_for_pings(5).await;
    drop(host);

    let worker = Worker::start().await;
    let host = attached(&worker).start().await;
    worker.wait_for_pings(1).await;
    let mut client = Peer::connect(host.address()).await;
    client.send("GET /admin/host/ping HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(status(&client.head().await), 200);
    worker.wait_for_pings(2).await;
}

#[tokio::test]
async fn holds_requests_back_until_the_worker_is_ready() {
    let (builder, port) = over_a_free_port();
    let host = builder.launch().await;
    let mut client = Peer::connect(host.address()).await;
    client.send("GET /api/health HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(client.is_silent_for(Duration::from_millis(100)).await);
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (mut probe, _) = listener.accept().await.unwrap();
    probe.write_all(empty("200 OK").as_bytes()).await.unwrap();
    let (mut stream, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    stream.write_all(empty("200 OK").as_bytes()).await.unwrap();
    assert_eq!(status(&client.head().await), 200);
}

#[tokio::test]
async fn stops_when_a_request_has_waited_too_long_for_the_worker() {
    let (builder, _) = over_a_free_port();
    let host = builder.timings(|timings| timings.worker_wait = Duration::from_millis(100)).launch().await;
    let mut client = Peer::connect(host.address()).await;
    client.send("GET /api/health HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(status(&client.head().await), 500);
    host.wait_for_state(State::Stopped).await;
}

#[tokio::test]
async fn answers_503_while_the_host_itself_does_not_run() {
    let worker = Worker::start().await;
    let timings = |timings: &mut crate::host::Timings| {
        timings.host_start = Duration::from_secs(60);
        timings.host_wait = Duration::from_millis(50);
    };
    let host = attached(&worker).timings(timings).launch().await;
    let mut client = Peer::connect(host.address()).await;
    client.send("GET /api/health HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(status(&client.head().await), 503);
    assert_eq!(client.bytes(29).await, b"Function host is not running.");
}
