//! The recorded requests, for assertions.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;

use super::fault::fits;

/// One request to the platform. Headers and body are as received, including secrets, because tests check them; `Debug`
/// shows neither.
#[derive(Clone)]
pub struct PlatformCall {
    /// When it arrived.
    pub at: OffsetDateTime,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, empty when there was none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The status of the answer, or `None` when there was none (yet).
    pub status: Option<u16>,
}

impl PlatformCall {
    /// Whether it is one of the requests that [`PlatformFault::on`](super::PlatformFault::on) would mean.
    #[must_use]
    pub fn is(&self, method: &str, pattern: &str) -> bool {
        fits(method, pattern, &self.method, &self.path)
    }

    /// The body as JSON, null when it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the request changed nothing: a GET other than `/api/logout`, which ends a session.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.method == "GET" && self.path != "/api/logout"
    }
}

impl fmt::Debug for PlatformCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        write!(f, "{} {} -> {status}", self.method, self.path)
    }
}

/// The latest requests.
#[derive(Debug)]
pub(super) struct Calls {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    forgotten: usize,
    latest: VecDeque<PlatformCall>,
}

impl Calls {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), inner: Mutex::default() }
    }

    /// Notes a request at its arrival, and returns its number.
    pub(super) fn begin(&self, call: PlatformCall) -> usize {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.latest.push_back(call);
        if inner.latest.len() > self.limit {
            inner.latest.pop_front();
            inner.forgotten += 1;
        }
        inner.forgotten + inner.latest.len() - 1
    }

    /// Notes how the request of this number was answered.
    pub(super) fn end(&self, number: usize, status: u16) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let place = number.checked_sub(inner.forgotten);
        if let Some(call) = place.and_then(|place| inner.latest.get_mut(place)) {
            call.status = Some(status);
        }
    }

    pub(super) fn all(&self) -> Vec<PlatformCall> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).latest.iter().cloned().collect()
    }

    pub(super) fn forget(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forgotten += inner.latest.len();
        inner.latest.clear();
    }
}
