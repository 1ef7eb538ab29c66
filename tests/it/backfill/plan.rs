//! The windows alone, without a platform.

use humanbound_sentinel::humanbound::EVENT_TYPES;
use humanbound_sentinel::humanbound::backfill::{Forecast, Grain, LIMIT, Moment, Plan, Verdict, Window};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{NOW, options};

const START: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

fn plan(until: OffsetDateTime) -> Plan {
    Plan::new(START, until, Grain::Second)
}

/// The widths of the windows when each holds `queued` events.
fn widths(plan: &mut Plan, queued: u64, count: usize) -> Vec<Duration> {
    let mut widths = Vec::new();
    while let Some(window) = plan.take().filter(|_| widths.len() < count) {
        assert_eq!(plan.answered(&window, queued, LIMIT), Verdict::Done);
        widths.push(window.until - window.since);
    }
    widths
}

#[test]
fn width_follows_what_the_windows_hold() {
    let end = datetime!(2027-01-01 0:00 UTC);
    let days = |days: [i64; 4]| days.map(Duration::days);
    assert_eq!(widths(&mut plan(end), 0, 4), days([1, 4, 16, 31]));
    assert_eq!(widths(&mut plan(end), 600, 4), days([1, 1, 1, 1]));
    assert_eq!(widths(&mut plan(end), 300, 4), days([1, 2, 2, 2]), "the first day is remembered");
    assert_eq!(widths(&mut plan(end), 300, 7)[5..], [4, 4].map(Duration::days), "for a week");
    let busy = widths(&mut plan(end), 999, 4);
    assert!(busy.is_sorted_by(|a, b| a > b), "{busy:?}");
}

#[test]
fn windows_meet_and_end_where_the_range_ends() {
    let end = datetime!(2026-07-03 10:11:12 UTC);
    let mut plan = plan(end);
    let (mut at, mut count) = (START, 0_u64);
    while let Some(window) = plan.take() {
        assert_eq!(window.since, at);
        assert!(window.until > window.since);
        at = window.until;
        count += 1;
        assert!(count < 1000, "it goes nowhere");
        plan.answered(&window, count * 37 % 900, LIMIT);
        assert_eq!(plan.done_until(), at);
    }
    assert_eq!(at, end);
}

#[test]
fn full_window_is_split_down_to_a_second_then_asked_by_type_then_by_project() {
    let mut plan = plan(START + Duration::seconds(4));
    let whole = plan.take().unwrap();
    assert_eq!(plan.answered(&whole, LIMIT, LIMIT), Verdict::Split);
    let half = plan.take().unwrap();
    assert_eq!((half.since, half.until), (START, START + Duration::seconds(2)));
    assert_eq!(plan.answered(&half, LIMIT + 5, LIMIT), Verdict::Split);
    let second = plan.take().unwrap();
    assert_eq!(plan.answered(&second, LIMIT, LIMIT), Verdict::ByType);
    assert_eq!(plan.done_until(), START, "another run would ask for this second again");
    let types: Vec<Window> = EVENT_TYPES.iter().map(|_| plan.take().unwrap()).collect();
    let names: Vec<_> = types.iter().map(|window| window.event_type.as_deref().unwrap()).collect();
    assert_eq!(names, EVENT_TYPES);
    let last = types.last().unwrap();
    assert_eq!(plan.answered(last, LIMIT, LIMIT), Verdict::NeedsProjects);
    assert!(!plan.by_project(last, &["p1".to_owned()]), "one project alone splits nothing");
    assert!(plan.by_project(last, &["p1".to_owned(), "p2".to_owned()]));
    let [one, two] = [plan.take().unwrap(), plan.take().unwrap()];
    assert_eq!([one.project_id.as_deref(), two.project_id.as_deref()], [Some("p1"), Some("p2")]);
    assert_eq!(plan.answered(&one, LIMIT, LIMIT), Verdict::Incomplete);
    assert_eq!(plan.answered(&two, 0, LIMIT), Verdict::Done);
    assert_eq!(plan.done_until(), START + Duration::SECOND);
    let rest: Vec<_> = std::iter::from_fn(|| plan.take()).map(|window| window.until - START).collect();
    assert_eq!(rest, [2, 4].map(Duration::seconds));
}

