//! Random numbers from a seed, by integers and exact float operations only, so that a seed gives the same bytes everywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use uuid::Uuid;

/// One stream of random numbers. Each part of the story has its own stream, so that a change in one part does not change
/// all the others.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut numbers = ChaCha8Rng::seed_from_u64(seed);
        numbers.set_stream(stream);
        Self(numbers)
    }

    /// `low ..= high`; `low` when there is no such number.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        // The bias of the remainder is far below anything a story could show.
        low.saturating_add_unsigned(self.0.next_u64() % span)
    }

    /// An index below `length`, which must not be 0.
    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.0.next_u64() % (length.max(1) as u64)).unwrap_or(0)
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.0.next_u64() % 100 < percent
    }

    /// One of `items`, or `otherwise` when there is none.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T], otherwise: T) -> T {
        items.get(self.index(items.len())).copied().unwrap_or(otherwise)
    }

    /// An index, drawn by weight.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let total: u64 = weights.iter().sum();
        let mut left = self.0.next_u64() % total.max(1);
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
