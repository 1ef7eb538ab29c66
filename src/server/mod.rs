//! The custom handler: what the Functions host reaches on 127.0.0.1.
//!
//! All routes and the whole middleware stack are on this page. Answers to the sender are in `answer`, and only there:
//! they say nothing that an outsider could use.

mod assemble;
mod log;
mod process;

mod listen;

mod answer;
mod body;
mod drain;
mod fallback;
mod health;
mod ingest;
mod log_throttle;
mod rejections;
mod stats;
mod status;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::ALLOW;
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use time::OffsetDateTime;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use body::UnverifiedBudget;
use rejections::Rejections;

use crate::config::Problem;
use crate::delivery::Delivery;
use crate::delivery::dedup::DedupCache;
use crate::delivery::drain::Drain;
use crate::signature::Secret;

pub use process::main;
pub use stats::{Names, StatsReporter};

/// What the handlers work with.
struct App {
    /// The secrets that a signature may be made with.
    secrets: Vec<Secret>,
    /// The largest body in bytes, as sent and inflated.
    max_body_bytes: usize,
    /// From the last body byte to the answer.
    ack_deadline: Duration,
    /// Why events cannot be taken; empty when all is well.
    problems: Vec<Problem>,
    /// What an operator should know besides.
    notes: Vec<Problem>,
    /// The way to Azure Monitor and the spool.
    delivery: Delivery,
    /// What is known of bodies.
    dedup: Arc<DedupCache>,
    /// The drain of the spool.
    drain: Drain,
    /// Bytes in memory whose signature is not verified yet.
    unverified: UnverifiedBudget,
    /// Rejected signatures that the log has yet to tell.
    rejections: Rejections,
    /// Which instance of the app this is.
    instance: String,
    /// The app's name in Azure; empty elsewhere.
    site: String,
    /// When it started.
    started: OffsetDateTime,
}

/// Every route but that of events, which [`is_event`] tells and `listen` calls itself: it is nearly all there is, and the
/// router's way to a handler costs a tenth of an event. The public ones carry the prefix `/api`; `/drain` has none, so that no outsider can address it: the
/// host forwards public paths as they are, and `host.json` keeps its route prefix.
fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/api/ingest", any(|| async { (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]) }))
        .route("/api/health", get(health::health))
        .route("/api/status", get(status::status))
        .route("/drain", post(drain::drain))
        // The host's readiness probe: any answer will do, at once and without side effects.
        .route("/", get(|| async { "ok" }))
        .fallback(unknown_path)
        .with_state(app);
    guard(routes)
}

/// Whether a request is an event.
fn is_event<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && request.uri().path() == "/api/ingest"
}

/// The path as the host matches its routes: whatever the case of its letters, and with one slash at the end or none.
/// <https://learn.microsoft.com/aspnet/core/fundamentals/routing#url-matching>
fn as_routed<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path();
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    if path.len() != request.uri().path().len() || path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let path = path.to_ascii_lowercase();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// A path that the host routes to us and that we do not know: the sender of an event would be lost without a word.
async fn unknown_path(State(app): State<Arc<App>>, uri: Uri) -> Response {
    app.delivery.parts().counters.unknown_path();
    app.rejections.path(uri.path(), Instant::now());
    answer::and_close(StatusCode::NOT_FOUND.into_response())
}

/// The middleware, outermost last: a panic in one request ends that request with 503, so that the sender tries again.
pub fn guard(routes: Router) -> Router {
    routes.layer(CatchPanicLayer::custom(panicked))
}

fn panicked(_cause: Box<dyn Any + Send>) -> Response {
    // The binary's panic hook has said where; the cause may hold a part of an event, which is not for the log.
    answer::unavailable()
}
