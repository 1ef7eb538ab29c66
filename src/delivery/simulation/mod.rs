//! The arithmetic of rhythm and pacer, in virtual time: what the rule gives, and what the plainest rule would give.
//!
//! One processor takes 36 µs for an event and 250 µs for a call; timers fire at the next whole millisecond, and the service
//! answers up to one late. `benches/` measures the same loads for real.

mod instances;
mod world;

use std::time::Duration;

use super::pace::Pacer;
use super::rhythm::{Rhythm, Start};
use world::{Load, Outcome, Rule, run};

/// The rule that is used, with its real code.
struct Used {
    rhythm: Rhythm,
    pacer: Pacer,
}

impl Used {
    fn new(calls_per_minute: u32, start: tokio::time::Instant) -> Self {
        Self { rhythm: Rhythm::new(start), pacer: Pacer::new(calls_per_minute, start) }
    }
}

impl Rule for Used {
    fn next(&self, queued: usize, in_flight: usize, now: tokio::time::Instant) -> Start {
        self.rhythm.next(queued, in_flight, self.pacer.gap(now), now)
    }

    fn take(&mut self, now: tokio::time::Instant) -> Result<(), tokio::time::Instant> {
        self.pacer.take(now)?;
        self.rhythm.started(now);
        Ok(())
    }

    fn arrived(&mut self) {
        self.rhythm.arrived(1);
    }

    fn answered(&mut self, rows: usize, now: tokio::time::Instant) {
        self.rhythm.answered(rows, now);
    }
}

/// The plainest rule: a timer that the budget of calls sets.
struct Timer {
    interval: Duration,
    started: tokio::time::Instant,
}

impl Rule for Timer {
    fn next(&self, _: usize, _: usize, _: tokio::time::Instant) -> Start {
        Start { at: self.started + self.interval, or_rows: usize::MAX }
    }

    fn take(&mut self, now: tokio::time::Instant) -> Result<(), tokio::time::Instant> {
        self.started = now;
        Ok(())
    }

    fn arrived(&mut self) {}

    fn answered(&mut self, _: usize, _: tokio::time::Instant) {}
}

/// The rule that is used and the plainest one, under one load.
fn both(load: Load, round_trip_ms: u64, calls_per_minute: u32) -> (Outcome, Outcome) {
    let start = tokio::time::Instant::now();
    let used = run(Used::new(calls_per_minute, start), load, Duration::from_millis(round_trip_ms), start);
    let interval = Duration::from_secs(60) / calls_per_minute;
    let timer = run(Timer { interval, started: start }, load, Duration::from_millis(round_trip_ms), start);
    (used, timer)
}

/// Events at random times, whoever else is answered: what they wait beyond the round trip is a gap, and the rest is the
/// timers' and the processor's.
#[test]
fn at_random_times_no_row_waits_much_longer_than_the_budget_makes_it() {
    for (per_second, round_trip, calls_per_minute, max_wait) in [
        (100, 100, 12_000, 6.0),
        (1_000, 100, 12_000, 7.5),
        (3_000, 100, 12_000, 7.5),
        (1_000, 30, 12_000, 7.5),
        (1_000, 30, 6_000, 12.5),
        (100, 100, 6_000, 12.0),
        (1_000, 100, 6_000, 12.5),
        (20, 100, 3_000, 5.0),
    ] {
        let (used, timer) = both(Load::Random { per_second }, round_trip, calls_per_minute);
        assert!(used.p99_ms <= max_wait, "{used:?}");
        assert!(used.p99_ms <= timer.p99_ms + 0.5 && used.p50_ms <= timer.p50_ms + 0.1, "{used:?} {timer:?}");
        assert!(used.calls_per_second <= f64::from(calls_per_minute) / 60.0 * 1.05, "{used:?}");
    }
}

/// Senders that wait for their answer: groups of them stay together, and hardly any of their time is waiting.
#[test]
fn in_a_closed_loop_senders_stay_together() {
    for (senders, min_share, max_calls_per_1000) in
        [(1, 0.94, 1_010.0), (16, 0.9, 200.0), (64, 0.88, 60.0), (256, 0.87, 27.0)]
    {
        let (used, timer) = both(Load::Closed { senders }, 30, 12_000);
        let limit = f64::from(senders) / 0.03;
        assert!(used.per_second >= min_share * limit, "{used:?}");
        assert!(used.per_second >= timer.per_second * 0.99, "{used:?} {timer:?}");
        assert!(used.calls_per_second / used.per_second * 1_000.0 <= max_calls_per_1000, "{used:?}");
    }
}
