//! A backfill that ended early goes on where it was.

use std::sync::{Arc, Mutex};

use humanbound_sentinel::humanbound::Timing;
use humanbound_sentinel::humanbound::backfill::{Backfill, Moment, Notice, Options};
use humanbound_sentinel::state;
use time::Duration;
use time::macros::datetime;

use super::platform::Platform;
use super::{events, options, run, run_and_hear, with};

const SINCE: time::OffsetDateTime = datetime!(2026-06-01 0:00 UTC);

async fn platform() -> Platform {
    with(events(8000, SINCE, Duration::minutes(30))).await
}

/// Runs until `pauses` pauses have passed, and drops it in the middle of the next; returns what was saved.
async fn interrupted(platform: &Platform, options: Options, pauses: usize) -> state::Backfill {
    let saved = Arc::new(Mutex::new(state::Backfill::default()));
    let (end, ended) = tokio::sync::oneshot::channel();
    let (end, left) = (Mutex::new(Some(end)), Mutex::new(pauses));
    let (inner, clock) = (platform.timing(), platform.clock().clone());
    let timing = Timing::new(
        move || clock.now(),
        move |pause| {
            let mut left = left.lock().unwrap();
            if *left == 0 {
                end.lock().unwrap().take().unwrap().send(()).unwrap();
                return Box::pin(std::future::pending());
            }
            *left -= 1;
            let inner = inner.clone();
            Box::pin(async move { inner.sleep(pause).await })
        },
    );
    let client = platform.client();
    let into = saved.clone();
    let mut quiet = |_: &Notice<'_>| {};
    let remembered = state::Backfill::default();
    let work = Backfill::new(&client, timing, options).run(&remembered, &mut quiet, |state| {
        *into.lock().unwrap() = state.clone();
        Ok(())
    });
    tokio::select! {
        outcome = work => panic!("it ended: {outcome:?}"),
        end = ended => end.unwrap(),
    }
    saved.lock().unwrap().clone()
}

#[tokio::test]
async fn same_command_goes_on_and_nothing_is_missing() {
    let whole = platform().await;
    let (expected, _) = run(&whole, options(SINCE), &state::Backfill::default()).await;
    let expected = expected.unwrap();
    for pauses in [0, 1, 2, 7, 20, 41] {
        let platform = platform().await;
        let saved = interrupted(&platform, options(SINCE), pauses).await;
        let before = platform.replays().len() as u64;
        let (outcome, end, heard) = run_and_hear(&platform, options(SINCE), &saved).await;
        let outcome = outcome.unwrap();
        assert!(heard[0].starts_with("Began") && heard[0].contains("from: Some"), "{}", heard[0]);
        assert_eq!(platform.missing().len(), 0, "after {pauses} pauses");
        assert!(outcome.windows >= before, "windows of both runs count");
        assert!(outcome.queued >= expected.queued - expected.duplicates);
        // Only what a full window had queued already, and that was in flight, can come again.
        let (all, different) = platform.delivered();
        assert_eq!(all - different, outcome.duplicates, "after {pauses} pauses");
        assert_eq!((end.next, end.key.as_deref()), (None, None));
    }
}

#[tokio::test]
async fn other_arguments_another_webhook_and_restart_begin_again() {
    let first = interrupted(&platform().await, options(SINCE), 10).await;
    assert!(first.next.unwrap() > SINCE && first.queued > 0);
    let changes: [fn(&mut Options); 5] = [
        |options| options.webhook = "w2".to_owned(),
        |options| options.event_type = Some("drift.detected".to_owned()),
        |options| options.since = Moment::At(SINCE + Duration::SECOND),
        |options| options.until = Some(Moment::At(SINCE + Duration::days(30))),
        |options| options.restart = true,
    ];
    for change in changes {
        let mut options = options(SINCE);
        change(&mut options);
        let platform = platform().await;
        let (_, _, heard) = run_and_hear(&platform, options, &first).await;
        assert!(heard[0].contains("from: None"), "{}", heard[0]);
        let since = platform.replays()[0].body["since"].as_str().unwrap().to_owned();
        assert!(since.starts_with("2026-06-01T00:00:0"), "{since}");
    }
}

#[tokio::test]
async fn range_to_now_goes_on_to_the_later_now() {
    let platform = platform().await;
    let saved = interrupted(&platform, options(SINCE), 5).await;
    platform.timing().sleep(Duration::HOUR.unsigned_abs()).await;
    let now = platform.clock().now();
    let (outcome, end) = run(&platform, options(SINCE), &saved).await;
    let outcome = outcome.unwrap();
    assert!(now - outcome.until < Duration::SECOND);
    assert_eq!(end.through, Some(outcome.until));
    assert_eq!(platform.missing().len(), 0);
}
