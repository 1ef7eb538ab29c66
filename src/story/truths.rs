//! What the table must show once a story is in it, computed from what happened and not from the webhook bodies, so that
//! queries and the mapping can be checked against it.
//!
//! The definitions are those of `sentinel/METRICS.md`, with T the story's end.

use std::collections::BTreeMap;

use super::calendar::DAY;
use super::cast::AGENTS;
use super::finding::{Finding, Moment, Severity, Step};
use super::scene::{Scene, What};

/// A project is silent after this time without a sign of testing.
const SILENT_AFTER: i64 = 7 * DAY;

/// The state of a project at the end of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectState {
    /// Tested in the last 7 days.
    Active,
    /// Its last pause was not resumed.
    Paused,
    /// Not paused, and no sign of testing for 7 days.
    Silent,
}

/// Facts about a story; duplicates count once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truths {
    /// How many events there are of each type.
    pub by_type: BTreeMap<&'static str, usize>,
    /// Distinct findings with at least one `finding.*` event.
    pub findings: usize,
    /// The open ones of them, by severity label.
    pub open: BTreeMap<&'static str, usize>,
    /// The open ones that are older than their severity allows (critical 7 days, high 30, medium 90, low 180).
    pub overdue: usize,
    /// The open ones of severity critical or high without an assignment in the current episode.
    pub unowned: usize,
    /// Episodes that were closed by a verified fix.
    pub closed_episodes: usize,
    /// Every project's name and state.
    pub projects: BTreeMap<&'static str, ProjectState>,
}

impl Truths {
    /// Open findings of severity critical.
    #[must_use]
    pub fn open_critical(&self) -> usize {
        self.open.get("critical").copied().unwrap_or(0)
    }

    /// How many projects are in `state`.
    #[must_use]
    pub fn projects_in(&self, state: ProjectState) -> usize {
        self.projects.values().filter(|&&own| own == state).count()
    }

    /// `scenes` in time order, `types` their event types, `end` the story's end.
    pub(super) fn new(scenes: &[Scene], findings: &[Finding], types: &[&'static str], end: i64) -> Self {
        let mut truths = Self::default();
        for name in types {
            *truths.by_type.entry(*name).or_default() += 1;
        }
        let mut tracks: BTreeMap<usize, Track> = BTreeMap::new();
        for scene in scenes {
            if let What::Finding { finding, .. } = scene.what
                && let Some(moment) = moment(scene, findings)
            {
                tracks.entry(finding).or_default().follow(moment);
            }
        }
        truths.findings = tracks.len();
        for track in tracks.values() {
            truths.closed_episodes += track.closed;
            let (Some(since), Some(severity)) = (track.since, track.severity) else { continue };
            *truths.open.entry(severity.label()).or_default() += 1;
            truths.unowned += usize::from(severity >= Severity::High && !track.is_assigned);
            truths.overdue +=
                usize::from(severity.days_allowed().is_some_and(|days| end - since > days * DAY));
        }
        for (index, agent) in AGENTS.iter().enumerate() {
            truths.projects.insert(agent.name, state(index, scenes, findings, end));
        }
        truths
    }
}

/// A finding as its events describe it.
#[derive(Default)]
struct Track {
    /// When the current episode began, or its first event when no event reported the beginning.
    since: Option<i64>,
    is_assigned: bool,
    severity: Option<Severity>,
    closed: usize,
}

impl Track {
    fn follow(&mut self, moment: &Moment) {
        let is_first = self.severity.is_none();
        self.severity = Some(Severity::of(moment.score));
        match moment.step {
            Step::Verified => {
                // Without an opening event there was no episode that could be closed.
                self.closed += usize::from(self.since.take().is_some());
                self.is_assigned = false;
            }
            step => {
                let opens = matches!(step, Step::Created | Step::Regressed { .. });
                if self.since.is_none() && (opens || is_first) {
                    self.since = Some(moment.at);
                }
                self.is_assigned |= step == Step::Assigned;
            }
        }
    }
}

fn moment<'a>(scene: &Scene, findings: &'a [Finding]) -> Option<&'a Moment> {
    let What::Finding { finding, moment } = scene.what else { return None };
    findings.get(finding)?.life.get(moment)
}

fn state(agent: usize, scenes: &[Scene], findings: &[Finding], end: i64) -> ProjectState {
    let own = || scenes.iter().rev().filter(|scene| scene.agent == agent);
    let turn = own().find(|scene| matches!(scene.what, What::Paused { .. } | What::Resumed { .. }));
    if turn.is_some_and(|scene| matches!(scene.what, What::Paused { .. })) {
        return ProjectState::Paused;
    }
    let sign = own().find(|scene| match scene.what {
        What::Finding { .. } => moment(scene, findings)
            .is_some_and(|moment| matches!(moment.step, Step::Created | Step::Regressed { .. })),
        What::Paused { .. } | What::Ping => false,
        _ => true,
    });
    match sign {
        Some(scene) if end - scene.at <= SILENT_AFTER => ProjectState::Active,
        _ => ProjectState::Silent,
    }
}
