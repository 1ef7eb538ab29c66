//! A call is pushed; what Azure Monitor rejects in it is found and set aside, and its blobs are deleted.
//!
//! The danger is to dead-letter a whole backlog because the configuration is wrong: a stream without our columns
//! rejects every row of an event. So a row counts as bad only when another row of an event was accepted after its
//! rejection, and rows of our own prove nothing. A rejected call is halved; while nothing of it was accepted, only one path
//! is followed down, in search of one row that is. Without one the run stops and everything stays where it is. With
//! one, the bad rows are found, and before they are set aside that good row is asked for once more: the configuration
//! may have changed in between. It is then in the table twice, under one `EventId`.
//!
//! Calls are pushed one at a time, and the next one begins when storage knows that this one is settled. Azure Monitor
//! cannot be asked what it has accepted, so that every call in between is sent again when this process is killed: with one
//! at a time, that is one call.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::blob::{Blob, Call};
use super::faults::{Faults, Kind};
use super::lease::Held;
use super::{Memory, Stop};
use crate::delivery::parts::Parts;
use crate::delivery::push::{LogsIngestion, PushError, body};
use crate::delivery::spool::Store;

/// What every row of our own holds.
const OWN_FAMILY: &[u8] = br#""EventFamily":"connector""#;
/// Nobody waits for a drain, so that a slow answer is better than a duplicate.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Reading ends so long before pushing does.
const TIME_TO_PUSH: Duration = Duration::from_secs(2);
/// The pause before the one retry of a call that met a hiccup.
const PAUSE: Duration = Duration::from_millis(500);

/// One row of a call: which blob, and where in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RowId {
    pub(super) blob: usize,
    pub(super) index: usize,
}

/// What a push of some rows came to.
enum Verdict {
    Accepted,
    /// 400, or 413 for a single row.
    Rejected(PushError),
    TooLarge,
}

/// What a run came to.
#[derive(Default)]
pub(super) struct Tally {
    accepted: AtomicUsize,
    dead_lettered: AtomicUsize,
    calls: AtomicUsize,
    throttles: AtomicUsize,
}

