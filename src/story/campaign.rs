//! The nightly campaigns: as many of them as the story has room for.

use std::collections::BTreeSet;

use super::calendar::{DAY, HOUR, LENGTH, MINUTE, night};
use super::cast::AGENTS;
use super::dice::Dice;
use super::finding::{Finding, Step};
use super::posture::Posture;
use super::scene::{Campaign, Scene, What};
use super::season::Season;

/// `count` campaigns, spread evenly, the latest night of every tested agent first; fewer only if nobody is
/// ever tested.
pub(super) fn campaigns(
    count: usize,
    season: &Season,
    findings: &[Finding],
    activities: &[Scene],
    posture: &Posture,
    dice: &mut Dice,
) -> Vec<Scene> {
    let mut slots = slots(count, season, dice);
    slots.sort_unstable();
    let created = created(findings);
    let mut scenes: Vec<Scene> = Vec::with_capacity(slots.len());
    let mut last = [None; AGENTS.len()];
    for (at, agent) in slots {
        let since = last.get(agent).copied().flatten().unwrap_or(at - DAY);
        let new = created.get(agent).map_or(0, |times| before(times, at) - before(times, since));
        let activity = activity(activities, agent, at, dice);
        let base = match activity {
            "scan" => 60,
            "assess" => 48,
            "investigate" => 30,
            "custom" => 12,
            _ => 20,
        };
        let status = match dice.between(1, 100) {
            1..=4 => "failed",
            5..=6 => "broken",
            _ => "completed",
        };
        let campaign = Campaign {
            id: dice.uuid(),
            activity,
            status,
            tests: base + dice.between(-8, 12),
            started: at - dice.between(15 * MINUTE, 40 * MINUTE),
            before: posture.at(agent, since).1,
            after: posture.at(agent, at).1,
            discovered: i64::try_from(new).unwrap_or(0),
            drift: dice.between(-14, 12),
        };
        scenes.push(Scene { at, agent, what: What::Campaign(campaign) });
        if let Some(last) = last.get_mut(agent) {
            *last = Some(at);
        }
    }
    scenes
}

fn slots(count: usize, season: &Season, dice: &mut Dice) -> Vec<(i64, usize)> {
    let mut slots = Vec::with_capacity(count);
    let mut taken = BTreeSet::new();
    for agent in 0..AGENTS.len() {
        let latest = (0..3).map(|ago| night(season.start, LENGTH / DAY - ago, dice));
        let latest = latest.filter(|&at| season.contains(at) && season.is_testing(agent, at)).max();
        if let Some(at) = latest.filter(|_| slots.len() < count) {
            taken.insert((agent, at / DAY));
            slots.push((at, agent));
        }
    }
    for round in 0..24 * 60 {
        for day in (0..128_u8).map(|day| i64::from((day << 1).reverse_bits())) {
            for agent in 0..AGENTS.len() {
                if slots.len() >= count {
                    return slots;
                }
                // Rounds after the first go through the day in steps that reach every minute once.
                let at = night(season.start, day, dice) + (round * 7 * HOUR + round * MINUTE) % DAY;
                let is_new = round > 0 || !taken.contains(&(agent, at / DAY));
                if day <= LENGTH / DAY && is_new && season.contains(at) && season.is_testing(agent, at) {
                    slots.push((at, agent));
                }
            }
        }
    }
    slots
}

/// Of every agent, when its findings were created, in order.
fn created(findings: &[Finding]) -> [Vec<i64>; AGENTS.len()] {
    let mut times: [Vec<i64>; AGENTS.len()] = Default::default();
    for finding in findings {
        let first = finding.life.first().filter(|moment| moment.step == Step::Created);
        if let (Some(times), Some(first)) = (times.get_mut(finding.agent), first) {
            times.push(first.at);
        }
    }
    for times in &mut times {
        times.sort_unstable();
    }
    times
}

fn before(times: &[i64], at: i64) -> usize {
    times.partition_point(|&time| time < at)
}

fn activity(activities: &[Scene], agent: usize, at: i64, dice: &mut Dice) -> &'static str {
    if dice.chance(3) {
        return "custom";
    }
    let turn = activities.iter().rfind(|scene| scene.agent == agent && scene.at <= at);
    turn.map_or("scan", |scene| match scene.what {
        What::Activity { to, .. } => to,
        _ => "monitor",
    })
}
