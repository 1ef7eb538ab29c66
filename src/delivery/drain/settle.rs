//! A call is pushed; what Azure Monitor rejects in it is found and set aside, and its blobs are deleted.
//!
//! The danger is to dead-letter a whole backlog because the configuration is wrong: a stream without our columns
//! rejects every row of an event. So a row counts as bad only when another row of an event was accepted after its
//! rejection, and rows of our own prove nothing. A rejected call is halved; while nothing of it was accepted, only one path
//! is followed down, in search of one row that is. Without one the run stops and everything stays where it is. With
//! one, the bad rows are found, and before they are set aside that good row is asked for once more: the configuration
//! may have changed in between. It is then in the table twice, under one `EventId`.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

use super::blob::{Blob, Call};
use super::{Memory, Stop};
use crate::delivery::parts::Parts;
use crate::delivery::push::{LogsIngestion, PushError, body};
use crate::delivery::spool::{DEAD_LETTER, PENDING, Store};

/// What every row of our own holds.
const OWN_FAMILY: &[u8] = br#""EventFamily":"connector""#;
/// Deletes in flight at once, per call.
const DELETES: usize = 16;
/// Nobody waits for a drain, so that a slow answer is better than a duplicate.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause before the one retry of a call that met a hiccup.
const PAUSE: Duration = Duration::from_millis(500);

/// One row of a call: which blob, and where in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct RowId {
    blob: usize,
    index: usize,
}

/// What a push of some rows came to.
enum Verdict {
    Accepted,
    /// 400, or 413 for a single row.
    Rejected(PushError),
    TooLarge,
}

#[derive(Default)]
struct Tally {
    accepted: AtomicUsize,
    dead_lettered: AtomicUsize,
    calls: AtomicUsize,
    throttles: AtomicUsize,
}

/// Settles calls; clones share one tally.
#[derive(Clone)]
pub(super) struct Settler {
    parts: Arc<Parts>,
    memory: Arc<Mutex<Memory>>,
    deadline: Instant,
    tally: Arc<Tally>,
}

/// A call under settlement.
struct Case {
    blobs: Vec<Arc<Blob>>,
    /// Rows that are not settled yet.
    open: HashSet<RowId>,
    /// A row that was accepted after the call was rejected.
    proof: Option<RowId>,
    /// Rows that were rejected alone, and why.
    suspects: Vec<(RowId, PushError)>,
}

