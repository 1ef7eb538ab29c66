//! The story: reproducible, exact in number, true to the platform's rules, and full of what must be shown.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use humanbound_sentinel::record;
use humanbound_sentinel::story::{MAX_EVENTS, MIN_EVENTS, ProjectState, Story, StoryOptions};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const UNTIL: OffsetDateTime = datetime!(2026-11-23 10:00 UTC);

const TYPES: [&str; 17] = [
    "ascam.activity_started",
    "ascam.paused",
    "ascam.phase_changed",
    "ascam.resumed",
    "campaign.completed",
    "capabilities.changed",
    "drift.detected",
    "finding.acknowledged",
    "finding.assigned",
    "finding.created",
    "finding.regressed",
    "finding.resolution_failed",
    "finding.resolution_verified",
    "posture.grade_changed",
    "quality.degraded",
    "quality.regression",
    "webhook.test",
];

fn story(seed: u64, events: usize) -> Story {
    Story::generate(StoryOptions { seed, until: UNTIL, events })
}

/// The bodies, parsed, without duplicates.
fn bodies(story: &Story) -> Vec<Value> {
    let told = story.events.iter().filter(|event| !event.is_duplicate);
    told.map(|event| serde_json::from_slice(&event.body).unwrap()).collect()
}

/// Seconds since 1970, of a time as any part of the platform writes it.
fn seconds(time: &Value) -> i64 {
    match time {
        Value::String(text) => OffsetDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp(),
        number => match number.as_i64().unwrap() {
            millis if millis > 100_000_000_000 => millis / 1000,
            seconds => seconds,
        },
    }
}

/// What an event says about its finding or campaign, wherever it says it.
fn said<'a>(body: &'a Value, name: &str) -> &'a Value {
    let data = &body["data"];
    let places = [data, &data["finding"], &data["assessment"]];
    places.into_iter().find_map(|place| place.get(name)).unwrap_or(&Value::Null)
}

fn project(body: &Value) -> String {
    body["project_id"].as_str().unwrap().to_lowercase()
}

fn severity(body: &Value) -> Option<String> {
    let from_number = |score: f64| match score {
        75.0.. => "critical",
        50.0.. => "high",
        25.0.. => "medium",
        1.0.. => "low",
        _ => "info",
    };
    let label = said(body, "severity_label").as_str().map(str::to_owned);
    label.or_else(|| said(body, "severity").as_f64().map(|score| from_number(score).to_owned()))
}

#[test]
fn equal_options_tell_equal_bytes() {
    assert_eq!(story(7, 600), story(7, 600));
    assert_ne!(story(7, 600).events, story(8, 600).events);
    let later = StoryOptions { seed: 7, until: UNTIL + Duration::seconds(1), events: 600 };
    assert_ne!(story(7, 600).events, Story::generate(later).events);
}

#[test]
fn has_exactly_as_many_events_as_asked_for() {
    for (seed, events) in [(0, MIN_EVENTS), (1, 201), (2, 300), (3, 999), (4, 3000), (5, 6000)] {
        let story = story(seed, events);
        assert_eq!(story.distinct(), events);
        assert_eq!(story.truths.by_type.values().sum::<usize>(), events);
        let ids: HashSet<_> =
            story.events.iter().map(|event| record::map(&event.body, UNTIL).unwrap().event_id).collect();
        assert_eq!(
            ids.len(),
            events,
            "every event has its own EventId, and a duplicate that of its original"
        );
    }
    assert_eq!(story(6, 1).distinct(), MIN_EVENTS);
    const { assert!(MAX_EVENTS > 100_000) };
}

#[test]
fn every_type_is_in_every_story() {
    for seed in 0..25 {
        let story = story(seed, MIN_EVENTS);
        assert_eq!(story.truths.by_type.keys().copied().collect::<Vec<_>>(), TYPES, "seed {seed}");
        assert!(story.truths.by_type["campaign.completed"] >= 5, "seed {seed}");
    }
}

#[test]
fn is_told_in_order_within_ninety_days_with_some_duplicates() {
    let story = story(1, 3000);
    assert!(story.events.is_sorted_by_key(|event| event.at));
    let mut seen = HashSet::new();
    let mut duplicates = 0;
    for event in &story.events {
        let is_new = seen.insert(&event.body);
        assert_eq!(is_new, !event.is_duplicate, "a duplicate comes after its original");
        duplicates += usize::from(event.is_duplicate);
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        assert_eq!(body["event_type"], event.event_type);
        let at = seconds(&body["timestamp"]);
        assert!(event.is_duplicate || at == event.at.unix_timestamp());
        assert!((UNTIL - Duration::days(90)).unix_timestamp() <= at && at <= UNTIL.unix_timestamp());
    }
    assert_eq!(duplicates, 30);
}

