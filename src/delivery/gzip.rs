//! Compression of what goes to Azure: bodies of calls and blobs.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// `pieces`, one after another, compressed at the fastest level; `capacity` is a guess at the bytes that come of it.
///
/// # Errors
/// None that memory can cause; the compressor's own.
pub(super) fn gzip<'a>(capacity: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(capacity), Compression::fast());
    for piece in pieces {
        encoder.write_all(piece)?;
    }
    Ok(encoder.finish()?.into())
}
