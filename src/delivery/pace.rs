//! Pacing: calls per minute, spread evenly, with a short burst allowed.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// So much of a minute's calls may be made at once.
const BURST: Duration = Duration::from_secs(2);

/// Hands out the right to make a call, at most `calls_per_minute` of them.
#[derive(Debug)]
pub(crate) struct Pacer {
    interval: Duration,
    /// The time at which the bucket was, or will be, full again.
    full_at: Mutex<Instant>,
}

impl Pacer {
    /// A pacer for `calls_per_minute` calls, whose bucket is full at `now`.
    #[must_use]
    pub(crate) fn new(calls_per_minute: u32, now: Instant) -> Self {
        Self { interval: Duration::from_secs(60) / calls_per_minute.max(1), full_at: Mutex::new(now) }
    }

    /// Takes one call.
    ///
    /// # Errors
    /// The instant at which the next call may be taken.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut full_at = self.full_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = (*full_at).max(now) + self.interval;
        let limit = now + BURST.max(self.interval);
        if next > limit {
            return Err(now + (next - limit));
        }
        *full_at = next;
        Ok(())
    }

    /// Lets no call be taken before `until`: the service said so.
    pub(crate) fn hold(&self, until: Instant) {
        let mut full_at = self.full_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *full_at = (*full_at).max(until + BURST.saturating_sub(self.interval));
    }

    /// Waits until a call may be made and takes it.
    pub(crate) async fn turn(&self) {
        while let Err(at) = self.take(Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
    }
}
