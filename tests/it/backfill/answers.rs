//! What the platform may answer, and what becomes of the window.

use humanbound_sentinel::humanbound;
use humanbound_sentinel::humanbound::backfill::Error;
use humanbound_sentinel::state;
use serde_json::json;
use time::Duration;
use time::macros::datetime;

use super::platform::{Behaviour, Event, Platform};
use super::{NOW, events, options, run, run_and_hear, with};

/// Ten events of the last day.
async fn small() -> Platform {
    with(events(10, NOW - Duration::hours(10), Duration::HOUR)).await
}

fn last_day() -> humanbound_sentinel::humanbound::backfill::Options {
    options(NOW - Duration::DAY)
}

#[tokio::test]
async fn a_day_is_one_request() {
    let platform = small().await;
    let (outcome, saved) = run(&platform, last_day(), &state::Backfill::default()).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.queued, outcome.windows, outcome.duplicates), (10, 1, 0));
    assert_eq!((outcome.delivered, outcome.incomplete.len()), (Some(10), 0));
    let bodies: Vec<_> = platform.replays().into_iter().map(|call| call.body).collect();
    assert_eq!(bodies, [json!({ "since": "2026-11-27T12:00:00Z", "until": "2026-11-28T12:00:00Z" })]);
    assert_eq!((saved.through, saved.next, saved.key), (Some(NOW), None, None));
}

#[tokio::test]
async fn filters_are_sent_and_do_not_move_the_point_to_go_on_from() {
    let platform = small().await;
    let mut options = last_day();
    options.event_type = Some("drift.detected".to_owned());
    options.project_id = Some("p2".to_owned());
    let before = state::Backfill { through: Some(datetime!(2026-01-01 0:00 UTC)), ..Default::default() };
    let (outcome, saved) = run(&platform, options, &before).await;
    assert_eq!(outcome.unwrap().queued, 0);
    assert_eq!(platform.replays()[0].body["project_id"], "p2");
    assert_eq!(platform.replays()[0].body["event_type"], "drift.detected");
    assert_eq!(saved.through, before.through, "the other events were not asked for");
}

#[tokio::test]
async fn throttled_waits_as_asked_else_longer_each_time() {
    let platform = small().await;
    platform.script([Some((429, Some("7"), "slowly")), Some((429, None, "")), Some((429, None, ""))]);
    let (outcome, _) = run(&platform, last_day(), &state::Backfill::default()).await;
    assert_eq!(outcome.unwrap().queued, 10);
    let pauses: Vec<_> = platform.pauses().into_iter().filter(|pause| *pause >= 5).collect();
    assert_eq!(pauses, [7, 60, 120]);
}

#[tokio::test]
async fn throttled_for_over_an_hour_ends_it_and_keeps_the_place() {
    let platform = small().await;
    platform.script((0..50).map(|_| Some((429, None, r#"{"message":"enough"}"#))));
    let (outcome, saved) = run(&platform, last_day(), &state::Backfill::default()).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), "the platform asks to slow down: enough");
    assert_eq!(platform.pauses().iter().max(), Some(&600));
    assert_eq!(platform.replays().len(), 13);
    assert_eq!(saved.next, Some(NOW - Duration::DAY));
}

#[tokio::test]
async fn success_without_a_number_is_never_taken_for_none() {
    for body in ["", "{}", "[]", r#"{"status":"accepted"}"#, r#"{"events_queued":null}"#] {
        let platform = small().await;
        platform.script([Some((200, None, body))]);
        let (outcome, saved) = run(&platform, last_day(), &state::Backfill::default()).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::NoNumber { .. }), "{body}: {error:?}");
        assert!(error.to_string().contains("did not say how many"), "{error}");
        assert_eq!((saved.next, saved.through), (Some(NOW - Duration::DAY), None));
    }
}