#[test]
fn filters_of_the_operator_are_kept_and_not_split_again() {
    let mut plan = plan(START + Duration::SECOND).narrowed(Some("drift.detected"), Some("p1"));
    let window = plan.take().unwrap();
    assert_eq!(
        (window.event_type.as_deref(), window.project_id.as_deref()),
        (Some("drift.detected"), Some("p1"))
    );
    assert_eq!(plan.answered(&window, LIMIT, LIMIT), Verdict::Incomplete);
    assert!(plan.take().is_none());
}

#[test]
fn whole_days_hold_the_range() {
    let (since, until) = (datetime!(2026-01-01 10:00 UTC), datetime!(2026-01-03 0:00:01 UTC));
    let mut plan = Plan::new(since, until, Grain::Day);
    let window = plan.take().unwrap();
    assert_eq!((window.since, window.until), (START, START + Duration::DAY));
    assert_eq!(plan.answered(&window, LIMIT, LIMIT), Verdict::ByType, "a day is the least");
    assert_eq!(plan.until(), START + Duration::days(3));
}

#[test]
fn moments_are_dates_times_and_spans() {
    let cases = [
        ("2026-02-01", datetime!(2026-02-01 0:00 UTC), datetime!(2026-02-02 0:00 UTC)),
        ("2026-02-01T10:00:00Z", datetime!(2026-02-01 10:00 UTC), datetime!(2026-02-01 10:00 UTC)),
        (" 2026-02-01T10:00:00+02:00 ", datetime!(2026-02-01 8:00 UTC), datetime!(2026-02-01 8:00 UTC)),
        ("7d", datetime!(2026-11-21 12:00 UTC), datetime!(2026-11-21 12:00 UTC)),
        ("36h", datetime!(2026-11-27 0:00 UTC), datetime!(2026-11-27 0:00 UTC)),
    ];
    for (text, since, until) in cases {
        assert_eq!(Moment::since(text).unwrap().resolve(NOW), since, "{text}");
        assert_eq!(Moment::until(text).unwrap().resolve(NOW), until, "{text}");
    }
    for text in ["", "yesterday", "2026-13-01", "2026-02-30", "10", "-7d", "999999d", "01.02.2026"] {
        assert!(Moment::since(text).is_err(), "{text}");
    }
}

#[test]
fn range_ends_now_and_is_never_empty() {
    let mut options = options(START);
    assert_eq!(options.range(NOW).unwrap(), (START, NOW));
    let later = NOW + Duration::milliseconds(700);
    assert_eq!(options.range(later).unwrap().1, NOW, "of the running second nothing is promised");
    options.until = Some(Moment::until("2026-11-28").unwrap());
    assert_eq!(options.range(NOW).unwrap().1, NOW, "the future is still to come");
    options.until = Some(Moment::At(START));
    assert_eq!(options.range(NOW).unwrap_err().exit_code(), 2);
}

#[test]
fn key_is_of_webhook_filters_and_range_as_written() {
    let base = options(START);
    let with = |change: fn(&mut humanbound_sentinel::humanbound::backfill::Options)| {
        let mut other = options(START);
        change(&mut other);
        other.key()
    };
    assert_eq!(base.key(), with(|options| options.restart = true));
    let others = [
        with(|options| options.webhook = "w2".into()),
        with(|options| options.since = Moment::since("7d").unwrap()),
        with(|options| options.until = Some(Moment::At(NOW))),
        with(|options| options.project_id = Some("p1".into())),
        with(|options| options.event_type = Some("p1".into())),
    ];
    let different: std::collections::BTreeSet<_> = others.iter().chain([&base.key()]).cloned().collect();
    assert_eq!(different.len(), 6);
}

#[test]
fn forecast_counts_the_windows_of_a_quiet_range() {
    let forecast = Forecast::of(&options(START), NOW).unwrap();
    let widths: Vec<_> = forecast.first.iter().map(|window| window.until - window.since).collect();
    assert_eq!(widths, [1, 4, 16, 31, 31].map(Duration::days));
    assert_eq!((forecast.min_windows, forecast.min_time.as_secs()), (14, 14));
    assert_eq!(forecast.time_per_thousand.as_secs(), 50);
}
