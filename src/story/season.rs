//! The 90 days: who is tested when, what is found, and everything that is not a finding.

use super::calendar::{DAY, HOUR, LENGTH, MINUTE, night, office};
use super::cast::{AGENTS, DEVELOPER, HR, MORTGAGE, PAYMENTS, QUALITIES, RETAIL, THREATS, Threat};
use super::dice::Dice;
use super::finding::{self, Finding, Step};
use super::plot::{self, Pause};
use super::posture::{Load, Score};
use super::scene::{Scene, What};

/// Findings begin up to this many days before the story, so that some are open when it begins.
const WARM_UP: i64 = 45;

/// When things can happen.
#[derive(Debug)]
pub(super) struct Season {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) pauses: Vec<Pause>,
}

impl Season {
    pub(super) fn new(end: i64, dice: &mut Dice) -> Self {
        Self { start: end - LENGTH, end, pauses: plot::pauses(end, dice) }
    }

    pub(super) fn contains(&self, at: i64) -> bool {
        (self.start..=self.end).contains(&at)
    }

    pub(super) fn is_testing(&self, agent: usize, at: i64) -> bool {
        plot::is_testing(&self.pauses, self.end, agent, at)
    }

    /// A random time at which `agent` is tested; `None` when no draw finds one.
    fn tested(&self, agent: usize, dice: &mut Dice) -> Option<i64> {
        (0..50).find_map(|_| {
            let at = night(self.start, dice.between(0, LENGTH / DAY), dice);
            (self.contains(at) && self.is_testing(agent, at)).then_some(at)
        })
    }

    /// A random finding, its life cut where no event would have reported it.
    pub(super) fn finding(&self, dice: &mut Dice) -> Finding {
        let shares = AGENTS.each_ref().map(|agent| agent.share);
        let index = dice.weighted(&shares);
        let created = self.created(index, dice);
        let threat = threat(index, dice);
        let mut finding = finding::random(dice, index, threat, created);
        let silent = self.end - plot::SILENCE * DAY;
        let told = finding.life.iter().take_while(|moment| {
            let is_seen = !matches!(moment.step, Step::Regressed { .. }) || self.is_testing(index, moment.at);
            moment.at <= self.end && is_seen && !(index == HR && moment.at > silent)
        });
        let told = told.count();
        finding.life.truncate(told);
        finding
    }

    fn created(&self, agent: usize, dice: &mut Dice) -> i64 {
        let bursts = AGENTS.get(agent).map_or(&[][..], |agent| agent.bursts);
        let weights: Vec<u64> = (-WARM_UP..LENGTH / DAY)
            .map(|day| {
                let burst = bursts.iter().find(|(from, to, _)| (*from..=*to).contains(&day));
                burst.map_or(1, |(_, _, times)| *times)
            })
            .collect();
        let mut at = self.start - WARM_UP * DAY;
        for _ in 0..50 {
            let day = i64::try_from(dice.weighted(&weights)).unwrap_or(0) - WARM_UP;
            at = night(self.start, day, dice);
            if at <= self.end && self.is_testing(agent, at) {
                break;
            }
        }
        at
    }

    /// Pings, pauses, and the changes that cause some of the other events.
    pub(super) fn fixed_scenes(&self) -> Vec<Scene> {
        let mut scenes = vec![
            Scene { at: self.start + 20 * MINUTE, agent: RETAIL, what: What::Ping },
            Scene { at: self.end - 60 * DAY + 5 * HOUR, agent: RETAIL, what: What::Ping },
        ];
        for pause in &self.pauses {
            let Pause { agent, from, to, by, reason } = *pause;
            scenes.push(Scene { at: from, agent, what: What::Paused { by, reason } });
            scenes.extend(to.map(|at| Scene { at, agent, what: What::Resumed { by } }));
        }
        let change = self.end - plot::MODEL_CHANGE * DAY;
        let changes = [(RETAIL, change, "model:4.2"), (PAYMENTS, change + 9 * DAY, "tool:batch_payment")];
        scenes.extend(changes.map(|(agent, at, added)| Scene {
            at,
            agent,
            what: What::Capabilities { added },
        }));
        scenes
    }

    /// About `count` turns of the nightly activity, beginning with the first scan.
    pub(super) fn activities(&self, count: usize, dice: &mut Dice) -> Vec<Scene> {
        let mut scenes = Vec::new();
        for (agent, turns) in (0..AGENTS.len()).zip(share_out(count, AGENTS.len())) {
            let mut times: Vec<i64> = (1..turns).filter_map(|_| self.tested(agent, dice)).collect();
            // The first scan is over within a day.
            times.push(self.start + dice.between(HOUR, 20 * HOUR));
            times.sort_unstable();
            let mut from = "scan";
            for at in times {
                let (to, trigger) = match from {
                    "scan" | "investigate" => ("monitor", "schedule"),
                    "monitor" => {
                        ("assess", dice.pick(&["stale_coverage", "posture_drop", "drift"], "schedule"))
                    }
                    _ => ("investigate", dice.pick(&["critical_finding", "regression"], "schedule")),
                };
                let legacy = matches!(agent, RETAIL | HR) && at < self.start + 30 * DAY;
                let what = What::Activity { from, to, trigger, campaign: dice.uuid(), legacy };
                scenes.push(Scene { at, agent, what });
                from = to;
            }
        }
        scenes
    }

