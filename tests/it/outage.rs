//! Nothing holds an event up that could be safe by now: what the connector makes of half an outage.

use std::time::Duration;

use humanbound_sentinel::emulator::Fault;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

use crate::delivery::stored_ids;
use crate::rig::{Rig, SECRET, SOON, event, signed};

/// Opens the circuit breaker for a minute.
async fn open_breaker(rig: &Rig) {
    rig.workspace.set_fault(Fault::Status { code: 503, retry_after: Some("60".into()) });
    for n in 0..3 {
        assert_eq!(rig.post(event(n)).await.status, 202);
    }
    rig.host.wait_for_console(|line| line.text.contains("breaker_opened"), SOON).await;
    rig.workspace.clear_fault();
}

#[tokio::test]
async fn a_broken_spool_keeps_no_event_from_azure_monitor() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "1500").start().await;
    open_breaker(&rig).await;
    std::fs::remove_dir_all(rig.spool.path().join("pending")).unwrap();
    std::fs::write(rig.spool.path().join("pending"), "a file where a folder should be").unwrap();
    assert_eq!(rig.post(event(10)).await.status, 503, "this one finds out");
    assert_eq!(rig.post(event(11)).await.told(), (200, "stored".into()), "the next one tries Azure");
    rig.host.wait_for_console(|line| line.text.contains("breaker_closed"), SOON).await;
}

#[tokio::test]
async fn a_drain_that_succeeds_closes_the_breaker() {
    let rig = Rig::start().await;
    open_breaker(&rig).await;
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await.len(), 3);
    assert_eq!(rig.post(event(10)).await.told(), (200, "stored".into()));
}

/// Four pushes fill the slots; by the time that one is free the fifth event has less time left than a call takes.
/// There is over a second between what happens and what must not, since a machine may be busy.
#[tokio::test]
async fn a_push_that_could_not_end_in_time_is_not_made() {
    let latency = Duration::from_millis(3_500);
    let rig = Rig::builder().workspace(|options| options.latency = latency).start().await;
    let late = async |n: usize, after_ms: u64| {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        rig.post(event(n)).await.status
    };
    let answers = tokio::join!(late(0, 0), late(1, 100), late(2, 200), late(3, 300), late(4, 1_000));
    assert_eq!(answers, (200, 200, 200, 200, 202));
    assert_eq!(rig.workspace.calls().total(), 4, "the fifth went to the spool without a call");
}

/// A token that lives for minutes only is renewed, and not with each event.
#[tokio::test]
async fn a_short_lived_token_is_not_fetched_for_each_event() {
    for seconds in [60, 290] {
        let lifetime = Duration::from_secs(seconds);
        let rig = Rig::builder().workspace(|options| options.token_lifetime = lifetime).start().await;
        for n in 0..20 {
            assert_eq!(rig.post(event(n)).await.status, 200);
        }
        let issued = rig.workspace.tokens_issued();
        assert!(issued <= 2, "{issued} tokens of {seconds} s for 20 events");
    }
}

/// Through the proxy a reset takes the answer along: what is not read before the answer must be read after it.
#[tokio::test]
async fn an_answer_that_comes_early_arrives_as_such() {
    let rig = Rig::builder().set("MAX_BODY_BYTES", "20000").start().await;
    for size in [300_000, 3_000_000] {
        let body = vec![b'x'; size];
        let mut odd = signed(SECRET, &body);
        odd.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        let cases = [(signed(SECRET, &body), 413), (HeaderMap::new(), 401), (odd, 415)];
        for (headers, expected) in cases {
            for attempt in 0..5 {
                let answer = rig.send(headers.clone(), body.clone()).await;
                assert_eq!(answer.status, expected, "{size} bytes, attempt {attempt}");
            }
        }
    }
    assert_eq!(rig.post(event(1)).await.status, 200);
}

/// Reading on after an answer has bounds: a sender that goes on for ever is cut off.
#[tokio::test]
async fn nobody_is_read_from_for_ever_after_the_answer() {
    let rig = Rig::start().await;
    let address = format!("127.0.0.1:{}", rig.host.worker_port());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 900000000\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 65_536];
    let mut sent = 0;
    while sent < 900_000_000 && tokio::io::AsyncWriteExt::write_all(&mut stream, &piece).await.is_ok() {
        sent += piece.len();
    }
    assert!(sent < 100_000_000, "{sent} bytes were taken");
}

/// The host routes these to us, whatever the letters' case and with a slash at the end.
#[tokio::test]
async fn paths_are_matched_as_the_host_matches_its_routes() {
    let rig = Rig::start().await;
    let direct = format!("http://127.0.0.1:{}", rig.host.worker_port());
    for (n, path) in ["/api/ingest/", "/API/Ingest", "/Api/INGEST/?code=x"].into_iter().enumerate() {
        let body = event(n);
        let request = rig.client.post(format!("{direct}{path}")).headers(signed(SECRET, &body)).body(body);
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
    let unknown = rig.client.post(format!("{direct}/api/other?code=secret-key")).body("{}");
    assert_eq!(unknown.send().await.unwrap().status(), 404);
    assert_eq!(rig.status().await["counters"]["unknown_paths"], 1);
    let line = rig.host.wait_for_console(|line| line.text.contains("path_unknown"), SOON).await;
    assert!(line.text.contains("/api/other") && !line.text.contains("secret-key"), "{}", line.text);
}

/// Two bodies that differ only in what a later member of the same name replaces have one EventId.
#[tokio::test]
async fn each_body_that_lost_a_value_has_its_own_copy() {
    let rig = Rig::start().await;
    let bodies =
        ["FIRST", "SECOND"].map(|text| format!(r#"{{"event_type":"x","fact":"{text}","fact":"same"}}"#));
    let mut ids = Vec::new();
    for body in &bodies {
        ids.push(rig.post(body.clone()).await.event_id());
    }
    assert_eq!(ids[0], ids[1]);
    let kept = rig.spooled("oversize");
    assert!(kept.iter().all(|path| path.to_str().unwrap().contains(&ids[0])), "{kept:?}");
    let mut kept: Vec<_> =
        kept.iter().map(|path| String::from_utf8(crate::rig::gunzip(path)).unwrap()).collect();
    kept.sort();
    assert_eq!(kept, bodies);
}
