//! Proxied requests, as the worker gets them.

use std::time::Duration;

use super::{PATIENCE, Peer, attached, empty, peer, status, trio};

/// What curl 7.88.1 sends for `curl -XPOST 'http://…/api/ingest?a=1&a=2%2F' -H 'Content-Encoding: gzip'
/// -H 'X-Forwarded-For: 1.2.3.4' -H 'X-Humanbound-Signature: sha256=aa' --data-binary payload`.
const CURL: &str = "POST /api/ingest?a=1&a=2%2F HTTP/1.1\r\nHost: 127.0.0.1:7171\r\nUser-Agent: curl/7.88.1\r\n\
    Accept: */*\r\nContent-Encoding: gzip\r\nX-Forwarded-For: 1.2.3.4\r\nX-Humanbound-Signature: sha256=aa\r\n\
    Content-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\npayload";

/// What was recorded behind a real YARP for it; `PORT` and `ID` stand for what differs from run to run.
const RECORDED: &str = "POST /api/ingest?a=1&a=2%2F HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAccept: */*\r\n\
    User-Agent: curl/7.88.1\r\nX-Humanbound-Signature: sha256=aa\r\n\
    X-Azure-Functions-HostVersion: 4.1054.100.0\r\nX-Azure-Functions-InvocationId: ID\r\n\
    x-ms-invocation-id: ID\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: 127.0.0.1:7171\r\n\
    X-Forwarded-Proto: http\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\
    Content-Encoding: gzip\r\n\r\n";

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Sends `request`, and returns the head that the worker got.
async fn head_of(request: &str) -> String {
    let (_host, mut worker, mut client) = trio().await;
    client.send(request).await;
    worker.accept().await.head().await
}

#[tokio::test]
async fn sends_the_recorded_bytes_in_one_segment() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(CURL).await;
    let mut handler = worker.accept().await;
    assert!(handler.at_hand().ends_with(b"\r\n\r\npayload"), "head and body came apart");
    let head = handler.head().await;
    let id = header(&head, "x-ms-invocation-id").unwrap();
    assert_eq!(
        head,
        RECORDED
            .replace("PORT", &worker.port.to_string())
            .replace("ID", id)
            .replace(&format!("Invocation{id}"), "InvocationId")
    );
    assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4);
}

#[tokio::test]
async fn sends_the_head_apart_when_told_so() {
    let mut worker = peer::Worker::start().await;
    let host = attached(&worker).head_apart().start().await;
    let mut client = Peer::connect(host.address()).await;
    let (head, body) = CURL.split_at(CURL.len() - "payload".len());
    client.send(head).await;
    let mut handler = worker.accept().await;
    assert!(handler.head().await.starts_with("POST /api/ingest"));
    assert!(handler.is_silent_for(Duration::from_millis(50)).await);
    client.send(body).await;
    assert_eq!(handler.bytes(7).await, b"payload");
}

#[tokio::test]
async fn keeps_path_and_query_as_sent() {
    let root = crate::host::ScriptRoot::connector().file(
        "health/function.json",
        r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous","methods":["get"],
           "route":"health/{*rest}"},{"type":"http","direction":"out","name":"res"}]}"#,
    );
    let mut worker = peer::Worker::start().await;
    let host = crate::host::Host::builder(root).attach(worker.port).start().await;
    let mut client = Peer::connect(host.address()).await;
    let target = "/api/health/a%2Fb%25/C?q=%7e&q=2&q=a+b&empty=&code=x";
    client.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    assert!(worker.accept().await.head().await.starts_with(&format!("GET {target} HTTP/1.1\r\n")));
}

#[tokio::test]
async fn takes_hop_by_hop_headers_away_and_replaces_its_own() {
    let head = head_of(
        "GET /api/health HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
         Upgrade-Insecure-Requests: 1\r\nProxy-Authorization: x\r\nHTTP2-Settings: x\r\nForwarded: for=1.2.3.4\r\n\
         x-forwarded-host: evil\r\nX-Forwarded-Proto: https\r\nx-azure-functions-invocationid: mine\r\n\
         X-Azure-Functions-HostVersion: mine\r\nX-MS-Invocation-Id: mine\r\nX-Custom: kept\r\n\
         x-functions-key: kept\r\n\r\n",
    )
    .await;
    let names: Vec<&str> =
        head.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "Host",
            "X-Custom",
            "x-functions-key",
            "X-Azure-Functions-HostVersion",
            "X-Azure-Functions-InvocationId",
            "x-ms-invocation-id",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto"
        ]
    );
    assert_eq!(header(&head, "X-Forwarded-Host"), Some("h"));
    assert_eq!(header(&head, "X-Forwarded-Proto"), Some("http"));
    assert!(!head.contains("mine") && !head.contains("evil"));
}

