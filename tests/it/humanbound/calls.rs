//! Every call on the wire, as `hb` 2.13.0 makes it.

use humanbound_sentinel::humanbound::{
    Deletion, Deliveries, Delivery, Error, NewWebhook, Organisation, Project, Replay, Replayed, Tested,
    Webhook, same_connector, same_id,
};
use serde_json::{Value, json};

use super::server::json as reply;
use super::{ORGANISATION, Stage};

const HOOK: &str = r#"{"id":"w1","name":"n","url":"https://x.example/h","is_active":false,
    "event_types":["finding.created"],"created_at":"2026-01-01T00:00:00Z","later":{"a":[1]}}"#;

fn hook() -> Webhook {
    Webhook {
        id: "w1".into(),
        url: "https://x.example/h".into(),
        name: "n".into(),
        active: false,
        event_types: vec!["finding.created".into()],
        created_at: Some("2026-01-01T00:00:00Z".into()),
    }
}

#[tokio::test]
async fn webhooks_are_listed_in_both_shapes() {
    let stage = Stage::with_key().await;
    stage.platform.script([reply(200, &format!("[{HOOK}]")), reply(200, &format!("{{\"data\":[{HOOK}]}}"))]);
    let client = stage.client();
    for _ in 0..2 {
        assert_eq!(client.webhooks().await.unwrap(), [hook()]);
    }
    let seen = stage.platform.seen();
    assert_eq!(seen[0].line(), format!("GET /api/organisations/{ORGANISATION}/webhooks"));
    assert_eq!(seen[0].header("x-api-key"), Some("hb_key"));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].header("organisation_id"), None);
    assert_eq!(seen[0].header("authorization"), None);
}

#[tokio::test]
async fn a_session_calls_with_its_token_and_organisation() {
    let stage = Stage::with_session(3600).await;
    stage.platform.script([reply(200, &format!("{{\"data\":{HOOK}}}"))]);
    assert_eq!(stage.client().webhook("w1").await.unwrap(), hook());
    let seen = &stage.platform.seen()[0];
    assert_eq!(seen.line(), format!("GET /api/organisations/{ORGANISATION}/webhooks/w1"));
    assert_eq!(seen.header("authorization"), Some("Bearer session-1"));
    assert_eq!(seen.header("x-api-key"), None);
}

