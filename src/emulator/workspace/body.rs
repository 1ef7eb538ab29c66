//! The body of a call: inflated, and cut into rows.

use std::io::Read as _;

use axum::http::StatusCode;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};

use super::answer::Rejection;

/// Inflates a body, up to twice the limit: a longer one is too large even without its separators.
pub(super) fn inflate(bytes: &Bytes, gzip: bool, limit: usize) -> Result<Bytes, Rejection> {
    if !gzip {
        return Ok(bytes.clone());
    }
    let cap = limit * 2;
    let mut body = Vec::new();
    MultiGzDecoder::new(&bytes[..])
        .take(cap as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|_| malformed("The gzip stream cannot be read."))?;
    if body.len() > cap { Err(too_large()) } else { Ok(body.into()) }
}

/// The rows of a body. Brackets and separators do not count against `limit`: `", "` is the widest that
/// Microsoft's clients write.
pub(super) fn parse(body: &[u8], limit: usize) -> Result<Vec<Map<String, Value>>, Rejection> {
    let rows: Vec<Map<String, Value>> = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("The body is not a JSON array of objects: {error}.")))?;
    if body.len() > limit + 2 * (rows.len() + 1) { Err(too_large()) } else { Ok(rows) }
}

fn malformed(message: impl Into<String>) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, "InvalidRequestPayload", message)
}

/// The answer to a body over the limit.
pub(super) fn too_large() -> Rejection {
    Rejection::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "ContentLengthLimitExceeded",
        "The body is larger than 1 MB, compressed or uncompressed.",
    )
}
