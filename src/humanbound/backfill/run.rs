//! The loop of a backfill: request, learn, save, wait.

use std::time::Duration;

use time::OffsetDateTime;

use super::pace::Pace;
use super::window::Request;
use super::{Backfill, Error, Grain, Notice, Observer, Options, Outcome, Plan, Verdict, Window};
use crate::humanbound::{self, Client, Timing};
use crate::state;

/// How often a window is requested again when its outcome is unknown or the platform fails.
const MAX_RETRIES: u32 = 5;
/// The pause before the first of these; it doubles each time.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// How often the platform may ask to slow down for one window: over an hour in all.
const MAX_THROTTLED: u32 = 12;
/// The first pause when it does not say for how long; it doubles each time.
const THROTTLED_PAUSE: Duration = Duration::from_secs(30);
const MAX_THROTTLED_PAUSE: Duration = Duration::from_secs(600);

/// Runs it: see [`Backfill::run`].
pub(super) async fn run(
    backfill: Backfill<'_>,
    remembered: &state::Backfill,
    observer: &mut dyn Observer,
    mut save: impl FnMut(&state::Backfill) -> Result<(), state::Error>,
) -> Result<Outcome, Error> {
    let Backfill { client, timing, options, pressure } = backfill;
    let (since, until) = options.range(timing.now())?;
    let saved = Saved::new(remembered, &options, until);
    let from = saved.from.map_or(since, |from| from.max(since));
    observer.notice(&Notice::Began { since, until, from: saved.from });
    let pace = Pace::new(client, &options.webhook, timing.clone(), pressure);
    let outcome = saved.outcome(since, until, from);
    let mut run = Run {
        client,
        timing,
        options: &options,
        pace,
        plan: plan(from, until, Grain::Second, &options),
        grain: Grain::Second,
        has_answer: false,
        outcome,
        projects: None,
        observer,
    };
    save(&saved.state(&run.outcome))?;
    run.pace.begin().await;
    while let Some(window) = run.plan.take() {
        let Some(queued) = run.ask(&window).await? else {
            run.plan = plan(run.outcome.done_until, until, Grain::Day, &options);
            continue;
        };
        run.learn(&window, queued).await?;
        save(&saved.state(&run.outcome))?;
        run.pace.settle(queued, run.observer).await;
        run.outcome.delivered = run.pace.delivered_so_far();
    }
    run.outcome.done_until = until;
    save(&saved.finished(&run.outcome, &options))?;
    Ok(run.outcome)
}

fn plan(from: OffsetDateTime, until: OffsetDateTime, grain: Grain, options: &Options) -> Plan {
    Plan::new(from, until, grain).narrowed(options.event_type.as_deref(), options.project_id.as_deref())
}

struct Run<'a> {
    client: &'a Client,
    timing: Timing,
    options: &'a Options,
    pace: Pace<'a>,
    plan: Plan,
    grain: Grain,
    /// Whether the platform has accepted the current form of times.
    has_answer: bool,
    outcome: Outcome,
    projects: Option<Vec<String>>,
    observer: &'a mut dyn Observer,
}