#[tokio::test]
async fn unclear_window_is_asked_for_again_and_counted_as_duplicates() {
    let platform = small().await;
    platform.script([Some((500, None, "boom"))]);
    let (outcome, _, heard) = run_and_hear(&platform, last_day(), &state::Backfill::default()).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.queued, outcome.windows, outcome.unclear, outcome.duplicates), (10, 1, 1, 10));
    assert_eq!(platform.delivered(), (20, 10));
    assert!(heard.iter().any(|notice| notice.starts_with("Again")), "{heard:?}");
    let [first, second] = platform.replays().try_into().unwrap();
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn unclear_again_and_again_ends_it() {
    let platform = small().await;
    platform.script((0..50).map(|_| Some((502, None, "boom"))));
    let (outcome, saved) = run(&platform, last_day(), &state::Backfill::default()).await;
    assert!(matches!(outcome.unwrap_err(), Error::Platform(humanbound::Error::Unclear { .. })));
    assert_eq!(platform.replays().len(), 6);
    assert_eq!(saved.next, Some(NOW - Duration::DAY));
}

#[tokio::test]
async fn where_times_are_not_taken_whole_days_are_asked_for() {
    let behaviour = Behaviour { days_only: true, ..Behaviour::default() };
    let days = events(40, datetime!(2026-11-20 1:00 UTC), Duration::hours(5));
    let platform = Platform::start(NOW, days, behaviour).await;
    let since = datetime!(2026-11-20 0:00 UTC);
    let (outcome, _) = run(&platform, options(since), &state::Backfill::default()).await;
    let outcome = outcome.unwrap();
    assert!(outcome.whole_days);
    assert_eq!(platform.missing().len(), 0);
    let ranges: Vec<_> = platform
        .replays()
        .iter()
        .map(|call| format!("{} {}", call.body["since"], call.body["until"]).replace('"', ""))
        .collect();
    assert_eq!(
        ranges,
        [
            "2026-11-20T00:00:00Z 2026-11-21T00:00:00Z",
            "2026-11-20 2026-11-21",
            "2026-11-21 2026-11-25",
            "2026-11-25 2026-11-29"
        ]
    );
    assert_eq!(outcome.done_until, NOW);
}

#[tokio::test]
async fn what_is_rejected_in_both_formats_is_the_platforms_word() {
    let platform = small().await;
    let no = || Some((422, None, r#"{"message":"no such webhook filter"}"#));
    platform.script([no(), no()]);
    let (outcome, _) = run(&platform, last_day(), &state::Backfill::default()).await;
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "the platform rejected the request (422): no such webhook filter"
    );
    // Once times were taken, a rejection has another reason.
    let platform = small().await;
    platform.script([None, no()]);
    let (outcome, saved) =
        run(&platform, options(NOW - Duration::days(3)), &state::Backfill::default()).await;
    assert!(matches!(outcome.unwrap_err(), Error::Platform(humanbound::Error::Invalid { .. })));
    assert_eq!(saved.next, Some(NOW - Duration::days(2)), "the first day is done");
}

#[tokio::test]
async fn more_events_than_can_be_split_are_reported_and_passed() {
    let second = NOW - Duration::hours(5);
    let mut all = events(1200, second, Duration::ZERO);
    all.extend(events(10, second + Duration::HOUR, Duration::MINUTE));
    // Two projects, so that it is tried; all of the burst is of one.
    all.push(Event { at: second + Duration::hours(2), kind: "drift.detected", project: "p2" });
    let platform = with(all).await;
    let (outcome, saved) = run(&platform, last_day(), &state::Backfill::default()).await;
    let outcome = outcome.unwrap();
    let [window] = outcome.incomplete.clone().try_into().unwrap();
    assert_eq!((window.since, window.until), (second, second + Duration::SECOND));
    assert_eq!(window.event_type.as_deref(), Some("drift.detected"));
    assert_eq!(window.project_id.as_deref(), Some("p1"));
    assert_eq!(outcome.by_type, 1);
    assert_eq!(platform.missing().len(), 200, "only of that second");
    assert_eq!(saved.incomplete.len(), 1);
    assert_eq!(saved.incomplete[0].event_type.as_deref(), Some("drift.detected"));
    assert_eq!(saved.through, Some(NOW));
}
