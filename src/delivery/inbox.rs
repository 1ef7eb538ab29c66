//! Where requests leave their rows for the task that owns the queue.
//!
//! A channel would wake that task for each row. Here it says how many rows it waits for, and is woken once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::batch::Row;
use super::permit::QueueFull;

/// What both ends share.
struct Inbox {
    state: Mutex<State>,
    enough: Notify,
}

struct State {
    rows: Vec<Row>,
    /// The bytes of the rows, with a separator each.
    bytes: usize,
    wanted: Wanted,
    /// One of the ends is gone.
    closed: bool,
}

/// What the task that owns the queue waits for: so many rows, or so many bytes, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

impl Wanted {
    /// It has been woken, or looks by itself.
    const NOTHING: Self = Self { rows: usize::MAX, bytes: usize::MAX };
}

/// The requests' end.
pub(super) struct Sender(Arc<Inbox>);

/// The end of the task that owns the queue.
pub(super) struct Receiver(Arc<Inbox>);

/// An empty inbox.
pub(super) fn inbox() -> (Sender, Receiver) {
    let state = State { rows: Vec::new(), bytes: 0, wanted: Wanted::NOTHING, closed: false };
    let inbox = Arc::new(Inbox { state: Mutex::new(state), enough: Notify::new() });
    (Sender(Arc::clone(&inbox)), Receiver(inbox))
}

impl Sender {
    /// Leaves a row.
    ///
    /// # Errors
    /// [`QueueFull`] when the other end is gone; the row's ticket has then said that nothing took it.
    pub(super) fn send(&self, row: Row) -> Result<(), QueueFull> {
        let mut state = self.0.lock();
        if state.closed {
            return Err(QueueFull);
        }
        state.bytes += row.json.len() + 1;
        state.rows.push(row);
        if state.is_enough() {
            state.wanted = Wanted::NOTHING;
            drop(state);
            self.0.enough.notify_one();
        }
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Receiver {
    /// Waits until what is `wanted` is there, or no row can come any more.
    pub(super) async fn enough(&self, wanted: Wanted) {
        let is_enough = {
            let mut state = self.0.lock();
            state.wanted = wanted;
            state.closed || state.is_enough()
        };
        if !is_enough {
            self.0.enough.notified().await;
        }
    }

    /// Takes whatever is there; `None` when that is nothing and no row can come any more.
    pub(super) fn take(&self) -> Option<Vec<Row>> {
        let mut state = self.0.lock();
        state.bytes = 0;
        let rows = std::mem::take(&mut state.rows);
        (!rows.is_empty() || !state.closed).then_some(rows)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.close();
        // Outside the lock, because tickets are resolved here.
        let rows = std::mem::take(&mut self.0.lock().rows);
        drop(rows);
    }
}

impl Inbox {
    fn close(&self) {
        self.lock().closed = true;
        self.enough.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_enough(&self) -> bool {
        !self.rows.is_empty() && (self.rows.len() >= self.wanted.rows || self.bytes >= self.wanted.bytes)
    }
}
