//! Lines that anybody outside can cause: at most one per [`LOG_INTERVAL`] tells them all, however many there are.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time from one line to the next.
pub(super) const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Counts `N` kinds of one thing until a line may tell them.
pub(super) struct LogThrottle<const N: usize> {
    state: Mutex<State<N>>,
}

struct State<const N: usize> {
    counts: [u64; N],
    last_line: Option<Instant>,
}

impl<const N: usize> Default for LogThrottle<N> {
    fn default() -> Self {
        Self { state: Mutex::new(State { counts: [0; N], last_line: None }) }
    }
}

impl<const N: usize> LogThrottle<N> {
    /// Counts one of kind `kind` at `now`; the counts to tell, if a line is due.
    pub(super) fn count(&self, kind: usize, now: Instant) -> Option<[u64; N]> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = state.counts.get_mut(kind) {
            *count += 1;
        }
        state.due(now)
    }

    /// The counts that were not told yet, if a line is due at `now`.
    pub(super) fn due(&self, now: Instant) -> Option<[u64; N]> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).due(now)
    }
}

impl<const N: usize> State<N> {
    fn due(&mut self, now: Instant) -> Option<[u64; N]> {
        let too_soon = self.last_line.is_some_and(|last| now < last + LOG_INTERVAL);
        if too_soon || self.counts.iter().all(|count| *count == 0) {
            return None;
        }
        self.last_line = Some(now);
        Some(std::mem::replace(&mut self.counts, [0; N]))
    }
}
