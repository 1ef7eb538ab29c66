//! Blobs leave the spool: deleted, set aside, or marked as settled when storage does not let go of them.
//!
//! The marker, `settled/…` beside `pending/…`, is what another process knows it from that the rows of a blob are in the
//! table already: without it a blob that cannot be deleted would be sent again by each new process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use tracing::error;
use uuid::Uuid;

use super::blob::Blob;
use super::faults::Kind;
use super::receipt;
use super::settle::{Case, Settler};
use super::{DELETES, PAGE_SIZE, Stop};
use crate::delivery::push::body;
use crate::delivery::spool::{DEAD_LETTER, PENDING, SETTLED, SpoolError, name_beside, written};

/// The end of a run tries for so long to delete what could not be deleted before.
const SETTLED_TIMEOUT: Duration = Duration::from_secs(10);
/// The content of a marker.
const MARK: &[u8] = b"settled";

impl Settler {
    /// Moves a blob that cannot be read to `deadletter/`, whole.
    pub(super) async fn quarantine(&self, name: &str, content: Bytes, why: &str) -> Result<(), Stop> {
        let aside = match self.set_aside(name, None, content).await? {
            Ok(aside) => aside,
            Err(problem) => return self.faults.failed(Kind::Write, name, problem),
        };
        self.faults.worked(Kind::Write);
        self.dead_lettered_one(&aside, &format!("unreadable blob: {why}"));
        self.delete(name).await
    }

    /// Writes what is dead below `deadletter/`, and answers its name there. A name of our own making stands for one
    /// content; a foreign one may come again with another, and then both are kept.
    pub(super) async fn set_aside(
        &self,
        pending: &str,
        row: Option<usize>,
        content: Bytes,
    ) -> Result<Result<String, SpoolError>, Stop> {
        let store = self.store()?;
        let mut name = dead_letter_name(pending, row);
        if written(pending).is_none() {
            match store.get(&name).await {
                Ok(Some(earlier)) if earlier != content => {
                    name = name_beside(&name, &content);
                }
                Ok(_) => {}
                Err(problem) => return Ok(Err(problem)),
            }
        }
        Ok(store.put(&name, content).await.map(|()| name))
    }

    pub(super) fn dead_lettered_one(&self, name: &str, reason: &str) {
        self.tally.dead_lettered();
        self.parts.counters.dead_lettered(1);
        error!(event = "row_deadlettered", count = 1, reason, name);
    }

    /// Deletes blobs that are settled whole. Of a blob that is settled in part the rest is written under a new name
    /// first, so that the next run goes on where this one stopped.
    pub(super) async fn clear(&self, case: &Case) -> Result<(), Stop> {
        let mut left: HashMap<usize, Vec<usize>> = HashMap::new();
        for row in &case.open {
            left.entry(row.blob).or_default().push(row.index);
        }
        let mut clearing = Vec::new();
        for (number, blob) in case.blobs.iter().enumerate() {
            let left = left.remove(&number).unwrap_or_default();
            if left.len() < blob.len() || blob.len() == 0 {
                clearing.push((Arc::clone(blob), left));
            }
        }
        // All of them, whatever happens to one: a blob that stays is sent again. Each has kilobytes of state while it is cleared,
        // and a call may be of thousands, so that only those under way are made.
        let clearing = stream::iter(clearing).map(|(blob, left)| self.clear_blob(blob, left));
        let cleared: Vec<_> = clearing.buffer_unordered(DELETES).collect().await;
        cleared.into_iter().collect()
    }

    async fn clear_blob(&self, blob: Arc<Blob>, mut left: Vec<usize>) -> Result<(), Stop> {
        if !left.is_empty() {
            left.sort_unstable();
            let rest = body(left.iter().map(|row| blob.row(*row)));
            if let Err(problem) = self.store()?.put(&rest_name(&blob.name), rest).await {
                return self.faults.failed(Kind::Write, &blob.name, problem);
            }
        }
        self.lock().rejected.remove(&blob.name);
        self.delete(&blob.name).await
    }

    /// Deletes a blob whose rows are all elsewhere. Should that fail, it is marked, so that no run of whatever process
    /// sends its rows again.
    async fn delete(&self, name: &str) -> Result<(), Stop> {
        let store = self.store()?;
        let Err(problem) = store.delete(name).await else {
            self.faults.worked(Kind::Write);
            return Ok(());
        };
        let marked = store.put(&marker(name), Bytes::from_static(MARK)).await;
        self.lock().undeleted.insert(name.to_owned());
        if marked.is_ok() {
            self.faults.skipped(name, &format!("it is settled and cannot be deleted: {problem}"));
            self.faults.worked(Kind::Write);
            return Ok(());
        }
        self.faults.failed(Kind::Write, name, problem)
    }

    /// Learns which blobs were settled by an earlier process that could not delete them.
    pub(super) async fn recall_settled(&self) -> Result<(), SpoolError> {
        let Some(store) = &self.parts.store else { return Ok(()) };
        let mut after = None;
        loop {
            let page = store.list(SETTLED, after, PAGE_SIZE).await?;
            let names = page.entries.iter().map(|entry| entry.name.as_str());
            let (receipts, markers): (Vec<_>, Vec<_>) = names.partition(|name| receipt::is_receipt(name));
            let settled = markers.into_iter().filter_map(|name| name.strip_prefix(SETTLED));
            self.lock().undeleted.extend(settled.map(|tail| format!("{PENDING}{tail}")));
            for name in receipts {
                self.recall_receipt(name).await;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Tries once more to delete what is settled. At the end of a run, so that nothing waits for it.
    pub(super) async fn retry_settled(&self) {
        let names: Vec<String> = self.lock().undeleted.iter().cloned().collect();
        let deletes = stream::iter(names).for_each_concurrent(DELETES, |name| async move {
            let Ok(store) = self.store() else { return };
            match store.delete(&name).await {
                // A marker whose blob is gone does no harm: the next run removes it.
                Ok(()) if store.delete(&marker(&name)).await.is_ok() => {
                    self.lock().undeleted.remove(&name);
                }
                Ok(()) => {}
                Err(problem) => {
                    self.faults.skipped(&name, &format!("it is settled and cannot be deleted: {problem}"));
                }
            }
        });
        let all = async {
            deletes.await;
            self.drop_receipts().await;
        };
        tokio::time::timeout(SETTLED_TIMEOUT, all).await.ok();
    }

    /// Whether the rows of the blob `name` are settled, and only its deletion failed.
    pub(super) fn is_settled(&self, name: &str) -> bool {
        self.lock().undeleted.contains(name)
    }
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

/// What says that a blob is settled.
fn marker(pending: &str) -> String {
    format!("{SETTLED}{}", pending.strip_prefix(PENDING).unwrap_or(pending))
}