impl Settler {
    pub(super) fn new(parts: Arc<Parts>, memory: Arc<Mutex<Memory>>, deadline: Instant) -> Self {
        Self { parts, memory, deadline, tally: Arc::default() }
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

    /// Whether the run may begin nothing any more.
    pub(super) fn time_is_over(&self) -> bool {
        Instant::now() >= self.deadline
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
        let mut outcome = self.bisect(&mut case, rows).await;
        if outcome.is_ok() {
            outcome = self.dead_letter_suspects(&mut case).await;
        }
        let cleared = self.clear(&case).await;
        outcome.and(cleared)
    }

    /// Pushes `rows`, halving what is rejected, down to the row.
    async fn bisect(&self, case: &mut Case, rows: Vec<RowId>) -> Result<(), Stop> {
        let mut work = vec![rows];
        // Halves that wait until something proves that rows are to blame.
        let mut waiting: Vec<Vec<RowId>> = Vec::new();
        let mut rejection = None;
        while let Some(rows) = work.pop() {
            if rows.is_empty() {
                continue;
            }
            match self.push(case, &rows).await? {
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
        let store = self.store()?;
        for (id, why) in suspects {
            let Some(blob) = case.blobs.get(id.blob) else { continue };
            let name = dead_letter_name(&blob.name, Some(id.index));
            let content = body([blob.row(id.index)]);
            store.put(&name, content).await?;
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
            accepted > *memory.rejected.entry((name, id.index)).or_insert(accepted)
        })
    }

    /// Moves a blob that cannot be read to `deadletter/`, whole.
    pub(super) async fn quarantine(&self, name: &str, content: Bytes, why: &str) -> Result<(), Stop> {
        let store = self.store()?;
        let aside = dead_letter_name(name, None);
        store.put(&aside, content).await?;
        store.delete(name).await?;
        self.dead_lettered_one(&aside, &format!("unreadable blob: {why}"));
        Ok(())
    }

    fn dead_lettered_one(&self, name: &str, reason: &str) {
        self.tally.dead_lettered.fetch_add(1, Ordering::Relaxed);
        self.parts.counters.dead_lettered(1);
        error!(event = "row_deadlettered", count = 1, reason, name);
    }

    /// Deletes blobs that are settled whole. Of a blob that is settled in part the rest is written under a new name
    /// first, so that the next run goes on where this one stopped.
    async fn clear(&self, case: &Case) -> Result<(), Stop> {
        let mut left: HashMap<usize, Vec<usize>> = HashMap::new();
        for row in &case.open {
            left.entry(row.blob).or_default().push(row.index);
        }
        let mut clearing = Vec::new();
        for (number, blob) in case.blobs.iter().enumerate() {
            let left = left.remove(&number).unwrap_or_default();
            if left.len() < blob.len() || blob.len() == 0 {
                clearing.push(self.clear_blob(Arc::clone(blob), left));
            }
        }
        // All of them, whatever happens to one: a blob that stays is sent again.
        let cleared: Vec<_> = stream::iter(clearing).buffer_unordered(DELETES).collect().await;
        cleared.into_iter().collect()
    }

    async fn clear_blob(&self, blob: Arc<Blob>, mut left: Vec<usize>) -> Result<(), Stop> {
        let store = self.store()?;
        if !left.is_empty() {
            left.sort_unstable();
            store.put(&rest_name(&blob.name), body(left.iter().map(|row| blob.row(*row)))).await?;
        }
        self.lock().forget_rejections(&blob.name);
        self.delete_settled(&blob.name).await
    }

    /// Deletes a blob whose rows are all elsewhere. Should that fail, it is remembered, so that the next run deletes it
    /// and does not send its rows again.
    pub(super) async fn delete_settled(&self, name: &str) -> Result<(), Stop> {
        match self.store()?.delete(name).await {
            Ok(()) => {
                self.lock().undeleted.remove(name);
                Ok(())
            }
            Err(problem) => {
                self.lock().undeleted.insert(name.to_owned());
                Err(problem.into())
            }
        }
    }

    /// Whether the rows of the blob `name` are settled, and only its deletion failed.
    pub(super) fn is_settled(&self, name: &str) -> bool {
        self.lock().undeleted.contains(name)
    }

    async fn push(&self, case: &mut Case, rows: &[RowId]) -> Result<Verdict, Stop> {
        let content = body(rows.iter().map(|id| row(case, *id)));
        match self.call(content).await? {
            Ok(()) => {
                for id in rows {
                    case.open.remove(id);
                }
                self.tally.accepted.fetch_add(rows.len(), Ordering::Relaxed);
                let events = rows.iter().filter(|id| is_event(case, **id)).count();
                self.parts.counters.drained(events, OffsetDateTime::now_utc());
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

    fn store(&self) -> Result<&Store, Stop> {
        self.parts.store.as_ref().ok_or(Stop::NotConfigured("the spool"))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
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

/// Where a blob, or one row of it, is set aside: the same place at each try.
fn dead_letter_name(pending: &str, row: Option<usize>) -> String {
    let tail = pending.strip_prefix(PENDING).unwrap_or(pending);
    match row {
        None => format!("{DEAD_LETTER}{tail}"),
        Some(row) => {
            let stem = tail.strip_suffix(".json.gz").unwrap_or(tail);
            format!("{DEAD_LETTER}{stem}-row{row}.json.gz")
        }
    }
}

/// The name of what is left of a blob: beside it, so that its age is kept, and never the same twice.
fn rest_name(pending: &str) -> String {
    let stem = pending.strip_suffix(".json.gz").unwrap_or(pending);
    let stem = stem.rsplit_once("-rest").map_or(stem, |(stem, _)| stem);
    format!("{stem}-rest{}.json.gz", Uuid::new_v4().simple())
}
