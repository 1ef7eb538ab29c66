//! The spool: durable storage for what Azure Monitor did not accept in time.
//!
//! One layout, two stores. `pending/<yyyy>/<MM>/<dd>/<uuidv7>.json.gz` holds batches that wait, `deadletter/…` what
//! Azure Monitor will never accept, `oversize/<EventId>.json.gz` the whole body of an event whose row was cut.
//! `settled/…` marks what is pending and cannot be deleted, though its rows are in the table; `lease/…` says who drains,
//! or who did last. Names sort by age. Blobs are never changed: they are written once and deleted.

mod blob;
mod directory;

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::counters::Fault;

pub(crate) use blob::{BlobStore, SCOPE};
pub(crate) use directory::DirectoryStore;

/// Batches that wait to be pushed.
pub const PENDING: &str = "pending/";
/// Rows and blobs that Azure Monitor will never accept.
pub(crate) const DEAD_LETTER: &str = "deadletter/";
/// Complete bodies of events whose row was cut.
pub(crate) const OVERSIZE: &str = "oversize/";
/// Markers of pending blobs whose rows are all elsewhere, and which storage does not delete.
pub(crate) const SETTLED: &str = "settled/";

/// Who drains: see `drain::lease`.
pub(crate) const LEASES: &str = "lease/";
/// What is written once at the start, and removed.
const PROBE: &str = "probe/";

/// The longest that one operation may take; whoever waits for an answer sets a shorter one.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the spool could not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// The storage service rejected or did not answer.
    #[error("the spool container: {}", blob::told(.0))]
    Blob(#[from] azure_core::Error),
    /// The file system rejected.
    #[error("the spool directory: {0}")]
    File(#[from] std::io::Error),
    /// The service did not answer in time.
    #[error("the spool did not answer in time")]
    TimedOut,
    /// There is no spool.
    #[error("no spool is configured")]
    NotConfigured,
    /// Too much is on its way already.
    #[error("too much is on its way already")]
    NoRoom,
    /// A name that is not of the spool's own making.
    #[error("`{0}` is no name in the spool")]
    Name(String),
}

impl SpoolError {
    /// Whether it is one blob's fault, such as that it was archived: storage was reached and the identity is known.
    pub(super) fn concerns_one_blob(&self) -> bool {
        let error = match self {
            Self::Blob(error) => error,
            Self::File(_) | Self::Name(_) => return true,
            _ => return false,
        };
        error.http_status().is_some_and(|status| matches!(u16::from(status), 400 | 409 | 412 | 416))
    }

    /// What `/api/status` says of it.
    pub(crate) fn fault(&self, at: OffsetDateTime) -> Fault {
        Fault { at, message: self.to_string(), hint: self.hint() }
    }

    /// What an operator can do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Blob(_) | Self::TimedOut => {
                "check SPOOL_CONTAINER_URL, that the container exists, the storage account's network rules, and that the identity has the role Storage Blob Data Contributor on it; a new assignment takes up to 30 minutes"
            }
            Self::File(_) => "check that SPOOL_DIR exists, is writable and has space",
            Self::NotConfigured => "set SPOOL_CONTAINER_URL",
            Self::NoRoom => "nothing: the sender tries again; see why Azure Monitor or the spool is slow",
            Self::Name(_) => "remove the foreign file from the spool",
        }
    }
}

/// One name in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The full name, for example `pending/2026/11/24/….json.gz`.
    pub(crate) name: String,
    /// The size in bytes, compressed.
    pub(crate) size: u64,
    /// How long ago it was written by the clock of the storage, which all instances share; `None` when that is not told.
    pub(crate) age: Option<time::Duration>,
}

/// A part of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// What is there and is no blob, each with what is wrong with it.
    pub(crate) foreign: Vec<(String, String)>,
    /// Entries in the order of their names: oldest first.
    pub(crate) entries: Vec<Entry>,
    /// Where the next page begins.
    pub(crate) next: Option<String>,
}

/// Blob storage, or a directory off Azure.
pub(crate) enum Store {
    /// A blob container.
    Blob(BlobStore),
    /// A directory.
    Directory(DirectoryStore),
}

