//! Counts what has happened: the numbers of `/api/status` and of the `connector.stats` rows.
//!
//! Both `server` and `delivery` count, so this module is below both.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use time::OffsetDateTime;

/// Why a signature was rejected. Only the log and the status say it, never the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// There is no signature header.
    Missing,
    /// It is not `sha256=` and 64 hex digits, or there is more than one.
    Malformed,
    /// It is not the body's.
    Mismatch,
}

/// Counts since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Events that Azure Monitor accepted on the direct path.
    pub stored: u64,
    /// Duplicates of events that were already safe or in flight.
    pub duplicates: u64,
    /// Events written to the spool.
    pub spooled: u64,
    /// Requests rejected for their signature: missing.
    pub rejected_missing: u64,
    /// Requests rejected for their signature: malformed.
    pub rejected_malformed: u64,
    /// Requests rejected for their signature: not the body's.
    pub rejected_mismatch: u64,
    /// Requests whose body is too large, has an unknown encoding, or is signed but no JSON object.
    pub rejected_bodies: u64,
    /// Requests for an unknown path.
    pub unknown_paths: u64,
    /// Requests answered 503.
    pub unavailable: u64,
    /// Calls of the Logs Ingestion API, without the client's own retries.
    pub calls: u64,
    /// Events that the drain pushed.
    pub drained: u64,
    /// Rows and blobs that the drain moved to `deadletter/`.
    pub dead_lettered: u64,
}

impl Counts {
    /// Requests rejected for their signature.
    #[must_use]
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected_missing + self.rejected_malformed + self.rejected_mismatch
    }
}

/// The last fault, with a hint.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: &'static str,
}

/// The last success and the last faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Last {
    /// When Azure Monitor accepted a batch.
    pub(crate) success: Option<OffsetDateTime>,
    /// Why Azure Monitor did not take a batch.
    pub(crate) push_fault: Option<Fault>,
    /// Why the spool did not take a batch.
    pub(crate) spool_fault: Option<Fault>,
}

/// The counters, shared by all.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    stored: AtomicU64,
    duplicates: AtomicU64,
    spooled: AtomicU64,
    rejected: [AtomicU64; 3],
    rejected_bodies: AtomicU64,
    unknown_paths: AtomicU64,
    unavailable: AtomicU64,
    calls: AtomicU64,
    drained: AtomicU64,
    dead_lettered: AtomicU64,
    last: Mutex<Last>,
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

impl Counters {
    /// Reads all counts.
    #[must_use]
    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [missing, malformed, mismatch] = &self.rejected;
        Counts {
            stored: read(&self.stored),
            duplicates: read(&self.duplicates),
            spooled: read(&self.spooled),
            rejected_missing: read(missing),
            rejected_malformed: read(malformed),
            rejected_mismatch: read(mismatch),
            rejected_bodies: read(&self.rejected_bodies),
            unknown_paths: read(&self.unknown_paths),
            unavailable: read(&self.unavailable),
            calls: read(&self.calls),
            drained: read(&self.drained),
            dead_lettered: read(&self.dead_lettered),
        }
    }

    /// Rows of events that Azure Monitor accepted from this process, pushed directly or by the drain.
    #[must_use]
    pub(crate) fn accepted(&self) -> u64 {
        self.stored.load(Ordering::Relaxed) + self.drained.load(Ordering::Relaxed)
    }

    /// The last success and the last faults.
    #[must_use]
    pub(crate) fn last(&self) -> Last {
        self.lock().clone()
    }

    /// A duplicate of an event that was already safe.
    pub(crate) fn duplicate(&self) {
        add(&self.duplicates, 1);
    }

    /// A request rejected for its signature.
    pub(crate) fn rejected(&self, why: Rejection) {
        let [missing, malformed, mismatch] = &self.rejected;
        add(
            match why {
                Rejection::Missing => missing,
                Rejection::Malformed => malformed,
                Rejection::Mismatch => mismatch,
            },
            1,
        );
    }

    /// A request rejected for its body.
    pub(crate) fn rejected_body(&self) {
        add(&self.rejected_bodies, 1);
    }

    /// A request for an unknown path.
    pub(crate) fn unknown_path(&self) {
        add(&self.unknown_paths, 1);
    }

    /// A request answered 503.
    pub(crate) fn unavailable(&self) {
        add(&self.unavailable, 1);
    }

    pub(crate) fn calls(&self, calls: usize) {
        add(&self.calls, calls);
    }

    pub(crate) fn stored(&self, events: usize, now: OffsetDateTime) {
        add(&self.stored, events);
        self.lock().success = Some(now);
    }

    pub(crate) fn spooled(&self, events: usize) {
        add(&self.spooled, events);
    }

    pub(crate) fn drained(&self, events: usize, now: OffsetDateTime) {
        add(&self.drained, events);
        self.lock().success = Some(now);
    }

    pub(crate) fn dead_lettered(&self, count: usize) {
        add(&self.dead_lettered, count);
    }

    /// Azure Monitor did not take a batch.
    pub(crate) fn push_failed(&self, fault: Fault) {
        self.lock().push_fault = Some(fault);
    }

    /// A batch could not be written to the spool, or read from it.
    pub(crate) fn spool_failed(&self, fault: Fault) {
        self.lock().spool_fault = Some(fault);
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
