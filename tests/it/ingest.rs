//! What the sender meets: signatures, bodies, answers.

use std::time::Duration;

use humanbound_sentinel::emulator::Fault;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Answer, Rig, SECRET, SOON, event, gunzip, signed};

#[tokio::test]
async fn stores_a_signed_event_and_says_so() {
    let rig = Rig::start().await;
    let answer = rig.post(event(1)).await;
    assert_eq!(answer.told(), (200, "stored".to_owned()));
    let rows = rig.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["EventId"], answer.event_id());
    assert_eq!(rows[0]["EventType"], "finding.created");
}

#[tokio::test]
async fn takes_both_secrets_and_hex_of_either_case() {
    let rig = Rig::builder().set("WEBHOOK_SECRET_PREVIOUS", "the one before").start().await;
    for (n, secret) in [SECRET, "the one before"].into_iter().enumerate() {
        let body = event(n);
        assert_eq!(rig.send(signed(secret, &body), body).await.status, 200);
    }
    let body = event(3);
    let mut headers = signed(SECRET, &body);
    for value in headers.values_mut() {
        let (prefix, hex) = value.to_str().unwrap().split_once('=').unwrap();
        *value = HeaderValue::from_str(&format!("{prefix}={}", hex.to_uppercase())).unwrap();
    }
    assert_eq!(rig.send(headers, body).await.status, 200);
}

