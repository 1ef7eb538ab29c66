//! One run at a time over all instances, by names in the spool that only one of them can create.
//!
//! Whoever finds no lease, or only one that is over, creates the next number; storage lets one of several do that. A
//! lease ends by itself, so that a process which was killed holds up the spool for [`LEASE`] at most.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::delivery::spool::{LEASES, SpoolError, Store};

/// Longer than a run with its last calls; what is more is for clocks that differ.
const LEASE: Duration = Duration::from_secs(90);
/// Leases listed: those that were left behind are few.
const MAX_LEASES: u16 = 1_000;

/// The right to drain.
pub(super) struct Lease {
    name: String,
    ends: OffsetDateTime,
}

impl Lease {
    /// Takes the lease at `now`; `None` while another instance has it.
    pub(super) async fn take(store: &Store, now: OffsetDateTime) -> Result<Option<Self>, SpoolError> {
        let earlier = store.list(LEASES, None, MAX_LEASES).await?.entries;
        let mut number = 0;
        if let Some(newest) = earlier.last() {
            let content = store.get(&newest.name).await?.unwrap_or_default();
            let ends = std::str::from_utf8(&content).ok().and_then(|ends| ends.parse().ok());
            if ends.is_some_and(|ends: i64| now.unix_timestamp() < ends) {
                return Ok(None);
            }
            let text = newest.name.strip_prefix(LEASES).unwrap_or_default();
            number = text.parse::<u64>().unwrap_or_default().saturating_add(1);
        }
        let ends = now + LEASE;
        let name = format!("{LEASES}{number:020}");
        if !store.create(&name, Bytes::from(ends.unix_timestamp().to_string())).await? {
            return Ok(None);
        }
        for over in earlier {
            // Whoever takes the next lease tries again.
            store.delete(&over.name).await.ok();
        }
        Ok(Some(Self { name, ends }))
    }

    /// Gives it back. One that is over is another's to remove: by now a later number may rest on it.
    pub(super) async fn release(self, store: &Store) {
        if OffsetDateTime::now_utc() < self.ends {
            store.delete(&self.name).await.ok();
        }
    }
}
