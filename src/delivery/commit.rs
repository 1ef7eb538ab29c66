//! Group commit: concurrent requests share one push.
//!
//! One task owns the queue. When a push starts is the [rhythm](super::rhythm)'s business, whether it may, the pacer's and
//! the circuit breaker's; what cannot be pushed in time goes to the spool.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use time::OffsetDateTime;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{error, warn};

use super::batch::{Queue, Row, call_bytes, compressed};
use super::dedup::Outcome;
use super::inbox::{Receiver, Wanted};
use super::outcomes::Outcomes;
use super::parts::Parts;
use super::push::{MAX_CALL_BYTES, PushError};
use super::rhythm::Rhythm;
use super::spool::{PENDING, new_name};

/// Pushes in flight at once while Azure Monitor takes them: more than the calls of a second, and a bound on memory.
const MAX_PUSHES: usize = 64;
/// Pushes in flight at once from a failed one to the next that succeeds, and at the start: in an outage no more hang.
const MAX_PUSHES_IN_DOUBT: usize = 4;
/// Spool writes in flight at once.
const MAX_SPOOL_WRITES: usize = 8;
/// How long rows gather while everything goes to the spool: a day's outage should leave fewer and fuller blobs.
const GATHER_FOR_SPOOL: Duration = Duration::from_millis(200);
/// A row with less time than this left for a push goes to the spool: it would take its whole batch down with it.
const MIN_PUSH_TIME: Duration = Duration::from_millis(300);
/// While the task sleeps for at most so long, rows that come need not wake it.
const MAX_NAP: Duration = Duration::from_millis(50);

/// What a push task hands back: how many rows it had, those that Azure Monitor did not take, and why.
struct Pushed {
    count: usize,
    left: Vec<Row>,
    error: Option<PushError>,
}

/// What the task waits for besides ends of pushes and spool writes.
struct Wait {
    until: Option<Instant>,
    wanted: Wanted,
}

impl Wait {
    /// For the time, or any row.
    fn until(until: Instant) -> Self {
        Self { until: Some(until), ..Self::for_rows() }
    }

    /// For any row.
    fn for_rows() -> Self {
        Self { until: None, wanted: Wanted { rows: 1, bytes: 0 } }
    }
}

/// What becomes of the rows at the front of the queue.
enum Step {
    Push,
    Spool(&'static str),
    Wait(Wait),
}

/// The one task that owns the queue.
pub(super) struct Committer {
    parts: Arc<Parts>,
    inbox: Receiver,
    outcomes: Outcomes,
    queue: Queue,
    /// Rows that came too late to be pushed.
    late: Queue,
    /// When the first row in the queue came.
    queued_since: Instant,
    rhythm: Rhythm,
    pushes: JoinSet<Pushed>,
    /// Rows in them.
    in_flight: usize,
    max_pushes: usize,
    spool_writes: JoinSet<()>,
}

impl Committer {
    pub(super) fn new(parts: Arc<Parts>, inbox: Receiver, outcomes: Outcomes) -> Self {
        let now = Instant::now();
        Self {
            parts,
            inbox,
            outcomes,
            queue: Queue::default(),
            late: Queue::default(),
            queued_since: now,
            rhythm: Rhythm::new(now),
            pushes: JoinSet::new(),
            in_flight: 0,
            max_pushes: MAX_PUSHES_IN_DOUBT,
            spool_writes: JoinSet::new(),
        }
    }

