//! Many instances that share one rule's limit and know nothing of each other, in virtual time.

use std::time::Duration;

use tokio::time::Instant;

use super::super::pace::Pacer;
use super::world::Dice;

/// What one data collection rule takes from all.
const LIMIT: u32 = 12_000;
const MINUTE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// Calls in each minute: taken, and answered 429.
fn minutes(instances: usize, calls_per_minute: u32, minutes: u32, tells_wait: bool) -> Vec<(u32, u32)> {
    let start = Instant::now();
    let pacers: Vec<_> = (0..instances).map(|_| Pacer::new(calls_per_minute, start)).collect();
    let mut dice = Dice(11);
    let mut counts = Vec::new();
    for minute in 0..minutes {
        let begin = start + MINUTE * minute;
        let (mut taken, mut rejected) = (0, 0);
        let mut now = begin;
        while now < begin + MINUTE {
            for pacer in &pacers {
                // Every instance always has a call to make, and not all at the same moment.
                let at = now + STEP.mul_f64(dice.roll());
                if pacer.take(at).is_err() {
                    continue;
                }
                if taken < LIMIT {
                    taken += 1;
                } else {
                    rejected += 1;
                    let wait = tells_wait.then(|| (begin + MINUTE).saturating_duration_since(at));
                    pacer.throttled(at, at + Duration::from_millis(30), wait);
                }
            }
            now += STEP;
        }
        counts.push((taken, rejected));
    }
    counts
}

#[test]
fn forty_instances_that_are_all_busy_soon_fit_into_the_limit_of_the_rule() {
    for tells_wait in [true, false] {
        let counts = minutes(40, 6_000, 16, tells_wait);
        // Halved from 6,000 a minute to less than 300, once a minute where a wait is told.
        let settled = &counts[6..];
        let taken: u32 = settled.iter().map(|(taken, _)| taken).sum();
        let rejected: u32 = settled.iter().map(|(_, rejected)| rejected).sum();
        assert!(rejected * 100 < taken, "{rejected} of {taken} calls were answered 429");
        assert!(taken * 10 > LIMIT * 10 * 5, "{taken} calls leave more than half of the limit unused");
    }
}

#[test]
fn two_busy_instances_never_meet_the_limit() {
    assert!(minutes(2, 6_000, 3, true).iter().skip(1).all(|(_, rejected)| *rejected == 0));
}

#[test]
fn what_was_halved_recovers() {
    let start = Instant::now();
    let pacer = Pacer::new(6_000, start);
    let calls_in = |from: Instant| {
        let end = from + MINUTE;
        let (mut now, mut calls) = (from, 0);
        while now < end {
            match pacer.take(now) {
                Ok(()) => calls += 1,
                Err(turn) => now = turn,
            }
        }
        calls
    };
    assert!((5_990..=6_210).contains(&calls_in(start)));
    let throttled = start + MINUTE;
    for n in 0..10 {
        // All were on their way when the first of them was answered.
        let answered = throttled + Duration::from_millis(n);
        pacer.throttled(throttled.checked_sub(Duration::from_millis(30)).unwrap(), answered, None);
    }
    assert!((2_990..=3_210).contains(&calls_in(throttled + MINUTE)));
    assert!(calls_in(throttled + 120 * MINUTE) >= 5_990);
}
