//! What a backfill would do, without a call, because the platform cannot count events without delivering them.

use std::time::Duration;

use time::OffsetDateTime;

use super::pace::pause_for;
use super::{Error, Grain, LIMIT, Options, Plan, Window};

/// How many windows are shown.
const SHOWN: usize = 5;
/// No range has more windows than this; the year 1 to now has 24,000.
const MAX_WINDOWS: usize = 1_000_000;

/// What is known in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Where the range begins.
    pub since: OffsetDateTime,
    /// Where it ends.
    pub until: OffsetDateTime,
    /// The first windows, provided that they hold few events.
    pub first: Vec<Window>,
    /// The minimum number of requests.
    pub min_windows: usize,
    /// The minimum duration: one request a second.
    pub min_time: Duration,
    /// The additional duration for every thousand events, when the platform does not say how fast it delivers.
    pub time_per_thousand: Duration,
}

impl Forecast {
    /// Looks ahead from `now`.
    ///
    /// # Errors
    /// [`Error::EmptyRange`].
    pub fn of(options: &Options, now: OffsetDateTime) -> Result<Self, Error> {
        let (since, until) = options.range(now)?;
        let mut plan = Plan::new(since, until, Grain::Second)
            .narrowed(options.event_type.as_deref(), options.project_id.as_deref());
        let (mut first, mut min_windows) = (Vec::new(), 0);
        while let Some(window) = plan.take().filter(|_| min_windows < MAX_WINDOWS) {
            min_windows += 1;
            plan.answered(&window, 0, options.limit);
            if first.len() < SHOWN {
                first.push(window);
            }
        }
        let min_time = Duration::from_secs(min_windows.try_into().unwrap_or(u64::MAX));
        Ok(Self { since, until, first, min_windows, min_time, time_per_thousand: pause_for(LIMIT) })
    }
}
