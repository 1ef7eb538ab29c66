//! The drain: what waits in the spool goes to the table, oldest first.
//!
//! A timer calls [`Drain::run`] every minute. It may be killed at any instruction: a blob is deleted only when every
//! row of it was accepted or lies in `deadletter/`, so the worst that a kill leaves are duplicates of one call, which
//! `EventId` makes recognisable. `blob` is what is
//! drained, `load` reads blobs into calls, `settle` pushes a call and finds the rows that Azure Monitor rejects, `clear`
//! empties the spool of what is settled, `receipt` notes what is to be cleared, `faults` tells one blob's fault from a broken storage, `lease`
//! keeps runs of several instances apart, `depth` counts what waits.

mod blob;
mod clear;
mod depth;
mod faults;
mod lease;
mod load;
mod receipt;
mod settle;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, info, warn};

use self::depth::{Count, depth_soon};
use self::faults::Faults;
use self::lease::Lease;
use self::load::Loader;
use self::settle::Settler;
use super::parts::Parts;
use super::push::{PushError, body};
use super::spool::{DEAD_LETTER, Entry, PENDING, SpoolError, Store, written};
use crate::record;

pub(crate) use self::depth::Depth;

/// A run begins nothing after this long; calls in flight end within 20 s more. The host keeps runs apart.
const RUN_TIMEOUT: Duration = Duration::from_secs(50);
/// Calls in hand at once: one is pushed, while others are compressed before and leave the spool afterwards.
const MAX_CALLS: usize = 4;
/// Deletes in flight at once, per call.
const DELETES: usize = 16;
/// Names read in one listing: the most that Blob storage gives.
const PAGE_SIZE: u16 = 5_000;
/// Names read when a whole page did not come.
const SMALL_PAGE_SIZE: u16 = 100;
/// What is not the drain's own work, the heartbeat and the depth, may take so long each.
const SIDE_TASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a run ended before the spool was empty.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Stop {
    /// Another instance is at it.
    #[error("another instance drains the spool")]
    Elsewhere,
    /// The time was up.
    #[error("the run's time is over; the next one goes on")]
    TimeOver,
    /// Azure Monitor throttled twice.
    #[error("azure monitor throttled twice; the next run goes on")]
    Throttled,
    /// The configuration is wrong: nothing is dead-lettered for that.
    #[error("configuration error: {0}")]
    Configuration(PushError),
    /// Azure Monitor cannot be reached.
    #[error("{0}")]
    Unavailable(PushError),
    /// The spool itself does not work.
    #[error("{0}")]
    Spool(String),
    /// A setting is missing.
    #[error("{0} is not usable, see /api/status")]
    NotConfigured(&'static str),
}

impl From<SpoolError> for Stop {
    fn from(error: SpoolError) -> Self {
        Self::Spool(error.to_string())
    }
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Rows that Azure Monitor accepted.
    pub(crate) rows: usize,
    /// Rows and blobs moved to `deadletter/`.
    pub(crate) dead_lettered: usize,
    /// Calls made.
    pub(crate) calls: usize,
    /// How deep the spool is afterwards; `None` when it could not be read.
    pub(crate) depth: Option<Depth>,
    /// Why it ended early.
    pub(crate) stop: Option<Stop>,
}

/// Who asks for a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trigger {
    /// The host's timer, which fired before at that time. The host keeps it, so that the heartbeat is hourly even when every
    /// minute finds a new process.
    Timer(Option<OffsetDateTime>),
    /// The process that takes requests, because no timer seems to fire. The heartbeat is the timer's, and its absence a sign.
    Fallback,
}

impl Trigger {
    /// What a run that the timer asked for leaves in the spool.
    const TIMER: &str = "timer";

    fn name(self) -> &'static str {
        match self {
            Self::Timer(_) => Self::TIMER,
            Self::Fallback => "fallback",
        }
    }
}

/// The drain of one process.
pub(crate) struct Drain {
    parts: Arc<Parts>,
    /// The app's name in Azure, for the heartbeat.
    site: String,
    /// Held during a run: the host keeps runs apart, a retried call may not.
    state: tokio::sync::Mutex<State>,
    memory: Arc<Mutex<Memory>>,
    count: Count,
    /// When the last run began that the timer asked for.
    last_timer: Mutex<Option<Instant>>,
}

/// What a run leaves to the next one in the same process. A process that begins without it only does more work.
#[derive(Default)]
struct Memory {
    /// Blobs whose rows are settled, and whose deletion failed.
    undeleted: HashSet<String>,
    /// Receipts that are still there, and the blobs of each.
    receipts: HashMap<String, Vec<String>>,
    /// Rows that were rejected alone, by blob and place, and how many rows of events had been accepted by then.
    rejected: HashMap<String, HashMap<usize, u64>>,
}

