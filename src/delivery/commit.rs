//! Group commit: concurrent requests share one push.
//!
//! A row that finds nothing queued and nothing in flight starts a push at once, so that one event alone waits for
//! nothing. Otherwise rows gather for up to 3 ms ([`GATHER`]), then a push starts if one of [`MAX_PUSHES`] slots is free,
//! else when one frees. Without the short gathering a closed loop forms convoys: the first client to return starts a
//! push of one row, and all others wait a round trip.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, warn};

use super::batch::{Queue, Row, call_bytes};
use super::dedup::Outcome;
use super::parts::Parts;
use super::push::{MAX_CALL_BYTES, PushError, body};
use super::spool::{PENDING, new_name};

/// Pushes in flight at once.
const MAX_PUSHES: usize = 4;
/// Spool writes in flight at once.
const MAX_SPOOL_WRITES: usize = 8;
/// How long rows gather while another push is in flight: up to 3 ms, because the runtime's timer counts whole
/// milliseconds and rounds up.
const GATHER: Duration = Duration::from_millis(2);
/// How long rows gather while everything goes to the spool: a day's outage should leave fewer and fuller blobs.
const GATHER_FOR_SPOOL: Duration = Duration::from_millis(200);
/// A row with less time than this left for a push goes to the spool: it would take its whole batch down with it.
const MIN_PUSH_TIME: Duration = Duration::from_millis(300);
/// Rows taken over from requests in one go.
const MAX_INTAKE: usize = 1_024;

/// What a push task hands back: the rows that Azure Monitor did not take, and why.
struct Pushed {
    left: Vec<Row>,
    error: Option<PushError>,
}

/// The one task that owns the queue.
pub(super) struct Committer {
    parts: Arc<Parts>,
    incoming: mpsc::UnboundedReceiver<Row>,
    queue: Queue,
    /// Rows that came too late to be pushed.
    late: Queue,
    /// Until when the rows in the queue gather.
    gather_until: Instant,
    pushes: JoinSet<Pushed>,
    spool_writes: JoinSet<()>,
}

impl Committer {
    pub(super) fn new(parts: Arc<Parts>, incoming: mpsc::UnboundedReceiver<Row>) -> Self {
        Self {
            parts,
            incoming,
            queue: Queue::default(),
            late: Queue::default(),
            gather_until: Instant::now(),
            pushes: JoinSet::new(),
            spool_writes: JoinSet::new(),
        }
    }