/// One answer for every reason, so that nobody learns from it how close a guess was.
#[tokio::test]
async fn rejects_every_bad_signature_in_the_same_words() {
    let rig = Rig::start().await;
    let with = |value: &'static str| HeaderMap::from_iter([(name(), HeaderValue::from_static(value))]);
    let mut twice = signed(SECRET, &event(1));
    twice.append(name(), twice[name()].clone());
    let attempts = [
        HeaderMap::new(),
        with(""),
        with("sha256="),
        with("sha256=zz"),
        with("sha1=0000000000000000000000000000000000000000"),
        signed("another secret", &event(1)),
        signed(SECRET, &event(2)),
        twice,
    ];
    let mut answers = Vec::new();
    for headers in attempts {
        let answer = rig.send(headers, event(1)).await;
        answers.push((answer.status, answer.text));
    }
    answers.dedup();
    assert_eq!(answers, [(401, r#"{"status":"unauthorized"}"#.to_owned())]);
    assert_eq!(rig.workspace.calls().accepted, 0);
    let line = rig.host.wait_for_console(|line| line.text.contains("signature_rejected"), SOON).await;
    assert!(line.text.contains(r#""reason":"missing""#), "the log says why: {}", line.text);
    assert_eq!(rig.status().await["counters"]["rejected_mismatch"], 2);
}

fn name() -> reqwest::header::HeaderName {
    humanbound_sentinel::signature::HEADER.parse().unwrap()
}

#[tokio::test]
async fn takes_a_chunked_body() {
    let rig = Rig::start().await;
    let body = event(1);
    let chunks: Vec<_> = body.chunks(100).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    let answer =
        rig.send(signed(SECRET, &body), reqwest::Body::wrap_stream(futures::stream::iter(chunks))).await;
    assert_eq!(answer.told(), (200, "stored".to_owned()));
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

async fn send_encoded(rig: &Rig, encoding: &str, body: Vec<u8>) -> Answer {
    let mut headers = signed(SECRET, &body);
    headers.insert("content-encoding", HeaderValue::from_str(encoding).unwrap());
    rig.send(headers, body).await
}

#[tokio::test]
async fn inflates_a_gzip_body_whose_bytes_are_signed_as_sent() {
    let rig = Rig::start().await;
    assert_eq!(send_encoded(&rig, "gzip", gzip(&event(1))).await.told(), (200, "stored".to_owned()));
    // The memory of bodies is keyed on the inflated bytes.
    assert_eq!(rig.post(event(1)).await.told(), (200, "duplicate".to_owned()));
    assert_eq!(send_encoded(&rig, "GZIP", gzip(&event(2))).await.status, 200);
    assert_eq!(send_encoded(&rig, "identity", event(3)).await.status, 200);
}

#[tokio::test]
async fn rejects_encodings_it_does_not_know_and_bodies_that_are_no_gzip() {
    let rig = Rig::start().await;
    for encoding in ["br", "gzip, gzip", "deflate", "zstd"] {
        assert_eq!(send_encoded(&rig, encoding, event(1)).await.told(), (415, "unsupported_encoding".into()));
    }
    assert_eq!(send_encoded(&rig, "gzip", event(1)).await.told(), (400, "bad_request".into()));
    let mut cut = gzip(&event(1));
    cut.truncate(cut.len() - 9);
    assert_eq!(send_encoded(&rig, "gzip", cut).await.told(), (400, "bad_request".into()));
}

#[tokio::test]
async fn rejects_what_is_too_large_as_sent_and_inflated() {
    let rig = Rig::builder().set("MAX_BODY_BYTES", "20000").start().await;
    let large = padded(1, 20_001);
    assert_eq!(rig.post(large.clone()).await.told(), (413, "too_large".into()));
    let stream =
        futures::stream::iter(large.chunks(999).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())));
    let stream: Vec<_> = futures::StreamExt::collect(stream).await;
    let chunked = reqwest::Body::wrap_stream(futures::stream::iter(stream));
    assert_eq!(rig.send(signed(SECRET, &large), chunked).await.told(), (413, "too_large".into()));
    assert_eq!(send_encoded(&rig, "gzip", gzip(&large)).await.told(), (413, "too_large".into()));
    let bomb = gzip(&vec![b' '; 15_000_000]);
    assert!(bomb.len() < 20_000, "a bomb is within the cap as sent: {}", bomb.len());
    assert_eq!(send_encoded(&rig, "gzip", bomb).await.told(), (413, "too_large".into()));
    assert_eq!(rig.post(padded(1, 20_000)).await.status, 200, "the limit itself is allowed");
}

/// An event of exactly `size` bytes.
fn padded(n: usize, size: usize) -> Vec<u8> {
    let mut body = event(n);
    body.pop();
    body.extend_from_slice(b",\"pad\":\"");
    body.resize(size - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

#[tokio::test]
async fn rejects_signed_bodies_that_are_no_json_object() {
    let rig = Rig::start().await;
    for body in ["", "[]", "[{}]", "null", "7", "\"text\"", "{", "{}}", "{\"a\":}", "\u{1}"] {
        assert_eq!(rig.post(body).await.told(), (400, "bad_request".into()), "{body:?}");
    }
    assert_eq!(rig.post("{}").await.told(), (200, "stored".into()), "an empty object is a ping");
}

#[tokio::test]
async fn a_body_that_the_decoder_rejects_still_becomes_a_row_and_is_kept_whole() {
    let rig = Rig::start().await;
    let deep =
        format!(r#"{{"event_type":"finding.created","data":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    let surrogate = r#"{"event_type":"drift.detected","title":"\ud800"}"#;
    for body in [deep.as_str(), surrogate] {
        let answer = rig.post(body.to_owned()).await;
        assert_eq!(answer.told(), (200, "stored".into()), "{body:.60}");
        let rows = rig.rows().await;
        let row = rows.last().unwrap();
        assert_eq!((&row["Truncated"], &row["EventId"]), (&json!(true), &json!(answer.event_id())));
        assert_ne!(row["EventType"], "unknown", "the type is readable");
        let kept = rig.spool.path().join(format!("oversize/{}.json.gz", answer.event_id()));
        assert_eq!(gunzip(&kept), body.as_bytes());
    }
}

#[tokio::test]
async fn a_cut_event_is_not_taken_when_its_whole_body_cannot_be_kept() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "1500").start().await;
    std::fs::write(rig.spool.path().join("oversize"), "a file where a folder should be").unwrap();
    let answer = rig.post(padded(1, 200_000)).await;
    assert_eq!(answer.told(), (503, "unavailable".into()));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(rig.rows().await.len(), 0);
    std::fs::remove_file(rig.spool.path().join("oversize")).unwrap();
    assert_eq!(rig.post(padded(1, 200_000)).await.told(), (200, "stored".into()), "a retry is taken");
}

#[tokio::test]
async fn answers_a_copy_of_a_stored_event_from_memory() {
    let rig = Rig::start().await;
    let first = rig.post(event(1)).await;
    let second = rig.post(event(1)).await;
    assert_eq!(second.told(), (200, "duplicate".to_owned()));
    assert_eq!(second.event_id(), first.event_id());
    assert_eq!(rig.workspace.calls().accepted, 1);
}

#[tokio::test]
async fn a_copy_joins_the_event_that_is_in_flight() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_millis(400)).start().await;
    let (first, second) = tokio::join!(rig.post(event(1)), rig.post(event(1)));
    assert_eq!(first.told(), (200, "stored".into()));
    assert_eq!(second.told(), (200, "stored".into()));
    assert_eq!(rig.rows().await.len(), 1);
}

#[tokio::test]
async fn a_copy_shares_the_failure_of_the_event_in_flight_and_may_try_again() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "1200").start().await;
    std::fs::write(rig.spool.path().join("pending"), "a file where a folder should be").unwrap();
    rig.workspace.set_fault(Fault::Hang);
    let (first, second) = tokio::join!(rig.post(event(1)), rig.post(event(1)));
    assert_eq!(first.told(), (503, "unavailable".into()));
    assert_eq!(second.told(), (503, "unavailable".into()));
    std::fs::remove_file(rig.spool.path().join("pending")).unwrap();
    assert_eq!(rig.post(event(1)).await.told(), (202, "spooled".into()));
}

/// The head of a request without a signature is rejected before a byte of its body was sent, and the connection ends.
#[tokio::test]
async fn rejects_an_unsigned_request_from_its_head() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", rig.host.worker_port())).await.unwrap();
    stream
        .write_all(b"POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    ended.expect("the connection ends").ok();
    assert!(answer.starts_with(b"HTTP/1.1 401"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn bodies_that_are_not_verified_share_one_budget() {
    let rig = Rig::start().await;
    let mut senders = Vec::new();
    // 36 senders hold one byte back each: only 32 MiB of what they sent may be in memory.
    for _ in 0..36 {
        let mut stream = TcpStream::connect(("127.0.0.1", rig.host.worker_port())).await.unwrap();
        let head = format!(
            "POST /api/ingest HTTP/1.1\r\nHost: x\r\nX-Humanbound-Signature: sha256={}\r\nContent-Length: 1048576\r\n\r\n",
            "0".repeat(64)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        senders.push(tokio::spawn(async move {
            // A rejection may come while this is still being written.
            stream.write_all(&vec![b'x'; 1_048_575]).await.ok();
            let mut answer = Vec::new();
            let until_closed = stream.read_to_end(&mut answer);
            tokio::time::timeout(Duration::from_secs(4), until_closed).await.ok();
            String::from_utf8_lossy(&answer).into_owned()
        }));
    }
    let mut rejected = 0;
    for answer in senders {
        let answer = answer.await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
        rejected += usize::from(!answer.is_empty());
    }
    assert!((4..=30).contains(&rejected), "{rejected} of 36 were rejected");
    assert_eq!(rig.post(event(1)).await.status, 200, "and the budget is given back");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", rig.host.worker_port())).await.unwrap();
    let head = format!(
        "POST /api/ingest HTTP/1.1\r\nHost: x\r\nX-Humanbound-Signature: sha256={}\r\nContent-Length: 10\r\n\r\nabc",
        "0".repeat(64)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
    ended.expect("the connection ends").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_event_is_stored_although_its_sender_went_away() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_millis(300)).start().await;
    let body = event(1);
    let value = signed(SECRET, &body)[name()].to_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(rig.host.url("").trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/ingest HTTP/1.1\r\nHost: x\r\nX-Humanbound-Signature: {value}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    // The event is on its way when the sender gives up.
    wait_until(async || !rig.workspace.recorded().is_empty() || rig.workspace.calls().total() > 0).await;
    drop(stream);
    wait_until(async || rig.status().await["counters"]["stored"] == 1).await;
    assert_eq!(rig.post(body).await.told(), (200, "duplicate".into()), "its retry is known");
}

/// Waits until `done`, for a bounded time.
pub async fn wait_until(done: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not happen in time");
}

#[tokio::test]
async fn answers_carry_no_header_that_tells_anything() {
    let rig = Rig::start().await;
    let allowed = ["content-type", "content-length", "date", "server", "retry-after", "connection"];
    let answers = [
        rig.post(event(1)).await,
        rig.post("[]").await,
        rig.send(HeaderMap::new(), event(1)).await,
        rig.get("/api/health").await,
    ];
    for answer in answers {
        for name in answer.headers.keys() {
            assert!(allowed.contains(&name.as_str()), "{name} in {answer:?}");
        }
    }
}
