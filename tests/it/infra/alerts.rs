//! The alerts are there, and ask for lines and members that the connector's log really has.

use std::collections::BTreeSet;

use super::{files, json, read, snapshot::Snapshot};

fn names(snapshot: &Snapshot) -> BTreeSet<String> {
    ["Microsoft.Insights/metricAlerts", "Microsoft.Insights/scheduledQueryRules"]
        .iter()
        .flat_map(|kind| snapshot.of(kind))
        .map(|alert| alert["name"].as_str().unwrap().trim_start_matches("alert-humanbound-").to_owned())
        .collect()
}

#[test]
fn alerts_cover_what_an_operator_must_hear_of() {
    let always = [
        "columns-dropped",
        "dead-letters",
        "drain",
        "errors",
        "ingestion-errors",
        "rejected-signatures",
        "responses",
        "rows-dropped",
        "spool",
        "transformation-errors",
    ];
    assert_eq!(names(&Snapshot::read("default")), always.map(str::to_owned).into());
    // A cap is watched where there may be one; silence only on request, since a quiet estate is silent for days; health too, since
    // each location that asks has its price; rules, since that needs the health monitoring of the whole workspace.
    let on_request = ["daily-cap", "health", "rules", "silence"];
    let all = always.into_iter().chain(on_request).map(str::to_owned).collect();
    assert_eq!(names(&Snapshot::read("fullest")), all);
}

#[test]
fn alerts_notify_the_groups_that_were_given() {
    let snapshot = Snapshot::read("fullest");
    for alert in snapshot.of("Microsoft.Insights/scheduledQueryRules") {
        let properties = &alert["properties"];
        assert_eq!(properties["actions"]["actionGroups"].as_array().unwrap().len(), 1);
        assert_eq!(properties["skipQueryValidation"], true, "its table may not be there yet");
    }
    for alert in snapshot.of("Microsoft.Insights/metricAlerts") {
        assert_eq!(alert["properties"]["actions"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn no_placeholder_of_a_query_is_left() {
    for name in super::generated::SNAPSHOTS {
        let snapshot = Snapshot::read(name);
        let site = snapshot.one("Microsoft.Web/sites")["name"].as_str().unwrap();
        for alert in snapshot.of("Microsoft.Insights/scheduledQueryRules") {
            let query = alert["properties"]["criteria"]["allOf"][0]["query"].as_str().unwrap();
            assert!(!query.contains('{') && !query.contains('}'), "{query}");
            assert!(!query.contains("AppTraces") || query.contains(&format!("'{site}'")), "{query}");
        }
    }
}

#[test]
fn queries_ask_for_lines_and_members_of_the_log() {
    let contract = json("sentinel/connector/log-events.json");
    let queries = files("infra/alerts", "kql");
    assert_eq!(queries.len(), 10);
    let mut found = BTreeSet::new();
    for path in queries {
        let query = read(&path);
        assert!(query.starts_with("// "), "{path} does not say what it is for");
        assert!(
            read("infra/modules/alerts.bicep").contains(path.trim_start_matches("infra/")),
            "{path} is not used"
        );
        if !query.contains("AppTraces") {
            continue;
        }
        // `errors.kql` takes every event of a level; its own test plays all of them.
        let Some(event) = query.split("tostring(Line.event) == '").nth(1) else {
            assert_eq!(path, "infra/alerts/errors.kql");
            continue;
        };
        let event = event.split('\'').next().unwrap();
        // The cheap test that comes first must not hide what the exact one would find.
        assert!(query.contains(&format!("Message has '{event}'")), "{path}");
        let entry = contract.as_array().unwrap().iter().find(|entry| entry["event"] == *event);
        let fields = &entry.unwrap_or_else(|| panic!("{path}: the log has no {event}"))["fields"];
        let members = query.split("Line.").skip(1).chain(query.split("Line['").skip(1));
        for member in members {
            let name: String =
                member.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            let known = name == "event" || fields.as_array().unwrap().iter().any(|field| *field == *name);
            assert!(known, "{path}: {event} has no member {name}");
        }
        found.insert(event.to_owned());
    }
    assert_eq!(found, ["row_deadlettered", "signature_rejected", "spool_state"].map(str::to_owned).into());
}

/// Azure knows our rules by their names alone: those that `sentinel/` has.
#[test]
fn the_alert_on_rules_names_every_rule() {
    let query = read("infra/alerts/rules.kql");
    let (_, names) = query.split_once("dynamic([").unwrap();
    let names: Vec<_> = names.split_once("])").unwrap().0.split(',').map(str::trim).collect();
    let quoted = |path: &String| format!("'{}'", name_of(path));
    let mut rules: Vec<_> = files("sentinel/analytic-rules", "yaml").iter().map(quoted).collect();
    rules.sort();
    assert_eq!(names, rules);
}

/// And so does the parser that says why a finding has no incident.
#[test]
fn the_parser_of_findings_without_an_incident_names_the_rules_that_missed_them() {
    let parser = read("sentinel/parsers/HumanboundUnalerted.yaml");
    for (file, rule) in [("CriticalFinding", "critical-finding"), ("Regression", "regression")] {
        let name = name_of(&format!("sentinel/analytic-rules/{file}.yaml"));
        assert!(parser.contains(&format!("Name == \"{name}\", \"{rule}\"")), "{name}");
    }
}

fn name_of(rule: &str) -> String {
    let text = read(rule);
    text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap().to_owned()
}

#[test]
fn errors_of_the_rule_and_accesses_are_recorded() {
    let snapshot = Snapshot::read("default");
    let settings = snapshot.of("Microsoft.Insights/diagnosticSettings");
    let categories: BTreeSet<_> = settings
        .iter()
        .map(|setting| setting["properties"]["logs"][0]["category"].as_str().unwrap())
        .collect();
    assert_eq!(categories, BTreeSet::from(["AuditEvent", "LogErrors", "StorageDelete"]));
}