    /// Three detections in the week of the model change, and `count` others.
    pub(super) fn drifts(&self, count: usize, dice: &mut Dice) -> Vec<Scene> {
        let change = self.end - plot::MODEL_CHANGE * DAY;
        let week = [10 * HOUR, 2 * DAY, 5 * DAY].map(|after| (RETAIL, change + after));
        let mut times = week.to_vec();
        for _ in 0..count {
            let agent = dice.index(AGENTS.len());
            times.extend(self.tested(agent, dice).map(|at| (agent, at)));
        }
        let mut scene = |(agent, at)| {
            let classes = [threat(agent, dice).class, threat(agent, dice).class];
            let score = if dice.chance(70) { -dice.between(21, 58) } else { dice.between(20, 44) };
            Scene { at, agent, what: What::Drift { score, campaign: dice.uuid(), classes } }
        };
        times.into_iter().map(&mut scene).collect()
    }

    /// Behavioural tests: three scripted set-backs, and `count` others.
    pub(super) fn qualities(&self, count: usize, dice: &mut Dice) -> Vec<Scene> {
        let change = self.end - plot::MODEL_CHANGE * DAY;
        let mut times = vec![
            (RETAIL, change + 30 * HOUR, true),
            (MORTGAGE, self.end - 65 * DAY, true),
            (MORTGAGE, self.end - 15 * DAY, false),
        ];
        for _ in 0..count {
            let agent = dice.pick(&[RETAIL, RETAIL, MORTGAGE, MORTGAGE, MORTGAGE, HR, DEVELOPER], RETAIL);
            times.extend(self.tested(agent, dice).map(|at| (agent, at, dice.chance(55))));
        }
        let mut scenes = Vec::new();
        for (agent, at, is_degraded) in times {
            if is_degraded {
                let (from, to) = (Score(dice.between(748, 896)), Score(dice.between(520, 698)));
                scenes.push(Scene {
                    at,
                    agent,
                    what: What::QualityDegraded { from, to, campaign: dice.uuid() },
                });
                if dice.chance(40) {
                    let load = Load::default();
                    let what = What::Grade { dimension: "quality", from, to, load };
                    scenes.push(Scene { at: (at + MINUTE).min(self.end), agent, what });
                }
            } else {
                scenes.push(Scene { at, agent, what: regression(at, dice) });
            }
        }
        scenes
    }

    /// `count` more changes of what an agent can do.
    pub(super) fn capabilities(&self, count: usize, dice: &mut Dice) -> Vec<Scene> {
        let added = ["tool:calendar", "knowledge:fees", "model:4.3", "tool:case_search", "memory:90d"];
        (0..count)
            .filter_map(|_| {
                let agent = dice.index(AGENTS.len());
                let at = office(self.tested(agent, dice)?, dice).min(self.end);
                Some(Scene {
                    at,
                    agent,
                    what: What::Capabilities { added: dice.pick(&added, "tool:calendar") },
                })
            })
            .collect()
    }
}

fn regression(at: i64, dice: &mut Dice) -> What {
    let fixed = at - dice.between(4, 20) * DAY;
    What::QualityRegression {
        id: dice.uuid(),
        quality: dice.index(QUALITIES.len()),
        first_seen: fixed - dice.between(5, 30) * DAY,
        fixed,
        occurrences: dice.between(2, 6),
    }
}

fn threat(agent: usize, dice: &mut Dice) -> &'static Threat {
    let acts = AGENTS.get(agent).is_some_and(|agent| agent.acts);
    let fitting: Vec<&'static Threat> = THREATS.iter().filter(|threat| acts || !threat.acts).collect();
    // An agent that acts is mostly tested for what it does.
    let doing: Vec<&'static Threat> = fitting.iter().copied().filter(|threat| threat.acts).collect();
    let pool = if acts && dice.chance(65) { &doing } else { &fitting };
    pool.get(dice.index(pool.len())).copied().unwrap_or(&super::cast::SOLITARY)
}

/// `count` in `parts` that differ by one at most.
fn share_out(count: usize, parts: usize) -> impl Iterator<Item = usize> {
    (0..parts).map(move |part| (count + part) / parts)
}
