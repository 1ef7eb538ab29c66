//! The state of the Logs Ingestion API and its checks: token, role, address, throttling.
//! <https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview>

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::answer::Rejection;
use super::body::{inflate, parse};
use super::fault::Faults;
use super::identity::{Identity, Worth};
use super::store::Rows;
use super::table::{Adjustments, Columns};
use super::tally::Tally;
use super::{Clock, Error, WorkspaceOptions};

/// The audience of a token for ingestion in the public cloud.
const AUDIENCE: &str = "https://monitor.azure.com";
/// The only stable version.
/// <https://github.com/Azure/azure-rest-api-specs/tree/main/specification/monitor/data-plane/ingestion/stable>
const API_VERSION: &str = "2023-01-01";
/// At most `calls` calls in a window of `per`, which begins with its first call; beyond it 429 with
/// `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Calls accepted in a window.
    pub calls: u32,
    /// The length of the window.
    pub per: Duration,
}

/// The endpoint's state.
pub(super) struct Ingestion {
    pub(super) dcr: String,
    pub(super) stream: &'static str,
    pub(super) faults: Faults,
    pub(super) store: Rows,
    pub(super) tally: Tally,
    identity: Arc<Identity>,
    columns: Columns,
    adjustments: Mutex<Adjustments>,
    throttle: Option<Throttle>,
    window: Mutex<Option<(Instant, u32)>>,
    pub(super) body_limit: usize,
    latency_micros: AtomicU64,
    role_assigned: AtomicBool,
    clock: Clock,
}

impl std::fmt::Debug for Ingestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingestion")
            .field("dcr", &self.dcr)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl Ingestion {
    pub(super) fn new(
        stream: &'static str,
        identity: Arc<Identity>,
        options: &WorkspaceOptions,
    ) -> Result<Self, Error> {
        let ingestion = Self {
            dcr: format!("dcr-{}", Uuid::new_v4().simple()),
            stream,
            faults: Faults::default(),
            store: Rows::open(&options.store)?,
            tally: Tally::new(options.recorded_limit),
            identity,
            columns: Columns::load()?,
            adjustments: Mutex::default(),
            throttle: options.throttle,
            window: Mutex::default(),
            body_limit: options.body_limit,
            latency_micros: AtomicU64::new(0),
            role_assigned: AtomicBool::new(true),
            clock: options.clock.clone(),
        };
        ingestion.set_latency(options.latency);
        Ok(ingestion)
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.store(micros, Ordering::Relaxed);
    }

    pub(super) fn set_role_assigned(&self, assigned: bool) {
        self.role_assigned.store(assigned, Ordering::Relaxed);
    }

    pub(super) fn adjustments(&self) -> Adjustments {
        self.adjustments.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency_micros.load(Ordering::Relaxed))
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// The stored form of `rows`; what had to be changed is counted.
    pub(super) fn shape(&self, rows: Vec<Map<String, Value>>, received: OffsetDateTime) -> Vec<String> {
        let mut seen = self.adjustments.lock().unwrap_or_else(PoisonError::into_inner);
        rows.into_iter().map(|row| self.columns.shape(row, received, &mut seen)).collect()
    }

    /// Every row, read back from the store or from the bodies it kept.
    pub(super) async fn rows(&self) -> Result<Vec<Value>, Error> {
        let mut lines = Vec::new();
        self.store.for_each_kept(|call| {
            let rows = inflate(&call.body, call.gzip, self.body_limit);
            // A body that would have been rejected, had it been read, holds no rows.
            if let Ok(rows) = rows.and_then(|body| parse(&body, self.body_limit)) {
                let unused = &mut Adjustments::default();
                lines.extend(rows.into_iter().map(|row| self.columns.shape(row, call.received, unused)));
            }
        });
        if lines.is_empty() {
            return self.store.read().await;
        }
        Ok(lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?)
    }

    pub(super) fn authorize(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let reject = |message| Err(Rejection::new(StatusCode::UNAUTHORIZED, "AuthenticationFailed", message));
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) else {
            return reject("The authentication token is missing.");
        };
        match self.identity.check(token, AUDIENCE) {
            Worth::Unknown => reject("The authentication token is not valid."),
            Worth::Expired => reject("The authentication token has expired."),
            Worth::WrongAudience => reject("The authentication token was issued for another audience."),
            Worth::Good if self.role_assigned.load(Ordering::Relaxed) => Ok(()),
            // https://github.com/Azure/azure-sdk-for-net/pull/37173 shows the text of the real one.
            Worth::Good => Err(Rejection::new(
                StatusCode::FORBIDDEN,
                "OperationFailed",
                format!(
                    "The authentication token provided does not have access to ingest data for the data \
                     collection rule with immutable Id '{}' PipelineAccessResult: AccessGranted: False, \
                     IsRbacPresent: False, IsDcrDceBindingValid: , DcrArmId: , Message: Required \
                     authorization action was not found.",
                    self.dcr
                ),
            )),
        }
    }

    pub(super) fn route(
        &self,
        id: &str,
        stream: &str,
        query: &HashMap<String, String>,
    ) -> Result<(), Rejection> {
        let missing = |message| Err(Rejection::new(StatusCode::NOT_FOUND, "NotFound", message));
        if query.get("api-version").map(String::as_str) != Some(API_VERSION) {
            return Err(Rejection::new(
                StatusCode::BAD_REQUEST,
                "UnsupportedApiVersion",
                format!("The api-version must be {API_VERSION}."),
            ));
        }
        if id != self.dcr {
            return missing(format!("Data collection rule with immutable Id '{id}' not found."));
        }
        if stream != self.stream {
            return missing(format!("Stream '{stream}' is not declared by data collection rule '{id}'."));
        }
        Ok(())
    }

    pub(super) fn admit(&self) -> Result<(), Rejection> {
        let Some(throttle) = self.throttle else { return Ok(()) };
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (since, calls) = window.filter(|(since, _)| now - *since < throttle.per).unwrap_or((now, 0));
        if calls < throttle.calls {
            *window = Some((since, calls + 1));
            return Ok(());
        }
        let wait = throttle.per.saturating_sub(now - since).as_secs_f64().ceil();
        Err(Rejection {
            retry_after: Some(format!("{wait:.0}")),
            ..Rejection::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "The data collection rule's limit of requests was reached.",
            )
        })
    }
}
