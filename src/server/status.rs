//! `GET /api/status`: for the operator, behind a function key. Says what is wrong and what to do about it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{App, health};
use crate::config::Problem;
use crate::counters::{Counts, Fault};

/// The spool is read from storage; a storage service that hangs must not hang the status.
const SPOOL_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Serialize)]
pub(super) struct Status {
    #[serde(rename = "status")]
    state: &'static str,
    version: &'static str,
    instance: String,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    counters: Counts,
    last_success: Option<String>,
    last_error: Option<Fault>,
    spool: Value,
    identity: &'static str,
    problems: Vec<Value>,
    notes: Vec<Value>,
}

pub(super) async fn status(State(app): State<Arc<App>>) -> Json<Status> {
    let parts = app.delivery.parts();
    let last = parts.counters.last();
    let last_error = match (last.push_fault, last.spool_fault) {
        (Some(push), Some(spool)) => Some(if push.at >= spool.at { push } else { spool }),
        (push, spool) => push.or(spool),
    };
    let identity = match &parts.ingestion {
        None => "not configured",
        Some(ingestion) if ingestion.has_token() => "has a token",
        Some(_) => "no token yet",
    };
    Json(Status {
        state: health::state(&app),
        version: env!("CARGO_PKG_VERSION"),
        instance: app.instance.clone(),
        since: app.started,
        counters: parts.counters.counts(),
        last_success: last.success.and_then(|at| at.format(&Rfc3339).ok()),
        last_error,
        spool: spool(&app).await,
        identity,
        problems: app.problems.iter().map(problem).collect(),
        notes: app.notes.iter().map(problem).collect(),
    })
}

fn problem(problem: &Problem) -> Value {
    json!({ "setting": problem.setting, "message": problem.message, "hint": problem.hint })
}

async fn spool(app: &Arc<App>) -> Value {
    let asked = Arc::clone(app);
    let told = app.delivery.spawn(async move { depth(&asked).await });
    told.await.unwrap_or_else(|_| json!({ "error": "the spool could not be read" }))
}

async fn depth(app: &App) -> Value {
    let Some(store) = &app.delivery.parts().store else { return json!({ "error": "not configured" }) };
    match tokio::time::timeout(SPOOL_TIMEOUT, app.drain.depth(store)).await {
        Ok(Ok((depth, as_of))) => {
            let mut told = json!(depth);
            if let Some(members) = told.as_object_mut() {
                members.insert("as_of".to_owned(), json!(as_of.format(&Rfc3339).ok()));
            }
            told
        }
        Ok(Err(error)) => json!({ "error": error.to_string(), "hint": error.hint() }),
        Err(_) => json!({ "error": "the spool did not answer in time" }),
    }
}
