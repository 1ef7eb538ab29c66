//! Logging in again and out: `/oauth/token` is Auth0's, the rest the platform's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Service;
use super::super::answer::Rejection;
use super::{admit, bearer};

#[derive(Deserialize)]
struct Redemption {
    grant_type: String,
    client_id: String,
    refresh_token: String,
}

/// Auth0's token endpoint, for the one grant that the client uses without a browser.
/// <https://auth0.com/docs/api/authentication/refresh-token/refresh-token>
pub(super) async fn token(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    let reject = |status, error: &str, description: &str| {
        (status, Json(json!({ "error": error, "error_description": description }))).into_response()
    };
    let Ok(grant) = serde_json::from_slice::<Redemption>(&body) else {
        let description = "grant_type, client_id and refresh_token are required";
        return reject(StatusCode::BAD_REQUEST, "invalid_request", description);
    };
    if grant.grant_type != "refresh_token" {
        return reject(StatusCode::FORBIDDEN, "unsupported_grant_type", "Unsupported grant type");
    }
    if grant.client_id.is_empty() {
        return reject(StatusCode::UNAUTHORIZED, "invalid_client", "Unknown client");
    }
    match service.sessions.refresh(&grant.refresh_token) {
        None => reject(StatusCode::FORBIDDEN, "invalid_grant", "Unknown or invalid refresh token."),
        Some(tokens) => Json(json!({
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "expires_in": tokens.expires_in,
            "token_type": "Bearer",
        }))
        .into_response(),
    }
}

/// A session for one of Auth0's tokens.
pub(super) async fn auth(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Rejection> {
    let session = bearer(&headers).and_then(|token| service.sessions.open(token));
    let session = session.ok_or_else(|| Rejection::new(StatusCode::UNAUTHORIZED, "Invalid token"))?;
    let organisation = service.options.organisations.first().map(|organisation| organisation.id);
    Ok(Json(json!({
        "access_token": session,
        "user": {
            "username": "alice",
            "email": "alice@acme.example",
            "default_organisation_id": organisation,
        },
    })))
}

/// Ends all sessions of the user.
pub(super) async fn logout(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Rejection> {
    admit(&service, &headers)?;
    service.sessions.revoke();
    Ok(Json(json!({ "message": "Logged out" })))
}
