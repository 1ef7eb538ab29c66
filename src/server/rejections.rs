//! What the log tells of requests that were not taken: signatures rejected, and bodies that did not arrive.

use tokio::time::Instant;
use tracing::{info, warn};

use super::body::BodyFault;
use super::log_throttle::LogThrottle;
use crate::counters::Rejection;

/// Why signatures are rejected, in the order of their counts.
const SIGNATURES: [Rejection; 3] = [Rejection::Missing, Rejection::Malformed, Rejection::Mismatch];
/// Why bodies are not taken, in the order of their counts.
const BODIES: [BodyFault; 3] = [BodyFault::NoRoom, BodyFault::TooSlow, BodyFault::Broken];

/// So many characters of a path are told.
const MAX_PATH: usize = 100;

/// Counts rejections until a line may tell them.
#[derive(Default)]
pub(super) struct Rejections {
    signatures: LogThrottle<3>,
    bodies: LogThrottle<3>,
    paths: LogThrottle<1>,
}

impl Rejections {
    /// A signature was rejected at `now`.
    pub(super) fn signature(&self, why: Rejection, now: Instant) {
        let kind = SIGNATURES.iter().position(|known| *known == why);
        if let Some(counts) = kind.and_then(|kind| self.signatures.count(kind, now)) {
            log_signatures(counts);
        }
    }

    /// A body was not taken at `now`.
    pub(super) fn body(&self, why: BodyFault, now: Instant) {
        let kind = BODIES.iter().position(|known| *known == why);
        if let Some(counts) = kind.and_then(|kind| self.bodies.count(kind, now)) {
            log_bodies(counts);
        }
    }

    /// A path was not known at `now`. The line tells the last one, without its query, which may hold a key.
    pub(super) fn path(&self, path: &str, now: Instant) {
        if let Some([count]) = self.paths.count(0, now) {
            let path: String = path.chars().take(MAX_PATH).collect();
            warn!(event = "path_unknown", count, path);
        }
    }

    /// Tells what is left when the quiet time is over.
    pub(super) fn flush(&self, now: Instant) {
        if let Some(counts) = self.signatures.due(now) {
            log_signatures(counts);
        }
        if let Some(counts) = self.bodies.due(now) {
            log_bodies(counts);
        }
    }
}

fn log_signatures(counts: [u64; 3]) {
    let [missing, malformed, mismatch] = counts;
    let count = missing + malformed + mismatch;
    // The most frequent one: it tells a wrong secret (mismatch) from a port scan (missing).
    let reason = most_frequent(counts, ["missing", "malformed", "mismatch"]);
    warn!(event = "signature_rejected", count, reason, missing, malformed, mismatch);
}

fn log_bodies(counts: [u64; 3]) {
    let [no_room, too_slow, broken] = counts;
    let count = no_room + too_slow + broken;
    let reason = most_frequent(counts, ["no_room", "too_slow", "broken"]);
    info!(event = "body_not_taken", count, reason, no_room, too_slow, broken);
}

fn most_frequent(counts: [u64; 3], names: [&'static str; 3]) -> &'static str {
    let max = counts.into_iter().zip(names).max_by_key(|(count, _)| *count);
    max.map_or("", |(_, name)| name)
}
