//! Every route on one page, and authentication. All requests pass `gate` first.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::routing::{get, post};
use uuid::Uuid;

mod estate;
mod gate;
mod login;
mod webhook;

use super::Service;
use super::answer::Rejection;
use super::options::Organisation;

pub(super) fn router(service: Arc<Service>) -> Router {
    let api = Router::new()
        .route("/auth", get(login::auth))
        .route("/logout", get(login::logout))
        .route("/organisations", get(estate::organisations))
        .route("/projects", get(estate::projects))
        .route("/organisations/{organisation}/webhooks", get(webhook::list).post(webhook::create))
        .route(
            "/organisations/{organisation}/webhooks/{webhook}",
            get(webhook::show).put(webhook::update).delete(webhook::remove),
        )
        .route("/organisations/{organisation}/webhooks/{webhook}/test", post(webhook::test))
        .route("/organisations/{organisation}/webhooks/{webhook}/replay", post(webhook::replay))
        .route("/organisations/{organisation}/webhooks/{webhook}/deliveries", get(webhook::deliveries));
    Router::new()
        .route("/oauth/token", post(login::token))
        .nest("/api", api)
        .fallback(async || Rejection::not_found("Resource"))
        .layer(middleware::from_fn_with_state(service.clone(), gate::gate))
        .with_state(service)
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    Key,
    Session,
}

/// Authenticates an API key or a session.
fn admit(service: &Service, headers: &HeaderMap) -> Result<Credential, Rejection> {
    if let Some(key) = headers.get("x-api-key") {
        let is_known = service.options.api_keys.iter().any(|known| known.as_bytes() == key.as_bytes());
        return if is_known {
            Ok(Credential::Key)
        } else {
            Err(Rejection::new(StatusCode::UNAUTHORIZED, "Invalid API key"))
        };
    }
    let token =
        bearer(headers).ok_or_else(|| Rejection::new(StatusCode::UNAUTHORIZED, "Authentication required"))?;
    service.sessions.check(token)?;
    Ok(Credential::Session)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Authorizes a request for the webhooks of `organisation`, and returns the organisation's id.
fn enter(service: &Service, headers: &HeaderMap, organisation: &str) -> Result<Uuid, Rejection> {
    if admit(service, headers)? == Credential::Key && !service.options.api_keys_reach_webhooks {
        return Err(Rejection::new(StatusCode::FORBIDDEN, "API keys cannot be used for this resource"));
    }
    Ok(find(service, organisation)?.id)
}

/// The organisation of this id, in either case.
fn find<'a>(service: &'a Service, id: &str) -> Result<&'a Organisation, Rejection> {
    let id = Uuid::parse_str(id).ok();
    let mut all = service.options.organisations.iter();
    all.find(|organisation| Some(organisation.id) == id).ok_or_else(|| Rejection::not_found("Organisation"))
}
