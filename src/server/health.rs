//! `GET /api/health`: for probes from outside, from memory, with nothing an outsider could use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::App;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    Json(Health { status: state(&app), version: env!("CARGO_PKG_VERSION") })
}

/// `misconfigured` when no event can be taken; `degraded` when the last push or spool write failed.
pub(super) fn state(app: &App) -> &'static str {
    if !app.problems.is_empty() {
        return "misconfigured";
    }
    let last = app.delivery.parts().counters.last();
    let newer = |fault: &crate::counters::Fault| last.success.is_none_or(|at| at < fault.at);
    if last.push_fault.as_ref().is_some_and(newer) || last.spool_fault.as_ref().is_some_and(newer) {
        "degraded"
    } else {
        "ok"
    }
}
