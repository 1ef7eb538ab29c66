//! The worker's answers, as the client gets them; kept connections; tries.

use std::time::Duration;

use super::{Peer, attached, empty, peer, status, trio};

const GET: &str = "GET /api/health HTTP/1.1\r\nHost: h\r\n\r\n";
const POST: &str = "POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

/// No waits between tries.
fn quick(worker: &peer::Worker) -> crate::host::Builder {
    attached(worker).timings(|timings| {
        timings.retry_first = Duration::from_millis(1);
        timings.retry_most = Duration::from_millis(2);
    })
}

#[tokio::test]
async fn sorts_the_head_and_adds_date_and_server() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(GET).await;
    let mut handler = worker.accept().await;
    handler
        .send("HTTP/1.1 418 I am a teapot\r\nx-custom: 1\r\nretry-after: 3\r\nStrict-Transport-Security: max-age=1\r\n\
               connection: keep-alive\r\nkeep-alive: timeout=9\r\ncontent-encoding: gzip\r\nset-cookie: a=1\r\n\
               set-cookie: b=2\r\ncontent-type: text/x\r\ncontent-length: 2\r\n\r\nok")
        .await;
    let head = client.head().await;
    assert_eq!(client.bytes(2).await, b"ok");
    let (before, after) = head.split_once("Date: ").unwrap();
    let (date, after) = after.split_once("\r\n").unwrap();
    assert_eq!(before, "HTTP/1.1 418 I am a teapot\r\nContent-Length: 2\r\nContent-Type: text/x\r\n");
    assert_eq!((date.len(), date.ends_with(" GMT")), (29, true));
    assert_eq!(
        after,
        "Server: Kestrel\r\nContent-Encoding: gzip\r\nRetry-After: 3\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         x-custom: 1\r\n\r\n"
    );
}

#[tokio::test]
async fn passes_redirects_and_empty_answers_on() {
    let (_host, mut worker, mut client) = trio().await;
    for line in ["302 Found", "204 No Content", "304 Not Modified"] {
        client.send(GET).await;
        let mut handler = worker.accept().await;
        handler.head().await;
        handler.send(format!("HTTP/1.1 {line}\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n")).await;
        drop(handler);
        assert!(client.head().await.starts_with(&format!("HTTP/1.1 {line}\r\n")));
        if line.starts_with("302") {
            assert_eq!(
                client.bytes(5).await,
                b"0\r\n\r\n",
                "a body that ends with the connection becomes chunks"
            );
        }
    }
}

#[tokio::test]
async fn streams_the_answer() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(GET).await;
    let mut handler = worker.accept().await;
    handler.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
    assert!(client.head().await.contains("\r\nTransfer-Encoding: chunked\r\n"));
    assert_eq!(client.bytes(8).await, b"3\r\none\r\n", "before the worker sent the rest");
    handler.send("3\r\ntwo\r\n0\r\n\r\n").await;
    assert_eq!(client.bytes(13).await, b"3\r\ntwo\r\n0\r\n\r\n");
}

#[tokio::test]
async fn cuts_the_client_off_when_an_answer_breaks_off() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(GET).await;
    let mut handler = worker.accept().await;
    handler.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    client.head().await;
    assert_eq!(client.bytes(4).await, b"half");
    drop(handler);
    assert_eq!(client.until_end().await, b"");
}

#[tokio::test]
async fn keeps_connections_for_the_next_request() {
    let (host, mut worker, mut client) = trio().await;
    client.send(POST).await;
    let mut handler = worker.accept().await;
    for turn in 0..3 {
        handler.head().await;
        handler.bytes(5).await;
        handler.send(empty("200 OK")).await;
        assert_eq!(status(&client.head().await), 200);
        if turn == 1 {
            client = Peer::connect(host.address()).await;
        }
        client.send(POST).await;
    }
}

#[tokio::test]
async fn closes_connections_that_stay_idle() {
    let mut worker = peer::Worker::start().await;
    let host =
        attached(&worker).timings(|timings| timings.pool_idle = Duration::from_millis(50)).start().await;
    let mut client = Peer::connect(host.address()).await;
    client.send(GET).await;
    let mut handler = worker.accept().await;
    handler.head().await;
    handler.send(empty("200 OK")).await;
    client.head().await;
    assert_eq!(handler.until_end().await, b"");
}

#[tokio::test]
async fn does_not_use_a_connection_that_the_worker_closed() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(POST).await;
    let mut handler = worker.accept().await;
    handler.head().await;
    handler.bytes(5).await;
    handler.send(empty("200 OK")).await;
    client.head().await;
    drop(handler);
    client.send(POST).await;
    let mut handler = worker.accept().await;
    handler.head().await;
    handler.send(empty("200 OK")).await;
    assert_eq!(status(&client.head().await), 200);
}

#[tokio::test]
async fn shows_a_request_without_body_up_to_ten_times() {
    let mut worker = peer::Worker::start().await;
    let host = quick(&worker).start().await;
    let mut client = Peer::connect(host.address()).await;
    client.send(GET).await;
    for _ in 0..10 {
        let mut handler = worker.accept().await;
        assert!(handler.head().await.starts_with("GET /api/health"));
        handler.reset();
    }
    assert_eq!(status(&client.head().await), 500);
    client.send(GET).await;
    for _ in 0..9 {
        worker.accept().await.reset();
    }
    let mut handler = worker.accept().await;
    handler.head().await;
    handler.send(empty("200 OK")).await;
    assert_eq!(status(&client.head().await), 200, "the tenth try counts");
}

#[tokio::test]
async fn shows_a_request_with_a_body_once_after_a_reset() {
    let mut worker = peer::Worker::start().await;
    let host = quick(&worker).start().await;
    let mut client = Peer::connect(host.address()).await;
    client.send(POST).await;
    let mut handler = worker.accept().await;
    handler.head().await;
    handler.reset();
    for _ in 0..9 {
        assert_eq!(worker.accept().await.until_end().await, b"", "the other tries bring nothing");
    }
    assert!(worker.is_left_alone_for(Duration::from_millis(50)).await);
    let head = client.head().await;
    assert_eq!(status(&head), 500);
    assert!(head.contains("\r\nContent-Length: 0\r\n"));
}

#[tokio::test]
async fn waits_longer_and_longer_between_tries() {
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let worker = peer::Worker::start().await;
    let host = attached(&worker).start().await;
    drop(worker);
    assert_ne!(port, 0);
    let mut client = Peer::connect(host.address()).await;
    let started = tokio::time::Instant::now();
    client.send(POST).await;
    assert_eq!(status(&client.head().await), 500);
    let (least, most) = (Duration::from_millis(1850), Duration::from_millis(3500));
    assert!((least..most).contains(&started.elapsed()), "{:?}", started.elapsed());
}
