//! What the ingestion endpoint saw, for assertions and summaries.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use time::OffsetDateTime;

/// The outcomes of the ingestion calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Answered 2xx.
    pub accepted: u64,
    /// Answered with any other status.
    pub rejected: u64,
    /// Not answered at all: hung, reset, or stored with the answer lost.
    pub unanswered: u64,
    /// How many answers each status had.
    pub by_status: BTreeMap<u16, u64>,
}

impl Calls {
    /// All calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.accepted + self.rejected + self.unanswered
    }
}

/// One ingestion call.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// When it arrived.
    pub at: OffsetDateTime,
    /// The path and query as sent.
    pub target: String,
    /// The headers as sent, but without the bearer token.
    pub headers: HeaderMap,
    /// The body's size on the wire in bytes; 0 if it was not read.
    pub wire_bytes: usize,
    /// The body's size after inflating in bytes; 0 if it was not inflated.
    pub body_bytes: usize,
    /// How many rows it held; 0 if it was not read.
    pub rows: usize,
    /// The status of the answer, or `None` when there was none.
    pub status: Option<u16>,
}

/// Counts and the latest calls.
#[derive(Debug)]
pub(super) struct Tally {
    limit: usize,
    inner: Mutex<(Calls, VecDeque<Recorded>)>,
}

impl Tally {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default() }
    }

    pub(super) fn add(&self, call: Recorded) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, latest) = &mut *inner;
        match call.status {
            Some(status) => {
                let count =
                    if (200..300).contains(&status) { &mut calls.accepted } else { &mut calls.rejected };
                *count += 1;
                *calls.by_status.entry(status).or_default() += 1;
            }
            None => calls.unanswered += 1,
        }
        latest.push_back(call);
        if latest.len() > self.limit {
            latest.pop_front();
        }
    }

    pub(super) fn calls(&self) -> Calls {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    pub(super) fn recorded(&self) -> Vec<Recorded> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.iter().cloned().collect()
    }
}
