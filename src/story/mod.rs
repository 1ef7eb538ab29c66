//! The story of an organisation: 90 days of a bank with six AI agents, as webhook bodies to be signed.
//!
//! Everything follows from a seed, an end and a number of events: equal options give equal bytes. The modules [`season`],
//! [`plot`], [`finding`], [`posture`] and [`campaign`] decide what happens, [`words`] writes it in the platform's words,
//! and [`truths`] computes from it what a workbook should show.

mod calendar;
mod campaign;
mod cast;
mod dice;
mod finding;
mod plot;
mod posture;
mod scene;
mod season;
mod truths;
mod words;

use std::iter;

use time::OffsetDateTime;
use uuid::Uuid;

use calendar::MINUTE;
use campaign::campaigns;
use cast::AGENTS;
use dice::Dice;
use finding::Finding;
use posture::Posture;
use scene::{Scene, What};
use season::Season;
use words::Names;

pub use truths::{ProjectState, Truths};

/// The minimum number of events, enough for everything that must happen.
pub const MIN_EVENTS: usize = 200;
/// The maximum number of events, because a story is held in memory.
pub const MAX_EVENTS: usize = 200_000;

/// What determines a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoryOptions {
    /// The seed of all random numbers.
    pub seed: u64,
    /// The end; the story begins 90 days earlier. Fractions of a second do not count.
    pub until: OffsetDateTime,
    /// How many different events there are, from [`MIN_EVENTS`] to [`MAX_EVENTS`]; the nearest of them
    /// otherwise. Duplicates come on top.
    pub events: usize,
}

/// One webhook delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryEvent {
    /// When it happened (for a duplicate: when it is sent again).
    pub at: OffsetDateTime,
    /// For example `finding.created`.
    pub event_type: &'static str,
    /// The body, UTF-8 JSON, to be signed as it is.
    pub body: Vec<u8>,
    /// An earlier event's body once more, as the platform's retries would send it.
    pub is_duplicate: bool,
}

/// A generated story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The organisation's name.
    pub organisation: &'static str,
    /// The organisation's id.
    pub organisation_id: Uuid,
    /// The projects' ids and names.
    pub projects: Vec<(Uuid, &'static str)>,
    /// The events in time order, duplicates among them.
    pub events: Vec<StoryEvent>,
    /// What the table must show.
    pub truths: Truths,
}

impl Story {
    /// Generates the story of these options.
    #[must_use]
    pub fn generate(options: StoryOptions) -> Self {
        let count = options.events.clamp(MIN_EVENTS, MAX_EVENTS);
        let end = options.until.unix_timestamp();
        let chance = |stream| Dice::new(options.seed, stream);
        let (findings, scenes) = happenings(count, end, chance);
        let names = Names::new(&mut chance(8));
        let style = &mut chance(9);
        let mut events: Vec<StoryEvent> = Vec::with_capacity(scenes.len() + scenes.len() / 50);
        for scene in &scenes {
            let (event_type, body) = words::tell(scene, &findings, &names, style);
            events.push(StoryEvent { at: instant(scene.at), event_type, body, is_duplicate: false });
        }
        let types: Vec<_> = events.iter().map(|event| event.event_type).collect();
        let truths = Truths::new(&scenes, &findings, &types, end);
        send_some_again(&mut events, &mut chance(10));
        Self {
            organisation: cast::ORGANISATION,
            organisation_id: names.organisation,
            projects: names.projects.into_iter().zip(AGENTS.map(|agent| agent.name)).collect(),
            events,
            truths,
        }
    }

    /// The watchlist `HumanboundProjects` that this organisation would keep, as CSV.
    #[must_use]
    pub fn watchlist(&self) -> String {
        let rows = self.projects.iter().zip(&AGENTS).map(|((id, name), agent)| {
            let criticality = if agent.acts { "high" } else { "medium" };
            format!("{id},{name},{},{criticality},false\n", cast::email(agent.team[0]))
        });
        iter::once("ProjectId,ProjectName,Owner,Criticality,Archived\n".to_owned()).chain(rows).collect()
    }

    /// How many of the events are no duplicates.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.events.iter().filter(|event| !event.is_duplicate).count()
    }
}

/// Exactly `count` scenes in time order, and the findings that some of them are about.
fn happenings(count: usize, end: i64, chance: impl Fn(u64) -> Dice) -> (Vec<Finding>, Vec<Scene>) {
    let season = Season::new(end, &mut chance(0));
    let activities = season.activities(count * 6 / 100, &mut chance(1));
    let mut scenes = season.fixed_scenes();
    scenes.extend(season.drifts(count * 12 / 1000, &mut chance(2)));
    scenes.extend(season.qualities(count * 22 / 1000, &mut chance(3)));
    scenes.extend(season.capabilities(count / 1000, &mut chance(4)));
    scenes.extend(activities.iter().cloned());

    let mut findings = plot::findings(end, &mut chance(5));
    let scripted = findings.len();
    let mut told: usize = findings.iter().map(|finding| tellings(finding, &season)).sum();
    let mut dice = chance(6);
    // A fifth or so is left for campaigns and changes of grade.
    while told + scenes.len() < count * 79 / 100 {
        let finding = season.finding(&mut dice);
        told += tellings(&finding, &season);
        findings.push(finding);
    }
    let (posture, grades) = loop {
        let posture = Posture::new(&findings, season.start);
        let grades = grades(&posture, &season);
        // Every agent's latest campaign must fit in; scripted scenes stay.
        let is_roomy = told + scenes.len() + grades.len() + AGENTS.len() <= count;
        if is_roomy || findings.len() == scripted {
            break (posture, grades);
        }
        told -= findings.pop().map_or(0, |finding| tellings(&finding, &season));
    };
    scenes.extend(grades);
    let room = count.saturating_sub(told + scenes.len());
    scenes.extend(campaigns(room, &season, &findings, &activities, &posture, &mut chance(7)));
    for (index, finding) in findings.iter().enumerate() {
        for (moment, told) in finding.life.iter().enumerate() {
            if season.contains(told.at) {
                let what = What::Finding { finding: index, moment };
                scenes.push(Scene { at: told.at, agent: finding.agent, what });
            }
        }
    }
    scenes.sort_by_key(|scene| scene.at);
    (findings, scenes)
}

/// How many steps of a finding are within the story.
fn tellings(finding: &Finding, season: &Season) -> usize {
    finding.life.iter().filter(|moment| season.contains(moment.at)).count()
}

fn grades(posture: &Posture, season: &Season) -> Vec<Scene> {
    let of_agent = |agent| {
        let changes = posture.changes(agent, |at| season.contains(at) && season.is_testing(agent, at));
        changes.into_iter().map(move |(at, from, to, load)| {
            let what = What::Grade { dimension: "security", from, to, load };
            Scene { at, agent, what }
        })
    };
    (0..AGENTS.len()).flat_map(of_agent).collect()
}

/// Sends about one event in a hundred again, seconds to minutes later.
fn send_some_again(events: &mut Vec<StoryEvent>, dice: &mut Dice) {
    let count = (events.len() / 100).max(3);
    for _ in 0..count {
        if let Some(event) = events.get(dice.index(events.len())).cloned() {
            let later = time::Duration::seconds(dice.between(5, 4 * MINUTE));
            events.push(StoryEvent { at: event.at + later, is_duplicate: true, ..event });
        }
    }
    events.sort_by_key(|event| event.at);
}

fn instant(at: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
