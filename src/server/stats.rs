//! Rows about ourselves: what this instance did, so that the workspace can tell a silent feed from a rejected one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, MissedTickBehavior};

use super::App;
use super::log_throttle::LOG_INTERVAL;
use crate::counters::Counts;
use crate::delivery::dedup::Ticket;
use crate::record;

/// The least time between two rows of one instance.
const INTERVAL: Duration = Duration::from_secs(15 * 60);
/// An instance that only rejects, or that serves one burst, may live for minutes: its first row is not put off.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Who reports.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// Which instance of the app.
    pub instance: &'a str,
    /// The app's name in Azure; empty elsewhere.
    pub site: &'a str,
}

/// What the rows have reported so far, and when the next one is due.
#[derive(Clone)]
pub struct StatsReporter {
    reported: Counts,
    since: OffsetDateTime,
    due: Instant,
}

impl StatsReporter {
    /// Nothing is reported yet; the counters began at `since`, which is `now` on the monotonic clock.
    #[must_use]
    pub fn new(since: OffsetDateTime, now: Instant) -> Self {
        Self { reported: Counts::default(), since, due: now + FIRST_AFTER }
    }

    /// The `Data` of a row, when one is due at `now` and `counts` moved. Its numbers are those of the time from `since`
    /// on, so that sums over rows and instances are right.
    pub fn next(
        &mut self,
        counts: Counts,
        names: Names<'_>,
        at: OffsetDateTime,
        now: Instant,
    ) -> Option<Value> {
        let moved = |of: fn(&Counts) -> u64| of(&counts) - of(&self.reported);
        let stored = moved(|counts| counts.stored);
        let duplicates = moved(|counts| counts.duplicates);
        let spooled = moved(|counts| counts.spooled);
        let rejected = moved(Counts::rejected);
        let mismatches = moved(|counts| counts.rejected_mismatch);
        if now < self.due || stored + duplicates + spooled + rejected == 0 {
            return None;
        }
        let data = json!({
            "stored": stored,
            "duplicates": duplicates,
            "spooled": spooled,
            "rejected_signatures": rejected,
            "rejected_mismatches": mismatches,
            "instance": names.instance,
            "site": names.site,
            "since": self.since.format(&Rfc3339).unwrap_or_default(),
        });
        *self = Self { reported: counts, since: at, due: now + INTERVAL };
        Some(data)
    }
}

/// Runs until the process ends: rejections that the log still owes, and a stats row when counters moved.
pub(super) async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOG_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reporter = StatsReporter::new(app.started, Instant::now());
    loop {
        let now = tick.tick().await;
        app.rejections.flush(now);
        let at = OffsetDateTime::now_utc();
        let counts = app.delivery.parts().counters.counts();
        let before = reporter.clone();
        if app.problems.is_empty()
            && let Some(data) =
                reporter.next(counts, Names { instance: &app.instance, site: &app.site }, at, now)
        {
            let row = record::own_event("connector.stats", data, at).row;
            let ack_by = now + app.ack_deadline;
            // Nobody waits. When the queue is full, the next tick tells the same and more.
            if app.delivery.submit(row, Ticket::for_own_row(), now + app.ack_deadline / 2, ack_by).is_err() {
                reporter = before;
            }
        }
    }
}