#[tokio::test]
async fn joins_repeated_headers_into_one() {
    let head = head_of(
        "GET /api/health HTTP/1.1\r\nHost: h\r\nX-Humanbound-Signature: sha256=aa\r\nCookie: a=1\r\n\
         x-humanbound-signature: sha256=bb\r\nCookie: b=2\r\n\r\n",
    )
    .await;
    assert_eq!(header(&head, "X-Humanbound-Signature"), Some("sha256=aa, sha256=bb"));
    assert_eq!(header(&head, "Cookie"), Some("a=1; b=2"));
}

#[tokio::test]
async fn says_the_length_of_an_empty_post() {
    let head = head_of("POST /api/ingest HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(head.ends_with("X-Forwarded-Proto: http\r\nContent-Length: 0\r\n\r\n"), "{head}");
    let head = head_of("GET /api/health HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(head.ends_with("X-Forwarded-Proto: http\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn keeps_a_chunked_body_chunked_with_other_boundaries() {
    let (_host, mut worker, mut client) = trio().await;
    client
        .send("POST /api/ingest HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Type: text/x\r\n\r\n\
               5;ext=1\r\nhello\r\n1\r\n \r\n")
        .await;
    let mut handler = worker.accept().await;
    let head = handler.head().await;
    assert!(head.ends_with("\r\nTransfer-Encoding: chunked\r\nContent-Type: text/x\r\n\r\n"), "{head}");
    assert_eq!(header(&head, "Content-Length"), None);
    client.send("5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n").await;
    let mut body = Vec::new();
    while !body.ends_with(b"\r\n0\r\n\r\n") {
        body.extend(handler.bytes(1).await);
    }
    let text = String::from_utf8(body).unwrap();
    assert!(!text.contains("ext") && !text.contains("Trailer"), "{text:?}");
    let data: String = text.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(data, "hello world");
}

#[tokio::test]
async fn asks_a_client_that_expects_100_only_when_the_worker_does() {
    let (_host, mut worker, mut client) = trio().await;
    client.send(CURL.replace("Accept: */*", "Expect: 100-continue").replace("payload", "")).await;
    let mut handler = worker.accept().await;
    assert_eq!(header(&handler.head().await, "Expect"), Some("100-continue"));
    assert!(client.is_silent_for(Duration::from_millis(50)).await, "100 before the worker's");
    handler.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("payload").await;
    assert_eq!(handler.bytes(7).await, b"payload");
    handler.send(empty("200 OK")).await;
    assert_eq!(status(&client.head().await), 200);
}

#[tokio::test]
async fn sends_the_body_without_100_after_a_while() {
    let mut worker = peer::Worker::start().await;
    let host = attached(&worker).timings(|timings| timings.expect = Duration::from_millis(50)).start().await;
    let mut client = Peer::connect(host.address()).await;
    client.send(CURL.replace("Accept: */*", "Expect: 100-continue").replace("payload", "")).await;
    let mut handler = worker.accept().await;
    handler.head().await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("payload").await;
    assert_eq!(handler.bytes(7).await, b"payload");
}

#[tokio::test]
async fn spares_a_large_body_that_is_rejected_instead_of_100() {
    let (_host, mut worker, mut client) = trio().await;
    let request = CURL.replace("Accept: */*", "Expect: 100-continue").replace("payload", "");
    client.send(request.replace("Content-Length: 7", "Content-Length: 1025")).await;
    let mut handler = worker.accept().await;
    handler.head().await;
    handler.send(empty("401 Unauthorized")).await;
    assert_eq!(status(&client.head().await), 401);
    assert_eq!(handler.until_end().await, b"", "the connection cannot be used again");
}

#[tokio::test]
async fn closes_the_workers_socket_when_the_client_goes() {
    for request in [CURL, "GET /api/health HTTP/1.1\r\nHost: h\r\n\r\n"] {
        let (host, mut worker, mut client) = trio().await;
        client.send(request).await;
        let mut handler = worker.accept().await;
        handler.head().await;
        drop(client);
        handler.until_end().await;
        let note = "The client disconnected while the function was processing the request.";
        host.wait_for_console(|line| line.text == note, PATIENCE).await;
    }
}

#[tokio::test]
async fn gives_up_after_silence_but_not_before() {
    let mut worker = peer::Worker::start().await;
    let host =
        attached(&worker).timings(|timings| timings.activity = Duration::from_millis(400)).start().await;
    let mut client = Peer::connect(host.address()).await;
    client.send(CURL.replace("Content-Length: 7", "Content-Length: 4").replace("payload", "")).await;
    let mut handler = worker.accept().await;
    let started = tokio::time::Instant::now();
    for letter in ["a", "b", "c", "d"] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        client.send(letter).await;
    }
    assert_eq!(status(&client.head().await), 500);
    assert!(started.elapsed() >= Duration::from_millis(800 + 400), "moving bytes do not count");
    handler.until_end().await;
}
