//! The managed identity endpoint of App Service.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use humanbound_sentinel::emulator::{Fault, Workspace, WorkspaceOptions};
use serde_json::Value;
use time::macros::datetime;

use super::client::{AUDIENCE, http, rejected, token_request};
use super::{TestClock, start, start_with};

async fn issued(workspace: &Workspace, resource: &str) -> Value {
    let answer = token_request(workspace, resource).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn answers_as_app_service_does() {
    let clock = TestClock::new(datetime!(2026-08-01 12:00 UTC));
    let workspace =
        start_with(WorkspaceOptions { token_lifetime: Duration::from_secs(3600), ..clock.options() }).await;
    let body = issued(&workspace, AUDIENCE).await;
    let expected = datetime!(2026-08-01 13:00 UTC).unix_timestamp();
    assert_eq!(body["expires_on"], expected.to_string(), "a string: azure_identity rejects a number");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["resource"], AUDIENCE);
    assert_eq!(body["client_id"], workspace.client_id());
    assert_eq!(workspace.tokens_issued(), 1);
}

#[tokio::test]
async fn issues_unsigned_tokens_with_the_claims_that_azurite_reads() {
    let workspace = start().await;
    let body = issued(&workspace, "https://storage.azure.com/").await;
    let parts: Vec<_> = body["access_token"].as_str().unwrap().split('.').map(str::to_owned).collect();
    let [head, claims, signature] = parts.as_slice() else { panic!("{parts:?}") };
    let decode =
        |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    assert_eq!(decode(head)["alg"], "none");
    assert_eq!(signature, "");
    let claims = decode(claims);
    assert_eq!(claims["aud"], "https://storage.azure.com");
    assert!(claims["iss"].as_str().unwrap().starts_with("https://sts.windows.net/"));
    assert!(claims["nbf"].as_i64().unwrap() < claims["exp"].as_i64().unwrap());
}

#[tokio::test]
async fn rejects_what_is_not_asked_as_the_app_would_ask() {
    let workspace = start().await;
    let code = "ManagedIdentityError";
    let url = |query: &str| format!("{}?{query}", workspace.identity_endpoint());
    let good = format!("api-version=2019-08-01&resource={AUDIENCE}&client_id={}", workspace.client_id());
    rejected(http().get(url(&good)).send().await.unwrap(), 401, code).await;
    let forged = http().get(url(&good)).header("X-IDENTITY-HEADER", "guess");
    rejected(forged.send().await.unwrap(), 403, code).await;
    for query in [
        good.replace("2019-08-01", "2017-09-01"),
        good.replace(workspace.client_id(), "00000000-0000-0000-0000-000000000000"),
        good.replace("client_id", "object"),
        good.replace("resource", "scope"),
    ] {
        let request = http().get(url(&query)).header("X-IDENTITY-HEADER", workspace.identity_header());
        rejected(request.send().await.unwrap(), 400, code).await;
    }
    assert_eq!(workspace.tokens_issued(), 0);
}

#[tokio::test]
async fn fails_on_request() {
    let workspace = start().await;
    workspace.set_identity_fault(Fault::status(500));
    rejected(token_request(&workspace, AUDIENCE).send().await.unwrap(), 500, "InternalServerError").await;
    workspace.set_identity_fault(Fault::Reset.next(1));
    token_request(&workspace, AUDIENCE).send().await.unwrap_err();
    issued(&workspace, AUDIENCE).await;
    workspace.set_identity_fault(Fault::Hang);
    let hung = token_request(&workspace, AUDIENCE).timeout(Duration::from_millis(200)).send().await;
    assert!(hung.unwrap_err().is_timeout());
    workspace.clear_identity_fault();
    issued(&workspace, AUDIENCE).await;
}
