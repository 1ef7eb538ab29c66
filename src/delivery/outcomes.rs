//! The way back: what became of rows is told where their senders wait.
//!
//! Delivery has a runtime of its own, and to wake a task of another one costs a system call. So the rows of a call come
//! back in one vector, and a task beside the senders tells each of them. They end there too, where their memory is from:
//! the allocator would have one thread wait for the other.

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::batch::Row;
use super::dedup::Outcome;

/// Rows that share an outcome, and when it was known.
type Told = (Vec<Row>, Outcome, Instant);

/// Delivery's end. It holds no more rows than permits let on their way.
#[derive(Clone)]
pub(super) struct Outcomes(UnboundedSender<Told>);

/// The senders' end.
pub(super) struct Teller(UnboundedReceiver<Told>);

/// Both ends.
pub(super) fn outcomes() -> (Outcomes, Teller) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Outcomes(sender), Teller(receiver))
}

impl Outcomes {
    /// Tells everybody who waits for one of `rows`. When nobody is left to do that, their tickets say that nothing took
    /// them.
    pub(super) fn tell(&self, rows: Vec<Row>, outcome: Outcome, now: Instant) {
        self.0.send((rows, outcome, now)).ok();
    }
}

impl Teller {
    /// Runs until delivery is gone.
    pub(super) async fn run(mut self) {
        while let Some((rows, outcome, now)) = self.0.recv().await {
            for row in rows {
                row.ticket.resolve(outcome, now);
            }
        }
    }
}
