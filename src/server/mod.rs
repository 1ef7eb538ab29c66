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
use axum::response::Response;
use axum::routing::{get, post};
use time::OffsetDateTime;
use tower_http::catch_panic::CatchPanicLayer;

use body::UnverifiedBudget;
use rejections::Rejections;

use crate::config::Problem;
use crate::delivery::Delivery;
use crate::delivery::dedup::DedupCache;
use crate::delivery::drain::Drain;
use crate::signature::Secret;

pub use process::main;
pub use stats::StatsReporter;

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
    /// When it started.
    started: OffsetDateTime,
}

/// Every route. The public ones carry the prefix `/api`; `/drain` has none, so that no outsider can address it: the
/// host forwards public paths as they are, and `host.json` keeps its route prefix.
fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/api/ingest", post(ingest::ingest))
        .route("/api/health", get(health::health))
        .route("/api/status", get(status::status))
        .route("/drain", post(drain::drain))
        // The host's readiness probe: any answer will do, at once and without side effects.
        .route("/", get(|| async { "ok" }))
        .with_state(app);
    guard(routes)
}

/// The middleware, outermost last: a panic in one request ends that request with 503, so that the sender tries again.
pub fn guard(routes: Router) -> Router {
    routes.layer(CatchPanicLayer::custom(panicked))
}

fn panicked(_cause: Box<dyn Any + Send>) -> Response {
    // The binary's panic hook has said where; the cause may hold a part of an event, which is not for the log.
    answer::unavailable()
}