#[test]
fn has_the_documented_envelope() {
    for body in bodies(&story(1, 1000)) {
        let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        let documented = [
            "category",
            "data",
            "description",
            "event_type",
            "organisation_id",
            "owasp_category",
            "project_id",
            "severity",
            "timestamp",
            "title",
        ];
        assert_eq!(members, documented);
        assert!(["critical", "high", "medium", "low", "info"].contains(&body["severity"].as_str().unwrap()));
    }
}

#[test]
fn shows_the_variants_that_the_platform_is_known_for() {
    let bodies = bodies(&story(1, 3000));
    let some =
        |what: &str, is: &dyn Fn(&Value) -> bool| assert!(bodies.iter().any(is), "no event with {what}");
    some("seconds", &|body| body["timestamp"].as_i64().is_some_and(|at| at < 100_000_000_000));
    some("milliseconds", &|body| body["timestamp"].as_i64().is_some_and(|at| at > 100_000_000_000));
    some("ISO time", &|body| body["timestamp"].is_string());
    some("ids in capitals", &|body| {
        body["project_id"].as_str().unwrap().contains(|c: char| c.is_ascii_uppercase())
    });
    let only =
        |body: &Value, one: &str, other: &str| !said(body, one).is_null() && said(body, other).is_null();
    some("a number only", &|body| only(body, "severity", "severity_label"));
    some("a label only", &|body| only(body, "severity_label", "severity"));
    some("a nested finding", &|body| body["data"]["finding"].is_object());
    some("a nested campaign", &|body| body["data"]["assessment"].is_object());
    for owasp in ["LLM01", "llm001", "owasp-llm:LLM01", "ASI02", "asi02", "owasp-agentic:ASI02"] {
        some(owasp, &|body| body["owasp_category"] == owasp);
    }
    some("no data", &|body| body["data"].is_null());
    let nameless = |body: &Value| {
        body["event_type"] == "finding.acknowledged"
            && said(body, "finding_id").is_null()
            && said(body, "id").is_null()
    };
    some("no finding id", &nameless);
}

#[test]
fn findings_live_by_the_platforms_rules() {
    let mut fixed: BTreeMap<String, bool> = BTreeMap::new();
    let mut occurrences: BTreeMap<String, i64> = BTreeMap::new();
    for body in bodies(&story(2, 3000)) {
        let kind = body["event_type"].as_str().unwrap();
        let id = said(&body, "finding_id").as_str().or(said(&body, "id").as_str());
        let (true, Some(id)) = (kind.starts_with("finding."), id) else { continue };
        let id = id.to_lowercase();
        let was_fixed = fixed.get(&id).copied();
        match kind {
            "finding.created" => assert_eq!(was_fixed, None, "{id} was created twice"),
            "finding.regressed" => {
                assert_eq!(body["severity"], "high", "whatever the finding's own severity is");
                match said(&body, "previous_status").as_str().unwrap() {
                    "fixed" => assert_ne!(was_fixed, Some(false), "{id} came back without a fix"),
                    "stale" => assert_ne!(was_fixed, Some(true), "{id} was fixed, not stale"),
                    other => panic!("{other}"),
                }
            }
            _ => assert_ne!(was_fixed, Some(true), "{kind} after the fix of {id}"),
        }
        if kind == "finding.created" || kind == "finding.regressed" {
            assert!(said(&body, "assignee_id").is_null());
        }
        if kind == "finding.assigned" {
            assert!(said(&body, "assignee_email").as_str().unwrap().ends_with("@northmere-bank.example"));
        }
        let count = said(&body, "occurrence_count").as_i64().unwrap();
        assert!(occurrences.insert(id.clone(), count).unwrap_or(1) <= count);
        fixed.insert(id, kind == "finding.resolution_verified");
    }
}

#[test]
fn grades_follow_the_scores_from_one_change_to_the_next() {
    let bounds = |score: f64| match score {
        90.0.. => "A",
        75.0.. => "B",
        60.0.. => "C",
        40.0.. => "D",
        _ => "F",
    };
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for body in bodies(&story(3, 3000)) {
        let data = &body["data"];
        if body["event_type"] != "posture.grade_changed" {
            continue;
        }
        let (from, to) = (data["previous_grade"].as_str().unwrap(), data["grade"].as_str().unwrap());
        assert_ne!(from, to);
        assert_eq!(to, bounds(data["posture"].as_f64().unwrap()));
        // Later letters are worse.
        assert_eq!(body["severity"], if to > from { "high" } else { "info" });
        assert_eq!(body["title"], format!("Posture grade changed: {from} -> {to}"));
        if data["dimension"] == "security" {
            if let Some(last) = last.insert(project(&body), to.to_owned()) {
                assert_eq!(last, from);
            }
            seen.insert(to.to_owned());
        }
    }
    assert!(seen.len() >= 4, "grades move: {seen:?}");
}

