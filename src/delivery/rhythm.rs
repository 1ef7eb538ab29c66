//! The rhythm of calls: when the rows that are queued are pushed.
//!
//! Two things decide, and both are on this page.
//!
//! **The gap.** After one call starts, the next starts a gap later: 2 ms while calls are plenty, and as the budget of calls
//! is spent it grows to what the budget fills again ([`Pacer::gap`](super::pace::Pacer::gap)). A row that finds the gap over
//! is pushed at once, so that one event alone waits for nothing, and none ever waits for longer than a gap. The number of
//! calls in flight plays no part: at 100 ms to Azure and a gap of 5 ms it is 20.
//!
//! **The followers.** Senders that wait for their answer send their next event when they have it. So after a call is
//! answered its senders' next rows come within a moment, and the first of them had better wait for the others: else it
//! leaves alone, and they wait a gap. They are waited for until all are there, or [`FOLLOW`] has passed, or those that are
//! there are a fair share of all rows on their way: a fifth, because as many groups of senders, each with a call of its
//! own, keep a round trip of 30 ms filled without a row that waits.
//!
//! A call that is full is not the rhythm's business: it starts as soon as the pacer allows.

use std::time::Duration;

use tokio::time::Instant;

/// How long the rows that an answer brings are waited for: up to 3 ms, because the runtime's timer counts whole
/// milliseconds and rounds up.
const FOLLOW: Duration = Duration::from_millis(2);
/// One call in so many of the rows on their way is a fair share,
const GROUPS: usize = 5;
/// unless it has fewer rows than this: small groups are waited for to the end.
const MIN_SHARE: usize = 32;

/// What the rule knows of the calls so far. It takes the time as an argument.
pub(super) struct Rhythm {
    /// When the last call started.
    started: Instant,
    /// When the last call was answered,
    answered: Instant,
    /// and how many rows of those answered were not followed by another yet.
    expected: usize,
}

/// When a call should start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// The time at which it starts in any case.
    pub(super) at: Instant,
    /// So many more rows and it is time to ask again.
    pub(super) or_rows: usize,
}

impl Rhythm {
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, answered: now, expected: 0 }
    }

    /// A call starts.
    pub(super) fn started(&mut self, now: Instant) {
        self.started = now;
    }

    /// A call with `rows` rows was answered.
    pub(super) fn answered(&mut self, rows: usize, now: Instant) {
        if now > self.answered + FOLLOW {
            self.expected = 0;
        }
        self.answered = now;
        self.expected += rows;
    }

    /// `rows` rows joined the queue.
    pub(super) fn arrived(&mut self, rows: usize) {
        self.expected = self.expected.saturating_sub(rows);
    }

    /// When a call with the `queued` rows should start, while `in_flight` others are on their way.
    pub(super) fn next(&self, queued: usize, in_flight: usize, gap: Duration, now: Instant) -> Start {
        let paced = self.started + gap;
        let share = MIN_SHARE.max((queued + in_flight) / GROUPS);
        let missing = self.expected.min(share.saturating_sub(queued));
        let followed = self.answered + FOLLOW;
        if missing == 0 || now >= followed || paced >= followed {
            // More rows change nothing before the gap is over.
            return Start { at: paced, or_rows: usize::MAX };
        }
        Start { at: followed, or_rows: missing }
    }
}
