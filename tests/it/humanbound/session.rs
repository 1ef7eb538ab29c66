//! The session of `hb login`: when it is renewed, what is written, and what is never lost.

use std::sync::{Arc, Mutex};

use humanbound_sentinel::humanbound::{Error, Fault};
use serde_json::{Value, json};

use super::server::{Reply, json as reply, with_header};
use super::{NOW, Stage, credentials};

const TOKENS: &str = r#"{"access_token":"login-2","expires_in":7200,"refresh_token":"refresh-2"}"#;

#[tokio::test]
async fn a_session_is_renewed_a_minute_before_it_ends() {
    // The file's fraction of a second is below what matters.
    for (seconds, renewed) in [(3600, false), (61, false), (60, true), (0, true), (-86_400, true)] {
        let stage = Stage::with_session(seconds).await;
        if renewed {
            stage.auth0.script([reply(200, TOKENS)]);
            stage.platform.script([reply(200, r#"{"access_token":"session-2"}"#)]);
        }
        stage.platform.script([reply(200, "[]")]);
        stage.client().webhooks().await.unwrap();
        assert_eq!(stage.auth0.seen().len(), usize::from(renewed), "{seconds}");
    }
}

#[tokio::test]
async fn a_renewal_is_what_hb_does_and_keeps_what_it_does_not_know() {
    let stage = Stage::with_session(0).await;
    stage.auth0.script([reply(200, TOKENS)]);
    stage
        .platform
        .script([reply(200, r#"{"data":{"token":"session-2","user":{"email":"x"}}}"#), reply(200, "[]")]);
    stage.client().webhooks().await.unwrap();
    let asked = &stage.auth0.seen()[0];
    assert_eq!(asked.line(), "POST /oauth/token");
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let expected =
        json!({"grant_type": "refresh_token", "client_id": "the-client", "refresh_token": "refresh-1"});
    assert_eq!(body, expected);
    let seen = stage.platform.seen();
    assert_eq!(seen[0].line(), "GET /api/auth");
    assert_eq!(seen[0].header("authorization"), Some("Bearer login-2"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer session-2"));
    let mut expected = credentials(0);
    expected["api_token"] = "session-2".into();
    expected["refresh_token"] = "refresh-2".into();
    expected["expires_at"] = (NOW.unix_timestamp() + 7200).into();
    assert_eq!(stage.read(), expected);
}

#[tokio::test]
async fn a_rotated_token_is_kept_when_the_platform_then_fails() {
    for failure in
        [reply(500, r#"{"message":"down"}"#), reply(401, "{}"), reply(200, "{}"), reply(200, "<html>")]
    {
        let stage = Stage::with_session(0).await;
        stage.auth0.script([reply(200, TOKENS)]);
        stage.platform.script([failure.clone()]);
        stage.client().webhooks().await.unwrap_err();
        let mut expected = credentials(0);
        expected["refresh_token"] = "refresh-2".into();
        assert_eq!(stage.read(), expected, "{failure:?}");
        // The next run goes on from there.
        stage.auth0.script([reply(200, r#"{"access_token":"login-3"}"#)]);
        stage.platform.script([reply(200, r#"{"access_token":"session-3"}"#), reply(200, "[]")]);
        stage.client().webhooks().await.unwrap();
        assert!(stage.auth0.seen()[1].body.contains("refresh-2"));
        assert_eq!(stage.read()["refresh_token"], "refresh-2");
        assert_eq!(stage.read()["expires_at"], NOW.unix_timestamp() + 3600);
    }
}

#[tokio::test]
async fn two_clients_at_once_renew_once() {
    let stage = Stage::with_session(0).await;
    stage.auth0.script([reply(200, TOKENS)]);
    stage.platform.script([reply(200, r#"{"access_token":"session-2"}"#)]);
    stage.platform.script(std::iter::repeat_n(reply(200, "[]"), 4));
    let (one, other) = (stage.client(), stage.client());
    let calls = tokio::join!(one.webhooks(), other.webhooks(), one.webhooks(), other.webhooks());
    for list in [calls.0, calls.1, calls.2, calls.3] {
        assert_eq!(list.unwrap(), []);
    }
    assert_eq!(stage.auth0.seen().len(), 1);
}

#[tokio::test]
async fn a_401_renews_once_and_repeats_the_call() {
    let stage = Stage::with_session(3600).await;
    stage.auth0.script([reply(200, TOKENS)]);
    stage.platform.script([
        reply(401, r#"{"message":"Session revoked"}"#),
        reply(200, r#"{"access_token":"session-2"}"#),
        reply(200, r#"{"delivered":true}"#),
    ]);
    assert_eq!(stage.client().test_webhook("w").await.unwrap().delivered, Some(true));
    let bearers: Vec<_> =
        stage.platform.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(bearers, ["Bearer session-1", "Bearer login-2", "Bearer session-2"]);
}

#[tokio::test]
async fn a_second_401_asks_for_a_login() {
    let stage = Stage::with_session(3600).await;
    stage.auth0.script([reply(200, TOKENS)]);
    stage.platform.script([
        reply(401, "{}"),
        reply(200, r#"{"access_token":"session-2"}"#),
        reply(401, r#"{"message":"revoked"}"#),
    ]);
    let error = stage.client().webhooks().await.unwrap_err();
    assert!(matches!(error, Error::NotLoggedIn { .. }), "{error:?}");
    assert_eq!((error.exit_code(), error.hint().as_str()), (4, "run `hb login`"));
    assert_eq!((stage.platform.seen().len(), stage.auth0.seen().len()), (3, 1));
}

#[tokio::test]
async fn a_401_takes_the_session_that_another_process_renewed() {
    let stage = Stage::with_session(3600).await;
    let client = stage.client();
    let mut renewed = credentials(3600);
    renewed["api_token"] = "session-9".into();
    stage.write(&renewed);
    stage.platform.script([reply(401, "{}"), reply(200, "[]")]);
    client.webhooks().await.unwrap();
    assert_eq!(stage.platform.seen()[1].header("authorization"), Some("Bearer session-9"));
    assert!(stage.auth0.seen().is_empty());
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_is_told_apart_from_a_service_that_is_down() {
    let check = async |answer: Reply| {
        let stage = Stage::with_session(0).await;
        stage.auth0.script([answer]);
        let error = stage.client().webhooks().await.unwrap_err();
        assert_eq!(stage.auth0.seen().len(), 1, "a spent refresh token must not be sent again");
        assert_eq!(stage.read(), credentials(0));
        error
    };
    let error = check(reply(403, r#"{"error":"invalid_grant","error_description":"Unknown token."}"#)).await;
    assert_eq!(
        error.to_string(),
        "not logged in to Humanbound: the login service does not renew the session: Unknown token."
    );
    assert!(matches!(check(reply(429, "{}")).await, Error::Throttled { .. }));
    assert!(matches!(check(reply(503, "{}")).await, Error::Unavailable { status: 503, .. }));
    assert!(matches!(check(reply(200, "{}")).await, Error::OddBody { .. }));
    assert!(matches!(check(Reply::HangUp).await, Error::Unreachable { fault: Fault::Lost, .. }));
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_with_a_session_that_is_not_renewed() {
    let stage = Stage::with_session(0).await;
    stage.auth0.script([with_header(401, "Date: Sat, 28 Nov 2026 14:00:00 GMT", "{}")]);
    let hint = stage.client().webhooks().await.unwrap_err().hint();
    assert_eq!(hint, "set this machine's clock, which is 7200 s behind the platform's, then run `hb login`");
}

#[tokio::test]
async fn a_base_url_without_api_is_no_lost_login() {
    let stage = Stage::with_session(0).await;
    stage.auth0.script([reply(200, TOKENS)]);
    stage.platform.script([reply(404, "{}")]);
    let error = stage.client().webhooks().await.unwrap_err();
    assert!(error.exit_code() == 1 && error.hint().contains("/api"), "{error:?}");
}

#[tokio::test]
async fn the_debug_log_has_the_heads_of_calls_alone() {
    // A place that logs is known from its first event on, and must be known before this thread listens: tests on other
    // threads, which do not listen, would have it switched off.
    let before = Stage::with_key().await;
    before.platform.script([reply(200, "[]")]);
    before.client().webhooks().await.unwrap();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let stage = Stage::with_session(0).await;
    stage.auth0.script([reply(200, TOKENS)]);
    stage
        .platform
        .script([reply(200, r#"{"access_token":"session-2"}"#), reply(404, r#"{"message":"gone"}"#)]);
    stage.client().webhook("w1").await.unwrap_err();
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("method=GET") && said.contains("/webhooks/w1 status=404"), "{said}");
    for secret in ["session-", "refresh-1", "refresh-2", "login-2", "gone", "Bearer"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn without_a_usable_file_a_login_is_asked_for() {
    let stage = Stage::new().await;
    assert_eq!(stage.open().unwrap_err().exit_code(), 4);
    for text in ["", "[]", "{}", "not json", r#"{"api_token":null,"refresh_token":" "}"#] {
        std::fs::create_dir_all(stage.file().parent().unwrap()).unwrap();
        std::fs::write(stage.file(), text).unwrap();
        assert_eq!(stage.open().unwrap_err().exit_code(), 4, "{text}");
    }
    stage.write(&json!({"api_token": "t", "expires_at": 0}));
    let stage = stage.set("HUMANBOUND_ORG_ID", "o");
    let error = stage.client().webhooks().await.unwrap_err();
    assert!(error.to_string().contains("cannot be renewed"), "{error}");
}

#[tokio::test]
async fn no_token_is_ever_shown() {
    let stage = Stage::with_session(0).await;
    let client = stage.client();
    stage.auth0.script([reply(200, TOKENS)]);
    stage.platform.script([reply(500, "{}")]);
    let error = client.webhooks().await.unwrap_err();
    let shown = format!("{client:?} {error:?} {error} {:?}", stage.settings());
    for secret in ["session-1", "refresh-1", "refresh-2", "login-2"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_folder_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::with_session(0).await;
    let folder = stage.file().parent().unwrap().to_owned();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(stage.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    // Whoever reads meanwhile goes on reading the old file: it is replaced and not written into.
    let before = std::fs::File::open(stage.file()).unwrap();
    stage.auth0.script([reply(200, TOKENS)]);
    stage.platform.script([reply(200, r#"{"access_token":"session-2"}"#), reply(200, "[]")]);
    stage.client().webhooks().await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&stage.file()), 0o600);
    assert_eq!(mode(&folder.join("credentials.lock")), 0o600);
    let old: Value = serde_json::from_reader(before).unwrap();
    assert_eq!(old, credentials(0));
    let names = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(names, 2, "something else was left in the folder");
}
