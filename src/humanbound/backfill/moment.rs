//! Points in time as an operator writes them: a date, a time, or how long ago.

use std::fmt;
use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

/// A point in time, or a distance from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A fixed one.
    At(OffsetDateTime),
    /// This long before now.
    Ago(Duration),
}

/// The error for a text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date, a time or a span; write 2026-01-31, 2026-01-31T12:00:00Z or 7d")]
pub struct NoMoment(String);

impl Moment {
    /// Reads the beginning of a range: a date is its midnight in UTC.
    ///
    /// # Errors
    /// When `text` is none of the three.
    pub fn since(text: &str) -> Result<Self, NoMoment> {
        Self::read(text, Date::midnight)
    }

    /// Reads the end of a range: a date is its end, which is the next midnight in UTC.
    ///
    /// # Errors
    /// When `text` is none of the three.
    pub fn until(text: &str) -> Result<Self, NoMoment> {
        Self::read(text, |day| day.next_day().unwrap_or(day).midnight())
    }

    fn read(text: &str, of_day: impl Fn(Date) -> time::PrimitiveDateTime) -> Result<Self, NoMoment> {
        let text = text.trim();
        if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
            return Ok(Self::At(of_day(day).assume_utc()));
        }
        if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::At(at.to_offset(UtcOffset::UTC)));
        }
        // Nor is a span that reaches back before the year 1 a point in time.
        let span = humantime::parse_duration(text).ok().filter(|span| span.as_secs() < 100 * 366 * 86_400);
        span.map(Self::Ago).ok_or_else(|| NoMoment(text.to_owned()))
    }

    /// The point in time that this means at `now`.
    #[must_use]
    pub fn resolve(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.saturating_sub(span.try_into().unwrap_or(time::Duration::MAX)),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => f.write_str(&timestamp(*at)),
            Self::Ago(span) => write!(f, "{} ago", humantime::format_duration(*span)),
        }
    }
}

/// `2026-01-31T12:00:00Z`: to the second and in UTC, as it is sent.
#[must_use]
pub fn timestamp(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.to_offset(UtcOffset::UTC).format(&format).unwrap_or_default()
}

/// `2026-01-31`: what is sent where times are not taken.
pub(super) fn day(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(format_description!("[year]-[month]-[day]")).unwrap_or_default()
}
