//! Compression of what goes to Azure: bodies of calls and blobs.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Pieces are joined up to here before they are compressed: most rows are small, and each step has its price.
const JOINED: usize = 24 * 1024;
/// The window of gzip, in bits.
const WINDOW_BITS: u8 = 15;

/// A compressor, used again and again: a new one would have its 300 kB zeroed for each call.
struct Compressor {
    compress: Compress,
    joined: Vec<u8>,
}

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor {
        compress: Compress::new_gzip(Compression::fast(), WINDOW_BITS),
        joined: Vec::with_capacity(JOINED),
    });
}

/// `pieces`, one after another, compressed at the fastest level; `capacity` is a guess at the bytes that come of it.
///
/// # Errors
/// None that memory can cause; the compressor's own.
pub(super) fn gzip<'a>(capacity: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<Bytes> {
    COMPRESSOR.with_borrow_mut(|Compressor { compress, joined }| {
        compress.reset();
        joined.clear();
        let mut out = Vec::with_capacity(capacity);
        for piece in pieces {
            if joined.len() + piece.len() > JOINED {
                deflate(compress, joined, FlushCompress::None, &mut out)?;
                joined.clear();
            }
            if piece.len() > JOINED {
                deflate(compress, piece, FlushCompress::None, &mut out)?;
            } else {
                joined.extend_from_slice(piece);
            }
        }
        deflate(compress, joined, FlushCompress::Finish, &mut out)?;
        Ok(out.into())
    })
}

/// Compresses all of `input` to the end of `out`.
fn deflate(
    compress: &mut Compress,
    mut input: &[u8],
    flush: FlushCompress,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    loop {
        if out.len() == out.capacity() {
            out.reserve(out.len().max(1024));
        }
        let before = compress.total_in();
        let status = compress.compress_vec(input, out, flush)?;
        let taken = usize::try_from(compress.total_in() - before).unwrap_or(input.len());
        input = input.get(taken..).unwrap_or_default();
        let is_done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => input.is_empty(),
        };
        if is_done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn one_compressor_serves_calls_of_any_size_one_after_another() {
        let large: Vec<u8> =
            (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let small = vec![&b"a"[..]; 70_000];
        let calls: [&[&[u8]]; 5] = [&[], &[b"[", b"]"], &[b"[", &large, b"]"], &small, &[b"", b"x"]];
        for pieces in calls {
            let mut inflated = Vec::new();
            let compressed = gzip(16, pieces.iter().copied()).unwrap();
            GzDecoder::new(&*compressed).read_to_end(&mut inflated).unwrap();
            assert_eq!(inflated, pieces.concat());
        }
    }
}
