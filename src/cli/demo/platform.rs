//! A simulated platform with the story's organisation.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::emulator::{DispatchOptions, Organisation, Platform, PlatformEvent, PlatformOptions, Project};
use crate::story::Story;

/// Shorter than the real wait before the first retry, which nobody wants to sit through.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longer than any answer of the connector can take.
const TIME_OUT: Duration = Duration::from_secs(60);
/// A login outlasts every demo: renewing it would ask Humanbound's own login service.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Starts the platform with the organisation and its projects.
pub(super) async fn start(story: &Story) -> Result<Platform> {
    let organisation_id = story.organisation_id;
    let projects = story.projects.iter().map(|(id, name)| Project {
        id: *id,
        organisation_id,
        name: (*name).to_owned(),
        archived: false,
    });
    let options = PlatformOptions {
        organisations: vec![Organisation { id: organisation_id, name: story.organisation.to_owned() }],
        projects: projects.collect(),
        auth0_lifetime: LIFETIME,
        session_lifetime: LIFETIME,
        dispatch: DispatchOptions {
            first_wait: FIRST_WAIT,
            time_out: TIME_OUT,
            ..DispatchOptions::default()
        },
        ..PlatformOptions::default()
    };
    Ok(Platform::start(options).await?)
}

/// Makes the story's events the platform's past, so that they can be replayed.
pub(super) fn remember(story: &Story, platform: &Platform) -> Result<()> {
    let happened = story.events.iter().filter(|event| !event.is_duplicate);
    let events: Result<Vec<_>, _> =
        happened.map(|event| PlatformEvent::read(event.body.clone(), event.at)).collect();
    platform.load(events.context("an event of the story is none to the platform")?);
    Ok(())
}
