//! The way back: what became of rows is told where their senders wait.
//!
//! Delivery has a runtime of its own, and to wake a task of another one costs a system call. So the tickets of a call come
//! back in one vector, and a task beside the senders resolves them. The rows end before, on delivery's thread.

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;

use super::batch::Row;
use super::dedup::{Outcome, Ticket};

/// Tickets that share an outcome, and when it was known.
type Told = (Vec<Ticket>, Outcome, Instant);

/// Delivery's end.
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
    pub(super) fn tell(&self, rows: impl IntoIterator<Item = Row>, outcome: Outcome, now: Instant) {
        let tickets = rows.into_iter().map(|row| row.ticket).collect();
        self.0.send((tickets, outcome, now)).ok();
    }
}

impl Teller {
    /// Runs until delivery is gone.
    pub(super) async fn run(mut self) {
        while let Some((tickets, outcome, now)) = self.0.recv().await {
            for ticket in tickets {
                ticket.resolve(outcome, now);
            }
        }
    }
}