#[tokio::test]
async fn a_webhook_is_made_active_and_its_secret_is_never_shown() {
    let stage = Stage::with_key().await;
    stage.platform.script([reply(201, &format!("{{\"data\":{HOOK}}}"))]);
    let new = NewWebhook { url: "https://x.example/h", secret: "s3cret", name: "n", event_types: &[] };
    assert!(!format!("{new:?}").contains("s3cret"));
    assert_eq!(stage.client().create_webhook(&new).await.unwrap(), hook());
    let seen = &stage.platform.seen()[0];
    assert_eq!(seen.line(), format!("POST /api/organisations/{ORGANISATION}/webhooks"));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    let expected = json!({
        "url": "https://x.example/h", "secret": "s3cret", "name": "n", "event_types": [], "is_active": true
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_create_without_an_id_is_unclear() {
    for body in ["", "{}", "[]", "<html>", r#"{"data":{"name":"n"}}"#] {
        let stage = Stage::with_key().await;
        stage.platform.script([reply(201, body)]);
        let new = NewWebhook { url: "https://x.example/h", secret: "s", name: "n", event_types: &[] };
        let error = stage.client().create_webhook(&new).await.unwrap_err();
        assert!(matches!(error, Error::Unclear { status: Some(201), .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_webhook_is_switched_and_deleted() {
    let stage = Stage::with_key().await;
    stage.platform.script([reply(200, HOOK), reply(204, ""), reply(404, r#"{"message":"gone"}"#)]);
    let client = stage.client();
    client.set_webhook_active("w1", true).await.unwrap();
    assert_eq!(client.delete_webhook("w1").await.unwrap(), Deletion::Deleted);
    assert_eq!(client.delete_webhook("w1").await.unwrap(), Deletion::NotThere);
    let seen = stage.platform.seen();
    let path = format!("/api/organisations/{ORGANISATION}/webhooks/w1");
    assert_eq!(
        stage.platform.lines(),
        [format!("PUT {path}"), format!("DELETE {path}"), format!("DELETE {path}")]
    );
    assert_eq!(seen[0].body, r#"{"is_active":true}"#);
    assert_eq!(seen[1].body, "");
}

#[tokio::test]
async fn a_test_tells_what_the_platform_says_and_not_more() {
    let told = |delivered, status_code| Tested { delivered, status_code, message: None };
    for (body, expected) in [
        ("", told(None, None)),
        ("[]", told(None, None)),
        (r#"{"delivered":false,"status_code":500}"#, told(Some(false), Some(500))),
        (r#"{"data":{"delivered":true,"status_code":200}}"#, told(Some(true), Some(200))),
    ] {
        let stage = Stage::with_key().await;
        stage.platform.script([reply(200, body)]);
        assert_eq!(stage.client().test_webhook("w1").await.unwrap(), expected, "{body}");
        let seen = &stage.platform.seen()[0];
        assert_eq!(seen.line(), format!("POST /api/organisations/{ORGANISATION}/webhooks/w1/test"));
        assert_eq!(seen.body, "");
    }
}

#[tokio::test]
async fn deliveries_are_read_with_and_without_a_total() {
    let stage = Stage::with_key().await;
    let item = r#"{"event_id":"e1","status_code":null,"attempt":3,"error":"timed out"}"#;
    stage.platform.script([
        reply(200, &format!("{{\"data\":[{item}],\"total\":41}}")),
        reply(200, r#"[{"event_id":"e2","status_code":200,"attempt":1}]"#),
    ]);
    let client = stage.client();
    let first = Delivery {
        event_id: Some("e1".into()),
        status_code: None,
        attempt: Some(3),
        error: Some("timed out".into()),
    };
    let page = client.deliveries("w1", 1, 100).await.unwrap();
    assert_eq!(page, Deliveries { items: vec![first], total: Some(41) });
    let page = client.deliveries("w1", 2, 25).await.unwrap();
    assert_eq!((page.total, page.items[0].status_code), (None, Some(200)));
    let path = format!("GET /api/organisations/{ORGANISATION}/webhooks/w1/deliveries");
    assert_eq!(stage.platform.lines(), [format!("{path}?page=1&size=100"), format!("{path}?page=2&size=25")]);
}

#[tokio::test]
async fn a_replay_without_a_number_is_not_none() {
    let stage = Stage::with_key().await;
    stage.platform.script([
        reply(202, r#"{"events_queued":7}"#),
        reply(200, r#"{"data":{"events_queued":0}}"#),
        reply(200, ""),
        reply(200, r#"{"status":"ok"}"#),
    ]);
    let client = stage.client();
    let window = Replay {
        since: Some("2026-01-01T00:00:00Z"),
        until: Some("2026-01-02T00:00:00Z"),
        project_id: Some("p"),
        event_type: Some("finding.created"),
    };
    let mut queued = Vec::new();
    for replay in [window, Replay::default(), Replay::default(), Replay::default()] {
        queued.push(client.replay("w1", &replay).await.unwrap());
    }
    assert_eq!(queued, [Some(7), Some(0), None, None].map(|queued| Replayed { queued }));
    let seen = stage.platform.seen();
    assert_eq!(seen[0].line(), format!("POST /api/organisations/{ORGANISATION}/webhooks/w1/replay"));
    assert_eq!(
        seen[0].body,
        r#"{"since":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","project_id":"p","event_type":"finding.created"}"#
    );
    assert_eq!(seen[1].body, "{}");
}

#[tokio::test]
async fn organisations_are_listed() {
    let stage = Stage::with_key().await;
    stage.platform.script([reply(200, r#"[{"id":"O1","name":"Acme","role":"owner"},{"id":"o2"}]"#)]);
    let named = |id: &str, name: &str, role: Option<&str>| Organisation {
        id: id.into(),
        name: name.into(),
        role: role.map(str::to_owned),
    };
    let organisations = stage.client().organisations().await.unwrap();
    assert_eq!(organisations, [named("O1", "Acme", Some("owner")), named("o2", "o2", None)]);
    assert_eq!(stage.platform.lines(), ["GET /api/organisations"]);
}

#[tokio::test]
async fn projects_are_read_to_the_last_page() {
    let stage = Stage::with_key().await;
    stage.platform.script([
        reply(200, r#"{"data":[{"id":"p1","name":"a"}],"total":2,"page":1,"size":100,"has_next_page":true}"#),
        reply(200, r#"{"data":[{"id":"p2","name":"b","archived":true}],"has_next_page":false}"#),
    ]);
    let project = |id: &str, name: &str, archived| Project { id: id.into(), name: name.into(), archived };
    let projects = stage.client().projects().await.unwrap();
    assert_eq!(projects, [project("p1", "a", false), project("p2", "b", true)]);
    assert_eq!(
        stage.platform.lines(),
        ["GET /api/projects?page=1&size=100", "GET /api/projects?page=2&size=100"]
    );
    assert!(stage.platform.seen().iter().all(|seen| seen.header("organisation_id") == Some(ORGANISATION)));
}

#[tokio::test]
async fn an_id_cannot_lead_to_another_route() {
    let stage = Stage::with_key().await;
    stage.platform.script([reply(200, HOOK)]);
    let client = stage.client();
    client.webhook("../a?b#c").await.unwrap();
    let path = format!("GET /api/organisations/{ORGANISATION}/webhooks/..%2Fa%3Fb%23c");
    assert_eq!(stage.platform.lines(), [path]);
    for id in ["", ".", ".."] {
        assert_eq!(client.delete_webhook(id).await.unwrap_err().exit_code(), 2, "{id}");
    }
    assert_eq!(stage.platform.seen().len(), 1);
}

#[test]
fn near_equal_urls_are_one_connector() {
    let url = "https://Func.AzureWebsites.net/api/ingest";
    for same in [
        "https://func.azurewebsites.net/api/ingest/",
        "https://func.azurewebsites.net:443/api/ingest",
        " HTTPS://FUNC.azurewebsites.net./api/ingest ",
    ] {
        assert!(same_connector(url, same), "{same}");
    }
    for other in [
        "http://func.azurewebsites.net/api/ingest",
        "https://func.azurewebsites.net:444/api/ingest",
        "https://func.azurewebsites.net/api/Ingest",
        "https://func2.azurewebsites.net/api/ingest",
        "func.azurewebsites.net/api/ingest",
    ] {
        assert!(!same_connector(url, other), "{other}");
    }
    assert!(same_id("ABC-1", "abc-1") && !same_id("abc-1", "abc-2"));
}
