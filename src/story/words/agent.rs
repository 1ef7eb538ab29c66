//! Writes events about an agent as a whole.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::cast::{self, QUALITIES};
use super::super::posture::{Load, Score, hundredths, tenths};
use super::super::scene::{Campaign, What};
use super::{Style, Words, ping};

pub(super) fn words(what: &What, at: i64, agent: &str, style: &Style) -> Words {
    match what {
        What::Grade { dimension, from, to, load } => grade(dimension, *from, *to, *load, at, agent),
        What::Campaign(run) => campaign(run, at, agent, style),
        What::Activity { from, to, trigger, campaign, legacy } => {
            let (kind, member) =
                if *legacy { ("phase", "previous_phase") } else { ("activity", "previous_activity") };
            let name = |activity| if *legacy { phase(activity) } else { activity };
            let (from, to) = (name(from), name(to));
            let mut data = json!({ "campaign_id": style.id(*campaign), "trigger": trigger });
            data[kind] = json!(to);
            data[member] = json!(from);
            Words {
                event_type: if *legacy { "ascam.phase_changed" } else { "ascam.activity_started" },
                data,
                ..plain(
                    format!("ASCAM {kind}: {} -> {}", spoken(from), spoken(to)),
                    agent,
                    &format!("triggered by {trigger}"),
                )
            }
        }
        What::Drift { score, campaign, classes } => Words {
            event_type: "drift.detected",
            severity: "medium",
            data: json!({
                "drift_score": hundredths(*score), "threshold": 0.2, "metric": "response_distribution",
                "assessment_id": style.id(*campaign), "affected_categories": classes,
            }),
            ..plain("Behavioral drift detected".to_owned(), agent, "answers differ from the baseline")
        },
        What::Paused { by, reason } => Words {
            event_type: "ascam.paused",
            severity: "medium",
            data: json!({
                "ascam_paused": true, "ascam_activity": "monitor", "paused_by": cast::email(*by), "reason": reason,
            }),
            ..plain("Continuous monitoring paused".to_owned(), agent, reason)
        },
        What::Resumed { by } => Words {
            event_type: "ascam.resumed",
            data: json!({ "ascam_paused": false, "ascam_activity": "monitor", "resumed_by": cast::email(*by) }),
            ..plain("Continuous monitoring resumed".to_owned(), agent, "tested again")
        },
        What::QualityDegraded { from, to, campaign } => degraded(*from, *to, *campaign, agent, style),
        What::QualityRegression { .. } => regression(what, at, agent, style),
        What::Capabilities { added } => Words {
            event_type: "capabilities.changed",
            data: json!({ "added": [added], "removed": [], "detected_at": style.time(at) }),
            ..plain("Capabilities changed".to_owned(), agent, &format!("{added} added"))
        },
        What::Finding { .. } | What::Ping => ping(),
    }
}

fn plain(title: String, agent: &str, description: &str) -> Words {
    Words { title, description: format!("{agent}: {description}."), ..ping() }
}

fn grade(dimension: &str, from: Score, to: Score, load: Load, at: i64, agent: &str) -> Words {
    let mut data = json!({
        "previous_grade": from.grade(), "grade": to.grade(),
        "previous_score": from.points(), "posture": to.points(),
        "delta": tenths(to.0 - from.0), "dimension": dimension,
        "evaluated_at": f64::from(u32::try_from(at).unwrap_or(0)),
    });
    if dimension == "security" {
        let Load { open, critical, high, regressed, .. } = load;
        data["findings"] =
            json!({ "open": open, "critical": critical, "high": high, "regressed": regressed });
    }
    let description = format!("{dimension} score from {} to {}", from.points(), to.points());
    Words {
        event_type: "posture.grade_changed",
        severity: if to < from { "high" } else { "info" },
        category: Some("posture"),
        data,
        ..plain(format!("Posture grade changed: {} -> {}", from.grade(), to.grade()), agent, &description)
    }
}

fn campaign(run: &Campaign, at: i64, agent: &str, style: &Style) -> Words {
    let Campaign { before, after, tests, discovered, activity, status, .. } = *run;
    // A custom run has no window to compare, and one that failed nothing to compare with.
    let is_measured = activity != "custom" && status == "completed";
    let standing =
        |score: Score| is_measured.then(|| json!({ "posture": score.points(), "grade": score.grade() }));
    let data = json!({
        "id": style.id(run.id),
        "campaign_id": style.id(run.id),
        "activity": activity,
        "status": status,
        "domain": ["security"],
        "test_count": tests,
        "findings_discovered": discovered,
        "posture_before": standing(before),
        "posture_after": standing(after),
        "drift_score": is_measured.then(|| hundredths(run.drift)),
        "started_at": style.time(run.started),
        "completed_at": style.time(at),
    });
    let title = match status {
        "completed" if is_measured => format!("Campaign completed: {} -> {}", before.grade(), after.grade()),
        _ => format!("Campaign {status}"),
    };
    Words {
        event_type: "campaign.completed",
        data: if style.nested { json!({ "assessment": data }) } else { data },
        ..plain(title, agent, &format!("{tests} tests, {discovered} new findings"))
    }
}

fn degraded(from: Score, to: Score, campaign: Uuid, agent: &str, style: &Style) -> Words {
    let description = format!("quality score from {} to {}", from.points(), to.points());
    Words {
        event_type: "quality.degraded",
        severity: "medium",
        data: json!({
            "domain": "quality", "previous_score": from.points(), "score": to.points(), "threshold": 70.0,
            "previous_grade": from.grade(), "grade": to.grade(), "assessment_id": style.id(campaign),
        }),
        ..plain("Quality score dropped".to_owned(), agent, &description)
    }
}

fn regression(what: &What, at: i64, agent: &str, style: &Style) -> Words {
    let What::QualityRegression { id, quality, first_seen, fixed, occurrences } = *what else {
        return ping();
    };
    let (class, title) = QUALITIES.get(quality).copied().unwrap_or_default();
    let data: Value = json!({
        "finding_id": style.id(id),
        "title": title,
        "category": class,
        "threat_class": class,
        "test_category": "humanbound/behavioral/qa",
        "domain": "quality",
        "previous_status": "fixed",
        "status": "regressed",
        "severity_label": "medium",
        "occurrence_count": occurrences,
        "first_seen_at": style.time(first_seen),
        "fixed_at": style.time(fixed),
        "last_seen_at": style.time(at),
    });
    Words {
        event_type: "quality.regression",
        severity: "medium",
        category: Some(class),
        data: if style.nested { json!({ "finding": data }) } else { data },
        ..plain(format!("Quality regression: {title}"), agent, "an issue that was fixed is back")
    }
}

/// The name of an activity when activities were phases.
fn phase(activity: &str) -> &str {
    match activity {
        "scan" => "reconnaissance",
        "assess" => "red_teaming",
        "investigate" => "analysis",
        _ => "monitoring",
    }
}

/// `red_teaming` as a title has it: `Red Teaming`.
fn spoken(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect::<Vec<String>>().join(" ")
}
