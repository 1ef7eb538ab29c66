//! Pacing: calls per minute, spread evenly, with a short burst allowed, and fewer of them when Azure Monitor says so.
//!
//! A data collection rule takes 12,000 calls a minute from all instances together, and no instance knows how many there
//! are. So each begins at its setting, halves its rate when a call is answered 429, and recovers slowly: the instances
//! share the limit as the connections on a line share its bandwidth (additive increase, multiplicative decrease).
//! Nothing is lost by a 429, because what it concerns waits in the spool.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So much of a minute's calls may be made at once.
const BURST: Duration = Duration::from_secs(2);
/// However full the bucket is, calls of the direct path are not wanted closer together than this.
const MIN_GAP: Duration = Duration::from_millis(2);
/// Calls per minute below which a rate is never halved. Beyond 200 instances the rule would be too small in any case.
const MIN_RATE: f64 = 60.0;
/// The part of the setting by which the rate recovers each minute: 40 instances that recover together go over the rule's
/// limit by a few percent for a few seconds, not for long.
const RECOVERY: f64 = 1.0 / 200.0;
/// What a server asks to wait is believed up to here; the circuit breaker asks again after the same time.
const MAX_HOLD: Duration = Duration::from_secs(60);

/// Hands out the right to make a call, at most its setting's number a minute.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// The setting, in calls per minute.
    max_rate: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time at which the bucket was, or will be, full again.
    full_at: Instant,
    /// Calls per minute at `rated_at`, when it was last halved, or at the start.
    rate: f64,
    rated_at: Instant,
}

impl Pacer {
    /// A pacer for `calls_per_minute` calls, whose bucket is full at `now`.
    #[must_use]
    pub(crate) fn new(calls_per_minute: u32, now: Instant) -> Self {
        let max_rate = f64::from(calls_per_minute.max(1));
        Self { max_rate, state: Mutex::new(State { full_at: now, rate: max_rate, rated_at: now }) }
    }

    /// Takes one call.
    ///
    /// # Errors
    /// The instant at which the next call may be taken.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.lock();
        let interval = self.interval(&state, now);
        let next = state.full_at.max(now) + interval;
        let limit = now + BURST.max(interval);
        if next > limit {
            return Err(now + (next - limit));
        }
        state.full_at = next;
        Ok(())
    }

    /// How long after the start of one call the next should start, so that calls come evenly when they are short: the
    /// least while the bucket is full, and the bucket's own pace from when it is half empty.
    pub(super) fn gap(&self, now: Instant) -> Duration {
        let state = self.lock();
        let interval = self.interval(&state, now);
        let spent = state.full_at.saturating_duration_since(now).as_secs_f64();
        let spent = (spent / BURST.max(interval).as_secs_f64()).min(0.5);
        interval.mul_f64(2.0 * spent).max(MIN_GAP)
    }

    /// A call that began at `begun` was answered 429 at `now`, with the wait that the server asked for. The rate is halved
    /// once for all calls that were on their way.
    pub(super) fn throttled(&self, begun: Instant, now: Instant, wait: Option<Duration>) {
        let mut state = self.lock();
        if begun >= state.rated_at {
            state.rate = (self.rate(&state, now) / 2.0).max(MIN_RATE.min(self.max_rate));
            state.rated_at = now;
        }
        if let Some(wait) = wait {
            let interval = self.interval(&state, now);
            let until = now + wait.min(MAX_HOLD);
            state.full_at = state.full_at.max(until + BURST.saturating_sub(interval));
        }
    }

    /// Waits until a call may be made and takes it.
    pub(crate) async fn turn(&self) {
        while let Err(at) = self.take(Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
    }

    /// Calls per minute at `now`.
    fn rate(&self, state: &State, now: Instant) -> f64 {
        let minutes = now.saturating_duration_since(state.rated_at).as_secs_f64() / 60.0;
        (state.rate + self.max_rate * RECOVERY * minutes).min(self.max_rate)
    }

    /// The time between two calls at the rate of `now`.
    fn interval(&self, state: &State, now: Instant) -> Duration {
        Duration::from_secs_f64(60.0 / self.rate(state, now))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
