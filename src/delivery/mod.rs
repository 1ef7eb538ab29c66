//! Delivery: from a row to Azure Monitor's 2xx or a durable spool write, whichever comes first.
//!
//! It knows nothing of HTTP requests that come in: [`Delivery::submit`] takes a row and a ticket, and the ticket is
//! resolved when the row is safe or when nobody waits any more. Nothing here is remembered only in memory once a
//! ticket says that a row is safe, because the Functions host ends the process with SIGKILL.
//!
//! Reading order: [`repeats`], [`batch`], `commit` (the heart), [`push`], [`token`], [`breaker`], [`pace`],
//! [`spool`], [`drain`].

pub mod repeats;

pub mod batch;
mod commit;

pub mod push;
pub mod token;

pub mod breaker;
pub mod pace;
pub mod retry;

pub mod spool;

pub mod drain;

pub mod http;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, warn};

use batch::Row;
use commit::Committer;
use pace::Pacer;
use push::{LogsIngestion, PushError};
use repeats::Ticket;
use spool::{OVERSIZE, SpoolError, Store};

use crate::counters::Counters;
use crate::record::EventId;

/// Rows that may be on their way at once; more are refused with 503, and the sender tries again.
const MAX_ROWS: usize = 16_384;
/// Bytes of rows, and of bodies that are kept whole, that may be on their way at once.
const MAX_BYTES: usize = 24_000_000;
/// A spool write that takes longer is tried again, as long as somebody waits for it.
const SPOOL_ATTEMPT: Duration = Duration::from_millis(1_500);
/// The pause before that.
const SPOOL_PAUSE: Duration = Duration::from_millis(100);

/// What delivery works with, shared by its tasks and the drain.
pub struct Parts {
    /// The Logs Ingestion client; `None` while its settings are unusable.
    pub ingestion: Option<LogsIngestion>,
    /// The spool; `None` while its setting is unusable.
    pub store: Option<Store>,
    /// The pace of calls.
    pub pacer: Arc<Pacer>,
    /// What happened so far.
    pub counters: Arc<Counters>,
}

impl Parts {
    /// Writes `content` to the spool, durably. Tries go on under the same name until `by`: an earlier one that arrives
    /// late does no harm.
    ///
    /// # Errors
    /// The last try's error.
    async fn put_until(&self, name: &str, content: Bytes, by: Instant) -> Result<(), SpoolError> {
        let store = self.store.as_ref().ok_or(SpoolError::NotConfigured)?;
        let mut last = SpoolError::TimedOut;
        while Instant::now() < by {
            let attempt = by.min(Instant::now() + SPOOL_ATTEMPT);
            match tokio::time::timeout_at(attempt, store.put(name, content.clone())).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => last = error,
                Err(_) => last = SpoolError::TimedOut,
            }
            self.counters.spool_failed(last.fault(OffsetDateTime::now_utc()));
            tokio::time::sleep_until(by.min(Instant::now() + SPOOL_PAUSE)).await;
        }
        Err(last)
    }
}

/// The queue is full: the sender should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full")]
pub struct QueueFull;

#[derive(Default)]
struct Held {
    rows: AtomicUsize,
    bytes: AtomicUsize,
}

/// A row's share of the queue's bounds, given back on drop.
pub(crate) struct Share {
    held: Arc<Held>,
    bytes: usize,
}

impl Share {
    fn take(held: &Arc<Held>, bytes: usize) -> Result<Self, QueueFull> {
        let share = Self { held: Arc::clone(held), bytes };
        let rows = held.rows.fetch_add(1, Ordering::Relaxed);
        let before = held.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Dropping the share gives back what was just taken.
        if rows < MAX_ROWS && before + bytes <= MAX_BYTES { Ok(share) } else { Err(QueueFull) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.held.rows.fetch_sub(1, Ordering::Relaxed);
        self.held.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The way in for rows.
#[derive(Clone)]
pub struct Delivery {
    parts: Arc<Parts>,
    rows: mpsc::UnboundedSender<Row>,
    held: Arc<Held>,
}

impl Delivery {
    /// Starts the task that owns the queue. It ends when every [`Delivery`] is gone; should it panic, no row can be
    /// delivered any more, so the caller must end the process.
    #[must_use]
    pub fn start(parts: Arc<Parts>) -> (Self, JoinHandle<()>) {
        let (rows, incoming) = mpsc::unbounded_channel();
        let task = tokio::spawn(Committer::new(Arc::clone(&parts), incoming).run());
        (Self { parts, rows, held: Arc::default() }, task)
    }

    /// Hands a row over. What becomes of it is told through `ticket`.
    ///
    /// # Errors
    /// [`QueueFull`] when too much is on its way already; the ticket has then said that nothing took it.
    pub fn submit(
        &self,
        json: Vec<u8>,
        ticket: Ticket,
        push_by: Instant,
        ack_by: Instant,
    ) -> Result<(), QueueFull> {
        let share = Share::take(&self.held, json.len())?;
        self.rows.send(Row { json, ticket, push_by, ack_by, _share: share }).map_err(|_| QueueFull)
    }

    /// Stores the complete body of an event whose row had to be cut, before that row goes anywhere. The body has its
    /// share of what may be on its way.
    ///
    /// # Errors
    /// When it is not certain that the body is safe.
    pub async fn keep_whole(&self, event_id: EventId, body: &[u8], by: Instant) -> Result<(), SpoolError> {
        let _share = Share::take(&self.held, body.len()).map_err(|_| SpoolError::NoRoom)?;
        self.parts.put_until(&format!("{OVERSIZE}{event_id}.json.gz"), gzip(body)?, by).await
    }

    /// What delivery works with.
    #[must_use]
    pub fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }
}

/// `content`, compressed.
fn gzip(content: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 4 + 64), Compression::fast());
    encoder.write_all(content)?;
    Ok(encoder.finish()?.into())
}

/// Logs why a batch was given up, with the way out. A fault of the configuration is an error, the rest recovers.
fn log_problem(problem: &PushError, rows: usize) {
    let (kind, advice) = (problem.kind(), problem.advice());
    match problem {
        PushError::Refused(_) | PushError::NotYet { .. } | PushError::NoToken(_) => {
            error!(event = "push_failed", kind, rows, %problem, advice);
        }
        PushError::TooLarge
        | PushError::Throttled(_)
        | PushError::Unavailable { .. }
        | PushError::TimedOut => {
            warn!(event = "push_failed", kind, rows, %problem, advice);
        }
    }
}
