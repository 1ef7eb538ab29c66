//! Checks of our content in Sentinel, and of the table.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::tree::{Check, Titles, broken};
use crate::cli::deployed::Deployed;
use crate::cli::output::minute;

const CONTENT: (&str, &str) = ("content", "Sentinel content");
const BELOW: Titles = &[
    ("rules", "Analytic rules"),
    ("searches", "Parsers and hunts"),
    ("workbook", "Workbook"),
    ("watchlist", "Watchlist"),
];
const DEPLOY: &str = "run `hb-sentinel deploy`";
/// The least that a deployment makes: `sentinel/analytic-rules`, of which one is off by default, `sentinel/hunting-queries`.
const MIN_ENABLED: usize = 4;
const MIN_HUNTS: usize = 6;
/// The heartbeat comes every quarter of an hour.
const SILENT_HOURS: i64 = 2;

pub(super) async fn check(deployed: &Deployed) -> Check {
    let Some(workspace) = deployed.output("workspaceResourceId") else {
        return Check::not_checked(CONTENT, "the deployment names no workspace").blocks(BELOW);
    };
    let (rules, searches, workbook, watchlist) = tokio::join!(
        rules(deployed, workspace),
        searches(deployed, workspace),
        workbook(deployed, workspace),
        watchlist(deployed, workspace),
    );
    Check::ok(CONTENT, "").with(vec![rules, searches, workbook, watchlist])
}

async fn workbook(deployed: &Deployed, workspace: &str) -> Check {
    let of = ("workbook", "Workbook");
    let group = workspace.split("/providers/").next().unwrap_or_default();
    let url =
        format!("{group}/providers/Microsoft.Insights/workbooks?api-version=2023-06-01&category=sentinel");
    let all = match deployed.azure.list(&url).await {
        Ok(all) => all,
        Err(error) => return broken(of, &error, "run this again"),
    };
    let mut properties = all.iter().filter_map(|workbook| workbook.get("properties"));
    match properties.find(|workbook| text(workbook, "displayName").starts_with("Humanbound")) {
        Some(workbook) => Check::ok(of, text(workbook, "displayName")),
        None => Check::warning(of, "the dashboard is not there", DEPLOY),
    }
}

async fn rules(deployed: &Deployed, workspace: &str) -> Check {
    let of = ("rules", "Analytic rules");
    let url = format!("{workspace}/providers/Microsoft.SecurityInsights/alertRules?api-version=2025-09-01");
    let all = match deployed.azure.list(&url).await {
        Ok(all) => all,
        Err(error) => return broken(of, &error, "run this again"),
    };
    let properties = all.iter().filter_map(|rule| rule.get("properties"));
    let ours: Vec<_> =
        properties.filter(|rule| text(rule, "displayName").starts_with("Humanbound")).collect();
    let enabled =
        ours.iter().filter(|rule| rule.get("enabled").and_then(Value::as_bool) != Some(false)).count();
    if ours.is_empty() {
        return Check::failed(of, "there are none", DEPLOY);
    }
    if enabled < MIN_ENABLED {
        let disabled: Vec<_> = ours
            .iter()
            .filter(|rule| rule.get("enabled").and_then(Value::as_bool) == Some(false))
            .map(|rule| text(rule, "displayName"))
            .collect();
        return Check::warning(
            of,
            format!("disabled: {}", disabled.join(", ")),
            "enable them in Microsoft Sentinel, or run `hb-sentinel deploy --force`",
        );
    }
    Check::ok(of, format!("{enabled} of {} enabled", ours.len()))
}

async fn searches(deployed: &Deployed, workspace: &str) -> Check {
    let of = ("searches", "Parsers and hunts");
    let all = match deployed.azure.list(&format!("{workspace}/savedSearches?api-version=2020-08-01")).await {
        Ok(all) => all,
        Err(error) => return broken(of, &error, "run this again"),
    };
    let names = || {
        all.iter().filter_map(|search| {
            search.get("name")?.as_str().or_else(|| search.get("id")?.as_str()?.rsplit('/').next())
        })
    };
    let hunts = names().filter(|name| name.to_lowercase().starts_with("humanbound_")).count();
    let parsers = names().filter(|name| name.contains("Humanbound")).count();
    if hunts < MIN_HUNTS || parsers == 0 {
        return Check::failed(of, format!("{parsers} parsers and {hunts} hunts: some are missing"), DEPLOY);
    }
    Check::ok(of, format!("{parsers} parsers, {hunts} hunts"))
}

async fn watchlist(deployed: &Deployed, workspace: &str) -> Check {
    let of = ("watchlist", "Watchlist");
    let url = format!(
        "{workspace}/providers/Microsoft.SecurityInsights/watchlists/HumanboundProjects?api-version=2025-09-01"
    );
    match deployed.azure.get(&url).await {
        Ok(Some(_)) => Check::ok(of, "is there"),
        Ok(None) => Check::ok(of, "there is none, and nothing needs it: projects are shown by their ids"),
        Err(error) => broken(of, &error, "run this again"),
    }
}

/// When anything last arrived, in one question; what Azure Monitor dropped, in another, as that table may not be there yet.
const ROWS: &str = "AISecurityEvents_CL | where TimeGenerated > ago(30d) \
     | summarize LastRow = maxif(TimeGenerated, EventFamily != \"connector\"), \
     Heartbeat = maxif(TimeGenerated, EventType == \"connector.heartbeat\")";
const DROPPED: &str = "union isfuzzy=true (DCRLogErrors | where TimeGenerated > ago(1d) \
     and _ResourceId endswith '/datacollectionrules/dcr-humanbound' | summarize Errors = count()), \
     (_LogOperation | where TimeGenerated > ago(1d) and Category =~ 'Ingestion' and Detail has 'OverQuota' \
     | summarize Caps = count()) | summarize Errors = sum(Errors), Caps = sum(Caps)";

pub(super) async fn table(deployed: &Deployed, now: OffsetDateTime) -> Check {
    let of = ("table", "Table");
    let rows = match deployed.query(ROWS).await {
        Ok(rows) => rows,
        Err(error) => return broken(of, &error, "run this again; a new table takes up to 15 min"),
    };
    let row = rows.first().cloned().unwrap_or_default();
    let time = |name: &str| OffsetDateTime::parse(row.get(name)?.as_str()?, &Rfc3339).ok();
    let (last, heartbeat) = (time("LastRow"), time("Heartbeat"));
    let dropped =
        deployed.query(DROPPED).await.ok().and_then(|rows| rows.into_iter().next()).unwrap_or_default();
    let count = |name: &str| dropped.get(name).and_then(Value::as_u64).unwrap_or_default();
    if count("Caps") > 0 {
        return Check::failed(
            of,
            "the daily cap of the workspace was reached: events were lost",
            "raise the cap of the workspace, then run `hb-sentinel sync`",
        );
    }
    if count("Errors") > 0 {
        return Check::failed(
            of,
            format!("{} errors of the data collection rule in a day", count("Errors")),
            "look into the table `DCRLogErrors`",
        );
    }
    let silent = heartbeat.is_some_and(|at| now - at > time::Duration::hours(SILENT_HOURS));
    if let Some(at) = heartbeat.filter(|_| silent) {
        return Check::failed(
            of,
            format!("the connector was last heard of at {}", minute(at)),
            "look at the Function App: does `drain` run?",
        );
    }
    match last {
        Some(at) => Check::ok(of, format!("last event at {}", minute(at))),
        None => Check::warning(
            of,
            "no event in 30 days",
            "run `hb-sentinel test`, then bring past events with `hb-sentinel sync`",
        ),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