#[derive(Default)]
struct State {
    /// The hour of the last heartbeat, in hours since 1970.
    heartbeat_hour: Option<i64>,
}

impl Drain {
    /// A drain over `parts`.
    #[must_use]
    pub(crate) fn new(parts: Arc<Parts>, site: String) -> Self {
        Self {
            parts,
            site,
            state: tokio::sync::Mutex::default(),
            memory: Arc::default(),
            count: Count::default(),
            last_timer: Mutex::default(),
        }
    }

    /// The timer has fired.
    pub(crate) fn timer_fired(&self) {
        *self.last_timer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a blob has waited for `max`, and no timer has fired in that time: not here, and on no other instance, where its
    /// run would have left a sign.
    pub(crate) async fn is_overdue(&self, max: Duration) -> bool {
        let fired = *self.last_timer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(store) = self.parts.store.as_ref().filter(|_| self.parts.ingestion.is_some()) else {
            return false;
        };
        if fired.is_some_and(|at| at.elapsed() < max) {
            return false;
        }
        let Ok(page) = store.list(PENDING, None, 1).await else { return false };
        let oldest = page.entries.first().and_then(|entry| written(&entry.name));
        oldest.is_some_and(|at| OffsetDateTime::now_utc() - at > max)
            && lease::timer_ran_within(store, max).await.is_ok_and(|ran| !ran)
    }

    /// How deep the spool is and as of when, with one round trip of storage.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub(crate) async fn depth(&self, store: &Store) -> Result<(Depth, OffsetDateTime), SpoolError> {
        self.count.advance(store).await
    }

    /// One run. `None` is returned while another run is under way in this process.
    pub(crate) async fn run(&self, now: OffsetDateTime, trigger: Trigger) -> Option<Report> {
        let mut state = self.state.try_lock().ok()?;
        let deadline = Instant::now() + RUN_TIMEOUT;
        if let Trigger::Timer(last_run) = trigger {
            self.heartbeat(&mut state, now, last_run).await;
        }
        let mut report = Report::default();
        report.stop = self.empty(now, trigger, deadline, &mut report).await.err();
        if let Some(store) = self.parts.store.as_ref().filter(|_| report.depth.is_none()) {
            match depth_soon(store, PENDING).await {
                Ok(depth) => report.depth = Some(depth),
                Err(error) => {
                    self.parts.counters.spool_failed(error.fault(OffsetDateTime::now_utc()));
                    error!(event = "spool_unreadable", problem = %error, hint = error.hint());
                }
            }
        }
        log_report(&report);
        Some(report)
    }

    /// Pushes the hourly row that says "I am alive" and how the spool is.
    async fn heartbeat(&self, state: &mut State, now: OffsetDateTime, last_run: Option<OffsetDateTime>) {
        let hour = |at: OffsetDateTime| at.unix_timestamp().div_euclid(3_600);
        let last = state.heartbeat_hour.or(last_run.map(hour));
        let Some(ingestion) = self.parts.ingestion.as_ref().filter(|_| last != Some(hour(now))) else {
            state.heartbeat_hour = state.heartbeat_hour.or(last);
            return;
        };
        let row = heartbeat_row(&self.parts, &self.site, now).await;
        let by = Instant::now() + SIDE_TASK_TIMEOUT;
        let pushed = tokio::time::timeout_at(by, async {
            self.parts.pacer.turn().await;
            self.parts.counters.calls(1);
            ingestion.push(body([row.as_slice()]), by).await
        });
        match pushed.await.unwrap_or(Err(PushError::TimedOut)) {
            Ok(()) => state.heartbeat_hour = Some(hour(now)),
            Err(problem) => {
                // Owed: the next run tries again, whatever the host says about the last one.
                state.heartbeat_hour = Some(i64::MIN);
                self.parts.counters.push_failed(problem.fault(now));
                warn!(event = "heartbeat_failed", kind = problem.kind(), %problem, hint = problem.hint());
            }
        }
    }

    /// Pushes what waits until nothing does.
    async fn empty(
        &self,
        now: OffsetDateTime,
        trigger: Trigger,
        deadline: Instant,
        report: &mut Report,
    ) -> Result<(), Stop> {
        let parts = &self.parts;
        if parts.ingestion.is_none() {
            return Err(Stop::NotConfigured("the Logs Ingestion endpoint"));
        }
        let store = parts.store.as_ref().ok_or(Stop::NotConfigured("the spool"))?;
        // Most minutes find nothing, and this is all that they ask of storage. A page that does not come says nothing.
        let first = store.list(PENDING, None, 1).await.ok();
        if let Some(page) = first.filter(|page| page.entries.is_empty() && page.next.is_none()) {
            let faults = Faults::default();
            for (name, problem) in &page.foreign {
                faults.skipped(name, problem);
            }
            report.depth = Some(Depth { foreign: page.foreign.len(), ..Depth::default() });
            return Ok(());
        }
        let mut lease = Lease::take(store, trigger).await?.ok_or(Stop::Elsewhere)?;
        let settler = Settler::new(Arc::clone(parts), Arc::clone(&self.memory), deadline, lease.held());
        let done = Notify::new();
        let draining = async {
            let outcome = self.pages(&settler, now).await.and_then(|()| settler.faults.verdict());
            settler.retry_settled().await;
            done.notify_one();
            outcome
        };
        let (outcome, ()) = tokio::join!(draining, lease.keep(store, &done));
        lease.release(store).await;
        report.rows = settler.accepted();
        report.dead_lettered = settler.dead_lettered();
        report.calls = settler.calls();
        outcome
    }

