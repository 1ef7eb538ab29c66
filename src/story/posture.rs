//! Posture: an agent's score, night by night, as its open findings determine it.

use super::calendar::{DAY, HOUR, LENGTH};
use super::cast::AGENTS;
use super::finding::{Finding, Moment, Severity, Step};

/// In tenths of a point.
const MARGIN: i64 = 20;

/// How many days there are, including the last, unfinished one.
const DAYS: usize = 91;

/// A score of 0-100 in tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score(pub(super) i64);

impl Score {
    /// The platform's bounds: A from 90, B 75, C 60, D 40; there is no E.
    /// <https://github.com/humanbound/humanbound/blob/main/docs/docs/concepts/security-posture.md>
    pub(super) fn grade(self) -> &'static str {
        match self.0 {
            900.. => "A",
            750.. => "B",
            600.. => "C",
            400.. => "D",
            _ => "F",
        }
    }

    pub(super) fn points(self) -> f64 {
        tenths(self.0)
    }
}

/// `value / 10` as a number.
pub(super) fn tenths(value: i64) -> f64 {
    number(value) / 10.0
}

/// `value / 100` as a number.
pub(super) fn hundredths(value: i64) -> f64 {
    number(value) / 100.0
}

/// No number of the story is beyond `i32`, of which every one has an exact `f64`.
fn number(value: i64) -> f64 {
    f64::from(i32::try_from(value).unwrap_or(i32::MAX))
}

/// The open findings of an agent at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    penalty: i64,
    pub(super) open: i64,
    pub(super) critical: i64,
    pub(super) high: i64,
    pub(super) regressed: i64,
}

impl Load {
    /// The platform's penalty: the severity's weight, 1.2 of it for a regressed finding, half for a stale one.
    fn add(&mut self, moment: &Moment, now: i64) {
        if moment.step == Step::Verified {
            return;
        }
        let severity = Severity::of(moment.score);
        let is_regressed = matches!(moment.step, Step::Regressed { .. });
        let is_stale = moment.step == Step::Created && now - moment.at > 14 * DAY;
        self.penalty += severity.weight()
            * if is_regressed {
                12
            } else if is_stale {
                5
            } else {
                10
            };
        self.open += 1;
        self.critical += i64::from(severity == Severity::Critical);
        self.high += i64::from(severity == Severity::High);
        self.regressed += i64::from(is_regressed);
    }
}

/// Every agent's load and score in the small hours of every day.
#[derive(Debug)]
pub(super) struct Posture {
    start: i64,
    nights: Vec<[(Load, Score); DAYS]>,
}

impl Posture {
    pub(super) fn new(findings: &[Finding], start: i64) -> Self {
        let nothing = (Load::default(), Score(1000));
        let mut nights = vec![[nothing; DAYS]; AGENTS.len()];
        for finding in findings {
            let Some(nights) = nights.get_mut(finding.agent) else { continue };
            for (day, (load, _)) in (0..).zip(nights.iter_mut()) {
                let now = hour_of_measuring(start, day);
                if let Some(moment) = finding.at(now) {
                    load.add(moment, now);
                }
            }
        }
        for (nights, agent) in nights.iter_mut().zip(&AGENTS) {
            let usual = (nights.iter().map(|(load, _)| load.penalty).sum::<i64>() / (LENGTH / DAY)).max(400);
            // A story with more findings is not a story of worse agents, so what counts is the load in
            // relation to the agent's usual one; squared, for grades that move.
            let good = agent.usual_score * usual * usual;
            for (load, score) in nights {
                let bad = (100 - agent.usual_score) * load.penalty * load.penalty;
                *score = Score(1000 * (good / 1000) / ((good + bad) / 1000).max(1));
            }
        }
        Self { start, nights }
    }

    /// The latest measurement at `at`.
    pub(super) fn at(&self, agent: usize, at: i64) -> (Load, Score) {
        let day = (at - hour_of_measuring(self.start, 0)).div_euclid(DAY).max(0);
        let nights = self.nights.get(agent);
        let night = nights.and_then(|nights| nights.get(usize::try_from(day).unwrap_or(0)).or(nights.last()));
        night.copied().unwrap_or((Load::default(), Score(1000)))
    }

    /// When the grade changed, with the scores before and after. A score that just touches a bound is not
    /// believed: it must be [`MARGIN`] beyond it.
    pub(super) fn changes(
        &self,
        agent: usize,
        is_testing: impl Fn(i64) -> bool,
    ) -> Vec<(i64, Score, Score, Load)> {
        let Some(nights) = self.nights.get(agent) else { return Vec::new() };
        let mut changes = Vec::new();
        let mut last = nights.first().map_or(Score(1000), |(_, score)| *score);
        for (day, &(load, score)) in (0..).zip(nights) {
            let at = hour_of_measuring(self.start, day);
            let is_clear = Score(score.0 - MARGIN).grade() != last.grade()
                && Score(score.0 + MARGIN).grade() != last.grade();
            if is_clear && is_testing(at) {
                changes.push((at, last, score, load));
                last = score;
            } else if score.grade() == last.grade() {
                last = score;
            }
        }
        changes
    }
}

fn hour_of_measuring(start: i64, day: i64) -> i64 {
    let at = start + day * DAY;
    at - at.rem_euclid(DAY) + 5 * HOUR + 30 * 60
}
