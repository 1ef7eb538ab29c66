//! Failing on request.

use std::time::{Duration, Instant};

use humanbound_sentinel::emulator::{PlatformCall, PlatformFault};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Visit, described, options};

const URL: &str = "https://x.example/h";
const WEBHOOKS: &str = "/api/organisations/*/webhooks";

#[tokio::test]
async fn answers_a_status_instead_for_so_many_requests_of_a_kind() {
    let visit = Visit::start(options()).await;
    visit.platform.add_fault(PlatformFault::throttled(Some("7")).on("POST", WEBHOOKS).next(2));
    let path = format!("/organisations/{}/webhooks", super::ORGANISATION);
    assert_eq!(visit.webhooks(Method::GET, "", None).await.0, 200, "another method");
    for _ in 0..2 {
        let request = visit.call(Method::POST, &path).body(described(URL).to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (429, &"7".parse().unwrap())
        );
    }
    assert!(visit.platform.webhooks().is_empty());
    visit.webhook(URL).await;
    let statuses: Vec<_> = visit.platform.calls_to("POST", WEBHOOKS).iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(429), Some(429), Some(201)]);
}

#[tokio::test]
async fn a_rule_stays_until_it_is_cleared_and_the_first_wins() {
    let visit = Visit::start(options()).await;
    let body = Some("<html>".to_owned());
    let odd = PlatformFault::Status { code: 502, headers: Vec::new(), body };
    visit.platform.add_fault(odd.on("*", "/api/organisations/**"));
    visit.platform.add_fault(PlatformFault::status(500).on("*", "/api/**"));
    for _ in 0..3 {
        assert_eq!(visit.webhooks(Method::GET, "", None).await, (502, Value::Null));
    }
    let answer = visit.call(Method::GET, "/projects").send().await.unwrap();
    assert_eq!(answer.status(), 500);
    visit.platform.clear_faults();
    assert_eq!(visit.webhooks(Method::GET, "", None).await.0, 200);
}

#[tokio::test]
async fn loses_an_answer_after_the_work_or_before() {
    let visit = Visit::start(options()).await;
    let path = format!("/organisations/{}/webhooks", super::ORGANISATION);
    for (fault, webhooks) in [(PlatformFault::Reset, 0), (PlatformFault::LostAnswer, 1)] {
        visit.platform.add_fault(fault.on("POST", WEBHOOKS).next(1));
        let request = visit.call(Method::POST, &path).body(described(URL).to_string());
        assert!(request.send().await.is_err());
        assert_eq!(visit.platform.webhooks().len(), webhooks);
    }
    assert!(visit.platform.calls().iter().all(|call| call.status.is_none()));
}

#[tokio::test]
async fn does_what_was_asked_even_if_nobody_waits_for_the_answer() {
    let visit = Visit::start(options()).await;
    visit.platform.add_fault(PlatformFault::Slow(Duration::from_secs(30)).on("POST", WEBHOOKS).next(1));
    visit.platform.add_fault(PlatformFault::Hang.on("GET", WEBHOOKS).next(1));
    let path = format!("/organisations/{}/webhooks", super::ORGANISATION);
    for method in [Method::POST, Method::GET] {
        let request = visit.call(method, &path).body(described(URL).to_string());
        assert!(request.timeout(Duration::from_millis(200)).send().await.unwrap_err().is_timeout());
    }
    assert_eq!(visit.platform.webhooks().len(), 1);
}

#[tokio::test]
async fn answers_late() {
    let visit = Visit::start(options()).await;
    visit.platform.add_fault(PlatformFault::Slow(Duration::from_millis(120)).on("GET", WEBHOOKS).next(1));
    let began = Instant::now();
    assert_eq!(visit.webhooks(Method::GET, "", None).await.0, 200);
    assert!(began.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn answers_oddly_after_the_work() {
    let visit = Visit::start(options()).await;
    let odd = [(200, ""), (204, ""), (200, "[]"), (201, "{}")];
    for (number, (code, body)) in odd.into_iter().enumerate() {
        let fault = PlatformFault::Answer { code, body: body.to_owned() };
        visit.platform.add_fault(fault.on("POST", WEBHOOKS).next(1));
        let answer = visit.webhooks(Method::POST, "", Some(described(URL))).await;
        assert_eq!(answer, (code, serde_json::from_str(body).unwrap_or_default()));
        assert_eq!(visit.platform.webhooks().len(), number + 1);
    }
    visit.platform.add_fault(PlatformFault::Wrapped.on("POST", WEBHOOKS).next(1));
    let (status, body) = visit.webhooks(Method::POST, "", Some(described(URL))).await;
    let newest = visit.platform.webhooks().pop().unwrap().id;
    assert_eq!((status, &body["data"]["id"]), (201, &json!(newest)));
}

#[tokio::test]
async fn tells_whether_anything_was_asked_but_to_read() {
    let visit = Visit::start(options()).await;
    visit.webhooks(Method::GET, "", None).await;
    assert!(visit.platform.calls().iter().all(PlatformCall::only_reads));
    visit.webhook(URL).await;
    let calls = visit.platform.calls();
    assert!(!calls.iter().all(PlatformCall::only_reads));
    assert_eq!(calls[1].json(), described(URL));
    visit.platform.forget_calls();
    assert!(visit.platform.calls().is_empty());
}
