//! One call of the Logs Ingestion API, from its head to its answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use tokio::time::Instant;

use super::answer::Rejection;
use super::body::{inflate, parse, too_large};
use super::fault::{Fault, Part};
use super::ingestion::Ingestion;
use super::listener::ConnectionHandle;
use super::store::Kept;
use super::tally::Recorded;

/// Bodies are read up to this many times the limit, so that the caller gets to see its 413.
const READ_FACTOR: usize = 16;
/// The most by which Tokio's timers are late.
const COARSE: Duration = Duration::from_millis(2);

pub(super) fn router(ingestion: Arc<Ingestion>) -> Router {
    Router::new()
        .route("/dataCollectionRules/{id}/streams/{stream}", post(call))
        .fallback(async || {
            Rejection::new(StatusCode::NOT_FOUND, "NotFound", "There is nothing at this path.")
        })
        .with_state(ingestion)
}

/// How a call ends.
#[derive(Debug)]
enum Outcome {
    /// With an answer, `late` after the usual latency.
    Answer { result: Result<(), Rejection>, late: Duration },
    /// Never.
    Hang,
    /// With a reset connection.
    Reset,
}

async fn call(
    State(ingestion): State<Arc<Ingestion>>,
    Path(path): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    Extension(connection): Extension<ConnectionHandle>,
    request: Request,
) -> Response {
    let due = Instant::now() + ingestion.latency();
    let (head, body) = request.into_parts();
    let mut record = Recorded {
        at: ingestion.now(),
        target: head.uri.to_string(),
        headers: without_token(head.headers.clone()),
        wire_bytes: 0,
        body_bytes: 0,
        rows: 0,
        status: None,
    };
    let outcome = outcome(&ingestion, &head, &path, &query, body, &mut record).await;
    if let Outcome::Answer { result, .. } = &outcome {
        let status = result.as_ref().map_or_else(|rejection| rejection.status, |()| StatusCode::NO_CONTENT);
        record.status = Some(status.as_u16());
    }
    ingestion.tally.add(record);
    match outcome {
        Outcome::Answer { result, late } => {
            exactly_until(due + late).await;
            result.map_or_else(IntoResponse::into_response, |()| StatusCode::NO_CONTENT.into_response())
        }
        Outcome::Hang => std::future::pending().await,
        Outcome::Reset => connection.reset().await,
    }
}

async fn outcome(
    ingestion: &Ingestion,
    head: &Parts,
    (dcr, stream): &(String, String),
    query: &HashMap<String, String>,
    body: Body,
    record: &mut Recorded,
) -> Outcome {
    let fault = ingestion.faults.take(Part::Head);
    if fault == Some(Fault::Reset) {
        return Outcome::Reset;
    }
    let Ok(bytes) = axum::body::to_bytes(body, ingestion.body_limit * READ_FACTOR).await else {
        return finish(fault.as_ref(), Err(too_large()));
    };
    record.wire_bytes = bytes.len();
    if let Some(end) = end(fault.as_ref()) {
        return end;
    }
    let admitted = ingestion
        .authorize(&head.headers)
        .and_then(|()| ingestion.route(dcr, stream, query))
        .and_then(|()| ingestion.admit())
        .and_then(|()| open(ingestion, &head.headers, bytes, record));
    let body = match admitted {
        Ok(Some(body)) => body,
        Ok(None) => return finish(fault.as_ref(), Ok(())),
        Err(rejection) => return finish(fault.as_ref(), Err(rejection)),
    };
    let marked = ingestion.faults.take(Part::Body(&body));
    if let Some(end) = end(marked.as_ref()) {
        return end;
    }
    let stored = store(ingestion, &body, record).await;
    finish(fault.or(marked).as_ref(), stored)
}

/// How a fault ends a call before its rows are stored.
fn end(fault: Option<&Fault>) -> Option<Outcome> {
    match fault? {
        Fault::Status { code, retry_after } => {
            let rejection = Rejection::injected(*code, retry_after.clone());
            Some(Outcome::Answer { result: Err(rejection), late: Duration::ZERO })
        }
        Fault::Hang => Some(Outcome::Hang),
        Fault::Reset => Some(Outcome::Reset),
        Fault::LostAnswer | Fault::Slow(_) => None,
    }
}

/// How a fault changes the end of a finished call.
fn finish(fault: Option<&Fault>, result: Result<(), Rejection>) -> Outcome {
    match fault {
        Some(Fault::LostAnswer) => Outcome::Reset,
        Some(Fault::Slow(late)) => Outcome::Answer { result, late: *late },
        _ => Outcome::Answer { result, late: Duration::ZERO },
    }
}

/// The inflated body, or `None` when the store keeps bodies as they come.
fn open(
    ingestion: &Ingestion,
    headers: &HeaderMap,
    bytes: Bytes,
    record: &mut Recorded,
) -> Result<Option<Bytes>, Rejection> {
    let gzip = is_gzip(headers)?;
    if bytes.len() > ingestion.body_limit {
        return Err(too_large());
    }
    if !ingestion.store.looks_inside() {
        ingestion.store.keep(Kept { body: bytes, gzip, received: record.at });
        return Ok(None);
    }
    let body = inflate(&bytes, gzip, ingestion.body_limit)?;
    record.body_bytes = body.len();
    Ok(Some(body))
}

async fn store(ingestion: &Ingestion, body: &[u8], record: &mut Recorded) -> Result<(), Rejection> {
    let rows = parse(body, ingestion.body_limit)?;
    record.rows = rows.len();
    let lines = ingestion.shape(rows, record.at);
    ingestion.store.append(lines).await.map_err(|error| {
        Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", error.to_string())
    })
}

/// Whether the body is compressed, after a look at its type.
fn is_gzip(headers: &HeaderMap) -> Result<bool, Rejection> {
    let unsupported =
        |message| Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message));
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return unsupported("The content type must be application/json.");
    }
    match text(header::CONTENT_ENCODING).trim() {
        "" => Ok(false),
        encoding if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
        _ => unsupported("The content encoding must be gzip."),
    }
}

fn without_token(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(header::AUTHORIZATION);
    headers
}

/// Sleeps until exactly `due`; Tokio's timers are a millisecond or two late, which would distort the benchmarks' latency.
async fn exactly_until(due: Instant) {
    tokio::time::sleep_until(due.checked_sub(COARSE).unwrap_or(due)).await;
    let rest = due.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        // It cannot be cancelled and does not panic.
        drop(tokio::task::spawn_blocking(move || std::thread::sleep(rest)).await);
    }
}
