//! The managed identity endpoint of App Service and Functions.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Clock;
use super::answer::Rejection;
use super::fault::{Fault, Faults, Part};
use super::listener::ConnectionHandle;

pub(super) const PATH: &str = "/msi/token";
const API_VERSION: &str = "2019-08-01";

/// Issues tokens and remembers them.
pub(super) struct Identity {
    pub(super) header: String,
    pub(super) client_id: String,
    pub(super) faults: Faults,
    clock: Clock,
    lifetime: Duration,
    tokens: Mutex<HashMap<String, Token>>,
    issued: AtomicU64,
}

#[derive(Debug)]
struct Token {
    audience: String,
    expires: OffsetDateTime,
}

/// The state of a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    Good,
    /// Not issued here, or revoked.
    Unknown,
    Expired,
    WrongAudience,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Identity {
    pub(super) fn new(lifetime: Duration, clock: Clock) -> Self {
        Self {
            header: Uuid::new_v4().simple().to_string(),
            client_id: Uuid::new_v4().to_string(),
            faults: Faults::default(),
            clock,
            lifetime,
            tokens: Mutex::default(),
            issued: AtomicU64::new(0),
        }
    }

    pub(super) fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    pub(super) fn revoke(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn check(&self, token: &str, audience: &str) -> Worth {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.get(token) {
            None => Worth::Unknown,
            Some(token) if token.expires <= (self.clock)() => Worth::Expired,
            Some(token) if token.audience != audience => Worth::WrongAudience,
            Some(_) => Worth::Good,
        }
    }

    /// A JWT without a signature (`alg` none): Azurite's `--oauth basic` looks at its claims only, and the
    /// ingestion endpoint knows it by heart.
    fn issue(&self, resource: &str) -> Value {
        let now = (self.clock)();
        let expires = now + self.lifetime;
        let claims = json!({
            "aud": resource,
            "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp() - 60,
            "exp": expires.unix_timestamp(),
            "appid": self.client_id,
            "oid": self.client_id,
            "jti": Uuid::new_v4(),
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.", encode(&json!({ "alg": "none", "typ": "JWT" })), encode(&claims));
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token.clone(), Token { audience: resource.to_owned(), expires });
        self.issued.fetch_add(1, Ordering::Relaxed);
        json!({
            "access_token": token,
            "client_id": self.client_id,
            "expires_on": expires.unix_timestamp().to_string(),
            "not_before": (now.unix_timestamp() - 60).to_string(),
            "resource": resource,
            "token_type": "Bearer",
        })
    }
}

pub(super) fn router(identity: Arc<Identity>) -> Router {
    Router::new().route(PATH, get(token)).with_state(identity)
}

async fn token(
    State(identity): State<Arc<Identity>>,
    Extension(connection): Extension<ConnectionHandle>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    match identity.faults.take(Part::Head) {
        None => {}
        Some(Fault::Status { code, retry_after }) => {
            return Rejection::injected(code, retry_after).into_response();
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset | Fault::LostAnswer) => connection.reset().await,
        Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
    }
    answer(&identity, &headers, &query)
        .map_or_else(IntoResponse::into_response, |body| Json(body).into_response())
}

fn answer(
    identity: &Identity,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
) -> Result<Value, Rejection> {
    let reject = |status, message: &str| Err(Rejection::new(status, "ManagedIdentityError", message));
    // The header is what keeps a request forged through the application away from the endpoint.
    match headers.get("x-identity-header") {
        None => return reject(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER header is missing."),
        Some(value) if value.as_bytes() != identity.header.as_bytes() => {
            return reject(StatusCode::FORBIDDEN, "The X-IDENTITY-HEADER header is not this app's.");
        }
        Some(_) => {}
    }
    if query.get("api-version").map(String::as_str) != Some(API_VERSION) {
        return reject(StatusCode::BAD_REQUEST, "The api-version must be 2019-08-01.");
    }
    // Without an id App Service means the system-assigned identity, which this app does not have.
    if query.get("client_id") != Some(&identity.client_id) {
        return reject(StatusCode::BAD_REQUEST, "No such managed identity is assigned to the app.");
    }
    match query.get("resource").map(|resource| resource.trim_end_matches('/')) {
        None | Some("") => reject(StatusCode::BAD_REQUEST, "The resource is missing."),
        Some(resource) => Ok(identity.issue(resource)),
    }
}
