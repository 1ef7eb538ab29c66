//! The dashboard's workbook over the demo's rows: every query runs, and its tiles show what the story itself computes.

use std::collections::BTreeMap;

use humanbound_sentinel::story::{ProjectState, Story, StoryOptions};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use tokio::process::Command;

use crate::programs;
use crate::rig::Folder;
use crate::tools;

pub(super) const UNTIL: OffsetDateTime = datetime!(2026-10-01 12:00 UTC);
const EVENTS: usize = 1_500;
pub(super) const SEED: u64 = 5;
/// What the dashboard shows at first.
const RANGE: Duration = Duration::days(30);

/// What tiles must show, from what happened and not from the bodies that tell of it.
pub(super) fn truths(events: usize) -> Value {
    let story = Story::generate(StoryOptions { seed: SEED, until: UNTIL, events });
    let mut recent: BTreeMap<&str, usize> = BTreeMap::new();
    for event in story.events.iter().filter(|event| !event.is_duplicate && event.at >= UNTIL - RANGE) {
        *recent.entry(event.event_type).or_default() += 1;
    }
    let count = |kind: &str| recent.get(kind).copied().unwrap_or(0);
    let open = |severity: &str| story.truths.open.get(severity).copied().unwrap_or(0);
    let agents = |state| story.truths.projects_in(state);
    json!({
        "until": UNTIL.format(&Rfc3339).unwrap(),
        "findings": story.truths.findings,
        "open": story.truths.open,
        "tiles": {
            "Open critical findings": open("critical"),
            "Open high findings": open("high"),
            "Overdue findings": story.truths.overdue,
            "Unowned critical and high": story.truths.unowned,
            "Regressions": count("finding.regressed"),
            "Failed fixes": count("finding.resolution_failed"),
            "Drift detections": count("drift.detected"),
            "Quality setbacks": count("quality.degraded") + count("quality.regression"),
            "Actively monitored": agents(ProjectState::Active),
            "Paused agents": agents(ProjectState::Paused),
            "Silent agents": agents(ProjectState::Silent),
        }
    })
}

#[tokio::test]
async fn every_query_runs_and_tiles_show_what_the_story_says() {
    let what = "the queries of the dashboard over the demo's rows";
    let Some(proof) = tools::module("tests.workbook_proof", what) else { return };
    let folder = Folder::new();
    let kept = folder.path().join("demo");
    let until = UNTIL.format(&Rfc3339).unwrap();
    let (events, seed) = (EVENTS.to_string(), SEED.to_string());
    let arguments = ["demo", "--json", "--events", &events, "--seed", &seed, "--until", &until, "--keep"];
    let mut demo = Command::from(programs::hb_sentinel(&arguments));
    let demo = demo.arg(&kept).kill_on_drop(true).output().await.unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    let rows = kept.join("AISecurityEvents_CL.ndjson");
    let mut proof = Command::from(proof);
    let proof = proof.arg(rows).arg(truths(EVENTS).to_string()).kill_on_drop(true).output().await.unwrap();
    assert!(proof.status.success(), "\n{}", tools::said(&proof));
}