    /// Runs until every sender of rows is gone.
    pub(super) async fn run(mut self) {
        while let Some(rows) = self.inbox.take() {
            let now = Instant::now();
            self.enqueue(rows, now);
            let Wait { until, wanted } = self.dispatch(now);
            tokio::select! {
                () = self.inbox.enough(wanted) => {}
                Some(pushed) = self.pushes.join_next() => self.settle(pushed),
                Some(_) = self.spool_writes.join_next() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn enqueue(&mut self, rows: Vec<Row>, now: Instant) {
        if self.queue.is_empty() {
            self.queued_since = now;
        }
        self.rhythm.arrived(rows.len());
        for row in rows {
            let queue = if row.push_by < now + MIN_PUSH_TIME { &mut self.late } else { &mut self.queue };
            queue.push(row);
        }
    }

    /// Starts whatever may start at `now`; answers what to wait for.
    fn dispatch(&mut self, now: Instant) -> Wait {
        let needed = self.push_time();
        while self.spool_writes.len() < MAX_SPOOL_WRITES {
            let mut rows = self.queue.take_expired(now + needed);
            if rows.is_empty() {
                rows = self.late.take_call();
            }
            if rows.is_empty() {
                break;
            }
            self.spool(rows, "no call was free in time");
        }
        while let Some(push_by) = self.queue.oldest_push_by().filter(|push_by| *push_by > now + needed) {
            // From then on a push of the oldest row would be cut off in the middle: stored, and spooled as well.
            let push_by = push_by.checked_sub(needed).unwrap_or(push_by);
            match self.next_step(now, push_by) {
                Step::Push => self.start_push(now),
                Step::Spool(reason) => {
                    let rows = self.queue.take_call();
                    self.spool(rows, reason);
                }
                Step::Wait(wait) => return wait,
            }
        }
        // Whatever is left waits for a spool write to end, which wakes the task.
        Wait::for_rows()
    }

    /// What becomes of the rows at the front of the queue, the oldest of which may be pushed until `push_by`.
    fn next_step(&self, now: Instant, push_by: Instant) -> Step {
        if self.parts.breaker().is_open(now) {
            return self.to_spool(now, push_by, "the circuit breaker is open");
        }
        if self.pushes.len() >= self.max_pushes {
            return Step::Wait(Wait::until(push_by));
        }
        let (queued, is_full) = (self.queue.len(), self.queue.is_full());
        let start = self.rhythm.next(queued, self.in_flight, self.parts.pacer.gap(now), now);
        if now < start.at && !is_full {
            let rows = if start.at - now > MAX_NAP { 1 } else { start.or_rows };
            let wanted = Wanted { rows, bytes: self.queue.room() };
            return Step::Wait(Wait { until: Some(start.at.min(push_by)), wanted });
        }
        match self.parts.pacer.take(now) {
            Ok(()) => Step::Push,
            Err(turn) if turn < push_by => Step::Wait(Wait::until(turn)),
            Err(_) => self.to_spool(now, push_by, "no call is allowed in time"),
        }
    }

    /// To the spool, once rows have gathered for it.
    fn to_spool(&self, now: Instant, push_by: Instant, reason: &'static str) -> Step {
        let gathered = self.queued_since + GATHER_FOR_SPOOL;
        if now < gathered && !self.queue.is_full() {
            Step::Wait(Wait::until(gathered.min(push_by)))
        } else if self.spool_writes.len() >= MAX_SPOOL_WRITES {
            Step::Wait(Wait::until(push_by))
        } else {
            Step::Spool(reason)
        }
    }

    /// How much time a push should have left when it starts: as long as calls take of late. The first of them is made in
    /// any case, or nobody would learn that they have become faster.
    fn push_time(&self) -> Duration {
        match &self.parts.ingestion {
            Some(ingestion) if !self.pushes.is_empty() => ingestion.latency(),
            _ => Duration::ZERO,
        }
    }

    fn start_push(&mut self, now: Instant) {
        self.parts.breaker().pushing();
        self.rhythm.started(now);
        let rows = self.queue.take_call();
        self.in_flight += rows.len();
        let (parts, outcomes) = (Arc::clone(&self.parts), self.outcomes.clone());
        self.pushes.spawn(async move {
            let Some(ingestion) = &parts.ingestion else {
                return Pushed { count: rows.len(), left: rows, error: None };
            };
            push_rows(&parts, &outcomes, rows, |content, by| ingestion.push(content, by)).await
        });
    }

    /// Takes a finished push in: its rows are stored, or go to the spool.
    fn settle(&mut self, pushed: Result<Pushed, JoinError>) {
        let now = Instant::now();
        // A push that panics ends well: see `push_rows`.
        let Ok(Pushed { count, left, error }) = pushed else { return };
        self.in_flight -= count;
        self.max_pushes = MAX_PUSHES_IN_DOUBT;
        match error {
            None => {
                self.rhythm.answered(count, now);
                self.max_pushes = MAX_PUSHES;
                self.parts.azure_works();
            }
            // The service is there: a bad row must not keep the good ones from it.
            Some(PushError::Rejected(_) | PushError::TooLarge) => {
                self.parts.breaker().succeeded();
            }
            Some(ref error) => {
                if self.parts.breaker().failed(now, error.wait()) {
                    warn!(event = "breaker_opened", kind = error.kind(), "events go straight to the spool");
                }
            }
        }
        if !left.is_empty() {
            let reason = error.as_ref().map_or("unknown", PushError::kind);
            self.spool(left, reason);
        }
    }

    fn spool(&mut self, rows: Vec<Row>, reason: &'static str) {
        let (parts, outcomes) = (Arc::clone(&self.parts), self.outcomes.clone());
        self.spool_writes.spawn(async move { spool_rows(&parts, &outcomes, rows, reason).await });
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Pushes `rows` as one `call`, halves what is too large, and answers what is left. A panic on the way is one more error:
/// the rows are kept outside of what panics, and go to the spool.
async fn push_rows<F: Future<Output = Result<(), PushError>>>(
    parts: &Parts,
    outcomes: &Outcomes,
    mut rows: Vec<Row>,
    call: impl Fn(Bytes, Instant) -> F,
) -> Pushed {
    let count = rows.len();
    let pushed = AssertUnwindSafe(push_all(parts, outcomes, &mut rows, call)).catch_unwind().await;
    let error = pushed.unwrap_or_else(|_| {
        parts.counters.push_failed(PushError::Panicked.fault(OffsetDateTime::now_utc()));
        PushError::Panicked.log(rows.len());
        Some(PushError::Panicked)
    });
    Pushed { count, left: rows, error }
}

/// Pushes `rows`, takes out of them what was stored, and answers the last error.
async fn push_all<F: Future<Output = Result<(), PushError>>>(
    parts: &Parts,
    outcomes: &Outcomes,
    rows: &mut Vec<Row>,
    call: impl Fn(Bytes, Instant) -> F,
) -> Option<PushError> {
    let mut last_error = None;
    // Those at the front that were given up, and how many of the others each call takes.
    let mut given_up = 0;
    let mut sizes = vec![rows.len()];
    while let Some(size) = sizes.pop() {
        let part = rows.get(given_up..given_up + size).unwrap_or_default();
        let push_by = part.iter().map(|row| row.push_by).min().unwrap_or_else(Instant::now);
        let content = compressed(part);
        parts.counters.calls(1);
        match call(content, push_by).await {
            Ok(()) => {
                let events = part.iter().filter(|row| row.ticket.is_event()).count();
                parts.counters.stored(events, OffsetDateTime::now_utc());
                let stored = rows.drain(given_up..given_up + size).collect();
                outcomes.tell(stored, Outcome::Stored, Instant::now());
            }
            Err(PushError::TooLarge) if size > 1 => {
                sizes.extend([size - size / 2, size / 2]);
                parts.pacer.turn().await;
            }
            Err(error) => {
                parts.counters.push_failed(error.fault(OffsetDateTime::now_utc()));
                error.log(size);
                given_up += size;
                last_error = Some(error);
            }
        }
    }
    last_error
}

/// Writes `rows` to the spool as one blob, as long as somebody waits for the answer.
async fn spool_rows(parts: &Parts, outcomes: &Outcomes, rows: Vec<Row>, reason: &'static str) {
    debug_assert!(rows.len() == 1 || call_bytes(&rows) <= MAX_CALL_BYTES, "a blob holds one call");
    let Some(ack_by) = rows.iter().map(|row| row.ack_by).max() else { return };
    let content = compressed(&rows);
    let name = new_name(PENDING, OffsetDateTime::now_utc());
    let outcome = match parts.put_until(&name, content, ack_by).await {
        Ok(()) => {
            parts.counters.spooled(rows.iter().filter(|row| row.ticket.is_event()).count());
            warn!(event = "batch_spooled", rows = rows.len(), reason, "a batch waits in the spool");
            Outcome::Spooled
        }
        Err(problem) => {
            error!(event = "spool_write_failed", rows = rows.len(), %problem, hint = problem.hint());
            Outcome::Unavailable
        }
    };
    outcomes.tell(rows, outcome, Instant::now());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::dedup::{DedupCache, Lookup};
    use super::super::outcomes::outcomes;
    use super::super::pace::Pacer;
    use super::super::permit::{Budget, Permit};
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_push_loses_no_row() {
        let (now, budget, bodies) = (Instant::now(), Arc::<Budget>::default(), Arc::<DedupCache>::default());
        let parts = Parts::new(None, None, Arc::new(Pacer::new(6_000, now)), Arc::default());
        let (mut rows, mut waiting) = (Vec::new(), Vec::new());
        for n in 0..4 {
            let Lookup::New(ticket, outcome) = bodies.enter(&[n; 32], now) else { panic!("it is new") };
            let permit = Permit::acquire(&budget, 2).unwrap();
            rows.push(Row { json: b"{}".to_vec(), ticket, push_by: now, ack_by: now, _permit: permit });
            waiting.push(outcome);
        }
        let calls = AtomicUsize::new(0);
        let (outcomes, teller) = outcomes();
        let pushed = push_rows(&parts, &outcomes, rows, |_, _| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            async move {
                match call {
                    0 => Err(PushError::TooLarge),
                    1 => Ok(()),
                    _ => panic!("the second half"),
                }
            }
        })
        .await;
        assert!(matches!(pushed.error, Some(PushError::Panicked)));
        assert_eq!((pushed.count, pushed.left.len()), (4, 2));
        drop(outcomes);
        teller.run().await;
        let told: Vec<_> = waiting.iter_mut().map(|outcome| outcome.try_recv().ok()).collect();
        assert_eq!(told, [Some(Outcome::Stored), Some(Outcome::Stored), None, None]);
    }
}
