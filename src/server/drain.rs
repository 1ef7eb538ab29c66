//! `POST /drain`: the host's timer. Not reachable from outside, and rejected should it ever be.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::App;
use crate::delivery::drain::{Report, Trigger};

pub(super) async fn drain(State(app): State<Arc<App>>, headers: HeaderMap, payload: Bytes) -> Response {
    // The host's own calls carry none; what its proxy forwards does.
    if headers.keys().any(|name| name.as_str().starts_with("x-forwarded-")) {
        return StatusCode::NOT_FOUND.into_response();
    }
    app.drain.timer_fired();
    // In a task of its own: a run is not to end half-way because a connection did.
    let trigger = Trigger::Timer(last_run(&payload));
    let kept = Arc::clone(&app);
    let run = app.delivery.spawn(async move { kept.drain.run(OffsetDateTime::now_utc(), trigger).await });
    let log = match run.await {
        Ok(Some(report)) => summary(&report),
        Ok(None) => "another run is under way".to_owned(),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    // A 2xx without a JSON object would hang the invocation until the host's time-out.
    Json(json!({ "Outputs": {}, "Logs": [log], "ReturnValue": null })).into_response()
}

/// When the timer fired before: `Data.<binding>.ScheduleStatus.Last`; the year 1 stands for never.
fn last_run(payload: &[u8]) -> Option<OffsetDateTime> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let timers = payload.get("Data")?.as_object()?;
    let last = timers.values().find_map(|timer| timer.pointer("/ScheduleStatus/Last")?.as_str())?;
    let last = OffsetDateTime::parse(last, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{last}Z"), &Rfc3339))
        .ok()?;
    (last.year() > 1).then_some(last)
}

fn summary(report: &Report) -> String {
    let mut text = format!("drained {} rows in {} calls", report.rows, report.calls);
    if report.dead_lettered > 0 {
        write!(text, ", dead-lettered {}", report.dead_lettered).ok();
    }
    if let Some(depth) = report.depth {
        let more = if depth.more { "at least " } else { "" };
        write!(text, "; {more}{} blobs wait, the oldest for {} s", depth.blobs, depth.oldest_s).ok();
    }
    if let Some(stop) = &report.stop {
        write!(text, "; stopped: {stop}").ok();
    }
    text
}
