//! Rows on their way, and how they are cut into batches.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::dedup::Ticket;
use super::permit::Permit;
use super::push::{MAX_CALL_BYTES, body};

/// One row, the duty to tell what became of it, and until when.
pub(crate) struct Row {
    /// A serialised JSON object.
    pub(crate) json: Vec<u8>,
    /// Whoever waits for it.
    pub(crate) ticket: Ticket,
    /// Queueing, token and push end here; what is left until `ack_by` belongs to the spool.
    pub(crate) push_by: Instant,
    /// From here on nobody waits for the answer.
    pub(crate) ack_by: Instant,
    /// Its part of what may be on its way; given back when it is dropped.
    pub(super) _permit: Permit,
}

/// The bytes that `rows` take in one call: an array's brackets and commas included.
pub(super) fn call_bytes(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.json.len() + 1).sum::<usize>() + 1
}

/// The body of a call with `rows`, compressed.
pub(super) fn compressed(rows: &[Row]) -> Bytes {
    body(rows.iter().map(|row| row.json.as_slice()))
}

/// Rows that wait for a push, in the order in which they came.
#[derive(Default)]
pub(super) struct Queue {
    rows: VecDeque<Row>,
    /// The sum of the rows' bytes and one separator each.
    bytes: usize,
}

impl Queue {
    pub(super) fn push(&mut self, row: Row) {
        self.bytes += row.json.len() + 1;
        self.rows.push_back(row);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the rows fill a call.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MAX_CALL_BYTES
    }

    /// The bytes that are missing until they do.
    pub(super) fn room(&self) -> usize {
        MAX_CALL_BYTES.saturating_sub(self.bytes)
    }

    /// Until when the row that waits longest may be pushed.
    pub(super) fn oldest_push_by(&self) -> Option<Instant> {
        self.rows.front().map(|row| row.push_by)
    }

    /// Takes the rows of one call from the front: at least one if there is one, at most what fits.
    pub(super) fn take_call(&mut self) -> Vec<Row> {
        let mut taken = 1;
        let mut fits = 0;
        for row in &self.rows {
            taken += row.json.len() + 1;
            if taken > MAX_CALL_BYTES && fits > 0 {
                break;
            }
            fits += 1;
        }
        self.take(fits)
    }

    /// Takes the rows of one call, of those whose time to be pushed is over at `now`.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Row> {
        let expired = self.rows.iter().take_while(|row| row.push_by <= now).count();
        if expired == 0 {
            return Vec::new();
        }
        let mut call = self.take_call();
        if call.len() > expired {
            for row in call.drain(expired..).rev() {
                self.bytes += row.json.len() + 1;
                self.rows.push_front(row);
            }
        }
        call
    }

    fn take(&mut self, count: usize) -> Vec<Row> {
        let taken: Vec<Row> = self.rows.drain(..count).collect();
        self.bytes -= taken.iter().map(|row| row.json.len() + 1).sum::<usize>();
        taken
    }
}
