//! What the environment and the credentials file decide before the first call.

use humanbound_sentinel::config::{self, Env};
use humanbound_sentinel::humanbound::{Client, LoginMode};
use time::macros::datetime;

use super::{ORGANISATION, Stage, credentials};

#[test]
fn defaults_are_those_of_hb() {
    let settings = config::platform(&Env::from([("HUMANBOUND_API_KEY", " "), ("HUMANBOUND_BASE_URL", "")]));
    assert_eq!((settings.api_key, settings.base_url, settings.organisation), (None, None, None));
    assert_eq!(settings.auth0.domain, "aiandme.eu.auth0.com");
    assert_eq!(settings.auth0.client_id, "QZ5RlpOP6jJ9oemarOFkeDal2qKCHAnp");
    assert_eq!(settings.auth0.audience, "https://api.aiandme.io/api");
    assert!(settings.proxy.https.is_none());
}

#[tokio::test]
async fn a_key_needs_an_organisation_and_leaves_the_file_alone() {
    let stage = Stage::new().await.set("HUMANBOUND_API_KEY", "hb_key");
    std::fs::create_dir_all(stage.file()).unwrap();
    let error = stage.open().unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.hint().contains("HUMANBOUND_ORG_ID"));
    let client = Client::open(&stage.settings(), Some("o"), stage.timing()).unwrap();
    assert_eq!(client.organisation().unwrap(), "o");
    assert_eq!(client.login_mode().await, LoginMode::Key);
}

#[tokio::test]
async fn the_organisation_comes_from_the_caller_then_the_environment_then_the_file() {
    let stage = Stage::with_session(3600).await;
    assert_eq!(stage.client().organisation().unwrap(), ORGANISATION);
    let ends = datetime!(2026-11-28 13:00 UTC);
    assert_eq!(stage.client().login_mode().await, LoginMode::Session { expires_at: Some(ends) });
    let stage = stage.set("HUMANBOUND_ORG_ID", "of the environment");
    assert_eq!(stage.client().organisation().unwrap(), "of the environment");
    let client = Client::open(&stage.settings(), Some("of the caller"), stage.timing()).unwrap();
    assert_eq!(client.organisation().unwrap(), "of the caller");
    let mut none = credentials(3600);
    none["organisation_id"] = serde_json::Value::Null;
    stage.write(&none);
    let stage = stage.set("HUMANBOUND_ORG_ID", "");
    let error = stage.client().webhooks().await.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (2, "no organisation is selected"));
}

#[tokio::test]
async fn the_base_url_comes_from_the_environment_then_the_file_then_the_default() {
    let stage = Stage::with_session(3600).await.set("HUMANBOUND_BASE_URL", "");
    let mut file = credentials(3600);
    file["base_url"] = "https://hb.acme.example/api/".into();
    stage.write(&file);
    assert_eq!(stage.client().base_url().as_str(), "https://hb.acme.example/api");
    file["base_url"] = serde_json::Value::Null;
    stage.write(&file);
    assert_eq!(stage.client().base_url().as_str(), "https://api.humanbound.ai/api");
    let stage = stage.set("HUMANBOUND_BASE_URL", "https://other.example/x/api//");
    assert_eq!(stage.client().base_url().as_str(), "https://other.example/x/api");
}

#[tokio::test]
async fn a_base_url_that_cannot_be_trusted_is_named() {
    let stage = Stage::with_key().await;
    for (url, usable) in [
        ("http://127.0.0.1:7071/api", true),
        ("http://[::1]:7071/api", true),
        ("http://localhost/api", true),
        ("http://api.humanbound.ai/api", false),
        ("http://127.0.0.1.evil.example/api", false),
        ("http://0.0.0.0/api", false),
        ("https://u:p4ss@api.humanbound.ai/api", false),
        ("https://api.humanbound.ai/api?x=1", false),
        ("ftp://api.humanbound.ai/api", false),
        ("api.humanbound.ai/api", false),
        ("https://", false),
    ] {
        let mut settings = stage.settings();
        settings.base_url = Some(url.to_owned());
        let opened = Client::open(&settings, None, stage.timing());
        assert_eq!(opened.is_ok(), usable, "{url}");
        if let Err(error) = opened {
            assert_eq!(error.exit_code(), 2);
            let told = error.to_string();
            assert!(told.contains("HUMANBOUND_BASE_URL") && !told.contains("p4ss"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_file_of_certificates_that_is_none_is_named() {
    let stage = Stage::with_key().await;
    let missing = stage.home.path().join("missing.pem");
    let stage = stage.set("SSL_CERT_FILE", missing.display().to_string());
    let error = stage.open().unwrap_err();
    assert!(error.to_string().contains("missing.pem") && error.hint().contains("SSL_CERT_FILE"));
}