    /// Runs until every sender of rows is gone.
    pub(super) async fn run(mut self) {
        let mut intake = Vec::with_capacity(MAX_INTAKE);
        loop {
            let wake = self.dispatch(Instant::now());
            tokio::select! {
                count = self.incoming.recv_many(&mut intake, MAX_INTAKE) => {
                    if count == 0 {
                        return;
                    }
                    self.enqueue(&mut intake);
                }
                Some(pushed) = self.pushes.join_next() => self.settle(pushed),
                Some(_) = self.spool_writes.join_next() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    fn enqueue(&mut self, intake: &mut Vec<Row>) {
        let now = Instant::now();
        if self.queue.is_empty() {
            let pause = if self.parts.breaker().is_open(now) {
                GATHER_FOR_SPOOL
            } else if self.pushes.is_empty() {
                Duration::ZERO
            } else {
                GATHER
            };
            self.gather_until = now + pause;
        }
        for row in intake.drain(..) {
            let queue = if row.push_by < now + MIN_PUSH_TIME { &mut self.late } else { &mut self.queue };
            queue.push(row);
        }
    }

    /// Starts whatever may start at `now`; answers when to look again.
    fn dispatch(&mut self, now: Instant) -> Option<Instant> {
        let needed = self.push_time();
        while self.spool_writes.len() < MAX_SPOOL_WRITES {
            let mut rows = self.queue.take_expired(now + needed);
            if rows.is_empty() {
                rows = self.late.take_call();
            }
            if rows.is_empty() {
                break;
            }
            self.spool(rows, "no push slot or call was free in time");
        }
        while let Some(push_by) = self.queue.oldest_push_by().filter(|push_by| *push_by > now + needed) {
            // From then on a push of the oldest row would be cut off in the middle: stored, and spooled as well.
            let push_by = push_by.checked_sub(needed).unwrap_or(push_by);
            if now < self.gather_until && !self.queue.is_full() {
                return Some(self.gather_until.min(push_by));
            }
            if self.parts.breaker().is_open(now) {
                if self.spool_writes.len() >= MAX_SPOOL_WRITES {
                    return Some(push_by);
                }
                let rows = self.queue.take_call();
                self.spool(rows, "the circuit breaker is open");
                continue;
            }
            if self.pushes.len() >= MAX_PUSHES {
                return Some(push_by);
            }
            if let Err(turn) = self.parts.pacer.take(now) {
                if turn < push_by || self.spool_writes.len() >= MAX_SPOOL_WRITES {
                    return Some(turn.min(push_by));
                }
                let rows = self.queue.take_call();
                self.spool(rows, "no call is allowed in time");
                continue;
            }
            self.start_push();
        }
        // Whatever is left waits for a spool write to end, which wakes the task.
        None
    }

    /// How much time a push should have left when it starts: as long as calls take of late. The first of them is made in
    /// any case, or nobody would learn that they have become faster.
    fn push_time(&self) -> Duration {
        match &self.parts.ingestion {
            Some(ingestion) if !self.pushes.is_empty() => ingestion.latency(),
            _ => Duration::ZERO,
        }
    }

    fn start_push(&mut self) {
        self.parts.breaker().pushing();
        let rows = self.queue.take_call();
        let parts = Arc::clone(&self.parts);
        self.pushes.spawn(async move { push_rows(&parts, rows).await });
    }

    /// Takes a finished push in: its rows are stored, or go to the spool.
    fn settle(&mut self, pushed: Result<Pushed, tokio::task::JoinError>) {
        let now = Instant::now();
        let Ok(Pushed { left, error }) = pushed else {
            // The task panicked; its rows' tickets have said so already.
            self.parts.breaker().failed(now, None);
            return;
        };
        match error {
            None => self.parts.azure_works(),
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
        let parts = Arc::clone(&self.parts);
        self.spool_writes.spawn(async move { spool_rows(&parts, rows, reason).await });
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Pushes `rows` as one call, halves what is too large, and answers what is left.
async fn push_rows(parts: &Parts, rows: Vec<Row>) -> Pushed {
    let Some(ingestion) = &parts.ingestion else {
        return Pushed { left: rows, error: None };
    };
    let mut left = Vec::new();
    let mut last_error = None;
    let mut work = vec![rows];
    while let Some(mut rows) = work.pop() {
        let push_by = rows.iter().map(|row| row.push_by).min().unwrap_or_else(Instant::now);
        let call = body(rows.iter().map(|row| row.json.as_slice()));
        parts.counters.calls(1);
        match ingestion.push(call, push_by).await {
            Ok(()) => {
                let events = rows.iter().filter(|row| row.ticket.is_event()).count();
                parts.counters.stored(events, OffsetDateTime::now_utc());
                let now = Instant::now();
                for row in rows {
                    row.resolve(Outcome::Stored, now);
                }
            }
            Err(PushError::TooLarge) if rows.len() > 1 => {
                work.push(rows.split_off(rows.len() / 2));
                work.push(rows);
                parts.pacer.turn().await;
            }
            Err(error) => {
                parts.counters.push_failed(error.fault(OffsetDateTime::now_utc()));
                error.log(rows.len());
                left.append(&mut rows);
                last_error = Some(error);
            }
        }
    }
    Pushed { left, error: last_error }
}

/// Writes `rows` to the spool as one blob, as long as somebody waits for the answer.
async fn spool_rows(parts: &Parts, rows: Vec<Row>, reason: &'static str) {
    debug_assert!(rows.len() == 1 || call_bytes(&rows) <= MAX_CALL_BYTES, "a blob holds one call");
    let Some(ack_by) = rows.iter().map(|row| row.ack_by).max() else { return };
    let content = body(rows.iter().map(|row| row.json.as_slice()));
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
    let now = Instant::now();
    for row in rows {
        row.resolve(outcome, now);
    }
}
