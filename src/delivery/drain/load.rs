//! Blobs become calls: small blobs are merged until a call is full.

use std::sync::Arc;

use futures::future;
use futures::stream::{self, Stream, StreamExt as _};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Stop;
use super::blob::{self, Blob, Call, MAX_INFLATED};
use super::faults::Kind;
use super::settle::Settler;
use crate::delivery::push::MAX_CALL_BYTES;
use crate::delivery::spool::Entry;

/// Blobs read ahead; each of ours is at most one call, compressed.
const READ_AHEAD: usize = 32;
/// What they may take in memory at once, in KiB: as they were read,
const READ_ROOM: usize = 8 * 1024;
/// and inflated, until their rows are settled.
const INFLATED_ROOM: usize = 24 * 1024;
/// The most MiB that one blob is counted with, so that a call under way, the next one and its blobs always find room.
const MAX_SHARE: u32 = 8;

/// Reads blobs and merges them.
pub(super) struct Loader {
    settler: Settler,
    now: OffsetDateTime,
    room: Room,
}

/// The bounds of what is in memory.
#[derive(Clone)]
struct Room {
    read: Arc<Semaphore>,
    inflated: Arc<Semaphore>,
}

impl Loader {
    /// A loader for a run that began at `now`, which is what a row gets that is too old for the rules to see.
    pub(super) fn new(settler: &Settler, now: OffsetDateTime) -> Self {
        let room = |kibibytes| Arc::new(Semaphore::new(kibibytes));
        let room = Room { read: room(READ_ROOM), inflated: room(INFLATED_ROOM) };
        Self { settler: settler.clone(), now, room }
    }

    /// The calls that `entries` make, about in their order. A blob that cannot be read is moved aside, one that storage
    /// does not hand out is left where it is, and the rest go on: none waits for another.
    pub(super) fn calls(self, entries: Vec<Entry>) -> impl Stream<Item = Result<Call, Stop>> {
        let Self { settler, now, room } = self;
        let watch = settler.clone();
        let blobs = stream::iter(entries)
            .take_while(move |_| future::ready(!watch.reading_is_over()))
            .map(move |entry| {
                // In a task of its own: while nobody asks for the next call, a read must not run out of time.
                let reading = tokio::spawn(read(settler.clone(), entry, now, room.clone()));
                async move { reading.await.unwrap_or_else(|error| Err(Stop::Spool(error.to_string()))) }
            })
            .buffer_unordered(READ_AHEAD)
            .filter_map(|blob| future::ready(blob.transpose()));
        merge(blobs)
    }
}

/// The blob that `entry` names, unless there is nothing in it to push.
async fn read(settler: Settler, entry: Entry, now: OffsetDateTime, room: Room) -> Result<Option<Blob>, Stop> {
    let Entry { name, size, .. } = entry;
    if settler.is_settled(&name) {
        return Ok(None);
    }
    if size > MAX_INFLATED {
        settler.faults.skipped(&name, "it is larger than any batch");
        return Ok(None);
    }
    let _room = take(&room.read, size).await?;
    let content = match settler.store()?.get(&name).await {
        Ok(content) => content,
        Err(error) => return settler.faults.failed(Kind::Read, &name, error).map(|()| None),
    };
    settler.faults.worked(Kind::Read);
    let Some(content) = content else { return Ok(None) };
    let inflated = take(&room.inflated, blob::inflated_size(&content)).await?;
    match Blob::read(name.clone(), &content, now, inflated) {
        Ok(blob) => Ok(Some(blob)),
        Err(why) => settler.quarantine(&name, content, &why.to_string()).await.map(|()| None),
    }
}

/// Room for so many bytes.
async fn take(room: &Arc<Semaphore>, bytes: u64) -> Result<OwnedSemaphorePermit, Stop> {
    let share = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(MAX_SHARE * 1024);
    Arc::clone(room).acquire_many_owned(share).await.map_err(|error| Stop::Spool(error.to_string()))
}

/// Merges blobs until the next one would not fit.
fn merge(blobs: impl Stream<Item = Result<Blob, Stop>>) -> impl Stream<Item = Result<Call, Stop>> {
    let ended = stream::iter([None]);
    blobs
        .map(Some)
        .chain(ended)
        .scan(Call::default(), |open, next| {
            let finished = match next {
                None => Some(Ok(std::mem::take(open))),
                Some(Err(stop)) => Some(Err(stop)),
                Some(Ok(blob)) => {
                    let bytes = blob.bytes();
                    let full = open.bytes + bytes + 1 > MAX_CALL_BYTES && !open.blobs.is_empty();
                    let finished = full.then(|| Ok(std::mem::take(open)));
                    open.bytes += bytes;
                    open.blobs.push(Arc::new(blob));
                    finished
                }
            };
            future::ready(Some(finished))
        })
        .filter_map(future::ready)
        .filter(|call| future::ready(!matches!(call, Ok(call) if call.blobs.is_empty())))
}
