//! Backfills: which windows are asked for, how fast, and that nothing is missing.

mod answers;
mod command;
mod pace;
mod plan;
mod platform;
mod resume;
mod year;

use humanbound_sentinel::humanbound::backfill::{Backfill, Error, Moment, Notice, Options, Outcome};
use humanbound_sentinel::state;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use platform::{Behaviour, Event, Platform, WEBHOOK};

const NOW: OffsetDateTime = datetime!(2026-11-28 12:00 UTC);

/// What to deliver: everything from `since` on.
fn options(since: OffsetDateTime) -> Options {
    Options::new(WEBHOOK, Moment::At(since))
}

/// So many events, one each `step`, the first one half a second after `first`.
fn events(count: i32, first: OffsetDateTime, step: Duration) -> Vec<Event> {
    let event = |number| Event {
        at: first + Duration::milliseconds(500) + step * number,
        kind: "drift.detected",
        project: "p1",
    };
    (0..count).map(event).collect()
}

async fn with(events: Vec<Event>) -> Platform {
    Platform::start(NOW, events, Behaviour::default()).await
}

/// Runs a backfill; returns what came of it and what was saved last.
async fn run(
    platform: &Platform,
    options: Options,
    remembered: &state::Backfill,
) -> (Result<Outcome, Error>, state::Backfill) {
    let (outcome, saved, _) = run_and_hear(platform, options, remembered).await;
    (outcome, saved)
}

/// The same, with what was said.
async fn run_and_hear(
    platform: &Platform,
    options: Options,
    remembered: &state::Backfill,
) -> (Result<Outcome, Error>, state::Backfill, Vec<String>) {
    let (mut saved, mut heard) = (remembered.clone(), Vec::new());
    let client = platform.client();
    let mut hear = |notice: &Notice<'_>| heard.push(format!("{notice:?}"));
    let outcome = Backfill::new(&client, platform.timing(), options)
        .run(remembered, &mut hear, |state| {
            saved = state.clone();
            Ok(())
        })
        .await;
    (outcome, saved, heard)
}
