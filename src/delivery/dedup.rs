//! The cache of bodies: a duplicate joins the first while it is in flight, and is answered from memory afterwards.
//!
//! Written only after Azure's 2xx or the spool write, so that it never vouches for an event that could still be lost.

use std::collections::{HashMap, VecDeque, hash_map};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// So many bodies are remembered at most.
const MAX_BODIES: usize = 65_536;
/// A body is remembered for so long: the sender's retries come within minutes.
const TIME_TO_LIVE: Duration = Duration::from_secs(15 * 60);

/// HMAC-SHA-256 over a body's inflated bytes, under a secret of the webhook.
pub(crate) type BodyMac = [u8; 32];

/// What is kept of a [`BodyMac`], since memory holds many: 128 bits of it under the cache's own keys. Somebody who knows the
/// webhook's secret could search for two bodies whose MACs share half of their bits, but not for two with one hash. Bytes, because a
/// number of 128 bits is aligned to them, which would double an entry.
type BodyHash = [u8; 16];

/// The hash of a [`BodyHash`]: its last eight bytes, since it is a keyed hash already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_ne_bytes(*last);
        }
    }

    /// Of the length of what is hashed, which is always the same.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

type HashedMap<T> = HashMap<BodyHash, T, BuildHasherDefault<AlreadyHashed>>;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Azure Monitor has accepted the batch that holds it.
    Stored,
    /// It is in the spool.
    Spooled,
    /// Neither took it in time.
    Unavailable,
}

/// What [`DedupCache::enter`] found.
pub(crate) enum Lookup {
    /// Nobody has this body: deliver it and resolve the ticket.
    New(Ticket, oneshot::Receiver<Outcome>),
    /// A duplicate is in flight: this is its outcome to come.
    InFlight(oneshot::Receiver<Outcome>),
    /// A duplicate is safe already.
    Done(Outcome),
}

#[derive(Default)]
struct State {
    /// Bodies on their way, and who waits for them.
    in_flight: HashedMap<Vec<oneshot::Sender<Outcome>>>,
    /// Bodies that are safe; apart from the others, because so many entries had better be small.
    done: HashedMap<Outcome>,
    /// The same, oldest first.
    ages: VecDeque<(Instant, BodyHash)>,
}

/// The cache, shared by all requests.
#[derive(Default)]
pub(crate) struct DedupCache {
    state: Mutex<State>,
    /// Drawn when the process starts, and never told.
    keys: [RandomState; 2],
}

impl DedupCache {
    /// Looks the body with this MAC up at `now` and marks it as in flight when it is new.
    pub(crate) fn enter(self: &Arc<Self>, mac: &BodyMac, now: Instant) -> Lookup {
        let hash = self.hash(mac);
        let mut state = self.lock();
        state.evict(now, MAX_BODIES);
        if let Some(outcome) = state.done.get(&hash) {
            return Lookup::Done(*outcome);
        }
        let (sender, receiver) = oneshot::channel();
        match state.in_flight.entry(hash) {
            hash_map::Entry::Occupied(mut waiters) => {
                waiters.get_mut().push(sender);
                Lookup::InFlight(receiver)
            }
            hash_map::Entry::Vacant(slot) => {
                slot.insert(vec![sender]);
                Lookup::New(Ticket { entry: Some((Arc::clone(self), hash)) }, receiver)
            }
        }
    }

    fn hash(&self, mac: &BodyMac) -> BodyHash {
        let [high, low] = &self.keys;
        ((u128::from(high.hash_one(mac)) << 64) | u128::from(low.hash_one(mac))).to_ne_bytes()
    }

    fn resolve(&self, hash: &BodyHash, outcome: Outcome, now: Instant) {
        let waiters = {
            let mut state = self.lock();
            if outcome != Outcome::Unavailable {
                // Room first: one entry more than `MAX_BODIES` would double what both collections hold.
                state.evict(now, MAX_BODIES - 1);
                state.done.insert(*hash, outcome);
                state.ages.push_back((now, *hash));
            }
            state.in_flight.remove(hash).unwrap_or_default()
        };
        for waiter in waiters {
            // A request whose client went away does not listen any more.
            waiter.send(outcome).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets what is too old at `now`, and the oldest until at most `max` are left.
    fn evict(&mut self, now: Instant, max: usize) {
        while let Some((at, hash)) = self.ages.front() {
            if self.ages.len() <= max && now.saturating_duration_since(*at) < TIME_TO_LIVE {
                break;
            }
            self.done.remove(hash);
            self.ages.pop_front();
        }
    }
}

/// The duty to say what became of an event. Dropped without a word, it says [`Outcome::Unavailable`].
pub(crate) struct Ticket {
    /// `None` for a row of our own, which nobody waits for.
    entry: Option<(Arc<DedupCache>, BodyHash)>,
}

impl Ticket {
    /// A ticket that nobody waits for.
    #[must_use]
    pub(crate) fn for_own_row() -> Self {
        Self { entry: None }
    }

    /// Whether it belongs to an event, not to a row of our own.
    #[must_use]
    pub(crate) fn is_event(&self) -> bool {
        self.entry.is_some()
    }

    /// Tells everybody who waits.
    pub(crate) fn resolve(mut self, outcome: Outcome, now: Instant) {
        if let Some((cache, hash)) = self.entry.take() {
            cache.resolve(&hash, outcome, now);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some((cache, hash)) = self.entry.take() {
            cache.resolve(&hash, Outcome::Unavailable, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_whose_macs_share_a_half_are_two_and_the_same_mac_is_one() {
        let (cache, now) = (Arc::new(DedupCache::default()), Instant::now());
        let macs = [
            [0; 32],
            [[0; 16], [1; 16]].concat().try_into().unwrap(),
            [[1; 16], [0; 16]].concat().try_into().unwrap(),
        ];
        let first = macs.map(|mac| cache.enter(&mac, now));
        assert!(first.iter().all(|lookup| matches!(lookup, Lookup::New(..))));
        assert!(macs.iter().all(|mac| matches!(cache.enter(mac, now), Lookup::InFlight(_))));
    }
}