    /// Drains page by page, until the last one or the end of the run's time.
    async fn pages(&self, settler: &Settler, now: OffsetDateTime) -> Result<(), Stop> {
        settler.recall_settled().await?;
        let store = settler.store()?;
        let mut after = None;
        loop {
            let page = match store.list(PENDING, after.clone(), PAGE_SIZE).await {
                Ok(page) => page,
                // A page that is too much for storage, or holds a name that cannot be read, is asked for in parts.
                Err(_) => store.list(PENDING, after, SMALL_PAGE_SIZE).await?,
            };
            for (name, problem) in &page.foreign {
                settler.faults.skipped(name, problem);
            }
            self.drain_page(settler, Loader::new(settler, now), page.entries).await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
            if settler.reading_is_over() {
                return Err(Stop::TimeOver);
            }
        }
    }

    /// Merges the blobs of one listing into full calls and settles these, with at most [`MAX_CALLS`] in hand at once.
    async fn drain_page(&self, settler: &Settler, loader: Loader, entries: Vec<Entry>) -> Result<(), Stop> {
        let mut calls = std::pin::pin!(loader.calls(entries));
        let mut in_flight: JoinSet<Result<(), Stop>> = JoinSet::new();
        let mut outcome = Ok(());
        loop {
            let room = in_flight.len() < MAX_CALLS && outcome.is_ok();
            tokio::select! {
                call = calls.next(), if room => match call {
                    Some(Ok(call)) => {
                        let settler = settler.clone();
                        in_flight.spawn(async move { settler.settle(call).await });
                    }
                    Some(Err(stop)) => outcome = Err(stop),
                    None => break,
                },
                Some(settled) = in_flight.join_next() => outcome = outcome.and(flatten(settled)),
                else => break,
            }
        }
        while let Some(settled) = in_flight.join_next().await {
            outcome = outcome.and(flatten(settled));
        }
        outcome
    }
}

/// A task that panicked has settled nothing: its blobs are still there.
fn flatten(settled: Result<Result<(), Stop>, tokio::task::JoinError>) -> Result<(), Stop> {
    settled.unwrap_or_else(|error| Err(Stop::Spool(format!("a call's task failed: {error}"))))
}

async fn heartbeat_row(parts: &Parts, site: &str, now: OffsetDateTime) -> Vec<u8> {
    let mut data = serde_json::Map::from_iter([("site".to_owned(), json!(site))]);
    if let Some(store) = &parts.store {
        if let Ok(depth) = depth_soon(store, PENDING).await {
            data.insert("spool_blobs".to_owned(), json!(depth.blobs));
            data.insert("spool_more".to_owned(), json!(depth.more));
            data.insert("spool_oldest_s".to_owned(), json!(depth.oldest_s));
        }
        if let Ok(dead) = depth_soon(store, DEAD_LETTER).await {
            data.insert("dead_letters".to_owned(), json!(dead.blobs));
        }
    }
    record::own_event("connector.heartbeat", data.into(), now).row
}

fn log_report(report: &Report) {
    if let Some(depth) = report.depth {
        info!(event = "spool_state", blobs = depth.blobs, oldest_s = depth.oldest_s, more = depth.more);
    }
    if report.rows > 0 || report.dead_lettered > 0 {
        info!(event = "spool_drained", rows = report.rows, calls = report.calls);
    }
    match &report.stop {
        None | Some(Stop::TimeOver | Stop::Throttled | Stop::Elsewhere) => {}
        Some(Stop::Configuration(problem)) => {
            error!(event = "drain_stopped", reason = "configuration", %problem, hint = problem.hint());
        }
        Some(stop @ Stop::Unavailable(_)) => {
            let hint = "nothing: the next run goes on";
            warn!(event = "drain_stopped", reason = "unavailable", problem = %stop, hint);
        }
        Some(stop) => {
            let hint = "see last_error, spool and problems in /api/status";
            error!(event = "drain_stopped", reason = "spool", problem = %stop, hint);
        }
    }
}