impl Run<'_> {
    /// Requests a window until there is an answer; `None` when the platform accepts no times, so that whole days must be
    /// planned instead.
    async fn ask(&mut self, window: &Window) -> Result<Option<u64>, Error> {
        let (mut retries, mut throttled, mut unclear) = (0, 0, 0);
        loop {
            self.pace.gate().await;
            let request = Request::new(window, self.grain);
            let error = match self.client.replay(&self.options.webhook, &request.replay()).await {
                Ok(replayed) => {
                    let queued = replayed.queued.ok_or(Error::NoNumber { since: window.since })?;
                    self.has_answer = true;
                    // Each time the outcome was unknown, the window may have been queued.
                    self.outcome.unclear += unclear;
                    self.outcome.duplicates += queued * unclear;
                    return Ok(Some(queued));
                }
                Err(error) => error,
            };
            let pause = match &error {
                humanbound::Error::Throttled { retry_after, .. } if throttled < MAX_THROTTLED => {
                    let own = (THROTTLED_PAUSE * 2_u32.pow(throttled)).min(MAX_THROTTLED_PAUSE);
                    throttled += 1;
                    let pause = retry_after.unwrap_or(own);
                    self.observer.notice(&Notice::Throttled { pause });
                    pause
                }
                humanbound::Error::Unclear { .. }
                | humanbound::Error::Unreachable { .. }
                | humanbound::Error::Unavailable { .. }
                    if retries < MAX_RETRIES =>
                {
                    unclear += u64::from(matches!(error, humanbound::Error::Unclear { .. }));
                    let pause = RETRY_PAUSE * 2_u32.pow(retries);
                    retries += 1;
                    self.observer.notice(&Notice::Again { window, reason: error.to_string(), pause });
                    pause
                }
                humanbound::Error::Invalid { status: 400 | 422, .. }
                    if !self.has_answer && self.grain == Grain::Second =>
                {
                    self.grain = Grain::Day;
                    self.outcome.whole_days = true;
                    self.observer.notice(&Notice::WholeDays);
                    return Ok(None);
                }
                _ => return Err(error.into()),
            };
            self.timing.sleep(pause).await;
        }
    }

    /// Counts an answer, and learns from it what comes next.
    async fn learn(&mut self, window: &Window, queued: u64) -> Result<(), Error> {
        let mut verdict = self.plan.answered(window, queued, self.options.limit);
        if verdict == Verdict::NeedsProjects {
            let projects = self.projects().await?;
            if !self.plan.by_project(window, &projects) {
                verdict = Verdict::Incomplete;
            }
        }
        let outcome = &mut self.outcome;
        outcome.queued += queued;
        outcome.windows += 1;
        match verdict {
            Verdict::Done => {}
            Verdict::Incomplete => outcome.incomplete.push(window.clone()),
            Verdict::Split | Verdict::NeedsProjects => outcome.duplicates += queued,
            Verdict::ByType => {
                outcome.duplicates += queued;
                outcome.by_type += 1;
            }
        }
        outcome.done_until = self.plan.done_until().min(outcome.until);
        self.observer.notice(&Notice::Answered { window, queued, verdict, progress: &self.outcome });
        Ok(())
    }

    /// The organisation's projects, including archived ones, which have past events.
    async fn projects(&mut self) -> Result<Vec<String>, Error> {
        if let Some(projects) = &self.projects {
            return Ok(projects.clone());
        }
        self.pace.gate().await;
        let projects: Vec<_> = self.client.projects().await?.into_iter().map(|project| project.id).collect();
        self.projects = Some(projects.clone());
        Ok(projects)
    }
}

/// What is remembered between runs.
struct Saved {
    key: String,
    /// Where an earlier run of the same backfill stopped.
    from: Option<OffsetDateTime>,
    /// What was remembered of it, or of another that is over.
    earlier: state::Backfill,
}

impl Saved {
    fn new(remembered: &state::Backfill, options: &Options, until: OffsetDateTime) -> Self {
        let key = options.key();
        let is_same = remembered.key.as_deref() == Some(&key) && !options.restart;
        let from = remembered.next.filter(|next| is_same && *next <= until);
        let mut earlier = remembered.clone();
        if from.is_none() {
            earlier = state::Backfill {
                through: remembered.through,
                rest: remembered.rest.clone(),
                ..state::Backfill::default()
            };
        }
        Self { key, from, earlier }
    }

    fn outcome(&self, since: OffsetDateTime, until: OffsetDateTime, from: OffsetDateTime) -> Outcome {
        let window = |window: &state::Window| Window {
            since: window.since,
            until: window.until,
            event_type: window.event_type.clone(),
            project_id: window.project_id.clone(),
        };
        Outcome {
            since,
            until,
            done_until: from,
            queued: self.earlier.queued,
            windows: self.earlier.windows_done,
            duplicates: self.earlier.duplicates,
            delivered: None,
            incomplete: self.earlier.incomplete.iter().map(window).collect(),
            by_type: self.earlier.by_type,
            unclear: 0,
            whole_days: false,
        }
    }

    fn state(&self, outcome: &Outcome) -> state::Backfill {
        let window = |window: &Window| {
            let mut saved = state::Window::new(window.since, window.until);
            saved.event_type.clone_from(&window.event_type);
            saved.project_id.clone_from(&window.project_id);
            saved
        };
        state::Backfill {
            key: Some(self.key.clone()),
            windows_done: outcome.windows,
            next: Some(outcome.done_until),
            queued: outcome.queued,
            duplicates: outcome.duplicates,
            by_type: outcome.by_type,
            incomplete: outcome.incomplete.iter().map(window).collect(),
            ..self.earlier.clone()
        }
    }

    /// Ends the backfill. Only one that left nothing out moves the point where the next backfill may begin.
    fn finished(&self, outcome: &Outcome, options: &Options) -> state::Backfill {
        let reached = options.is_whole().then_some(outcome.until);
        let through = reached.max(self.earlier.through);
        state::Backfill { key: None, next: None, through, ..self.state(outcome) }
    }
}
