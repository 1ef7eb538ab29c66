//! The life of a finding: found, assigned, worked on, fixed or not, and sometimes back again.

use uuid::Uuid;

use super::calendar::{DAY, HOUR, MINUTE, night, office};
use super::cast::{AGENTS, Threat};
use super::dice::Dice;

/// 75 critical, 50 high, 25 medium, 1 low, 0 info.
/// <https://github.com/humanbound/humanbound/blob/main/docs/docs/reference/glossary.md>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub(super) fn of(score: i64) -> Self {
        match score {
            75.. => Self::Critical,
            50.. => Self::High,
            25.. => Self::Medium,
            1.. => Self::Low,
            _ => Self::Info,
        }
    }

    pub(super) fn label(self) -> &'static str {
        self.choose(["info", "low", "medium", "high", "critical"])
    }

    /// The platform's penalty weights.
    /// <https://github.com/humanbound/humanbound/blob/main/docs/docs/aisecops/findings.md>
    pub(super) fn weight(self) -> i64 {
        self.choose([1, 3, 8, 15, 25])
    }

    /// How many days a finding may be open.
    pub(super) fn days_allowed(self) -> Option<i64> {
        self.choose([None, Some(180), Some(90), Some(30), Some(7)])
    }

    fn choose<T>(self, [info, low, medium, high, critical]: [T; 5]) -> T {
        match self {
            Self::Info => info,
            Self::Low => low,
            Self::Medium => medium,
            Self::High => high,
            Self::Critical => critical,
        }
    }
}

/// What happens to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Created,
    Assigned,
    Acknowledged,
    Failed,
    Verified,
    /// Back, after a fix or (`stale`) after it had not been seen for a while.
    Regressed {
        stale: bool,
    },
}

/// A step, and how the finding stands after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: i64,
    pub(super) step: Step,
    /// The severity, 0-100: a recurrence can raise it.
    pub(super) score: i64,
    /// The member it is assigned to.
    pub(super) owner: Option<usize>,
    /// In how many experiments it was seen.
    pub(super) occurrences: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) id: Uuid,
    pub(super) agent: usize,
    pub(super) threat: &'static Threat,
    pub(super) title: String,
    /// Percent.
    pub(super) confidence: i64,
    /// In time order, beginning with [`Step::Created`].
    pub(super) life: Vec<Moment>,
    /// Whether its events lack an id wherever the finding can be recognised without one.
    pub(super) nameless: bool,
}

impl Finding {
    /// The last moment not after `at`.
    pub(super) fn at(&self, at: i64) -> Option<&Moment> {
        self.life.iter().take_while(|moment| moment.at <= at).last()
    }

    pub(super) fn first_seen(&self) -> i64 {
        self.life.first().map_or(0, |moment| moment.at)
    }

    /// The latest fix not after `at`.
    pub(super) fn fixed(&self, at: i64) -> Option<i64> {
        let fix = self.life.iter().rfind(|moment| moment.step == Step::Verified && moment.at <= at);
        fix.map(|moment| moment.at)
    }
}

/// A random life, from `created` on; it may run past the story's end.
pub(super) fn random(dice: &mut Dice, agent: usize, threat: &'static Threat, created: i64) -> Finding {
    let surfaces = AGENTS.get(agent).map_or(&[][..], |agent| &agent.surfaces);
    let what = dice.pick(&threat.titles, "");
    let title = format!("{what} through {}", dice.pick(surfaces, "a conversation"));
    let score = dice.between(threat.severity.0, threat.severity.1);
    let id = dice.uuid();
    let confidence = dice.between(62, 99);
    let mut life =
        Life { dice, agent, now: created, score, owner: None, occurrences: 1, moments: Vec::new() };
    life.push(Step::Created);
    life.live();
    Finding { id, agent, threat, title, confidence, life: life.moments, nameless: false }
}

/// A life in the making.
struct Life<'a> {
    dice: &'a mut Dice,
    agent: usize,
    now: i64,
    score: i64,
    owner: Option<usize>,
    occurrences: i64,
    moments: Vec<Moment>,
}

impl Life<'_> {
    fn push(&mut self, step: Step) {
        let (at, score, owner, occurrences) = (self.now, self.score, self.owner, self.occurrences);
        self.moments.push(Moment { at, step, score, owner, occurrences });
    }

    fn live(&mut self) {
        // More than three episodes would not be realistic.
        for _ in 0..3 {
            let stale = !self.is_assigned();
            if !stale {
                self.work();
            }
            let back = if stale { 12 } else { 14 };
            if !self.dice.chance(back) {
                return;
            }
            let days = if stale { self.dice.between(15, 40) } else { self.dice.between(3, 30) };
            self.now = night(self.now, days, self.dice);
            self.occurrences += self.dice.between(1, 3);
            if self.dice.chance(25) {
                self.score = (self.score + self.dice.between(5, 25)).min(100);
            }
            self.owner = None;
            self.push(Step::Regressed { stale });
        }
    }

    fn is_assigned(&mut self) -> bool {
        let severity = Severity::of(self.score);
        if !self.dice.chance(severity.choose([8, 30, 70, 95, 98])) {
            return false;
        }
        let hours = severity.choose([120, 96, 60, 24, 5]);
        self.wait(20 * MINUTE, hours * HOUR);
        let team = AGENTS.get(self.agent).map_or(&[][..], |agent| &agent.team);
        self.owner = Some(self.dice.pick(team, 0));
        self.push(Step::Assigned);
        if self.dice.chance(9) {
            self.wait(2 * HOUR, 3 * DAY);
            self.owner = Some(self.dice.pick(team, 0));
            self.push(Step::Assigned);
        }
        true
    }

    fn work(&mut self) {
        let severity = Severity::of(self.score);
        if self.dice.chance(88) {
            self.wait(15 * MINUTE, severity.choose([96, 72, 40, 18, 4]) * HOUR);
            self.push(Step::Acknowledged);
        }
        let (least, most) = severity.choose([(10, 60), (9, 50), (5, 32), (2, 18), (1, 8)]);
        self.wait(least * DAY, most * DAY);
        for _ in 0..3 {
            if !self.dice.chance(19) {
                break;
            }
            self.occurrences += 1;
            self.push(Step::Failed);
            self.wait(DAY, 6 * DAY);
        }
        self.push(Step::Verified);
    }

    /// Lets some time pass, depending on the team's pace, up to an hour within working hours.
    fn wait(&mut self, least: i64, most: i64) {
        let pace = AGENTS.get(self.agent).map_or(100, |agent| agent.pace);
        let pause = self.dice.between(least, most) * pace / 100;
        self.now = office(self.now + pause, self.dice);
    }
}
