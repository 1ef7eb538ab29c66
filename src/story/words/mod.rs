//! Writes scenes as webhook bodies: the documented envelope, and the `data` that the platform's API suggests.
//!
//! Only the envelope is documented. The shapes of `data`, and their variants, follow what the platform's own
//! client reads: <https://github.com/humanbound/humanbound>.

mod agent;
mod finding;

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::cast::{self, AGENTS};
use super::dice::Dice;
use super::finding::Finding;
use super::scene::{Scene, What};

/// The envelope, its members in the documented order.
#[derive(Serialize)]
struct Envelope {
    event_type: &'static str,
    organisation_id: String,
    project_id: String,
    timestamp: Value,
    severity: &'static str,
    title: String,
    description: String,
    category: Option<&'static str>,
    owasp_category: Option<String>,
    data: Value,
}

/// What is said about one scene.
struct Words {
    event_type: &'static str,
    severity: &'static str,
    title: String,
    description: String,
    category: Option<&'static str>,
    owasp: Option<String>,
    data: Value,
}

/// All ids.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) organisation: Uuid,
    pub(super) projects: [Uuid; AGENTS.len()],
    members: [Uuid; cast::MEMBERS],
}

impl Names {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            organisation: dice.uuid(),
            projects: std::array::from_fn(|_| dice.uuid()),
            members: std::array::from_fn(|_| dice.uuid()),
        }
    }
}

/// The variant in which one event is written, because the platform's parts differ.
struct Style {
    /// Ids in capitals.
    capitals: bool,
    /// The finding or campaign is an object of its own below `data`.
    nested: bool,
    /// How a finding's severity comes.
    severity: SeverityStyle,
    clock: Clock,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SeverityStyle {
    Number,
    Label,
    Both,
}

#[derive(Clone, Copy)]
enum Clock {
    Seconds,
    /// Milliseconds in the envelope, seconds elsewhere.
    Milliseconds,
    Iso,
}

impl Style {
    fn random(dice: &mut Dice) -> Self {
        Self {
            capitals: dice.chance(4),
            nested: dice.chance(12),
            severity: match dice.between(1, 100) {
                1..=18 => SeverityStyle::Number,
                19..=48 => SeverityStyle::Label,
                _ => SeverityStyle::Both,
            },
            clock: match dice.between(1, 100) {
                1..=18 => Clock::Iso,
                19..=22 => Clock::Milliseconds,
                _ => Clock::Seconds,
            },
        }
    }

    fn id(&self, id: Uuid) -> String {
        let text = id.to_string();
        if self.capitals { text.to_uppercase() } else { text }
    }

    /// A time in `data`.
    fn time(&self, at: i64) -> Value {
        match self.clock {
            Clock::Iso => json!(iso(at)),
            Clock::Seconds | Clock::Milliseconds => json!(at),
        }
    }

    /// The envelope's time.
    fn timestamp(&self, at: i64) -> Value {
        match self.clock {
            Clock::Milliseconds => json!(at * 1000),
            Clock::Iso | Clock::Seconds => self.time(at),
        }
    }
}

/// The webhook for `scene`: its type and its body.
pub(super) fn tell(
    scene: &Scene,
    findings: &[Finding],
    names: &Names,
    dice: &mut Dice,
) -> (&'static str, Vec<u8>) {
    let style = Style::random(dice);
    let agent = AGENTS.get(scene.agent).map_or("", |agent| agent.name);
    let mut words = match &scene.what {
        What::Finding { finding, moment } => findings
            .get(*finding)
            .and_then(|finding| Some((finding, finding.life.get(*moment)?)))
            .map_or_else(ping, |(told, moment)| finding::words(told, moment, agent, names, &style, dice)),
        What::Ping => ping(),
        what => agent::words(what, scene.at, agent, &style),
    };
    // The project's name is not documented at all; where it comes, it comes in one of two ways.
    if let Value::Object(data) = &mut words.data {
        match dice.between(1, 100) {
            1..=45 => drop(data.insert("project_name".to_owned(), json!(agent))),
            46..=60 => drop(data.insert("project".to_owned(), json!({ "name": agent }))),
            _ => {}
        }
    }
    let envelope = Envelope {
        event_type: words.event_type,
        organisation_id: style.id(names.organisation),
        project_id: style.id(names.projects.get(scene.agent).copied().unwrap_or_default()),
        timestamp: style.timestamp(scene.at),
        severity: words.severity,
        title: words.title,
        description: words.description,
        category: words.category,
        owasp_category: words.owasp,
        data: words.data,
    };
    // Strings and JSON values always have a JSON form.
    (envelope.event_type, serde_json::to_vec(&envelope).unwrap_or_default())
}

fn ping() -> Words {
    Words {
        event_type: "webhook.test",
        severity: "info",
        title: "Test event".to_owned(),
        description: "This is a test of the webhook.".to_owned(),
        category: None,
        owasp: None,
        data: Value::Null,
    }
}

fn iso(at: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
