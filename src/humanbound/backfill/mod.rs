//! Delivers past events of an organisation once more, by replaying one time window after another.
//!
//! A replay only answers how many events it queued, at most [`LIMIT`], and delivers them later, in no documented order.
//! So events cannot be counted without being delivered, and a window that is full may hold more. Such a window is split
//! and requested again; the connector and `EventId` remove the duplicates, which Azure bills all the same.
//!
//! ```no_run
//! # async fn command(client: &humanbound_sentinel::humanbound::Client)
//! # -> Result<(), humanbound_sentinel::humanbound::backfill::Error> {
//! use humanbound_sentinel::humanbound::Timing;
//! use humanbound_sentinel::humanbound::backfill::{Backfill, Moment, Notice, Options};
//! use humanbound_sentinel::state;
//!
//! let since = Moment::since("2026-01-01").unwrap();
//! let options = Options::new("webhook id", since);
//! let mut say = |notice: &Notice<'_>| println!("{notice:?}");
//! let remembered = state::Backfill::default();
//! let backfill = Backfill::new(client, Timing::system(), options);
//! let outcome = backfill.run(&remembered, &mut say, |state| { let _ = state; Ok(()) }).await?;
//! println!("{} events in {} windows", outcome.queued, outcome.windows);
//! # Ok(())
//! # }
//! ```
//!
//! It can be dropped at any time: the next run continues from what was saved.
//!
//! Reading order: [`Options`], `window` (what is requested), `pace` (when), `run` (the loop), [`Forecast`].

mod forecast;
mod moment;
mod pace;
mod run;
mod window;

use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

pub use forecast::Forecast;
pub use moment::{Moment, NoMoment, timestamp};
pub use pace::Pressure;
pub use window::{Grain, LIMIT, Plan, Verdict, Window};

use crate::humanbound::{self, Client, Timing};
use crate::signature::lower_hex;
use crate::state;

/// What to deliver, and to which webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The webhook's id.
    pub webhook: String,
    /// From when on.
    pub since: Moment,
    /// Until when; `None` is the start of the run.
    pub until: Option<Moment>,
    /// The only project.
    pub project_id: Option<String>,
    /// The only event type.
    pub event_type: Option<String>,
    /// Begin again, ignoring the progress of an earlier run.
    pub restart: bool,
    /// How many events the platform queues for one request.
    pub limit: u64,
}

impl Options {
    /// Everything from `since` until now.
    #[must_use]
    pub fn new(webhook: &str, since: Moment) -> Self {
        Self {
            webhook: webhook.to_owned(),
            since,
            until: None,
            project_id: None,
            event_type: None,
            restart: false,
            limit: LIMIT,
        }
    }

    /// What identifies the same backfill in another run: the range as it was written. "Until now" and "7d" move with time,
    /// and a run that continues to a later end leaves nothing out.
    #[must_use]
    pub fn key(&self) -> String {
        let until = self.until.map_or_else(|| "now".to_owned(), |until| until.to_string());
        let since = self.since.to_string();
        let parts = [
            self.webhook.as_str(),
            &since,
            &until,
            self.project_id.as_deref().unwrap_or_default(),
            self.event_type.as_deref().unwrap_or_default(),
        ];
        lower_hex(&Sha256::digest(parts.join("\n")))
    }

    /// The range at `now`, which is its latest end.
    ///
    /// # Errors
    /// [`Error::EmptyRange`].
    pub fn range(&self, now: OffsetDateTime) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
        let since = Grain::Second.floor(self.since.resolve(now));
        let now_whole = Grain::Second.floor(now);
        let until =
            self.until.map_or(now_whole, |until| Grain::Second.ceil(until.resolve(now)).min(now_whole));
        if since < until { Ok((since, until)) } else { Err(Error::EmptyRange { since, until }) }
    }

    /// Nothing is left out, so that a later run may begin where this one ends.
    fn is_whole(&self) -> bool {
        self.project_id.is_none() && self.event_type.is_none()
    }
}

/// What happened, while it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice<'a> {
    /// It begins.
    Began {
        /// Where the range begins.
        since: OffsetDateTime,
        /// Where it ends.
        until: OffsetDateTime,
        /// Where an earlier run of the same backfill stopped.
        from: Option<OffsetDateTime>,
    },
    /// A window was answered.
    Answered {
        /// The window.
        window: &'a Window,
        /// How many events the platform queued.
        queued: u64,
        /// What it means.
        verdict: Verdict,
        /// The progress so far.
        progress: &'a Outcome,
    },
    /// The queued events are on their way.
    Delivering {
        /// How many arrived.
        delivered: u64,
        /// Of how many.
        of: u64,
    },
    /// The platform no longer counts deliveries; from here on only time sets the pace.
    Stalled {
        /// How many were counted.
        delivered: u64,
        /// Of how many.
        of: u64,
    },
    /// The connector has trouble: windows are slowed down by this factor.
    Slower {
        /// The factor.
        times: u32,
    },
    /// The platform asks to slow down.
    Throttled {
        /// For how long.
        pause: Duration,
    },
    /// It is not known whether a window was queued, or the platform could not be reached: the window is requested again.
    Again {
        /// The window.
        window: &'a Window,
        /// Why.
        reason: String,
        /// After how long.
        pause: Duration,
    },
    /// The platform accepts dates but no times, so whole days are requested.
    WholeDays,
}

