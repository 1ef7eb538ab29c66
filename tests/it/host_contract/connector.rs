//! What the real `connector` owes its host, shown on the wire between the two.

use std::time::{Duration, Instant};

use super::{Peer, status};
use crate::host::{Builder, Host, Level};
use crate::rig::{SECRET, signed};

/// The host's idle limit for kept connections, and a little more.
const LONGER_THAN_THE_HOST: Duration = Duration::from_secs(61);

/// A connector with settings that are complete, over a workspace that these tests never reach.
fn host() -> Builder {
    Host::connector()
        .env("WEBHOOK_SECRET", SECRET)
        .env("LOGS_INGESTION_ENDPOINT", "http://127.0.0.1:1")
        .env("DCR_IMMUTABLE_ID", "dcr-00000000000000000000000000000000")
        .env("DCR_STREAM_NAME", "Custom-AISecurityEvents")
        .env("IDENTITY_ENDPOINT", "http://127.0.0.1:1/token")
        .env("IDENTITY_HEADER", "header")
        // Below the script root, which is the worker's folder.
        .env("SPOOL_DIR", "spool")
}

/// Head and body of a signed request that the connector answers 400, without asking anybody.
fn request(headers: &str) -> (String, &'static str) {
    let body = "[\"no object\"]";
    let signature = signed(SECRET, body.as_bytes()).remove("x-humanbound-signature").unwrap();
    let head = format!(
        "POST /api/ingest HTTP/1.1\r\nHost: h\r\nX-Humanbound-Signature: {}\r\nContent-Length: {}\r\n{headers}\r\n",
        signature.to_str().unwrap(),
        body.len()
    );
    (head, body)
}

/// Nothing of what the worker said so far is an error.
#[track_caller]
fn no_errors(host: &Host) {
    let lines = host.console();
    assert!(lines.iter().all(|line| line.level != Level::Error), "{lines:#?}");
}

#[tokio::test]
async fn answers_pings_at_any_time_and_logs_no_error_over_them() {
    let host = host().timings(|timings| timings.ping = Some(Duration::from_millis(5))).start().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = crate::host::client().get(host.url("/api/health")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let lines = host.console();
    let noise =
        lines.iter().filter(|line| line.text.contains("\"GET\"") || line.text.contains("accept_failed"));
    assert_eq!(noise.count(), 0, "{lines:?}");
    assert_eq!(host.restarts(), 0);
}

#[tokio::test]
async fn takes_a_body_that_comes_apart_from_its_head() {
    let host = host().head_apart().start().await;
    let mut client = Peer::connect(host.address()).await;
    let (head, body) = request("");
    client.send(head).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.send(body).await;
    assert_eq!(status(&client.head().await), 400);
}

#[tokio::test]
async fn asks_for_a_body_that_waits_for_100_at_once() {
    // Were the body not polled at once, the proxy would wait for this long.
    let host = host().timings(|timings| timings.expect = Duration::from_secs(3600)).start().await;
    let mut client = Peer::connect(host.address()).await;
    let (head, body) = request("Expect: 100-continue\r\n");
    client.send(head).await;
    assert_eq!(status(&client.head().await), 100);
    client.send(body).await;
    assert_eq!(status(&client.head().await), 400);
}

#[tokio::test]
async fn rejects_a_large_unsigned_body_without_letting_the_client_wait() {
    let host = host().start().await;
    let client = Peer::connect(host.address()).await;
    let length = 30_000_000;
    let head = format!("POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    let started = Instant::now();
    let answer = client.post(head, length).await;
    assert_eq!(status(&answer), 401);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn bears_connections_that_bring_nothing() {
    let host = host().start().await;
    for _ in 0..20 {
        drop(Peer::connect(([127, 0, 0, 1], host.worker_port()).into()).await);
    }
    let answer = crate::host::client().get(host.url("/api/health")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    no_errors(&host);
}

#[tokio::test]
async fn keeps_an_idle_connection_for_longer_than_the_host_does() {
    let host = host().start().await;
    let mut pooled = Peer::connect(([127, 0, 0, 1], host.worker_port()).into()).await;
    let ping = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    pooled.send(ping).await;
    let length = pooled.head().await;
    let length = length
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    pooled.bytes(length.unwrap().parse().unwrap()).await;
    assert!(pooled.is_silent_for(LONGER_THAN_THE_HOST).await, "the connection was closed");
    pooled.send(ping).await;
    assert_eq!(status(&pooled.head().await), 200);
}

#[tokio::test]
async fn ends_with_another_code_than_0_when_its_port_is_taken() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = host().worker_port(taken.local_addr().unwrap().port()).launch().await;
    host.wait_for_restarts(1).await;
    let lines = host.console();
    assert!(lines.iter().any(|line| line.text.starts_with("worker exited with exit status: ")), "{lines:?}");
}
