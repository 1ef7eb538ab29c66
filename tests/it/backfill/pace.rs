//! How fast it goes.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use humanbound_sentinel::humanbound::backfill::{Backfill, Notice, Pressure};
use humanbound_sentinel::state;
use time::Duration;
use time::macros::datetime;

use super::platform::{Behaviour, Platform};
use super::{NOW, events, options, run, run_and_hear};

const SINCE: time::OffsetDateTime = datetime!(2026-11-18 12:00 UTC);

/// 500 events a day for ten days.
async fn busy(behaviour: Behaviour) -> Platform {
    Platform::start(NOW, events(5000, SINCE, Duration::seconds(172)), behaviour).await
}

/// How long it takes by the clock, in seconds, and whether the connector was said to have trouble.
async fn time(behaviour: Behaviour) -> (i64, bool) {
    let platform = busy(behaviour).await;
    let (outcome, _, heard) = run_and_hear(&platform, options(SINCE), &state::Backfill::default()).await;
    assert_eq!(outcome.unwrap().queued, 5000);
    assert_eq!(platform.missing().len(), 0);
    let is_slower = heard.iter().any(|notice| notice.starts_with("Slower"));
    ((platform.clock().now() - NOW).whole_seconds(), is_slower)
}

#[tokio::test]
async fn counted_deliveries_set_the_pace() {
    for per_second in [5.0, 100.0] {
        let (took, _) = time(Behaviour { per_second, ..Behaviour::default() }).await;
        #[expect(clippy::cast_possible_truncation, reason = "seconds of an hour")]
        let least = (5000.0 / per_second) as i64;
        assert!((least..least + 120).contains(&took), "{per_second} a second: {took} s");
    }
}

#[tokio::test]
async fn uncounted_deliveries_are_trusted_with_twenty_a_second() {
    let (took, _) = time(Behaviour { has_total: false, ..Behaviour::default() }).await;
    assert!((250..300).contains(&took), "{took} s");
}

#[tokio::test]
async fn requests_are_a_second_apart_at_least() {
    for has_total in [true, false] {
        let platform = busy(Behaviour { has_total, per_second: 1e6, ..Behaviour::default() }).await;
        run(&platform, options(SINCE), &state::Backfill::default()).await.0.unwrap();
        let calls = platform.calls();
        assert!(calls.len() > 10);
        for pair in calls.windows(2) {
            assert!(pair[1].at - pair[0].at >= Duration::SECOND, "{pair:?}");
        }
    }
}

#[tokio::test]
async fn connector_that_answers_503_gets_twice_the_time_until_it_recovers() {
    for has_total in [true, false] {
        let calm = time(Behaviour { has_total, ..Behaviour::default() }).await;
        let overloaded = 900..1800;
        let pressed = time(Behaviour { has_total, overloaded, ..Behaviour::default() }).await;
        assert!(!calm.1 && pressed.1);
        assert!(pressed.0 > calm.0 + 20, "{calm:?} {pressed:?}");
        let always = time(Behaviour { has_total, overloaded: 0..5000, ..Behaviour::default() }).await;
        assert!(always.0 > 2 * pressed.0, "{pressed:?} {always:?}");
    }
}

#[tokio::test]
async fn count_that_stops_is_left_for_time() {
    let behaviour = Behaviour { max_total: 1300, ..Behaviour::default() };
    let platform = busy(behaviour).await;
    let (outcome, _, heard) = run_and_hear(&platform, options(SINCE), &state::Backfill::default()).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.queued, outcome.delivered), (5000, None), "what was not counted is not known");
    assert_eq!(heard.iter().filter(|notice| notice.starts_with("Stalled")).count(), 1);
    let took = (platform.clock().now() - NOW).whole_seconds();
    assert!(took < 500, "{took} s");
}

/// A spool that grows by what it is told.
struct Spool(Arc<Mutex<Vec<Option<u64>>>>);

impl Pressure for Spool {
    fn spooled(&mut self) -> BoxFuture<'_, Option<u64>> {
        let next = self.0.lock().unwrap().pop().unwrap_or(None);
        Box::pin(std::future::ready(next))
    }
}

#[tokio::test]
async fn spool_that_grows_halves_the_pace() {
    for (readings, expected) in [
        (vec![Some(1), Some(2), Some(3)], vec![2, 4]),
        (vec![Some(3), Some(3), Some(2)], vec![]),
        (vec![None, Some(5), None, Some(6)], vec![2]),
    ] {
        let platform = busy(Behaviour::default()).await;
        let client = platform.client();
        let mut heard = Vec::new();
        let mut hear = |notice: &Notice<'_>| {
            if let Notice::Slower { times } = notice {
                heard.push(*times);
            }
        };
        let spool = Spool(Arc::new(Mutex::new(readings.iter().rev().copied().collect())));
        Backfill::new(&client, platform.timing(), options(SINCE))
            .with_pressure(spool)
            .run(&state::Backfill::default(), &mut hear, |_| Ok(()))
            .await
            .unwrap();
        assert_eq!(heard, expected, "{readings:?}");
    }
}
