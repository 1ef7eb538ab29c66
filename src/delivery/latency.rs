//! How long calls take of late, so that none is begun that cannot end in time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A moving average over the calls that were accepted, and those that were cut off for as long as they had lasted.
#[derive(Default)]
pub(super) struct Latency(Mutex<Duration>);

/// A call under way. One that is dropped before its end was cut off: it would have taken longer still.
pub(super) struct Started<'a> {
    latency: &'a Latency,
    at: Instant,
    ended: bool,
}

impl Latency {
    /// A call begins.
    pub(super) fn start(&self) -> Started<'_> {
        Started { latency: self, at: Instant::now(), ended: false }
    }

    /// What the next call is likely to take, with a tenth to spare.
    pub(super) fn expected(&self) -> Duration {
        let average = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        average + average / 10
    }

    fn learn(&self, took: Duration, is_whole: bool) {
        let mut average = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The first call may have waited for a connection; one that was cut off tells only of a lower bound.
        *average = match (average.is_zero(), is_whole) {
            (true, _) => took,
            (false, true) => (*average * 3 + took) / 4,
            (false, false) => (*average).max(took),
        };
    }
}

impl Started<'_> {
    /// The answer is there, and it is yes.
    pub(super) fn ended(mut self) {
        self.ended = true;
        self.latency.learn(self.at.elapsed(), true);
    }

    /// The answer is there, and says nothing about how long an accepted call takes.
    pub(super) fn rejected(mut self) {
        self.ended = true;
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.latency.learn(self.at.elapsed(), false);
        }
    }
}