/// Receives notices, to show them.
pub trait Observer {
    /// Called with each notice.
    fn notice(&mut self, notice: &Notice<'_>);
}

impl<F: FnMut(&Notice<'_>)> Observer for F {
    fn notice(&mut self, notice: &Notice<'_>) {
        self(notice);
    }
}

/// The result over all runs of a backfill; only [`Self::delivered`] is of the last run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where the range begins.
    pub since: OffsetDateTime,
    /// Where it ends.
    pub until: OffsetDateTime,
    /// How far it came.
    pub done_until: OffsetDateTime,
    /// How many events the platform queued, duplicates included.
    pub queued: u64,
    /// How many requests it answered with a number.
    pub windows: u64,
    /// The maximum number of duplicates among the queued events. Events at the very second where two windows meet, and a
    /// window during whose request an earlier run was ended, come on top.
    pub duplicates: u64,
    /// How many deliveries the platform counted in this run, attempts and live events included; `None` when it does not
    /// count, or stopped to.
    pub delivered: Option<u64>,
    /// Windows that may hold more than was queued.
    pub incomplete: Vec<Window>,
    /// How many windows were so full that they were requested by type: events of unknown types may be missing there.
    pub by_type: u64,
    /// How often it was not known whether a window was queued.
    pub unclear: u64,
    /// The platform accepts dates but no times, so whole days were requested.
    pub whole_days: bool,
}

/// Why a backfill ended early. The next run continues from what was saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Asked wrongly: the range holds no time.
    #[error("the range is empty: it begins at {} and ends at {}", timestamp(*since), timestamp(*until))]
    EmptyRange {
        /// Its beginning.
        since: OffsetDateTime,
        /// Its end.
        until: OffsetDateTime,
    },
    /// A success without a number of events, which does not mean zero.
    #[error("the platform did not say how many events it queued from {} on", timestamp(*since))]
    NoNumber {
        /// The window's beginning.
        since: OffsetDateTime,
    },
    /// A call failed.
    #[error(transparent)]
    Platform(#[from] humanbound::Error),
    /// The progress could not be saved.
    #[error("the progress cannot be saved")]
    State(#[from] state::Error),
}

impl Error {
    /// What the reader can do about it: an imperative, without a period.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::EmptyRange { .. } => "name a `--since` before `--until` and before now".to_owned(),
            Self::NoNumber { .. } => {
                "ask Humanbound's support what their answer to `replay` means now, and look whether events arrive"
                    .to_owned()
            }
            Self::Platform(error) => error.hint(),
            Self::State(error) => error.hint().to_owned(),
        }
    }

    /// A name by which a program can recognise the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyRange { .. } => "empty_range",
            Self::NoNumber { .. } => "no_number",
            Self::Platform(_) => "platform",
            Self::State(_) => "state",
        }
    }

    /// The exit code of a command that ends with this: 2 asked wrongly, 4 a login is needed, 1 anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::EmptyRange { .. } => 2,
            Self::Platform(error) => error.exit_code(),
            Self::NoNumber { .. } | Self::State(_) => 1,
        }
    }
}

/// A backfill that has not begun.
pub struct Backfill<'a> {
    client: &'a Client,
    timing: Timing,
    options: Options,
    pressure: Box<dyn Pressure + 'a>,
}

impl<'a> Backfill<'a> {
    /// `timing` is the clock of all pauses.
    #[must_use]
    pub fn new(client: &'a Client, timing: Timing, options: Options) -> Self {
        Self { client, timing, options, pressure: Box::new(pace::Unknown) }
    }

    /// Uses `pressure`, in addition to the deliveries, to see whether the connector has trouble.
    #[must_use]
    pub fn with_pressure(mut self, pressure: impl Pressure + 'a) -> Self {
        self.pressure = Box::new(pressure);
        self
    }

    /// Runs the backfill, from where `remembered` stopped if that is the same backfill. `save` is called after each window.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(
        self,
        remembered: &state::Backfill,
        observer: &mut dyn Observer,
        save: impl FnMut(&state::Backfill) -> Result<(), state::Error>,
    ) -> Result<Outcome, Error> {
        run::run(self, remembered, observer, save).await
    }
}
