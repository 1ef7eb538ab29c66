//! What delivery works with: the ways out, the pace and the counters, shared by its tasks and the drain.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::info;

use super::breaker::Breaker;
use super::pace::Pacer;
use super::push::LogsIngestion;
use super::spool::{SpoolError, Store};
use crate::counters::Counters;

/// A spool write that takes longer is tried again, as long as somebody waits for it.
const SPOOL_ATTEMPT: Duration = Duration::from_millis(1_500);
/// The pause before that.
const SPOOL_PAUSE: Duration = Duration::from_millis(100);

/// The parts, each of which may be used by many tasks at once.
pub(crate) struct Parts {
    /// The Logs Ingestion client; `None` while its settings are unusable.
    pub(crate) ingestion: Option<LogsIngestion>,
    /// The spool; `None` while its setting is unusable.
    pub(crate) store: Option<Store>,
    /// The pace of calls.
    pub(crate) pacer: Arc<Pacer>,
    /// What happened so far.
    pub(crate) counters: Arc<Counters>,
    /// Whether Azure Monitor takes batches: what the direct path and the drain have learned.
    breaker: Mutex<Breaker>,
}

impl Parts {
    /// Parts whose circuit breaker is closed.
    #[must_use]
    pub(crate) fn new(
        ingestion: Option<LogsIngestion>,
        store: Option<Store>,
        pacer: Arc<Pacer>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { ingestion, store, pacer, counters, breaker: Mutex::default() }
    }

    /// The circuit breaker, for a moment.
    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Azure Monitor accepted something, whichever way it went.
    pub(super) fn azure_works(&self) {
        if self.breaker().succeeded() {
            info!(event = "breaker_closed", "azure monitor takes events again");
        }
    }

    /// Writes `content` to the spool, durably. Tries go on under the same name until `by`: an earlier one that arrives
    /// late does no harm.
    ///
    /// # Errors
    /// The last try's error.
    pub(super) async fn put_until(&self, name: &str, content: Bytes, by: Instant) -> Result<(), SpoolError> {
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
            self.breaker().spool_failed(Instant::now());
            tokio::time::sleep_until(by.min(Instant::now() + SPOOL_PAUSE)).await;
        }
        Err(last)
    }

    /// Whether the name holds something other than `content`.
    ///
    /// # Errors
    /// When that is not known in time.
    pub(super) async fn holds_other(
        &self,
        name: &str,
        content: &Bytes,
        by: Instant,
    ) -> Result<bool, SpoolError> {
        let store = self.store.as_ref().ok_or(SpoolError::NotConfigured)?;
        let held = tokio::time::timeout_at(by, store.get(name)).await.map_err(|_| SpoolError::TimedOut)??;
        Ok(held.is_some_and(|held| held != content))
    }
}