impl Tally {
    pub(super) fn dead_lettered(&self) {
        self.dead_lettered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Settles calls; clones share one tally.
#[derive(Clone)]
pub(super) struct Settler {
    pub(super) parts: Arc<Parts>,
    memory: Arc<Mutex<Memory>>,
    deadline: Instant,
    held: Held,
    pub(super) tally: Arc<Tally>,
    pub(super) faults: Arc<Faults>,
    turn: Arc<tokio::sync::Mutex<Turn>>,
}

/// The right to push a call. Whoever waits for it gets it in the order of asking.
#[derive(Default)]
struct Turn {
    /// A call has stopped the run, and none is pushed after it.
    is_over: bool,
}

/// A call under settlement.
pub(super) struct Case {
    pub(super) blobs: Vec<Arc<Blob>>,
    /// Rows that are not settled yet.
    pub(super) open: HashSet<RowId>,
    /// A row that was accepted after the call was rejected.
    proof: Option<RowId>,
    /// Rows that were rejected alone, and why.
    suspects: Vec<(RowId, PushError)>,
}

impl Settler {
    pub(super) fn new(parts: Arc<Parts>, memory: Arc<Mutex<Memory>>, deadline: Instant, held: Held) -> Self {
        Self {
            parts,
            memory,
            deadline,
            held,
            tally: Arc::default(),
            faults: Arc::default(),
            turn: Arc::default(),
        }
    }

    pub(super) fn accepted(&self) -> usize {
        self.tally.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn dead_lettered(&self) -> usize {
        self.tally.dead_lettered.load(Ordering::Relaxed)
    }

    pub(super) fn calls(&self) -> usize {
        self.tally.calls.load(Ordering::Relaxed)
    }

    /// Whether no blob may be read any more: what was read should still be pushed, or the next run reads it again.
    pub(super) fn reading_is_over(&self) -> bool {
        Instant::now() + TIME_TO_PUSH >= self.deadline || self.held.is_over()
    }

    /// Whether the run may begin nothing any more: its time is up, or its lease may be another's soon.
    pub(super) fn time_is_over(&self) -> bool {
        Instant::now() >= self.deadline || self.held.is_over()
    }

    /// Pushes `call` and deletes its blobs. Whatever stops it, no row is lost: what is not settled stays pending.
    pub(super) async fn settle(&self, call: Call) -> Result<(), Stop> {
        let rows: Vec<RowId> = call
            .blobs
            .iter()
            .enumerate()
            .flat_map(|(blob, content)| (0..content.len()).map(move |index| RowId { blob, index }))
            .collect();
        let open = rows.iter().copied().collect();
        let mut case = Case { blobs: call.blobs, open, proof: None, suspects: Vec::new() };
        // Compressed before its turn, while another call is under way.
        let content = body(rows.iter().map(|id| row(&case, *id)));
        let mut turn = self.turn.lock().await;
        if turn.is_over {
            return Ok(());
        }
        let mut outcome = self.bisect(&mut case, rows, content).await;
        if outcome.is_ok() {
            outcome = self.dead_letter_suspects(&mut case).await;
        }
        let Some(receipt) = self.write_receipt(&case).await else {
            let outcome = outcome.and(self.clear(&case).await);
            turn.is_over = outcome.is_err();
            return outcome;
        };
        turn.is_over = outcome.is_err();
        drop(turn);
        let cleared = self.clear(&case).await;
        self.drop_receipt(receipt).await;
        outcome.and(cleared)
    }

    /// Pushes `rows`, whose body is `whole`, halving what is rejected, down to the row.
    async fn bisect(&self, case: &mut Case, rows: Vec<RowId>, whole: Bytes) -> Result<(), Stop> {
        let mut work = vec![rows];
        let mut whole = Some(whole);
        // Halves that wait until something proves that rows are to blame.
        let mut waiting: Vec<Vec<RowId>> = Vec::new();
        let mut rejection = None;
        while let Some(rows) = work.pop() {
            if rows.is_empty() {
                continue;
            }
            let content = whole.take().unwrap_or_else(|| body(rows.iter().map(|id| row(case, *id))));
            match self.push(case, &rows, content).await? {
                Verdict::Accepted if rejection.is_none() => {}
                Verdict::Accepted => {
                    case.proof = rows.into_iter().find(|id| is_event(case, *id)).or(case.proof);
                    if case.proof.is_some() {
                        work.append(&mut waiting);
                    }
                }
                Verdict::TooLarge => work.extend(halves(rows)),
                Verdict::Rejected(why) => {
                    rejection.get_or_insert_with(|| why.clone());
                    match rows.as_slice() {
                        [row] => case.suspects.push((*row, why)),
                        _ => work.extend(halves(rows)),
                    }
                }
            }
            if rejection.is_some() && case.proof.is_none() && work.len() > 1 {
                // One path only: the half at the end is tried next, the others wait.
                waiting.extend(work.drain(..work.len() - 1));
            }
        }
        match rejection {
            Some(why) if case.proof.is_none() && !waiting.is_empty() => Err(Stop::Configuration(why)),
            _ => Ok(()),
        }
    }

    /// Dead-letters the rows that were rejected alone, once it is proven that the configuration is right.
    async fn dead_letter_suspects(&self, case: &mut Case) -> Result<(), Stop> {
        let suspects = std::mem::take(&mut case.suspects);
        let Some((_, why)) = suspects.first() else { return Ok(()) };
        match case.proof {
            Some(proof) => {
                let confirmation = body([row(case, proof)]);
                if self.call(confirmation).await?.is_err() {
                    return Err(Stop::Configuration(why.clone()));
                }
            }
            None if self.was_proven_since(case, &suspects) => {}
            None => {
                let hint = why.hint();
                warn!(event = "row_rejected", count = suspects.len(), problem = %why, hint);
                return Ok(());
            }
        }
        for (id, why) in suspects {
            let Some(blob) = case.blobs.get(id.blob) else { continue };
            let content = body([blob.row(id.index)]);
            let name = match self.set_aside(&blob.name, Some(id.index), content).await? {
                Ok(name) => name,
                Err(problem) => {
                    self.faults.failed(Kind::Write, &blob.name, problem)?;
                    continue;
                }
            };
            case.open.remove(&id);
            self.dead_lettered_one(&name, &why.to_string());
        }
        Ok(())
    }

    /// Whether a row of another event was accepted, by whoever in this process, after these were rejected first. If not,
    /// it is remembered when they were.
    fn was_proven_since(&self, case: &Case, suspects: &[(RowId, PushError)]) -> bool {
        let accepted = self.parts.counters.accepted();
        let mut memory = self.lock();
        suspects.iter().all(|(id, _)| {
            let name = case.blobs.get(id.blob).map(|blob| blob.name.clone()).unwrap_or_default();
            accepted > *memory.rejected.entry(name).or_default().entry(id.index).or_insert(accepted)
        })
    }

    async fn push(&self, case: &mut Case, rows: &[RowId], content: Bytes) -> Result<Verdict, Stop> {
        match self.call(content).await? {
            Ok(()) => {
                for id in rows {
                    case.open.remove(id);
                }
                self.tally.accepted.fetch_add(rows.len(), Ordering::Relaxed);
                let events = rows.iter().filter(|id| is_event(case, **id)).count();
                self.parts.counters.drained(events, OffsetDateTime::now_utc());
                self.parts.azure_works();
                Ok(Verdict::Accepted)
            }
            Err(PushError::TooLarge) if rows.len() > 1 => Ok(Verdict::TooLarge),
            Err(why) => Ok(Verdict::Rejected(why)),
        }
    }

    /// One call. `Ok(Err(_))` is 400 or 413, which the rows must answer for; everything else stops the run.
    async fn call(&self, content: Bytes) -> Result<Result<(), PushError>, Stop> {
        let ingestion: &LogsIngestion =
            self.parts.ingestion.as_ref().ok_or(Stop::NotConfigured("the Logs Ingestion endpoint"))?;
        let mut retried = false;
        loop {
            let turn = tokio::time::timeout_at(self.deadline, self.parts.pacer.turn()).await;
            if turn.is_err() || self.time_is_over() {
                return Err(Stop::TimeOver);
            }
            self.tally.calls.fetch_add(1, Ordering::Relaxed);
            self.parts.counters.calls(1);
            // A call that was begun in time may end after it: to cut it off would most likely make duplicates.
            let problem = match ingestion.push_once(content.clone(), Instant::now() + CALL_TIMEOUT).await {
                Ok(()) => return Ok(Ok(())),
                Err(problem @ (PushError::Rejected(_) | PushError::TooLarge)) => return Ok(Err(problem)),
                Err(problem) => problem,
            };
            self.parts.counters.push_failed(problem.fault(OffsetDateTime::now_utc()));
            let pause = match &problem {
                PushError::Throttled(_) if self.tally.throttles.fetch_add(1, Ordering::Relaxed) > 0 => {
                    return Err(Stop::Throttled);
                }
                PushError::Throttled(wait) => wait.unwrap_or(PAUSE),
                PushError::Configuration { .. } => return Err(Stop::Configuration(problem)),
                _ if retried => return Err(Stop::Unavailable(problem)),
                _ => problem.wait().unwrap_or_default().max(PAUSE),
            };
            retried = true;
            if Instant::now() + pause >= self.deadline {
                return Err(Stop::TimeOver);
            }
            tokio::time::sleep(pause).await;
        }
    }

    pub(super) fn store(&self) -> Result<&Store, Stop> {
        self.parts.store.as_ref().ok_or(Stop::NotConfigured("the spool"))
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn row(case: &Case, id: RowId) -> &[u8] {
    case.blobs.get(id.blob).map(|blob| blob.row(id.index)).unwrap_or_default()
}

/// Whether a row is an event's. Our own have few columns, so that their acceptance proves little.
fn is_event(case: &Case, id: RowId) -> bool {
    let row = row(case, id);
    !row.windows(OWN_FAMILY.len()).any(|part| part == OWN_FAMILY)
}

/// Both halves, in an order that differs from run to run: a search that found nothing takes another path next time.
fn halves(mut rows: Vec<RowId>) -> [Vec<RowId>; 2] {
    let right = rows.split_off(rows.len() / 2);
    if Uuid::new_v4().as_u128() & 1 == 0 { [rows, right] } else { [right, rows] }
}
