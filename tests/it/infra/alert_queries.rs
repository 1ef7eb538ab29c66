//! Each alert's query, as it is deployed, over rows: the case that fires, and the case that does not.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{json as read_json, root, snapshot::Snapshot};
use crate::tools;

/// The Function App of the predicted deployment, whose alerts these are.
fn site(snapshot: &Snapshot) -> String {
    snapshot.one("Microsoft.Web/sites")["name"].as_str().unwrap().to_owned()
}

/// How many minutes a duration of the template has.
fn minutes(duration: &str) -> u64 {
    let number = duration.trim_matches(|char: char| !char.is_ascii_digit()).parse::<u64>().unwrap();
    let unit = if duration.ends_with('H') { 60 } else { 1 };
    if duration.ends_with('D') { number * 1440 } else { number * unit }
}

/// A line of the connector's log as it arrives in the workspace.
fn trace(site: &str, minutes_ago: u64, line: &Value) -> Value {
    json!({"minutes_ago": minutes_ago, "AppRoleName": site, "Message": line.to_string()})
}

fn line(level: &str, event: &str, more: &Value) -> Value {
    let mut line = json!({"timestamp": "2026-11-28T11:59:00Z", "level": level, "event": event});
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

/// A case: the alert's name, whether it fires, the table, its rows.
type Case = (&'static str, bool, &'static str, Vec<Value>);

fn cases_of_the_log(site: &str) -> Vec<Case> {
    let at = |ago, level, event, more: &Value| trace(site, ago, &line(level, event, more));
    let waits = |oldest: u64| at(5, "INFO", "spool_state", &json!({"blobs": 3, "oldest_s": oldest}));
    let rejected =
        |count: u64| at(5, "WARN", "signature_rejected", &json!({"count": count, "reason": "mismatch"}));
    let dead = at(5, "ERROR", "row_deadlettered", &json!({"count": 1, "reason": "refused"}));
    let run = |ago| at(ago, "INFO", "spool_state", &json!({"blobs": 0, "oldest_s": 0}));
    let elsewhere = trace("func-other", 5, &line("ERROR", "row_deadlettered", &json!({"count": 1})));
    vec![
        ("spool", true, "AppTraces", vec![waits(901)]),
        ("spool", false, "AppTraces", vec![waits(900), waits(0)]),
        ("dead-letters", true, "AppTraces", vec![dead]),
        ("dead-letters", false, "AppTraces", vec![elsewhere.clone(), waits(901)]),
        // The threshold of these parameters is 10, of all lines together.
        ("rejected-signatures", true, "AppTraces", vec![rejected(4), rejected(6)]),
        ("rejected-signatures", false, "AppTraces", vec![rejected(4), rejected(5)]),
        ("rejected-signatures", false, "AppTraces", vec![]),
        ("drain", true, "AppTraces", vec![]),
        ("drain", true, "AppTraces", vec![run(21), run(29), elsewhere.clone()]),
        ("drain", true, "AppTraces", vec![trace("func-other", 1, &line("INFO", "spool_state", &json!({})))]),
        ("drain", false, "AppTraces", vec![run(19)]),
        (
            "errors",
            false,
            "AppTraces",
            vec![
                elsewhere,
                json!({"minutes_ago": 1, "AppRoleName": site, "Message": "an ERROR of the host"}),
            ],
        ),
    ]
}

fn cases_of_other_tables(site: &str) -> Vec<Case> {
    let request = |code: &str, method: &str, name: &str| {
        json!({
            "minutes_ago": 5, "AppRoleName": site, "Name": name, "ResultCode": code, "ItemCount": 1,
            "Url": format!("https://{site}/api/{name}"), "Properties": {"HttpMethod": method},
        })
    };
    let refused = |rule: &str| json!({"minutes_ago": 5, "_ResourceId": format!("/subscriptions/s/resourcegroups/g/providers/microsoft.insights/datacollectionrules/{rule}"), "OperationName": "Ingestion", "Message": "no such table"});
    let operation = |detail: &str| json!({"minutes_ago": 5, "Category": "ingestion", "Detail": detail});
    vec![
        ("responses", true, "AppRequests", vec![request("500", "POST", "ingest")]),
        // Nothing was ever stored: the app is being set up.
        ("responses", false, "AppRequests", vec![request("503", "POST", "ingest")]),
        ("responses", true, "AppRequests", vec![request("404", "POST", "ingest")]),
        (
            "responses",
            false,
            "AppRequests",
            vec![
                request("200", "POST", "ingest"),
                request("401", "POST", "ingest"),
                request("404", "GET", "ingest"),
                request("503", "GET", "status"),
            ],
        ),
        ("ingestion-errors", true, "DCRLogErrors", vec![refused("dcr-humanbound")]),
        ("ingestion-errors", false, "DCRLogErrors", vec![refused("dcr-other")]),
        ("silence", true, "AISecurityEvents_CL", vec![]),
        ("daily-cap", true, "_LogOperation", vec![operation("The status is OverQuota")]),
        ("daily-cap", false, "_LogOperation", vec![operation("Data collection started")]),
    ]
}

/// A row of Sentinel's health monitoring, for a run of a rule.
fn run_of(rule: &str, minutes_ago: u64, reason: &str) -> Value {
    let name = rule.trim_start_matches("AUTO DISABLED").trim_start();
    json!({
        "minutes_ago": minutes_ago, "SentinelResourceType": "Analytics Rule", "SentinelResourceKind": "Scheduled",
        "SentinelResourceName": rule, "SentinelResourceId": format!("/x/alertRules/{name}"), "Reason": reason,
        "OperationName": "Scheduled analytics rule run", "Status": if reason.is_empty() { "Success" } else { "Failure" },
    })
}

fn cases_of_the_rules() -> Vec<Case> {
    const TABLE: &str = "SentinelHealth";
    const OFF: &str = "The analytics rule is disabled and was not executed.";
    let ours = "Humanbound drift of an AI agent";
    let renamed = format!("AUTO DISABLED {ours}");
    let ran = |ago| run_of(ours, ago, "");
    let off = |ago| run_of(ours, ago, OFF);
    let other = |name: &str| vec![run_of(name, 30, ""), run_of(name, 5, OFF)];
    let mut of_another_kind = other(ours);
    for row in &mut of_another_kind {
        row["SentinelResourceType"] = "Automation rule".into();
    }
    vec![
        ("rules", true, TABLE, vec![ran(300), off(5)]),
        ("rules", true, TABLE, vec![ran(2_800), off(2_700)]),
        ("rules", true, TABLE, vec![run_of(&renamed, 5, "A table referenced in the query was not found.")]),
        ("rules", false, TABLE, vec![]),
        ("rules", false, TABLE, vec![ran(5), ran(10)]),
        // Runs that fail are tried again.
        ("rules", false, TABLE, vec![ran(10), run_of(ours, 5, "The query execution timed out.")]),
        // It was off from the start, or is on again.
        ("rules", false, TABLE, vec![off(5), off(10)]),
        ("rules", false, TABLE, vec![ran(300), off(200), ran(5)]),
        ("rules", false, TABLE, other("A rule of somebody else")),
        ("rules", false, TABLE, other("Humanbound drift of an AI agent, our copy")),
        ("rules", false, TABLE, of_another_kind),
    ]
}

/// Cases of two tables: the alert's name, whether it fires, rows, requests.
fn cases_of_rows_and_requests(site: &str) -> Vec<(&'static str, bool, Vec<Value>, Vec<Value>)> {
    let event = |ago: u64, family: &str| json!({"minutes_ago": ago, "EventFamily": family});
    let request = |site: &str, ago: u64, code: &str| {
        json!({
            "minutes_ago": ago, "AppRoleName": site, "Name": "ingest", "ResultCode": code, "ItemCount": 1,
            "Url": "https://x/api/ingest", "Properties": {"HttpMethod": "POST"},
        })
    };
    let (heartbeat, finding) = (event(2_800, "connector"), event(1_439, "finding"));
    vec![
        ("responses", true, vec![heartbeat.clone()], vec![request(site, 5, "503")]),
        ("responses", false, vec![heartbeat], vec![request(site, 16, "503"), request(site, 16, "404")]),
        (
            "silence",
            true,
            vec![event(5, "connector"), event(5, "test"), event(1_441, "finding")],
            vec![request(site, 5, "200")],
        ),
        ("silence", false, vec![finding.clone()], vec![request(site, 1_439, "202")]),
        // Another connector of the same workspace goes on.
        ("silence", true, vec![finding.clone()], vec![request("func-other", 5, "200")]),
        ("silence", true, vec![finding], vec![request(site, 5, "401"), request(site, 5, "503")]),
    ]
}

/// One line for every event of the contract: an alert must fire for those that are errors, and for no other.
fn cases_of_the_contract(site: &str) -> Vec<Case> {
    let contract = read_json("sentinel/connector/log-events.json");
    let lines = contract.as_array().unwrap().iter();
    lines
        .map(|entry| {
            let (level, event) = (entry["level"].as_str().unwrap(), entry["event"].as_str().unwrap());
            let row =
                trace(site, 5, &line(&level.to_uppercase(), event, &json!({"problem": "an ERROR in words"})));
            ("errors", level == "error", "AppTraces", vec![row])
        })
        .collect()
}

#[test]
fn every_query_fires_when_it_must_and_not_otherwise() {
    let skipped = "the queries of the alerts over rows";
    let Some(mut python) = tools::python(skipped) else { return };
    let snapshot = Snapshot::read("fullest");
    let site = site(&snapshot);
    let of_one = [
        cases_of_the_log(&site),
        cases_of_other_tables(&site),
        cases_of_the_rules(),
        cases_of_the_contract(&site),
    ];
    let of_one = of_one.concat().into_iter();
    let of_one = of_one.map(|(name, fires, table, rows)| (name, fires, json!({table: rows})));
    let of_two = cases_of_rows_and_requests(&site).into_iter().map(|(name, fires, rows, requests)| {
        (name, fires, json!({"AISecurityEvents_CL": rows, "AppRequests": requests}))
    });
    let cases: Vec<_> = of_one.chain(of_two).collect();
    let alerts = snapshot.of("Microsoft.Insights/scheduledQueryRules");
    let asked: Vec<_> = cases
        .iter()
        .map(|(name, _, tables)| {
            let wanted = format!("alert-humanbound-{name}");
            let alert = alerts.iter().find(|alert| alert["name"] == *wanted).unwrap();
            let properties = &alert["properties"];
            assert_eq!(properties["criteria"]["allOf"][0]["threshold"], 0, "an alert fires at the first row");
            let sight = properties["overrideQueryTimeRange"].as_str();
            let window = minutes(sight.or(properties["windowSize"].as_str()).unwrap());
            json!({"query": properties["criteria"]["allOf"][0]["query"], "window": window, "tables": tables})
        })
        .collect();
    let script = root().join("tests/azure/alerts.py");
    let mut child = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(Value::from(asked).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let found: Vec<u64> = serde_json::from_slice(&output.stdout).expect("the numbers of rows");
    assert_eq!(found.len(), cases.len());
    for ((name, fires, tables), found) in cases.iter().zip(found) {
        assert_eq!(found > 0, *fires, "{name}: {found} rows from {tables}");
    }
    for alert in alerts {
        let of = |fires| {
            cases
                .iter()
                .any(|case| alert["name"] == format!("alert-humanbound-{}", case.0) && case.1 == fires)
        };
        assert!(of(true) && of(false), "{} is not played both ways", alert["name"]);
    }
}
