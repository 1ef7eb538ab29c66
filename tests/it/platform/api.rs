//! The routes of webhooks and lists, without a client in between.

use std::collections::BTreeSet;

use humanbound_sentinel::emulator::{PlatformOptions, Project};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::receiver::Receiver;
use super::{ORGANISATION, SECRET, Visit, described, options, told};

const URL: &str = "https://x.example/h";

#[tokio::test]
async fn an_eleventh_webhook_is_rejected() {
    let visit = Visit::start(options()).await;
    for _ in 0..10 {
        visit.webhook(URL).await;
    }
    let (status, body) = visit.webhooks(Method::POST, "", Some(described(URL))).await;
    assert_eq!(status, 422);
    assert!(body["errors"][0].as_str().unwrap().contains("Webhook limit reached"), "{body}");
    let first = visit.platform.webhooks()[0].id;
    assert_eq!(visit.webhooks(Method::DELETE, &format!("/{first}"), None).await, (204, Value::Null));
    visit.webhook(URL).await;
    assert_eq!(visit.platform.webhooks().len(), 10);
}

#[tokio::test]
async fn names_everything_that_is_wrong_with_a_webhook() {
    let rejected = [
        (json!({ "url": "http://x.example/h" }), "url"),
        (json!({ "url": "ftp://127.0.0.1/h" }), "url"),
        (json!({ "url": 1 }), "url"),
        (json!({ "secret": "" }), "secret"),
        (json!({ "event_types": "all" }), "event_types"),
        (json!({ "event_types": ["finding.created", "finding.made"] }), "finding.made"),
        (json!({ "is_active": "yes" }), "is_active"),
        (json!({ "name": null }), "name"),
    ];
    let visit = Visit::start(options()).await;
    for (change, named) in rejected {
        let mut body = described(URL);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = visit.webhooks(Method::POST, "", Some(body)).await;
        assert_eq!(status, 422, "{change}");
        assert!(answer["errors"].to_string().contains(named), "{change}: {answer}");
        assert!(!answer.to_string().contains(SECRET));
    }
    let (status, _) = visit.webhooks(Method::POST, "", Some(json!([]))).await;
    assert_eq!(status, 400);
    assert!(visit.platform.webhooks().is_empty());
}

#[tokio::test]
async fn may_want_event_types_to_be_named() {
    let options = PlatformOptions { takes_no_event_types: false, ..options() };
    let visit = Visit::start(options).await;
    let (status, body) = visit.webhooks(Method::POST, "", Some(described(URL))).await;
    assert_eq!((status, &body["errors"]), (422, &json!(["event_types: must not be empty"])));
}

#[tokio::test]
async fn never_shows_a_secret() {
    let visit = Visit::start(options()).await;
    let id = visit.webhook(URL).await;
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let expected = ["event_types", "id", "is_active", "name", "url"].map(str::to_owned).into();
    let (_, list) = visit.webhooks(Method::GET, "", None).await;
    let (_, one) = visit.webhooks(Method::GET, &format!("/{id}"), None).await;
    let (_, changed) = visit.webhooks(Method::PUT, &format!("/{id}"), Some(json!({ "name": "m" }))).await;
    for shown in [&list["data"][0], &one, &changed] {
        assert_eq!(members(shown), expected);
    }
    assert_eq!(changed["name"], "m");
    let printed =
        format!("{:?} {:?} {:?}", visit.platform.webhooks(), visit.platform, visit.platform.calls());
    assert!(!printed.contains(SECRET) && !printed.contains(&visit.login.api_token), "{printed}");
}

#[tokio::test]
async fn changes_no_secret_and_no_event_types() {
    let visit = Visit::start(options()).await;
    let path = format!("/{}", visit.webhook(URL).await);
    for change in [json!({ "secret": "x" }), json!({ "event_types": [] }), json!({ "url": "http://a.b" })] {
        assert_eq!(visit.webhooks(Method::PUT, &path, Some(change)).await.0, 422);
    }
    assert_eq!(visit.platform.webhooks()[0].url, URL);
}

#[tokio::test]
async fn knows_organisations_and_webhooks_in_either_case_and_no_others() {
    let visit = Visit::start(options()).await;
    let id = visit.webhook(URL).await.to_string().to_uppercase();
    let upper = ORGANISATION.to_string().to_uppercase();
    let paths = [
        (format!("/organisations/{upper}/webhooks/{id}"), 200),
        (format!("/organisations/{}/webhooks", Uuid::new_v4()), 404),
        (format!("/organisations/{ORGANISATION}/webhooks/{}", Uuid::new_v4()), 404),
        (format!("/organisations/{ORGANISATION}/webhooks/x"), 404),
        ("/elsewhere".to_owned(), 404),
    ];
    for (path, expected) in paths {
        let answer = visit.call(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{path}");
    }
}

#[tokio::test]
async fn pages_deliveries_newest_first() {
    for has_total in [true, false] {
        let visit = Visit::start(PlatformOptions { deliveries_have_total: has_total, ..options() }).await;
        let receiver = Receiver::start().await;
        let id = visit.webhook(&receiver.url()).await;
        receiver.answer(&[200, 200, 500]);
        for expected in [200, 200, 502] {
            assert_eq!(visit.webhooks(Method::POST, &format!("/{id}/test"), None).await.0, expected);
        }
        let page = async |query: &str| {
            let (status, body) = visit.webhooks(Method::GET, &format!("/{id}/deliveries{query}"), None).await;
            assert_eq!(status, 200);
            body
        };
        let first = page("?page=1&size=2").await;
        assert_eq!(first.get("total"), has_total.then_some(&json!(3)));
        assert_eq!(first["has_next_page"], true);
        let newest = &first["data"][0];
        assert_eq!((&newest["status_code"], &newest["attempt"]), (&json!(500), &json!(1)));
        assert_eq!(newest["error"], "HTTP 500");
        assert_eq!(
            (&first["data"][1]["status_code"], &first["data"][1]["error"]),
            (&json!(200), &Value::Null)
        );
        let second = page("?page=2&size=2").await;
        assert_eq!((second["data"].as_array().unwrap().len(), &second["has_next_page"]), (1, &json!(false)));
        assert_eq!(page("?page=9").await["data"], json!([]));
    }
}

#[tokio::test]
async fn pages_the_projects_of_one_organisation() {
    let project = |number: u128, organisation_id| Project {
        id: Uuid::from_u128(number),
        organisation_id,
        name: format!("agent {number}"),
        archived: false,
    };
    let mut projects: Vec<_> = (0..45).map(|number| project(number, ORGANISATION)).collect();
    projects.push(project(99, Uuid::nil()));
    let visit = Visit::start(PlatformOptions { projects, ..options() }).await;
    let page = async |number: usize| {
        let path = format!("/projects?page={number}&size=20");
        let request = visit.call(Method::GET, &path).header("organisation_id", ORGANISATION.to_string());
        told(request.send().await.unwrap()).await.1
    };
    let (first, last) = (page(1).await, page(3).await);
    assert_eq!(
        (&first["total"], &first["size"], &first["has_next_page"]),
        (&json!(45), &json!(20), &json!(true))
    );
    assert_eq!((last["data"].as_array().unwrap().len(), &last["has_next_page"]), (5, &json!(false)));
    let headless = visit.call(Method::GET, "/projects").send().await.unwrap();
    assert_eq!(headless.status(), 400);
}
