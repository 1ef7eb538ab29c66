//! How much may be on its way at once: a permit for each row, and for each whole body that is being stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that may be on their way at once; more are rejected with 503, and the sender tries again.
const MAX_ROWS: usize = 16_384;
/// Bytes of rows, and of bodies that are stored whole, that may be on their way at once.
const MAX_BYTES: usize = 24_000_000;

/// The queue is full: the sender should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full")]
pub(crate) struct QueueFull;

/// What is on its way.
#[derive(Default)]
pub(super) struct Budget {
    rows: AtomicUsize,
    bytes: AtomicUsize,
}

/// One row's part of the budget, given back on drop.
pub(super) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Permit {
    /// Takes one row of `bytes` bytes out of `budget`.
    ///
    /// # Errors
    /// [`QueueFull`] when there is no room for it.
    pub(super) fn acquire(budget: &Arc<Budget>, bytes: usize) -> Result<Self, QueueFull> {
        let permit = Self { budget: Arc::clone(budget), bytes };
        let rows = budget.rows.fetch_add(1, Ordering::Relaxed);
        let before = budget.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Dropping the permit gives back what was just taken.
        if rows < MAX_ROWS && before + bytes <= MAX_BYTES { Ok(permit) } else { Err(QueueFull) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.rows.fetch_sub(1, Ordering::Relaxed);
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
