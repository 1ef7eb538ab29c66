//! The circuit breaker: after repeated failures batches go straight to the spool.

use std::time::Duration;

use tokio::time::Instant;

/// It opens when so many batches in a row have failed; one alone may be a hiccup.
const MAX_FAILURES: u32 = 3;
/// How long it stays open at first; doubled at each failed probe.
const MIN_PAUSE: Duration = Duration::from_secs(5);
/// It never stays open for longer: the spool is safe, but a row in the table is better.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Counts failures and says whether batches should be pushed. Takes the time as an argument.
/// When its pause is over, the next real batch is the probe; until that is back, the others go on to the spool.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
    pause: Duration,
    probing: bool,
}

impl Breaker {
    /// Whether batches go to the spool at `now`.
    #[must_use]
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.open_until.is_some_and(|until| now < until || self.probing)
    }

    /// A batch is about to be pushed. While the breaker is waiting for one, it is the probe.
    pub(crate) fn pushing(&mut self) {
        self.probing = self.open_until.is_some();
    }

    /// Azure Monitor answered a batch: it is there. Returns whether that closed the breaker.
    pub(crate) fn succeeded(&mut self) -> bool {
        let was_open = self.open_until.is_some();
        *self = Self::default();
        was_open
    }

    /// The spool did not take a batch at `now`: whatever Azure Monitor did before, the next batch is better off there.
    pub(crate) fn spool_failed(&mut self, now: Instant) {
        self.open_until = self.open_until.map(|until| until.min(now));
    }

    /// A batch was given up at `now`; `wait` is what the server asked for. Returns whether that opened the breaker.
    pub(crate) fn failed(&mut self, now: Instant, wait: Option<Duration>) -> bool {
        self.failures = self.failures.saturating_add(1);
        let was_open = self.open_until.is_some();
        // A batch that was in flight when it opened says nothing new.
        if was_open && !self.probing {
            return false;
        }
        if self.failures < MAX_FAILURES && !self.probing {
            return false;
        }
        let doubled = if self.probing { self.pause.saturating_mul(2) } else { MIN_PAUSE };
        self.pause = doubled.max(wait.unwrap_or_default()).min(MAX_PAUSE);
        self.open_until = Some(now + self.pause);
        self.probing = false;
        !was_open
    }
}
