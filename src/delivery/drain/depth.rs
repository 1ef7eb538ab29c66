//! How deep the spool is: counted whole after a run, and page by page for the status.

use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::{PAGE_SIZE, SIDE_TASK_TIMEOUT};
use crate::delivery::spool::{PENDING, Page, SpoolError, Store, written};

/// Listings that are counted after a run; beyond it the count reads "at least".
const MAX_DEPTH_PAGES: usize = 4;

/// How deep the spool is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Depth {
    /// Blobs that wait.
    pub(crate) blobs: usize,
    /// Whether there are more than were counted.
    pub(crate) more: bool,
    /// The age in seconds of the oldest one.
    pub(crate) oldest_s: u64,
    /// What is there besides and is no blob, or a folder that cannot be looked into; only a directory has such.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) foreign: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Depth {
    fn add(&mut self, page: &Page) {
        let oldest = page.entries.first().filter(|_| self.blobs == 0).and_then(|entry| written(&entry.name));
        if let Some(oldest) = oldest {
            let age = OffsetDateTime::now_utc() - oldest;
            self.oldest_s = u64::try_from(age.whole_seconds()).unwrap_or(0);
        }
        self.blobs += page.entries.len();
        self.foreign += page.foreign.len();
        self.more = page.next.is_some();
    }
}

/// A count of `prefix`, within a bounded time and number of pages.
pub(super) async fn depth_soon(store: &Store, prefix: &str) -> Result<Depth, SpoolError> {
    let counting = async {
        let mut depth = Depth::default();
        let mut after = None;
        for _ in 0..MAX_DEPTH_PAGES {
            let page = store.list(prefix, after, PAGE_SIZE).await?;
            depth.add(&page);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(depth)
    };
    tokio::time::timeout(SIDE_TASK_TIMEOUT, counting).await.unwrap_or(Err(SpoolError::TimedOut))
}

#[derive(Default)]
struct State {
    /// The last whole count, and when it was begun.
    whole: Option<(Depth, OffsetDateTime)>,
    /// A count under way: what it came to so far, since when, and where it goes on.
    under_way: Option<(Depth, OffsetDateTime, String)>,
}

/// The count for the status: each request reads one page, so that a backlog costs it nothing.
#[derive(Default)]
pub(super) struct Count(Mutex<State>);

impl Count {
    /// Reads one page more, and answers the last whole count, or as much as is known, with the time it is of.
    pub(super) async fn advance(&self, store: &Store) -> Result<(Depth, OffsetDateTime), SpoolError> {
        let (mut depth, since, after) = match self.lock().under_way.take() {
            Some((depth, since, after)) => (depth, since, Some(after)),
            None => (Depth::default(), OffsetDateTime::now_utc(), None),
        };
        let page = store.list(PENDING, after, PAGE_SIZE).await?;
        depth.add(&page);
        let mut state = self.lock();
        match page.next {
            None => state.whole = Some((depth, since)),
            Some(next) => state.under_way = Some((depth, since, next)),
        }
        Ok(state.whole.unwrap_or((depth, since)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
