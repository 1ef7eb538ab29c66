//! Reading a body whose sender is not known yet: under a cap, under a time-out, under a budget that all requests share.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Bytes of unverified bodies in memory at once.
const MAX_UNVERIFIED_BYTES: usize = 32 * 1024 * 1024;
/// The last part of it is for bodies of at most [`MAX_SMALL`] bytes, as nearly all events are: senders of large bodies who
/// take their time must not shut them out.
const RESERVED_FOR_SMALL: usize = 4 * 1024 * 1024;
/// What counts as small, in bytes.
const MAX_SMALL: usize = 64 * 1024;
/// A body must arrive within this time.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// It is larger than the cap.
    TooLarge,
    /// Too many unverified bytes are in memory.
    NoRoom,
    /// It did not arrive in time.
    TooSlow,
    /// The client went away in the middle.
    Broken,
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

/// The budget for bytes whose signature is not verified yet.
#[derive(Clone, Default)]
pub(super) struct UnverifiedBudget(Arc<AtomicUsize>);

/// A part of the budget, given back on drop.
struct Reservation {
    budget: UnverifiedBudget,
    bytes: usize,
}

impl Reservation {
    fn grow(&mut self, bytes: usize) -> Result<(), BodyFault> {
        let before = self.budget.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        let limit = if self.bytes > MAX_SMALL {
            MAX_UNVERIFIED_BYTES - RESERVED_FOR_SMALL
        } else {
            MAX_UNVERIFIED_BYTES
        };
        if before + bytes > limit { Err(BodyFault::NoRoom) } else { Ok(()) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body as it was sent; its bytes count as unverified until it is taken out.
pub(super) struct Unverified {
    bytes: Bytes,
    _reserved: Reservation,
}

impl Unverified {
    /// The bytes as they were sent.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, now that their signature is verified.
    pub(super) fn verified(self) -> Bytes {
        self.bytes
    }
}

/// The body's encoding, from the head alone; `None` for one that we do not accept.
pub(super) fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let encoding = match values.next() {
        None => Encoding::Identity,
        Some(value) => {
            let value = value.to_str().ok()?.trim();
            if value.is_empty() || value.eq_ignore_ascii_case("identity") {
                Encoding::Identity
            } else if value.eq_ignore_ascii_case("gzip") || value.eq_ignore_ascii_case("x-gzip") {
                Encoding::Gzip
            } else {
                return None;
            }
        }
    };
    values.next().is_none().then_some(encoding)
}

/// Whether the head already says that the body is larger than `max`.
pub(super) fn announced_too_large(headers: &HeaderMap, max: usize) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|length| length > max as u64)
}

/// Reads a body of at most `max` bytes.
pub(super) async fn read(
    body: Incoming,
    max: usize,
    budget: &UnverifiedBudget,
) -> Result<Unverified, BodyFault> {
    let reserved = Reservation { budget: budget.clone(), bytes: 0 };
    let arrived = tokio::time::timeout(ARRIVAL_TIMEOUT, collect(body, max, reserved)).await;
    arrived.map_err(|_| BodyFault::TooSlow)?
}

async fn collect(mut body: Incoming, max: usize, mut reserved: Reservation) -> Result<Unverified, BodyFault> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyFault::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > max {
            return Err(BodyFault::TooLarge);
        }
        reserved.grow(data.len())?;
        // Nearly every event arrives in one piece, which is then used as it is.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Unverified { bytes, _reserved: reserved })
}

/// Why a verified gzip body cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InflateFault {
    /// It inflates to more than the cap.
    TooLarge,
    /// It is not gzip.
    NotGzip,
}

/// Inflates `body` to at most `max` bytes.
pub(super) fn inflate(body: &[u8], max: usize) -> Result<Bytes, InflateFault> {
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(4).min(max));
    let mut decoder = MultiGzDecoder::new(body).take(max as u64 + 1);
    decoder.read_to_end(&mut inflated).map_err(|_| InflateFault::NotGzip)?;
    if inflated.len() > max { Err(InflateFault::TooLarge) } else { Ok(inflated.into()) }
}
