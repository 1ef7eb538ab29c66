//! Checks that every event is in the table, by the file of rows and not by anybody's counters.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::emulator::Workspace;
use crate::record;
use crate::story::Story;

/// How many rows are shown at the end.
const LATEST: usize = 10;

/// The columns that are looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    pub(super) event_id: String,
    pub(super) event_type: String,
    event_family: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) event_time: OffsetDateTime,
    pub(super) severity: Option<String>,
    pub(super) event_title: Option<String>,
    project_id: Option<String>,
    /// The name of the project, of which the row has only the id.
    #[serde(skip)]
    pub(super) agent: Option<String>,
}

/// What the table holds.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// All rows.
    pub(super) count: usize,
    /// Those that the connector wrote about itself.
    pub(super) own: usize,
    /// Of these the heartbeats, which drains write.
    pub(super) heartbeats: u64,
    /// Rows whose event has one already.
    pub(super) duplicates: usize,
    /// Events of the story that have no row.
    pub(super) missing: usize,
    /// Rows of no event that was sent.
    pub(super) strangers: usize,
    /// The rows of the story's latest events, the latest first.
    pub(super) latest: Vec<Row>,
}

/// Reads every row back and compares it with the story.
pub(super) fn read(workspace: &Workspace, story: &Story) -> Result<Rows> {
    let mut awaited = HashMap::with_capacity(story.events.len());
    for event in &story.events {
        let mapped = record::map(&event.body, event.at).context("an event of the story is not an object")?;
        awaited.insert(mapped.event_id.to_string(), false);
    }
    let path = workspace.rows_path().context("the workspace keeps no file")?;
    let mut rows = Rows::default();
    let mut latest: BTreeMap<(OffsetDateTime, String), Row> = BTreeMap::new();
    let mut seen = HashSet::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let row: Row = serde_json::from_str(&line?).context("a row cannot be read")?;
        rows.count += 1;
        if row.event_family == "connector" {
            rows.own += 1;
            rows.heartbeats += u64::from(row.event_type == "connector.heartbeat");
            continue;
        }
        match awaited.get_mut(&row.event_id) {
            Some(found) => *found = true,
            None => rows.strangers += 1,
        }
        if !seen.insert(row.event_id.clone()) {
            rows.duplicates += 1;
            continue;
        }
        latest.insert((row.event_time, row.event_id.clone()), row);
        if latest.len() > LATEST {
            latest.pop_first();
        }
    }
    rows.missing = awaited.values().filter(|found| !**found).count();
    rows.latest = latest.into_values().rev().collect();
    for row in &mut rows.latest {
        let id = row.project_id.as_deref().and_then(|id| Uuid::parse_str(id).ok());
        let agent = story.projects.iter().find(|(project, _)| Some(*project) == id);
        row.agent = agent.map(|(_, name)| (*name).to_owned());
    }
    Ok(rows)
}