#[test]
fn the_paused_and_the_silent_are_not_tested() {
    let story = story(4, 3000);
    let id = |name: &str| story.projects.iter().find(|(_, own)| *own == name).unwrap().0.to_string();
    let (paused, silent) = (id("Card Fraud Triage Agent"), id("HR Policy Bot"));
    let mut is_paused: BTreeMap<String, bool> = BTreeMap::new();
    for body in bodies(&story) {
        let kind = body["event_type"].as_str().unwrap();
        let project = project(&body);
        if kind == "ascam.paused" || kind == "ascam.resumed" {
            let was = is_paused.insert(project, kind == "ascam.paused");
            assert_ne!(was, Some(kind == "ascam.paused"));
            continue;
        }
        let is_peoples = ["finding.assigned", "finding.acknowledged"].contains(&kind)
            || kind.starts_with("finding.resolution")
            || ["webhook.test", "capabilities.changed"].contains(&kind);
        assert!(is_peoples || is_paused.get(&project) != Some(&true), "{kind} during a pause");
        let age = UNTIL.unix_timestamp() - seconds(&body["timestamp"]);
        assert!(project != silent || is_peoples || age >= 19 * 86_400, "{kind} of the silent project");
    }
    assert!(is_paused[&paused]);
}

/// A finding as `METRICS.md` reads it from the events.
#[derive(Default)]
struct Track {
    severity: Option<String>,
    since: Option<i64>,
    is_assigned: bool,
    closed: usize,
}

impl Track {
    fn follow(&mut self, body: &Value) {
        let is_first = self.severity.is_none();
        self.severity = severity(body).or(self.severity.take());
        let at = seconds(&body["timestamp"]);
        match body["event_type"].as_str().unwrap() {
            "finding.resolution_verified" => {
                self.closed += usize::from(self.since.take().is_some());
                self.is_assigned = false;
            }
            "finding.created" | "finding.regressed" => self.since = self.since.or(Some(at)),
            kind => {
                self.is_assigned |= kind == "finding.assigned";
                self.since = self.since.or(is_first.then_some(at));
            }
        }
    }
}

/// Every finding, read from the bodies alone.
fn read_back(bodies: &[Value]) -> BTreeMap<String, Track> {
    let id =
        |body: &Value| said(body, "finding_id").as_str().or(said(body, "id").as_str()).map(str::to_lowercase);
    let class =
        |body: &Value| (project(body), said(body, "threat_class").as_str().unwrap_or_default().to_owned());
    let findings =
        || bodies.iter().filter(|body| body["event_type"].as_str().unwrap().starts_with("finding."));
    // The ids by project and threat class, for the events without one.
    let mut by_class: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for body in findings() {
        by_class.entry(class(body)).or_default().extend(id(body));
    }
    let mut tracks: BTreeMap<String, Track> = BTreeMap::new();
    for body in findings() {
        let id = id(body).unwrap_or_else(|| {
            let ids = &by_class[&class(body)];
            assert_eq!(ids.len(), 1, "an event without an id must have one finding to belong to");
            ids.first().unwrap().clone()
        });
        tracks.entry(id).or_default().follow(body);
    }
    tracks
}

#[test]
fn its_truths_can_be_read_from_its_bodies() {
    for (seed, events) in [(5, 300), (6, 3000)] {
        let story = story(seed, events);
        let tracks = read_back(&bodies(&story));
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut overdue, mut unowned) = (0, 0);
        for track in tracks.values() {
            let (Some(since), Some(severity)) = (track.since, &track.severity) else { continue };
            *open.entry(severity).or_default() += 1;
            unowned += usize::from(["critical", "high"].contains(&severity.as_str()) && !track.is_assigned);
            let days = match severity.as_str() {
                "critical" => 7,
                "high" => 30,
                "medium" => 90,
                "low" => 180,
                _ => i64::MAX / 86_400,
            };
            overdue += usize::from(UNTIL.unix_timestamp() - since > days * 86_400);
        }
        let truths = &story.truths;
        assert_eq!(truths.findings, tracks.len());
        assert_eq!(truths.open, open);
        assert_eq!((truths.overdue, truths.unowned), (overdue, unowned));
        assert_eq!(truths.closed_episodes, tracks.values().map(|track| track.closed).sum::<usize>());
    }
}

#[test]
fn there_is_something_to_show_for_every_seed() {
    for seed in 0..25 {
        let truths = story(seed, MIN_EVENTS).truths;
        assert!(truths.open_critical() >= 3, "seed {seed}: {:?}", truths.open);
        assert!(truths.unowned >= 1 && truths.overdue >= 3 && truths.closed_episodes >= 8, "seed {seed}");
        assert!(truths.by_type["finding.regressed"] >= 4, "seed {seed}");
        assert_eq!(truths.projects_in(ProjectState::Active), 4, "seed {seed}: {:?}", truths.projects);
        assert_eq!(truths.projects_in(ProjectState::Paused), 1, "seed {seed}");
        assert_eq!(truths.projects_in(ProjectState::Silent), 1, "seed {seed}");
    }
}
