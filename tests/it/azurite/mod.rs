//! Azurite, Microsoft's emulator of Blob storage: over https, with bearer tokens, behind a relay that plays outages.
//!
//! All tests that run at the same time share one process; each has a container and a relay of its own.
//!
//! Of `azure_storage_blob` 1.1.0 and Azurite 3.37.0 this was a surprise (`contract` holds on to it):
//! - `BlobContainerClient::new` takes the container's URL, and wants https as soon as there is a credential.
//! - `if_not_exists()` on the upload options sends `If-None-Match: *`; a blob that is there is 409 `BlobAlreadyExists`.
//! - Listing is `list_blobs(options)?.into_pages()`; at the end `next_marker` is an empty string and not `None`.
//! - A download needs a transport that does not inflate by itself; the body is `response.body.collect().await`.
//! - The error code of Storage is in `ErrorKind::HttpResponse { error_code, .. }`, from the header `x-ms-error-code`.
//! - Azurite looks at a token's claims (`aud`, `iss`, `nbf`, `exp`, and that there is an `iat`), not at its signature.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

mod contract;
mod drains;
mod lease;
mod relay;
mod server;
mod spool;

pub use relay::Fault;

use relay::Relay;
use server::Server;

/// Azurite's only account.
const ACCOUNT: &str = "devstoreaccount1";

/// The version of the REST API that the assertions speak: the first with bearer tokens that is still current
/// (<https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory>).
const API_VERSION: &str = "2021-12-02";

/// A container in a running Azurite.
#[derive(Debug)]
pub struct Azurite {
    container: String,
    relay: Relay,
    client: reqwest::Client,
    server: Arc<Server>,
}

impl Azurite {
    /// A fresh container, or `None` after one line on stderr when Azurite is not installed (`make tools`).
    pub async fn start() -> Option<Azurite> {
        let server = Server::shared().await?;
        let relay = Relay::start(&server.tls, server.port).await;
        let container = format!("spool-{}", Uuid::new_v4().simple());
        let client = server.tls.client();
        let azurite = Azurite { container, relay, client, server };
        let created = azurite.call(Method::PUT, "", "restype=container").send().await.unwrap();
        assert_eq!(created.status(), StatusCode::CREATED, "{:?}", created.text().await);
        Some(azurite)
    }

    /// The container's address for the connector: the setting `SPOOL_CONTAINER_URL`.
    pub fn container_url(&self) -> String {
        format!("https://127.0.0.1:{}/{ACCOUNT}/{}", self.relay.port(), self.container)
    }

    /// The certificate of the authority behind the address: the connector's `SSL_CERT_FILE`.
    pub fn ca_file(&self) -> &Path {
        &self.server.tls.ca_file
    }

    /// A client of this process that trusts the address: rustls with ring, no proxy, nothing inflated.
    pub fn http_client(&self) -> reqwest::Client {
        self.server.tls.client()
    }

    /// Lets every request fail from now on.
    pub async fn set_fault(&self, fault: Fault) {
        self.relay.set(Some(fault)).await;
    }

    /// Lets the next `count` requests fail.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        self.relay.fail_next(count, fault);
    }

    /// Lets every request of `method` fail whose target holds `part`, from now on.
    pub fn fail_on(&self, method: &'static str, part: &str, fault: Fault) {
        self.relay.pick(method, part, fault);
    }

    /// Ends the outage.
    pub async fn heal(&self) {
        self.relay.set(None).await;
    }

    /// Puts the clock of the storage `seconds` ahead of what it was: below 0, back.
    pub fn advance(&self, seconds: i64) {
        self.relay.advance(seconds);
    }

    /// The requests that reached the relay so far, for example `PUT /devstoreaccount1/spool-…/name`.
    pub fn requests(&self) -> Vec<String> {
        self.relay.requests()
    }

    /// The names of the blobs that begin with `prefix`, in order. Sees them whatever the relay is playing.
    pub async fn list(&self, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut marker = String::new();
        loop {
            let query = format!("restype=container&comp=list&prefix={prefix}&marker={marker}");
            let answer = self.call(Method::GET, "", &query).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let text = answer.text().await.unwrap();
            names.extend(elements(&text, "Name"));
            marker = elements(&text, "NextMarker").pop().unwrap_or_default();
            if marker.is_empty() {
                return names;
            }
        }
    }

    /// The content of a blob, if it is there.
    pub async fn get(&self, name: &str) -> Option<Vec<u8>> {
        let answer = self.call(Method::GET, name, "").send().await.unwrap();
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        Some(answer.bytes().await.unwrap().to_vec())
    }

    /// Writes a blob, whether it is there or not.
    pub async fn put(&self, name: &str, content: impl Into<Vec<u8>>) {
        let request =
            self.call(Method::PUT, name, "").header("x-ms-blob-type", "BlockBlob").body(content.into());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "{:?}", answer.text().await);
    }

    /// Deletes a blob that is there.
    pub async fn delete(&self, name: &str) {
        let answer = self.call(Method::DELETE, name, "").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{:?}", answer.text().await);
    }

    /// A request of the assertions' own, past the relay.
    fn call(&self, method: Method, blob: &str, query: &str) -> RequestBuilder {
        let url =
            format!("https://127.0.0.1:{}/{ACCOUNT}/{}/{blob}?{query}", self.server.port, self.container);
        let url = url.trim_end_matches('?').replace("/?", "?");
        self.client
            .request(method, url)
            .header("x-ms-version", API_VERSION)
            .bearer_auth(bearer("https://storage.azure.com", OffsetDateTime::now_utc()))
    }
}

/// A token for `audience`: a JWT without a signature, good for an hour from `now`.
pub fn bearer(audience: &str, now: OffsetDateTime) -> String {
    let claims = json!({
        "aud": audience,
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        "iat": now.unix_timestamp(),
        "nbf": (now - Duration::minutes(1)).unix_timestamp(),
        "exp": (now + Duration::hours(1)).unix_timestamp(),
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.unsigned", encode(&json!({ "alg": "none", "typ": "JWT" })), encode(&claims))
}

/// The texts of the XML elements `name`. Our names have nothing that XML would escape.
fn elements(text: &str, name: &str) -> Vec<String> {
    let tag = format!("<{name}>");
    let parts = text.split(&tag).skip(1);
    parts.filter_map(|part| part.split('<').next()).map(str::to_owned).collect()
}
