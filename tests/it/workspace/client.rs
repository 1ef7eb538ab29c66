//! A bare client of the workspace: nothing between the test and the wire.

use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use humanbound_sentinel::emulator::Workspace;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use std::io::Write as _;

pub const AUDIENCE: &str = "https://monitor.azure.com";

/// A client without proxies, whose calls cannot hang a test.
pub fn http() -> reqwest::Client {
    // The crate's reqwest comes without a TLS provider; that one is set already is no error here.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

/// What the connector's SDK would ask the identity endpoint for.
pub fn token_request(workspace: &Workspace, resource: &str) -> RequestBuilder {
    http()
        .get(format!(
            "{}?api-version=2019-08-01&resource={resource}&client_id={}",
            workspace.identity_endpoint(),
            workspace.client_id()
        ))
        .header("X-IDENTITY-HEADER", workspace.identity_header())
}

/// A token for ingestion.
pub async fn token(workspace: &Workspace) -> String {
    let answer = token_request(workspace, AUDIENCE).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

pub fn url(workspace: &Workspace) -> String {
    format!(
        "{}/dataCollectionRules/{}/streams/{}?api-version=2023-01-01",
        workspace.endpoint(),
        workspace.dcr_immutable_id(),
        workspace.stream()
    )
}

/// A call with everything right about it but the body.
pub async fn call(workspace: &Workspace, body: impl Into<Vec<u8>>) -> RequestBuilder {
    http()
        .post(url(workspace))
        .bearer_auth(token(workspace).await)
        .header("Content-Type", "application/json")
        .body(body.into())
}

/// Sends `rows` and asserts nothing.
pub async fn send(workspace: &Workspace, rows: &Value) -> Response {
    call(workspace, rows.to_string()).await.send().await.unwrap()
}

pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Asserts a rejection in Azure's form.
pub async fn rejected(answer: Response, status: u16, code: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["x-ms-error-code"], code);
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], code);
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
}
