//! Which windows are requested, in which order: as wide as the answers allow, as narrow as the limit requires.
//!
//! Nothing here calls or waits, so that the rules can be tested alone.

use std::collections::VecDeque;

use time::{Duration, OffsetDateTime};

use super::moment;
use crate::humanbound::{EVENT_TYPES, Replay};

/// How many events the platform queues for one request.
/// Source: `humanbound` 2.13.0 on PyPI, `humanbound_cli/commands/webhooks.py`, help of `sync`.
pub const LIMIT: u64 = 1000;
/// The number of events that a window aims at, below the limit because the next one may be busier.
const AIM: f64 = 600.0;
/// The width of the first window, before anything is known.
const FIRST: Duration = Duration::DAY;
/// The maximum width of a window.
const MAX_WIDTH: Duration = Duration::days(31);

/// How long a busy window is remembered: the last week predicts a Monday better than a quiet weekend.
const MEMORY: Duration = Duration::days(8);

/// A stretch of time, and a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub since: OffsetDateTime,
    /// Its end, where the next one begins; whether the platform includes it is unknown.
    pub until: OffsetDateTime,
    /// The only event type, if it is limited to one.
    pub event_type: Option<String>,
    /// The only project, if it is limited to one.
    pub project_id: Option<String>,
}

/// The precision of the platform's time filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Seconds.
    Second,
    /// Whole days.
    Day,
}

impl Grain {
    fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Day => 86_400,
        }
    }

    /// The last step at or before `at`.
    #[must_use]
    pub fn floor(self, at: OffsetDateTime) -> OffsetDateTime {
        let whole = at.unix_timestamp().div_euclid(self.seconds()) * self.seconds();
        OffsetDateTime::from_unix_timestamp(whole).unwrap_or(at)
    }

    /// The first step at or after `at`.
    #[must_use]
    pub fn ceil(self, at: OffsetDateTime) -> OffsetDateTime {
        let floor = self.floor(at);
        if floor == at { at } else { floor.saturating_add(Duration::seconds(self.seconds())) }
    }

    /// The least number of steps that holds `width`.
    fn up(self, width: Duration) -> Duration {
        let step = Duration::seconds(self.seconds());
        let whole = step * (width.as_seconds_f64() / step.as_seconds_f64()).ceil();
        whole.max(step)
    }

    /// As it is sent.
    fn text(self, at: OffsetDateTime) -> String {
        match self {
            Self::Second => moment::timestamp(at),
            Self::Day => moment::day(at),
        }
    }
}

/// What an answer means for its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was delivered completely.
    Done,
    /// It may hold more than was queued: its parts follow.
    Split,
    /// The same for a window that cannot be narrower: the known event types follow, one by one.
    ByType,
    /// The same for a window of one event type: call [`Plan::by_project`].
    NeedsProjects,
    /// It may hold more than was queued, and nothing can be done about it.
    Incomplete,
}

/// The windows from a range's beginning to its end.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The beginning of the newest window.
    since: OffsetDateTime,
    /// The end of the newest window.
    cursor: OffsetDateTime,
    until: OffsetDateTime,
    width: Duration,
    /// The ends of the busiest recent windows and their events a second, each busier than the later ones.
    busy: VecDeque<(OffsetDateTime, f64)>,
    grain: Grain,
    event_type: Option<String>,
    project_id: Option<String>,
    /// Parts of full windows; the next one is last.
    parts: Vec<Window>,
}

impl Plan {
    /// Plans from `since` to `until`, both widened to the grain.
    #[must_use]
    pub fn new(since: OffsetDateTime, until: OffsetDateTime, grain: Grain) -> Self {
        Self {
            since: grain.floor(since),
            cursor: grain.floor(since),
            until: grain.ceil(until),
            width: FIRST,
            busy: VecDeque::new(),
            grain,
            event_type: None,
            project_id: None,
            parts: Vec::new(),
        }
    }

    /// Asks for one event type or one project only.
    #[must_use]
    pub fn narrowed(mut self, event_type: Option<&str>, project_id: Option<&str>) -> Self {
        self.event_type = event_type.map(str::to_owned);
        self.project_id = project_id.map(str::to_owned);
        self
    }

