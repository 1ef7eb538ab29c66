//! Answers that come before the request's body was read: the table recorded behind a real YARP.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::{Peer, empty, status, trio};

/// More than the sockets between client and worker can hold.
const LARGE: usize = 30_000_000;

/// Sends a request with a body of `length` bytes, and goes on sending for as long as somebody takes it.
/// Returns the head of the answer.
fn post(client: Peer, length: usize) -> JoinHandle<String> {
    let head = format!("POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    tokio::spawn(client.post(head, length))
}

/// A close with unread data resets the connection. While the proxy still sends, the write that fails is all it reports: the
/// body cannot be sent again, so that ten tries end in 500.
#[tokio::test]
async fn shows_a_rejection_whose_connection_is_closed_at_once_only_for_a_small_body() {
    for (length, expected) in [(5, 413), (LARGE, 500)] {
        let (_host, mut worker, client) = trio().await;
        let answer = post(client, length);
        let mut handler = worker.accept().await;
        handler.send(empty("413 Payload Too Large")).await;
        drop(handler);
        assert_eq!(status(&answer.await.unwrap()), expected, "{length}");
    }
}

#[tokio::test]
async fn shows_a_rejection_of_a_worker_that_half_closes_and_drains() {
    for length in [5, LARGE] {
        let (_host, mut worker, client) = trio().await;
        let answer = post(client, length);
        let mut handler = worker.accept().await;
        handler.send(empty("413 Payload Too Large")).await;
        handler.stream.shutdown().await.unwrap();
        if length == LARGE {
            assert!(handler.until_end().await.len() < LARGE, "the proxy went on sending");
        }
        assert_eq!(status(&answer.await.unwrap()), 413, "{length}");
    }
}

#[tokio::test]
async fn shows_a_rejection_left_open_and_unread_only_for_a_small_body() {
    let (_host, mut worker, client) = trio().await;
    let answer = post(client, 5);
    let mut handler = worker.accept().await;
    handler.send(empty("401 Unauthorized")).await;
    assert_eq!(status(&answer.await.unwrap()), 401);

    let (_host, mut worker, client) = trio().await;
    let answer = post(client, LARGE);
    let mut handler = worker.accept().await;
    handler.send(empty("401 Unauthorized")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!answer.is_finished(), "the client waits until the worker closes");
    drop(handler);
    assert_eq!(status(&answer.await.unwrap()), 401);
}
