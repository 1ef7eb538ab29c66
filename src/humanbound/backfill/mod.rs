//! The past of an organisation, delivered once more: replays of window after window, until the range is through.
//!
//! A replay answers only how many events it queued, at most [`LIMIT`], and delivers them later, in an order that nobody
//! promises. So nothing can be counted without being delivered, and a window that is full may hold more. Such a window
//! is split and asked for again; the connector and `EventId` remove the duplicates, which Azure bills all the same.
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
//! It can be dropped at any time: what was saved is where the next run goes on.
//!
//! Reading order: [`Options`], `window` (what is asked for), `pace` (when), `run` (the course of it), [`Forecast`].

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
    /// Begin again, whatever an earlier run did.
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

    /// What makes it the same backfill in another run: the range as it was written, since "until now" and "7d" go on
    /// when time does, and a run that goes on to a later end leaves nothing out.
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

    /// The range at `now`, which it does not go beyond.
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
        /// Where an earlier run of it got to.
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
        /// How far everything is by now.
        progress: &'a Outcome,
    },
    /// The queued events are on their way.
    Delivering {
        /// How many arrived.
        delivered: u64,
        /// Of how many.
        of: u64,
    },
    /// The platform no longer counts on; from here on time alone sets the pace.
    Stalled {
        /// How many were counted.
        delivered: u64,
        /// Of how many.
        of: u64,
    },
    /// The connector has trouble: windows take so many times as long.
    Slower {
        /// How many times.
        times: u32,
    },
    /// The platform asks to slow down.
    Throttled {
        /// For so long.
        pause: Duration,
    },
    /// It is not known whether a window was queued, or the platform could not be reached: it is asked for again.
    Again {
        /// The window.
        window: &'a Window,
        /// Why.
        reason: String,
        /// After so long.
        pause: Duration,
    },
    /// The platform takes no times, so whole days are asked for.
    WholeDays,
}

/// Whoever tells a person.
pub trait Observer {
    /// Hears of what happened.
    fn notice(&mut self, notice: &Notice<'_>);
}

impl<F: FnMut(&Notice<'_>)> Observer for F {
    fn notice(&mut self, notice: &Notice<'_>) {
        self(notice);
    }
}

/// What came of it, over all runs of it; [`Self::delivered`] alone is of the last one.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where the range begins.
    pub since: OffsetDateTime,
    /// Where it ends.
    pub until: OffsetDateTime,
    /// Up to where it got.
    pub done_until: OffsetDateTime,
    /// How many events the platform queued, duplicates included.
    pub queued: u64,
    /// How many requests it answered with a number.
    pub windows: u64,
    /// How many of the queued events are duplicates, at most. On top come what happened at the very second where two
    /// windows meet, and a window that an earlier run was ended in the middle of asking for.
    pub duplicates: u64,
    /// How many deliveries the platform counted in this run, attempts and live events included; `None` when it does not
    /// count, or stopped to.
    pub delivered: Option<u64>,
    /// Windows that may hold more than was queued.
    pub incomplete: Vec<Window>,
    /// How many windows were so full that they were asked for by type: events of unknown types may lack there.
    pub by_type: u64,
    /// How often it was not known whether a window was queued.
    pub unclear: u64,
    /// The platform takes no times, so whole days were asked for.
    pub whole_days: bool,
}

/// Why a backfill ended early. What was saved stays good to go on from.
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
    /// A success without a number, which does not mean none.
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

    /// What a program can tell it by.
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
    /// `timing` is what all pauses go by.
    #[must_use]
    pub fn new(client: &'a Client, timing: Timing, options: Options) -> Self {
        Self { client, timing, options, pressure: Box::new(pace::Unknown) }
    }

    /// Lets `pressure` tell how the connector copes, beside what the deliveries say.
    #[must_use]
    pub fn with_pressure(mut self, pressure: impl Pressure + 'a) -> Self {
        self.pressure = Box::new(pressure);
        self
    }

    /// Delivers, from where `remembered` got to if that is the same backfill. `save` is called after each window.
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