impl Store {
    /// Writes `content` under `name`, durably, before it returns. A name that is taken already counts as written:
    /// names are unique to their content, so it is our own earlier attempt.
    ///
    /// # Errors
    /// When it is not certain that the content is safe.
    pub(crate) async fn put(&self, name: &str, content: Bytes) -> Result<(), SpoolError> {
        in_time(async {
            match self {
                Self::Blob(store) => store.create(name, content).await.map(drop),
                Self::Directory(store) => store.create(name, content).await.map(drop),
            }
        })
        .await
    }

    /// Prepares for the first write, so that it does not wait for a token.
    pub(crate) async fn warm_up(&self) {
        match self {
            Self::Blob(store) => store.warm_up().await,
            Self::Directory(_) => {}
        }
    }

    /// Writes `content` under `name` if there is nothing of that name; whether it was this call that wrote it.
    ///
    /// # Errors
    /// When it is not certain which.
    pub(crate) async fn create(&self, name: &str, content: Bytes) -> Result<bool, SpoolError> {
        in_time(async {
            match self {
                Self::Blob(store) => store.create(name, content).await,
                Self::Directory(store) => store.create(name, content).await,
            }
        })
        .await
    }

    /// Writes and removes a name, so that a spool which takes nothing is known before it is needed. Of a directory that is
    /// found out when it is opened.
    ///
    /// # Errors
    /// When the store rejects or does not answer.
    pub(crate) async fn check(&self) -> Result<(), SpoolError> {
        if let Self::Directory(_) = self {
            return Ok(());
        }
        let name = new_name(PROBE, OffsetDateTime::now_utc());
        self.put(&name, Bytes::new()).await?;
        self.delete(&name).await
    }

    /// Reads `name`; `None` when it is gone.
    ///
    /// # Errors
    /// When the store rejects or does not answer.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>, SpoolError> {
        in_time(async {
            match self {
                Self::Blob(store) => store.get(name).await,
                Self::Directory(store) => store.get(name).await,
            }
        })
        .await
    }

    /// Deletes `name`. Deleting what is gone is success.
    ///
    /// # Errors
    /// When the store rejects or does not answer.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), SpoolError> {
        in_time(async {
            match self {
                Self::Blob(store) => store.delete(name).await,
                Self::Directory(store) => store.delete(name).await,
            }
        })
        .await
    }

    /// Lists up to `max` names that begin with `prefix`, oldest first, from where `after` says.
    ///
    /// # Errors
    /// When the store rejects or does not answer.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<String>,
        max: u16,
    ) -> Result<Page, SpoolError> {
        in_time(async {
            match self {
                Self::Blob(store) => store.list(prefix, after, max).await,
                Self::Directory(store) => store.list(prefix, after, max).await,
            }
        })
        .await
    }
}

/// The SDK's calls have no time-out of their own.
async fn in_time<T>(operation: impl Future<Output = Result<T, SpoolError>>) -> Result<T, SpoolError> {
    tokio::time::timeout(OPERATION_TIMEOUT, operation).await.unwrap_or(Err(SpoolError::TimedOut))
}

/// A new name below `prefix` for what is written at `now`.
#[must_use]
pub fn new_name(prefix: &str, now: OffsetDateTime) -> String {
    format!(
        "{prefix}{:04}/{:02}/{:02}/{}.json.gz",
        now.year(),
        u8::from(now.month()),
        now.day(),
        Uuid::now_v7()
    )
}

/// Another name beside `name`, for `content` that differs from what has that name already; the same at each try.
pub(super) fn name_beside(name: &str, content: &[u8]) -> String {
    let stem = name.strip_suffix(".json.gz").unwrap_or(name);
    let hash = Sha256::digest(content).iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    format!("{stem}-{hash:016x}.json.gz")
}

/// When the batch called `name` was written, read from its name; `None` for a foreign name.
#[must_use]
pub(crate) fn written(name: &str) -> Option<OffsetDateTime> {
    let stem = name.rsplit('/').next()?.get(..36)?;
    let (seconds, nanoseconds) = Uuid::try_parse(stem).ok()?.get_timestamp()?.to_unix();
    let seconds = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    Some(seconds + std::time::Duration::from_nanos(u64::from(nanoseconds)))
}
