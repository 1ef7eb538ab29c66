//! What is drained: a blob's rows, and the blobs that make one call.

use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;

use crate::delivery::gzip::gunzip_one;
use crate::record;

/// A blob of ours inflates to one call; far more than that is no blob of ours.
pub(super) const MAX_INFLATED: u64 = 16 * 1024 * 1024;

/// A blob of the spool, inflated.
pub(super) struct Blob {
    pub(super) name: String,
    text: Vec<u8>,
    rows: Vec<Range<usize>>,
    /// Its share of what may be in memory.
    _room: OwnedSemaphorePermit,
}

/// What `content` says it inflates to, in bytes: the last member of a gzip stream ends with that number.
/// <https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1>
pub(super) fn inflated_size(content: &Bytes) -> u64 {
    let told = content.last_chunk().map_or(0, |told| u32::from_le_bytes(*told));
    u64::from(told).clamp(content.len() as u64, MAX_INFLATED.max(content.len() as u64))
}

/// Inflates whatever gzip there is, up to one byte more than a blob of ours may have.
fn inflate(content: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut text = Vec::new();
    let mut inflated = MultiGzDecoder::new(content).take(MAX_INFLATED + 1);
    inflated.read_to_end(&mut text).map_err(|error| Unreadable(format!("not gzip: {error}")))?;
    Ok(text)
}

impl Blob {
    /// Inflates a blob into `room`, finds its rows, and renews those that have waited for long.
    pub(super) fn read(
        name: String,
        content: &Bytes,
        now: OffsetDateTime,
        room: OwnedSemaphorePermit,
    ) -> Result<Self, Unreadable> {
        let text = gunzip_one(content, usize::try_from(inflated_size(content)).unwrap_or_default());
        let mut text = text.map_or_else(|| inflate(content), Ok)?;
        if text.len() as u64 > MAX_INFLATED {
            return Err(Unreadable("inflates to more than any batch".to_owned()));
        }
        let rows: Vec<&RawValue> = serde_json::from_slice(&text)
            .map_err(|error| Unreadable(format!("not a JSON array: {error}")))?;
        let start = text.as_ptr().addr();
        let rows = rows.iter().map(|row| {
            let row = row.get();
            let at = row.as_ptr().addr() - start;
            row.starts_with('{').then_some(at..at + row.len())
        });
        let rows = rows.collect::<Option<Vec<_>>>();
        let rows = rows.ok_or_else(|| Unreadable("holds something other than objects".to_owned()))?;
        for range in &rows {
            if let Some(row) = text.get_mut(range.clone()) {
                record::renew_time_generated(row, now);
            }
        }
        Ok(Self { name, text, rows, _room: room })
    }

    /// The rows, each a serialised JSON object.
    pub(super) fn row(&self, index: usize) -> &[u8] {
        self.rows.get(index).and_then(|range| self.text.get(range.clone())).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The bytes of its rows and one separator each. Of a blob that has more between its rows that counts too: it is in
    /// memory.
    pub(super) fn bytes(&self) -> usize {
        self.text.len().saturating_sub(1)
    }
}

/// Blobs whose rows fit one call.
#[derive(Default)]
pub(super) struct Call {
    pub(super) blobs: Vec<Arc<Blob>>,
    /// The sum of their bytes.
    pub(super) bytes: usize,
}

/// Why a blob cannot be read as rows.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(String);
