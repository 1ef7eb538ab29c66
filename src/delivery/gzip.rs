//! Compression of what goes to Azure, bodies of calls and blobs, and its reverse for the blobs.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

/// Pieces are joined up to here before they are compressed: most rows are small, and each step has its price.
const JOINED: usize = 24 * 1024;
/// The window of gzip, in bits.
const WINDOW_BITS: u8 = 15;
/// The first bytes of a gzip member without optional fields, how long its head is, and how long its tail.
/// <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
const PLAIN_HEAD: [u8; 4] = [0x1f, 0x8b, 8, 0];
const HEAD: usize = 10;
const TAIL: usize = 8;

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
    /// One inflater, reset for each blob. Making one for each takes some 47 kB for a moment, whose place the allocator then
    /// splits for the few bytes that stay: a call of 10,000 small blobs grew the process by 115 MB.
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
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

/// Inflates what [`gzip`] made: one plain member of at most `max` bytes. `None` for anything else, sound or not.
pub(super) fn gunzip_one(content: &[u8], max: usize) -> Option<Vec<u8>> {
    let deflated = content.strip_prefix(&PLAIN_HEAD)?.get(HEAD - PLAIN_HEAD.len()..)?;
    let (deflated, tail) = deflated.split_at_checked(deflated.len().checked_sub(TAIL)?)?;
    let mut text = Vec::with_capacity(max);
    INFLATER.with_borrow_mut(|inflater| {
        inflater.reset(false);
        let status = inflater.decompress_vec(deflated, &mut text, FlushDecompress::Finish).ok()?;
        let is_all = usize::try_from(inflater.total_in()).ok()? == deflated.len();
        (status == Status::StreamEnd && is_all).then_some(())
    })?;
    let mut crc = Crc::new();
    crc.update(&text);
    let told = [crc.sum(), crc.amount()].map(u32::to_le_bytes).concat();
    (tail == told).then_some(text)
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

    #[test]
    fn one_inflater_reads_what_the_compressor_made_and_nothing_else() {
        let text = b"[{\"EventId\":\"0\"}]".repeat(50);
        let ours = gzip(16, [&text[..]]).unwrap();
        let twice = [&ours[..], &ours[..]].concat();
        let longer = [&ours[..], b"x"].concat();
        let (mut named, mut damaged) = (ours.to_vec(), ours.to_vec());
        named[3] = 8;
        damaged[ours.len() - TAIL] ^= 1;
        let short = &ours[..ours.len() - 1];
        for other in [&twice[..], &longer, &named, &damaged, short, &ours[..HEAD], b""] {
            assert_eq!(gunzip_one(other, 2 * text.len()), None);
            assert_eq!(gunzip_one(&ours, text.len()).as_deref(), Some(&text[..]), "after a failure too");
        }
        assert_eq!(gunzip_one(&ours, 0), None);
    }
}
