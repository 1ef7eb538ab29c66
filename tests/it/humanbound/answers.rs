//! What each status becomes, and what of a body is shown.

use std::time::Duration;

use humanbound_sentinel::humanbound::{Error, Replay};

use super::Stage;
use super::server::{json, with_header};

/// The name of an error's variant.
fn kind(error: &Error) -> String {
    format!("{error:?}").split([' ', '(', '{']).next().unwrap().to_owned()
}

#[tokio::test]
async fn every_status_has_its_error() {
    for (status, body, for_get, for_post) in [
        (301, "", "Redirected", "Redirected"),
        (307, "", "Redirected", "Redirected"),
        (400, "{}", "Invalid", "Invalid"),
        (401, "{}", "KeyNotAccepted", "KeyNotAccepted"),
        (403, "{}", "KeyNotAccepted", "KeyNotAccepted"),
        (404, "{}", "NotFound", "NotFound"),
        (405, "{}", "Invalid", "Invalid"),
        (408, "{}", "Invalid", "Unclear"),
        (409, "{}", "Conflict", "Conflict"),
        (409, r#"{"message":"Webhook limit reached"}"#, "LimitReached", "LimitReached"),
        (422, r#"{"message":"Invalid","errors":["x"]}"#, "Invalid", "Invalid"),
        (422, r#"{"errors":["Webhook limit reached"]}"#, "LimitReached", "LimitReached"),
        (429, "{}", "Throttled", "Throttled"),
        (500, "{}", "Unavailable", "Unclear"),
        (502, "{}", "Unavailable", "Unclear"),
        (503, "{}", "Unavailable", "Unclear"),
        (504, "{}", "Unavailable", "Unclear"),
    ] {
        let stage = Stage::with_key().await;
        let client = stage.client();
        stage.platform.script(std::iter::repeat_n(json(status, body), 5));
        let error = client.webhooks().await.unwrap_err();
        assert_eq!(kind(&error), for_get, "GET {status}");
        assert!(!error.hint().is_empty() && error.exit_code() == 1);
        let before = stage.platform.seen().len();
        let error = client.replay("w", &Replay::default()).await.unwrap_err();
        assert_eq!(kind(&error), for_post, "POST {status}");
        assert_eq!(stage.platform.seen().len(), before + 1, "a POST of {status} was repeated");
    }
}

#[tokio::test]
async fn a_session_that_lacks_a_role_is_forbidden() {
    let stage = Stage::with_session(3600).await;
    stage.platform.script([json(403, r#"{"message":"Forbidden"}"#)]);
    let error = stage.client().webhooks().await.unwrap_err();
    assert_eq!(error.to_string(), "the platform forbids this: Forbidden");
}

#[tokio::test]
async fn a_key_that_is_not_accepted_names_the_way_out() {
    let stage = Stage::with_key().await;
    stage.platform.script([json(401, r#"{"message":"nope"}"#)]);
    let error = stage.client().webhooks().await.unwrap_err();
    assert_eq!(error.to_string(), "the platform does not accept the API key here (401): nope");
    assert!(error.hint().contains("unset `HUMANBOUND_API_KEY` and run `hb login`"));
    assert_eq!(stage.platform.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let stage = Stage::with_key().await;
    let elsewhere = format!("Location: http://127.0.0.1:{}/elsewhere", stage.platform.port);
    stage.platform.script([with_header(302, &elsewhere, "")]);
    let error = stage.client().webhooks().await.unwrap_err();
    assert!(error.hint().contains("end in `/api`"), "{}", error.hint());
    assert_eq!(stage.platform.seen().len(), 1);
}

#[tokio::test]
async fn the_words_are_the_first_that_say_something() {
    let long = "ä".repeat(300);
    for (body, words) in [
        (r#"{"message":"m","detail":"d"}"#, "m"),
        (r#"{"message":" ","detail":"d"}"#, "d"),
        (r#"{"detail":[{"msg":"field required","loc":["body"]},"x"]}"#, "field required; x"),
        (r#"{"error":"invalid","error_description":"e"}"#, "e"),
        (r#"{"errors":["a",{"message":"b"}]}"#, "a; b"),
        (r#"{"message":"a\u001b[31m\nb"}"#, "a[31m b"),
        ("", "Bad Request"),
        ("plain\r\n  text\u{7}", "plain text"),
        (r#"["list"]"#, r#"["list"]"#),
        (long.as_str(), &"ä".repeat(200)),
    ] {
        let stage = Stage::with_key().await;
        stage.platform.script([json(400, body)]);
        let error = stage.client().webhooks().await.unwrap_err();
        assert_eq!(error.to_string(), format!("the platform rejected the request (400): {words}"));
    }
}

#[tokio::test]
async fn odd_bodies_are_errors_and_no_empty_lists() {
    for body in
        ["", "null", "7", "<html>Sign in</html>", "{}", r#"{"data":null}"#, "[1]", r#"[{"name":"n"}]"#]
    {
        let stage = Stage::with_key().await;
        stage.platform.script([json(200, body)]);
        let error = stage.client().webhooks().await.unwrap_err();
        assert_eq!(kind(&error), "OddBody", "{body}");
        assert!(error.hint().contains("/api"));
    }
    let stage = Stage::with_key().await;
    stage.platform.script([json(200, "[]")]);
    assert_eq!(stage.client().webhooks().await.unwrap(), []);
}

#[tokio::test]
async fn a_throttled_post_says_how_long() {
    let stage = Stage::with_key().await;
    stage.platform.script([with_header(429, "Retry-After: 17", "")]);
    let error = stage.client().replay("w", &Replay::default()).await.unwrap_err();
    assert!(
        matches!(error, Error::Throttled { retry_after: Some(wait), .. } if wait == Duration::from_secs(17))
    );
    assert_eq!(error.hint(), "try again in 17 s");
}
