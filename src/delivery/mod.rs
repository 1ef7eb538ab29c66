//! Delivery: from a row to Azure Monitor's 2xx or a durable spool write, whichever comes first.
//!
//! It knows nothing of HTTP requests that come in: [`Delivery::submit`] takes a row and a ticket, and the ticket is
//! resolved when the row is safe or when nobody waits any more. Nothing here is remembered only in memory once a
//! ticket says that a row is safe, because the Functions host ends the process with SIGKILL.
//!
//! It has a runtime of its own, so that neither a burst of requests holds up a call nor a call the requests: rows are
//! handed over in one vector a call, and their outcomes come back in another.
//!
//! Reading order: `parts` (what it works with), `dedup` (who waits for what), `permit`, `batch`, `inbox` and `outcomes`
//! (rows on their way, and back), `commit` and `rhythm` (the heart), [`push`], `latency`, `token`, `breaker`, `pace`,
//! [`spool`], `drain`.

pub(crate) mod dedup;
mod parts;

mod batch;
mod commit;
mod inbox;
mod outcomes;
mod permit;
mod rhythm;

mod gzip;
mod latency;
pub mod push;
pub(crate) mod token;

mod breaker;
pub(crate) mod pace;
pub mod retry;

pub mod spool;

pub(crate) mod drain;

pub(crate) mod http;

#[cfg(test)]
mod simulation;

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use batch::Row;
use commit::Committer;
use dedup::Ticket;
use gzip::gzip;
use permit::{Budget, Permit, QueueFull};
use spool::{OVERSIZE, SpoolError, name_beside};

pub(crate) use parts::Parts;

use crate::record::EventId;

/// The way in for rows.
#[derive(Clone)]
pub(crate) struct Delivery {
    parts: Arc<Parts>,
    rows: Arc<inbox::Sender>,
    budget: Arc<Budget>,
    runtime: Handle,
}

impl Delivery {
    /// Starts the task that owns the queue on `runtime`, and here the one that tells outcomes. It ends when every
    /// [`Delivery`] is gone; should it panic, no row can be delivered any more, so the caller must end the process.
    #[must_use]
    pub(crate) fn start(parts: Arc<Parts>, runtime: Handle) -> (Self, JoinHandle<()>) {
        let (rows, inbox) = inbox::inbox();
        let (outcomes, teller) = outcomes::outcomes();
        tokio::spawn(teller.run());
        let task = runtime.spawn(Committer::new(Arc::clone(&parts), inbox, outcomes).run());
        (Self { parts, rows: Arc::new(rows), budget: Arc::default(), runtime }, task)
    }

    /// Runs `work` where delivery runs: a connection to Azure belongs to the runtime that opened it, and all of them are
    /// kept on one.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// Hands a row over. What becomes of it is told through `ticket`.
    ///
    /// # Errors
    /// [`QueueFull`] when too much is on its way already; the ticket has then said that nothing took it.
    pub(crate) fn submit(
        &self,
        json: Vec<u8>,
        ticket: Ticket,
        push_by: Instant,
        ack_by: Instant,
    ) -> Result<(), QueueFull> {
        let permit = Permit::acquire(&self.budget, json.len())?;
        self.rows.send(Row { json, ticket, push_by, ack_by, _permit: permit })
    }

    /// Stores the complete body of an event whose row had to be cut, before that row goes anywhere. The body counts as one
    /// row of what may be on its way.
    ///
    /// # Errors
    /// When it is not certain that the body is safe.
    pub(crate) async fn store_oversize(
        &self,
        event_id: EventId,
        body: &[u8],
        by: Instant,
    ) -> Result<(), SpoolError> {
        let _permit = Permit::acquire(&self.budget, body.len()).map_err(|_| SpoolError::NoRoom)?;
        let content = gzip(body.len() / 4 + 64, [body])?;
        let name = format!("{OVERSIZE}{event_id}.json.gz");
        self.parts.put_until(&name, content.clone(), by).await?;
        // Bodies that differ only in a value that a later one of the same key replaces share an EventId.
        if self.parts.holds_other(&name, &content, by).await? {
            self.parts.put_until(&name_beside(&name, &content), content, by).await?;
        }
        Ok(())
    }

    /// What delivery works with.
    #[must_use]
    pub(crate) fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }
}
