//! One run at a time over all instances, by names in the spool that only one of them can create.
//!
//! The newest name below `lease/` says who drains, or that nobody does. Whoever finds that nobody does, or that the last one
//! has not been heard of for [`LEASE`], creates the next number; storage lets one of several do that. The holder creates
//! further numbers while its run goes on, and one that says so at its end. Ages are by the clock of the storage: whatever
//! the clock of an instance does, a lease neither lasts longer nor ends earlier. A process that was killed holds up the
//! spool for [`LEASE`], and one whose run never ends for [`MAX_RENEWALS`] more of them.
//!
//! What is left at the end stays, as the sign that a timer runs somewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::{PAGE_SIZE, Trigger};
use crate::delivery::spool::{Entry, LEASES, SpoolError, Store};

/// A lease that was not renewed for so long is over.
const LEASE: Duration = Duration::from_secs(60);
/// It is renewed this often,
const RENEWAL: Duration = Duration::from_secs(15);
/// and no longer than a run with its last calls can take.
const MAX_RENEWALS: u32 = 12;
/// What is begun under a lease ends within this: a call has 20 s.
const MAX_STEP: Duration = Duration::from_secs(20);
/// The clock of the storage tells whole seconds, and that of a directory may be set back.
const TICK: time::Duration = time::Duration::seconds(2);
/// The content of a lease that was given back begins with this.
const OVER: &str = "over ";

/// How long something may yet be begun.
#[derive(Clone)]
pub(super) struct Held(Arc<Mutex<Instant>>);

impl Held {
    /// From `at`, when the storage was asked, as long as nobody else can have the lease before the last step has ended.
    fn since(at: Instant) -> Self {
        Self(Arc::new(Mutex::new(at + LEASE - MAX_STEP)))
    }

    /// Whether nothing may be begun any more.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

/// The right to drain.
pub(super) struct Lease {
    number: u64,
    /// Who holds it: no two leases have the same.
    owner: String,
    held: Held,
}

impl Lease {
    /// Takes the lease; `None` while another run has it.
    pub(super) async fn take(store: &Store, trigger: Trigger) -> Result<Option<Self>, SpoolError> {
        let asked = Instant::now();
        let earlier = numbers(store).await?;
        if let Some((_, newest)) = earlier.last()
            && !is_free(store, newest).await?
        {
            return Ok(None);
        }
        let number = earlier.last().map_or(0, |(newest, _)| newest + 1);
        let owner = format!("{} {}", trigger.name(), Uuid::new_v4().simple());
        let lease = Self { number, owner, held: Held::since(asked) };
        if !claim(store, number, &lease.owner).await? {
            return Ok(None);
        }
        for (_, over) in earlier {
            // Whoever takes the next lease tries again.
            store.delete(&over.name).await.ok();
        }
        Ok(Some(lease))
    }

    /// How long something may be begun under it.
    pub(super) fn held(&self) -> Held {
        self.held.clone()
    }

    /// Renews it until `done`. Should it be another's, or storage not answer for long, nothing more is begun under it.
    pub(super) async fn keep(&mut self, store: &Store, done: &Notify) {
        for _ in 0..MAX_RENEWALS {
            tokio::select! {
                () = done.notified() => return,
                () = tokio::time::sleep(RENEWAL) => {}
            }
            match self.renew(store).await {
                Ok(true) => {}
                Ok(false) => self.held.until(Instant::now()),
                // Until then it is ours, and the next renewal may work.
                Err(_) if !self.held.is_over() => {}
                Err(_) => break,
            }
        }
        done.notified().await;
    }

    async fn renew(&mut self, store: &Store) -> Result<bool, SpoolError> {
        let asked = Instant::now();
        if self.held.is_over() || !claim(store, self.number + 1, &self.owner).await? {
            return Ok(false);
        }
        self.held.until(asked + LEASE - MAX_STEP);
        self.advance(store).await;
        Ok(true)
    }

    /// Gives it back. One that may be over is another's: by now a later number may rest on it.
    pub(super) async fn release(mut self, store: &Store) {
        if self.held.is_over() {
            return;
        }
        let over = format!("{OVER}{}", self.owner);
        if create(store, self.number + 1, &over).await.is_ok_and(|created| created) {
            self.advance(store).await;
        }
    }

    async fn advance(&mut self, store: &Store) {
        // Should that fail, whoever takes the next lease tries again.
        store.delete(&name(self.number)).await.ok();
        self.number += 1;
    }
}

/// Whether a run that a timer asked for, on whatever instance, was under way within `max`.
pub(super) async fn timer_ran_within(store: &Store, max: Duration) -> Result<bool, SpoolError> {
    let Some((_, newest)) = numbers(store).await?.pop() else { return Ok(false) };
    if newest.age.is_none_or(|age| age > max || age < -TICK) {
        return Ok(false);
    }
    let owner = content(store, &newest.name).await?;
    let owner = owner.strip_prefix(OVER).unwrap_or(&owner);
    Ok(owner.starts_with(Trigger::TIMER))
}

/// What is below `lease/`, by number.
async fn numbers(store: &Store) -> Result<Vec<(u64, Entry)>, SpoolError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(LEASES, after, PAGE_SIZE).await?;
        // A name of somebody else's, and one that no number could follow, is none of ours.
        let ours = page.entries.into_iter().filter_map(|entry| {
            let number = entry.name.strip_prefix(LEASES)?.parse().ok()?;
            (number < u64::MAX && name(number) == entry.name).then_some((number, entry))
        });
        found.extend(ours);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn is_free(store: &Store, newest: &Entry) -> Result<bool, SpoolError> {
    // An age that cannot be, or is not known, must not keep the spool for good.
    let is_old = newest.age.is_none_or(|age| age > LEASE + TICK || age < -TICK);
    Ok(is_old || content(store, &newest.name).await?.starts_with(OVER))
}

async fn content(store: &Store, name: &str) -> Result<String, SpoolError> {
    let content = store.get(name).await?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// Creates a number for its holder; whether it is the newest. Another may have come and gone since the list, or somebody may
/// have removed what stood there: then a number is free though a later one was given.
async fn claim(store: &Store, number: u64, owner: &str) -> Result<bool, SpoolError> {
    if !create(store, number, owner).await? {
        return Ok(false);
    }
    let is_newest = numbers(store).await?.last().is_some_and(|(newest, _)| *newest == number);
    if !is_newest {
        store.delete(&name(number)).await.ok();
    }
    Ok(is_newest)
}

/// Creates a number; whether it is ours. When an answer was lost, what stands there tells.
async fn create(store: &Store, number: u64, content: &str) -> Result<bool, SpoolError> {
    let name = name(number);
    let bytes = Bytes::from(content.to_owned());
    match store.create(&name, bytes.clone()).await {
        Ok(true) => Ok(true),
        Ok(false) => Ok(store.get(&name).await?.is_some_and(|there| there == bytes)),
        Err(error) => store.get(&name).await?.map(|there| there == bytes).ok_or(error),
    }
}

fn name(number: u64) -> String {
    format!("{LEASES}{number:020}")
}
