//! Writes events about one step in a finding's life.

use serde_json::{Map, Value, json};

use super::super::cast;
use super::super::dice::Dice;
use super::super::finding::{Finding, Moment, Severity, Step};
use super::super::posture::{hundredths, tenths};
use super::{Names, SeverityStyle, Style, Words};

pub(super) fn words(
    finding: &Finding,
    moment: &Moment,
    agent: &str,
    names: &Names,
    style: &Style,
    dice: &mut Dice,
) -> Words {
    let own = Severity::of(moment.score);
    let (event_type, severity, prefix, description) = match moment.step {
        Step::Created => (
            "finding.created",
            own.label(),
            format!("New {} finding", own.label()),
            "found by the nightly campaign",
        ),
        // Always high, whatever the finding's own severity is.
        Step::Regressed { stale } => (
            "finding.regressed",
            "high",
            "Finding regressed".to_owned(),
            if stale { "seen again after weeks" } else { "seen again after a fix" },
        ),
        Step::Assigned => ("finding.assigned", "info", "Finding assigned".to_owned(), "somebody has it now"),
        Step::Acknowledged => {
            ("finding.acknowledged", "info", "Finding acknowledged".to_owned(), "investigation began")
        }
        Step::Verified => {
            ("finding.resolution_verified", "info", "Fix verified".to_owned(), "no longer reproduced")
        }
        Step::Failed => (
            "finding.resolution_failed",
            if own >= Severity::High { "high" } else { "medium" },
            "Fix failed".to_owned(),
            "the retest reproduced it",
        ),
    };
    let mut record = standing(finding, moment, own, names, style);
    let mut data = news(finding, moment, style, dice);
    let data = if style.nested {
        // What a test saw is part of the finding's record; what people did is beside it.
        if matches!(moment.step, Step::Created | Step::Regressed { .. }) {
            record.append(&mut data);
        }
        data.insert("finding".to_owned(), Value::Object(record));
        data
    } else {
        record.append(&mut data);
        record
    };
    Words {
        event_type,
        severity,
        title: format!("{prefix}: {}", finding.title),
        description: format!("{agent}: {description}."),
        category: Some(finding.threat.category),
        owasp: owasp(finding.threat.owasp, dice),
        data: Value::Object(data),
    }
}

/// `LLM01` in one of the ways in which the platform's parts write it; not every finding has one.
fn owasp(id: &str, dice: &mut Dice) -> Option<String> {
    let is_llm = id.starts_with("LLM");
    match dice.between(1, 100) {
        _ if id.is_empty() => None,
        1..=8 if is_llm => Some(id.to_lowercase().replace("llm", "llm0")),
        1..=8 => Some(id.to_lowercase()),
        9..=13 if is_llm => Some(format!("owasp-llm:{id}")),
        9..=13 => Some(format!("owasp-agentic:{id}")),
        _ => Some(id.to_owned()),
    }
}

/// The state of the finding.
fn standing(
    finding: &Finding,
    moment: &Moment,
    own: Severity,
    names: &Names,
    style: &Style,
) -> Map<String, Value> {
    let status = match moment.step {
        Step::Verified => "fixed",
        Step::Regressed { .. } => "regressed",
        Step::Failed if finding.fixed(moment.at).is_some() => "regressed",
        _ => "open",
    };
    let delegation = match moment.step {
        Step::Verified => "verified",
        Step::Acknowledged | Step::Failed => "in_progress",
        _ if moment.owner.is_some() => "assigned",
        _ => "unassigned",
    };
    let owner = moment.owner.and_then(|owner| names.members.get(owner));
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
    if !(finding.nameless && moment.step == Step::Acknowledged) {
        // Below `data.finding` the short name is the natural one.
        put(if style.nested { "id" } else { "finding_id" }, json!(style.id(finding.id)));
    }
    put("title", json!(finding.title));
    put("category", json!(finding.threat.category));
    put("threat_class", json!(finding.threat.class));
    put("status", json!(status));
    put("delegation_status", json!(delegation));
    put("occurrence_count", json!(moment.occurrences));
    put("assignee_id", json!(owner.map(|id| style.id(*id))));
    if style.severity != SeverityStyle::Label {
        put("severity", json!(tenths(moment.score * 10)));
    }
    if style.severity != SeverityStyle::Number {
        put("severity_label", json!(own.label()));
    }
    data
}

/// What is new at this moment.
fn news(finding: &Finding, moment: &Moment, style: &Style, dice: &mut Dice) -> Map<String, Value> {
    let now = style.time(moment.at);
    let first_seen = style.time(finding.first_seen());
    let kind = if finding.threat.acts { "owasp_agentic" } else { "owasp_single_turn" };
    let news = match moment.step {
        Step::Created => json!({
            "confidence": hundredths(finding.confidence),
            "test_category": format!("humanbound/adversarial/{kind}"),
            "experiment_id": dice.uuid(),
            "first_seen_at": first_seen,
            "last_seen_at": now,
        }),
        Step::Regressed { stale } => json!({
            "previous_status": if stale { "stale" } else { "fixed" },
            "first_seen_at": first_seen,
            "fixed_at": finding.fixed(moment.at).map(|at| style.time(at)),
            "last_seen_at": now,
        }),
        Step::Assigned => json!({
            "assignee_email": moment.owner.map(cast::email),
            "assigned_at": now,
            "assigned_by": cast::email(cast::SECURITY_LEAD),
        }),
        Step::Acknowledged => json!({ "acknowledged_at": now }),
        // A person can verify a fix without a retest.
        Step::Verified if dice.chance(20) => {
            json!({ "fixed_at": now, "verified_by": cast::email(cast::SECURITY_LEAD) })
        }
        Step::Verified => json!({ "fixed_at": now, "retest": retest("not_reproduced", dice) }),
        Step::Failed => json!({ "regression": retest("still_vulnerable", dice) }),
    };
    if let Value::Object(news) = news { news } else { Map::new() }
}

fn retest(outcome: &str, dice: &mut Dice) -> Value {
    let level = dice.pick(&["unit", "system", "acceptance"], "unit");
    json!({ "experiment_id": dice.uuid(), "outcome": outcome, "partial": false, "testing_level": level })
}