    /// Takes the next window; `None` at the end.
    pub fn take(&mut self) -> Option<Window> {
        if let Some(part) = self.parts.pop() {
            return Some(part);
        }
        if self.cursor >= self.until {
            return None;
        }
        let (since, until) = (self.cursor, self.grain.ceil(self.cursor + self.width).min(self.until));
        (self.since, self.cursor) = (since, until);
        let (event_type, project_id) = (self.event_type.clone(), self.project_id.clone());
        Some(Window { since, until, event_type, project_id })
    }

    /// Learns how many events of `window` were queued, where `limit` is the maximum.
    pub fn answered(&mut self, window: &Window, queued: u64, limit: u64) -> Verdict {
        self.fit_width(window, queued.min(limit));
        if queued < limit {
            return Verdict::Done;
        }
        let parts = self.split(window);
        if parts.len() > 1 {
            self.parts.extend(parts.into_iter().rev());
            return Verdict::Split;
        }
        match (&window.event_type, &window.project_id) {
            (None, _) => {
                let part = |name: &&str| Window { event_type: Some((*name).to_owned()), ..window.clone() };
                self.parts.extend(EVENT_TYPES.iter().rev().map(part));
                Verdict::ByType
            }
            (Some(_), None) => Verdict::NeedsProjects,
            (Some(_), Some(_)) => Verdict::Incomplete,
        }
    }

    /// Splits a window by the projects of the organisation; returns whether that helps.
    pub fn by_project(&mut self, window: &Window, projects: &[String]) -> bool {
        // A single project has the same events again.
        let is_of_use = projects.len() > 1;
        if is_of_use {
            let part = |id: &String| Window { project_id: Some(id.clone()), ..window.clone() };
            self.parts.extend(projects.iter().rev().map(part));
        }
        is_of_use
    }

    /// Up to where everything was requested: where another run would continue.
    #[must_use]
    pub fn done_until(&self) -> OffsetDateTime {
        self.parts.iter().map(|part| part.since).min().unwrap_or(self.cursor)
    }

    /// The end, widened to the grain.
    #[must_use]
    pub fn until(&self) -> OffsetDateTime {
        self.until
    }

    /// The parts of a full window. Each full window costs up to a thousand duplicates, while another request costs next to
    /// nothing, so a part that is full as well holds a burst and is split into more parts.
    fn split(&self, window: &Window) -> Vec<Window> {
        let width = window.until - window.since;
        let depth = (self.cursor - self.since) / width;
        let count = if depth < 2.0 {
            2
        } else if depth < 8.0 {
            4
        } else {
            16
        };
        let step = self.grain.up(width / count);
        let mut parts = Vec::new();
        let mut since = window.since;
        while since < window.until {
            let until = (since + step).min(window.until);
            parts.push(Window { since, until, ..window.clone() });
            since = until;
        }
        parts
    }

    /// Adapts the width of the next windows to this window and to the busiest recent ones. Parts of a window say nothing
    /// about the rate of whole ones.
    fn fit_width(&mut self, window: &Window, queued: u64) {
        if window.event_type != self.event_type || window.project_id != self.project_id {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most the limit")]
        let queued = queued as f64;
        let width = window.until - window.since;
        if window.since == self.since && window.until == self.cursor {
            let rate = queued / width.as_seconds_f64();
            self.busy.retain(|(until, other)| *until > window.until - MEMORY && *other > rate);
            self.busy.push_back((window.until, rate));
        }
        let busiest = self.busy.front().map_or(f64::MIN_POSITIVE, |(_, rate)| rate.max(f64::MIN_POSITIVE));
        let widest = Duration::saturating_seconds_f64(AIM / busiest);
        let fitting = width * (AIM / queued.max(1.0)).clamp(0.25, 4.0);
        self.width = fitting.min(widest).min(MAX_WIDTH).max(Duration::seconds(self.grain.seconds()));
    }
}

/// A window as it is sent.
pub(super) struct Request<'a> {
    since: String,
    until: String,
    window: &'a Window,
}

impl<'a> Request<'a> {
    pub(super) fn new(window: &'a Window, grain: Grain) -> Self {
        Self { since: grain.text(window.since), until: grain.text(window.until), window }
    }

    pub(super) fn replay(&self) -> Replay<'_> {
        Replay {
            since: Some(&self.since),
            until: Some(&self.until),
            project_id: self.window.project_id.as_deref(),
            event_type: self.window.event_type.as_deref(),
        }
    }
}
