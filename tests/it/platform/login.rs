//! Tokens: how they are renewed, how they end, and what keys reach.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use humanbound_sentinel::emulator::PlatformOptions;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{ORGANISATION, Visit, options, told};

async fn refresh(visit: &Visit, token: &str) -> (u16, Value) {
    let url = visit.platform.base_url().replace("/api", "/oauth/token");
    let body = json!({ "grant_type": "refresh_token", "client_id": "c", "refresh_token": token });
    told(visit.http.post(url).body(body.to_string()).send().await.unwrap()).await
}

async fn with_token(visit: &Visit, path: &str, token: &str) -> (u16, Value) {
    let url = format!("{}{path}", visit.platform.base_url());
    told(visit.http.get(url).bearer_auth(token).send().await.unwrap()).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_family() {
    let visit = Visit::start(options()).await;
    let other = visit.platform.log_in();
    let (status, first) = refresh(&visit, &visit.login.refresh_token).await;
    assert_eq!((status, &first["expires_in"]), (200, &json!(86_400)));
    let (_, second) = refresh(&visit, text(&first["refresh_token"])).await;
    let (status, body) = refresh(&visit, &visit.login.refresh_token).await;
    assert_eq!((status, &body["error"]), (403, &json!("invalid_grant")));
    assert_eq!(refresh(&visit, text(&second["refresh_token"])).await.0, 403, "the newest is gone too");
    assert_eq!(refresh(&visit, &other.refresh_token).await.0, 200, "another login is not touched");
    assert_eq!(refresh(&visit, "made up").await.0, 403);
    let (status, _) = with_token(&visit, "/organisations", &visit.login.api_token).await;
    assert_eq!(status, 200, "the session goes on");
}

#[tokio::test]
async fn auth_turns_a_token_into_a_session() {
    let visit = Visit::start(options()).await;
    let (_, tokens) = refresh(&visit, &visit.login.refresh_token).await;
    let token = text(&tokens["access_token"]);
    assert_eq!(with_token(&visit, "/organisations", token).await.0, 401, "it is no session itself");
    let (status, body) = with_token(&visit, "/auth", token).await;
    assert_eq!((status, &body["user"]["default_organisation_id"]), (200, &json!(ORGANISATION)));
    assert_eq!(with_token(&visit, "/organisations", text(&body["access_token"])).await.0, 200);
    assert_eq!(with_token(&visit, "/auth", &visit.login.api_token).await.0, 401);
}

#[tokio::test]
async fn sessions_expire_by_the_clock_and_tokens_by_theirs() {
    let now = Arc::new(Mutex::new(OffsetDateTime::UNIX_EPOCH));
    let clock = now.clone();
    let options = PlatformOptions {
        clock: Arc::new(move || *clock.lock().unwrap()),
        session_lifetime: Duration::from_secs(60),
        auth0_lifetime: Duration::from_secs(600),
        ..options()
    };
    let visit = Visit::start(options).await;
    assert_eq!(visit.login.expires_at.unix_timestamp(), 600);
    let (_, tokens) = refresh(&visit, &visit.login.refresh_token).await;
    *now.lock().unwrap() += Duration::from_secs(60);
    let (status, body) = with_token(&visit, "/organisations", &visit.login.api_token).await;
    assert_eq!((status, text(&body["message"])), (401, "Session has expired"));
    let token = text(&tokens["access_token"]);
    assert_eq!(with_token(&visit, "/auth", token).await.0, 200);
    *now.lock().unwrap() += Duration::from_secs(540);
    assert_eq!(with_token(&visit, "/auth", token).await.0, 401);
}

#[tokio::test]
async fn logging_out_ends_every_session() {
    let visit = Visit::start(options()).await;
    let other = visit.platform.log_in();
    assert_eq!(with_token(&visit, "/logout", &other.api_token).await.0, 200);
    let (status, body) = with_token(&visit, "/organisations", &visit.login.api_token).await;
    assert_eq!((status, text(&body["message"])), (401, "Session has been revoked"));
}

#[tokio::test]
async fn a_key_may_be_kept_from_webhooks() {
    let options =
        PlatformOptions { api_keys: vec!["hb_1".to_owned()], api_keys_reach_webhooks: false, ..options() };
    let visit = Visit::start(options).await;
    let webhooks = format!("/organisations/{ORGANISATION}/webhooks");
    for (key, path, expected) in
        [("hb_1", "/organisations", 200), ("hb_1", &webhooks, 403), ("hb_2", "/organisations", 401)]
    {
        let url = format!("{}{path}", visit.platform.base_url());
        let answer = visit.http.get(url).header("x-api-key", key).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{key} {path}");
    }
    let nobody = visit.http.request(Method::GET, format!("{}{webhooks}", visit.platform.base_url()));
    assert_eq!(nobody.send().await.unwrap().status(), 401);
}
