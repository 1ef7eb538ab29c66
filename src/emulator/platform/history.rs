//! The events that have happened, in the order of their times, for replays.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::PlatformError;
use super::options::ReplayOptions;

/// From here on a number is milliseconds: as seconds it would be the year 5138.
const FIRST_MILLISECOND: f64 = 1e11;

/// An event as it is sent, and what a replay or a webhook picks it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformEvent {
    /// When it happened.
    pub at: OffsetDateTime,
    /// For example `finding.created`.
    pub event_type: Cow<'static, str>,
    /// The organisation it belongs to; `None` belongs to all.
    pub organisation_id: Option<Uuid>,
    /// The project it is about.
    pub project_id: Option<Uuid>,
    /// The body, sent as it is.
    pub body: Bytes,
}

#[derive(Deserialize)]
struct Envelope {
    event_type: String,
    organisation_id: Option<Uuid>,
    project_id: Option<Uuid>,
    timestamp: Option<Value>,
}

impl PlatformEvent {
    /// Reads all but the body from the body. An event without a `timestamp` happened at `now`.
    ///
    /// # Errors
    /// [`PlatformError::Event`] when it is not an event: JSON with an `event_type`.
    pub fn read(body: impl Into<Bytes>, now: OffsetDateTime) -> Result<Self, PlatformError> {
        let body = body.into();
        let envelope: Envelope = serde_json::from_slice(&body).map_err(PlatformError::Event)?;
        Ok(Self {
            at: envelope.timestamp.as_ref().and_then(instant).unwrap_or(now),
            event_type: envelope.event_type.into(),
            organisation_id: envelope.organisation_id,
            project_id: envelope.project_id,
            body,
        })
    }
}

/// Seconds or milliseconds since 1970, or RFC 3339.
fn instant(timestamp: &Value) -> Option<OffsetDateTime> {
    if let Some(text) = timestamp.as_str() {
        return OffsetDateTime::parse(text, &Rfc3339).ok();
    }
    let number = timestamp.as_f64()?;
    let seconds = if number.abs() >= FIRST_MILLISECOND { number / 1000.0 } else { number };
    OffsetDateTime::UNIX_EPOCH.checked_add(time::Duration::checked_seconds_f64(seconds)?)
}

/// An event and the id that its deliveries have. The body has none.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) event: PlatformEvent,
}

/// Which events a replay asks for.
#[derive(Debug, Default)]
pub(super) struct Range {
    pub(super) since: Option<OffsetDateTime>,
    pub(super) until: Option<OffsetDateTime>,
    pub(super) organisation_id: Uuid,
    pub(super) project_id: Option<Uuid>,
    pub(super) event_type: Option<String>,
}

impl Range {
    fn holds(&self, event: &PlatformEvent) -> bool {
        event.organisation_id.is_none_or(|id| id == self.organisation_id)
            && self.project_id.is_none_or(|id| event.project_id == Some(id))
            && self.event_type.as_ref().is_none_or(|wanted| event.event_type == wanted.as_str())
    }
}

/// All events so far. A body is kept once, however often it is sent.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Vec<Stored>>);

impl History {
    /// Adds one event.
    pub(super) fn add(&self, event: PlatformEvent) -> Stored {
        let stored = Stored { id: Uuid::new_v4(), event };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.partition_point(|other| other.event.at <= stored.event.at);
        all.insert(place, stored.clone());
        stored
    }

    /// Adds many events, and says how many there are now.
    pub(super) fn load(&self, events: impl IntoIterator<Item = PlatformEvent>) -> usize {
        let more: Vec<_> = events.into_iter().map(|event| Stored { id: Uuid::new_v4(), event }).collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(more);
        all.sort_by_key(|stored| stored.event.at);
        all.len()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Up to the limit of the events in `range`, in the order in which they are to be sent.
    pub(super) fn select(&self, range: &Range, options: &ReplayOptions) -> Vec<Stored> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_before = |stored: &Stored| range.since.is_some_and(|since| stored.event.at < since);
        let is_within = |stored: &Stored| match range.until {
            None => true,
            Some(until) if options.until_is_exclusive => stored.event.at < until,
            Some(until) => stored.event.at <= until,
        };
        let (start, end) = (all.partition_point(is_before), all.partition_point(is_within));
        let within =
            all.get(start..end).unwrap_or_default().iter().filter(|stored| range.holds(&stored.event));
        if options.newest_first {
            within.rev().take(options.limit).cloned().collect()
        } else {
            within.take(options.limit).cloned().collect()
        }
    }
}
