//! Blobs become calls: small blobs are merged until a call is full.

use std::sync::Arc;

use bytes::Bytes;
use futures::future;
use futures::stream::{self, Stream, StreamExt as _};
use time::OffsetDateTime;
use tracing::error;

use super::Stop;
use super::blob::{Blob, Call, MAX_INFLATED};
use super::settle::Settler;
use crate::delivery::push::MAX_CALL_BYTES;
use crate::delivery::spool::{Entry, Store};

/// Blobs read ahead; each is at most one call, compressed.
const READ_AHEAD: usize = 32;

/// Reads blobs and merges them.
pub(super) struct Loader<'a> {
    store: &'a Store,
    settler: &'a Settler,
    now: OffsetDateTime,
}

impl<'a> Loader<'a> {
    /// A loader for a run that began at `now`, which is what a row gets that is too old for the rules to see.
    pub(super) fn new(store: &'a Store, settler: &'a Settler, now: OffsetDateTime) -> Self {
        Self { store, settler, now }
    }

    /// The calls that `entries` make, in their order. A blob that cannot be read is moved aside, one that storage does
    /// not hand out is left where it is, and the rest go on.
    pub(super) fn calls(self, entries: Vec<Entry>) -> impl Stream<Item = Result<Call, Stop>> + 'a {
        let Self { store, settler, now } = self;
        let contents = stream::iter(entries)
            .take_while(move |_| future::ready(!settler.time_is_over()))
            .map(move |entry| async move {
                let content = if settler.is_settled(&entry.name) {
                    settler.delete_settled(&entry.name).await.map(|()| None)
                } else if entry.size > MAX_INFLATED {
                    skip(&entry.name, "it is larger than any batch");
                    Ok(None)
                } else {
                    fetch(store, &entry.name).await
                };
                (content, entry.name)
            })
            .buffered(READ_AHEAD);
        let blobs = contents.filter_map(move |(content, name)| async move {
            match content {
                Err(stop) => Some(Err(stop)),
                Ok(None) => None,
                Ok(Some(content)) => match Blob::read(name.clone(), &content, now) {
                    Ok(blob) => Some(Ok(blob)),
                    Err(why) => settler.quarantine(&name, content, &why.to_string()).await.err().map(Err),
                },
            }
        });
        merge(blobs)
    }
}

/// Leaves a blob where it is, and tells.
fn skip(name: &str, problem: &str) {
    error!(event = "blob_skipped", name, problem, hint = "look at the blob; the others go on without it");
}

/// The content of a blob. One that storage rejects to hand out must not keep the others from the table.
async fn fetch(store: &Store, name: &str) -> Result<Option<Bytes>, Stop> {
    match store.get(name).await {
        Ok(content) => Ok(content),
        Err(error) if error.concerns_one_blob() => {
            skip(name, &error.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
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
