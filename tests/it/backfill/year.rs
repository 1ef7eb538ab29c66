//! A year of 100,000 events, with everything that a year has: days of rest, bursts, a month of silence.

use humanbound_sentinel::humanbound::EVENT_TYPES;
use humanbound_sentinel::humanbound::backfill::Outcome;
use humanbound_sentinel::state;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime, Weekday};

use super::platform::{Behaviour, Call, Event, Platform};
use super::{NOW, options, run};

const SINCE: OffsetDateTime = datetime!(2025-11-28 0:00 UTC);
const COUNT: usize = 100_000;
const PROJECTS: [&str; 3] = ["p1", "p2", "p3"];
/// 1,500 events within this second, 1,100 of them of one type.
const SECOND: OffsetDateTime = datetime!(2026-03-10 9:30 UTC);
/// 5,000 events within this hour.
const HOUR: OffsetDateTime = datetime!(2026-05-20 14:00 UTC);
const SILENCE: std::ops::Range<OffsetDateTime> =
    datetime!(2026-07-01 0:00 UTC)..datetime!(2026-08-01 0:00 UTC);

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(i64::try_from(all.len()).unwrap())).unwrap()]
    }
}

/// The events. None is at the very beginning of a second, where two windows may meet.
fn year() -> Vec<Event> {
    let mut numbers = Numbers(7);
    let mut events = Vec::new();
    let mut add = |numbers: &mut Numbers, at: OffsetDateTime, kind| {
        let at = at + Duration::milliseconds(1 + numbers.below(998));
        events.push(Event { at, kind, project: numbers.of(&PROJECTS) });
    };
    for number in 0..1500 {
        let kind = if number < 1100 { "finding.created" } else { numbers.of(&EVENT_TYPES[1..]) };
        add(&mut numbers, SECOND, kind);
    }
    for _ in 0..5000 {
        let at = HOUR + Duration::seconds(numbers.below(3600));
        let kind = numbers.of(&EVENT_TYPES);
        add(&mut numbers, at, kind);
    }
    let day_count = (NOW - SINCE).whole_days();
    let mut left = COUNT - 6500;
    while left > 0 {
        let day = SINCE + Duration::days(numbers.below(day_count));
        let rests = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && numbers.below(5) > 0;
        if rests || SILENCE.contains(&day) {
            continue;
        }
        let at = day + Duration::hours(7 + numbers.below(12)) + Duration::seconds(numbers.below(3600));
        let kind = numbers.of(&EVENT_TYPES);
        add(&mut numbers, at, kind);
        left -= 1;
    }
    events
}

async fn backfill(behaviour: Behaviour) -> (Platform, Outcome) {
    let platform = Platform::start(NOW, year(), behaviour).await;
    let (outcome, saved) = run(&platform, options(SINCE), &state::Backfill::default()).await;
    assert_eq!(saved.through, Some(NOW));
    (platform, outcome.unwrap())
}

/// How many windows begin in the silent month.
fn requests_of_silence(platform: &Platform) -> usize {
    let since = |call: &Call| OffsetDateTime::parse(call.body["since"].as_str().unwrap(), &Rfc3339).unwrap();
    platform.replays().iter().filter(|call| SILENCE.contains(&since(call))).count()
}

#[tokio::test]
async fn year_of_100_000_events_is_delivered_whole() {
    for has_total in [true, false] {
        let (platform, outcome) = backfill(Behaviour { has_total, ..Behaviour::default() }).await;
        assert_eq!(platform.missing().len(), 0, "nothing is missing");
        let (all, different) = platform.delivered();
        assert_eq!(different, COUNT as u64);
        assert_eq!(outcome.queued, all, "every delivery was counted");
        assert_eq!(outcome.duplicates, all - different, "every duplicate was counted");
        assert!(outcome.duplicates < 25_000, "{} duplicates", outcome.duplicates);
        assert_eq!(outcome.delivered, has_total.then_some(outcome.queued));
        assert_eq!((outcome.incomplete.len(), outcome.unclear, outcome.by_type), (0, 0, 1));
        assert!(
            (1..12).contains(&requests_of_silence(&platform)),
            "a silent month is asked for in few windows"
        );
        let took = platform.clock().now() - NOW;
        assert!(took < Duration::hours(3), "{took}");
        eprintln!(
            "a year of {COUNT} events, deliveries {}: {} windows, {} requests, {} duplicates, {} min for real",
            if has_total { "counted at 50 a second" } else { "not counted" },
            outcome.windows,
            platform.calls().len(),
            outcome.duplicates,
            took.whole_minutes(),
        );
    }
}
