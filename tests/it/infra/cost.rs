//! The bill in `infra/README.md` is the one that its own formula gives, over rows of the size that the demo makes.

use humanbound_sentinel::{
    record,
    story::{Story, StoryOptions},
};
use serde_json::Value;
use time::{Duration, macros::datetime};

use super::{json, read};

/// Azure bills the columns' values as text, and adds the workspace's id to every row.
/// <https://learn.microsoft.com/azure/azure-monitor/logs/cost-logs>
const WORKSPACE_ID_BYTES: usize = 36;

/// List prices in USD; `infra/README.md` names them as assumptions.
const PER_GB: f64 = 4.30;
const PER_GB_SECOND: f64 = 0.000_026;
const FREE_GB_SECONDS: f64 = 100_000.0;
const PER_MILLION_CALLS: f64 = 0.40;
const FREE_MILLION_CALLS: f64 = 0.25;
const ALERTS_AND_STORAGE: f64 = 5.0;
/// A GB of the table in a month beyond the days that cost nothing.
const PER_GB_KEPT: f64 = 0.10;
const FREE_DAYS: f64 = 90.0;
/// The host lists the containers of its storage every 30 s: of one instance in a month.
/// <https://github.com/Azure/azure-functions-host/issues/11765>
const HEALTH_CHECK: f64 = 0.475;
/// One for the webhooks and one for `drain`, which has an instance of its own.
const INSTANCES: f64 = 2.0;

const DAYS: f64 = 30.0;
const DAY: f64 = 86_400.0;
const MEMORY_GB: f64 = 2.0;
/// Runs of `drain` a day, and how much each leaves in the telemetry.
const DRAINS: f64 = 1_440.0;
const ITEMS_OF_A_DRAIN: f64 = 3.0;
/// What the sampling of the host lets through, and how large an item is.
const ITEMS_PER_SECOND: f64 = 20.0;
const ITEM_GB: f64 = 1e-6;

fn billed_bytes(row: &[u8]) -> usize {
    let row: Value = serde_json::from_slice(row).unwrap();
    let columns = row.as_object().unwrap().values();
    let size = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
    columns.map(size).sum::<usize>() + WORKSPACE_ID_BYTES
}

#[expect(clippy::cast_precision_loss, reason = "a mean of some thousand small numbers")]
fn mean_billed_bytes() -> f64 {
    let options = StoryOptions { seed: 7, until: datetime!(2026-11-23 10:00 UTC), events: 5_000 };
    let story = Story::generate(options);
    let sizes = story.events.iter().map(|event| {
        let received = event.at + Duration::SECOND;
        billed_bytes(&record::map(&event.body, received).unwrap().row)
    });
    sizes.sum::<usize>() as f64 / story.events.len() as f64
}

/// The number after `before` in the README, without its separators.
#[track_caller]
fn stated(readme: &str, before: &str) -> f64 {
    let (_, after) =
        readme.split_once(before).unwrap_or_else(|| panic!("infra/README.md does not say `{before}`"));
    let digits: String =
        after.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
    digits.parse().unwrap_or_else(|_| panic!("no number after `{before}`"))
}

struct Bill {
    ingestion: f64,
    retention: f64,
    telemetry: f64,
    function: f64,
}

/// Days that the table keeps by default.
fn kept_days() -> f64 {
    json("infra/main.json")["parameters"]["retentionInDays"]["defaultValue"].as_f64().unwrap()
}

fn bill(events_a_day: f64, bytes: f64) -> Bill {
    // An execution is billed for a second at least; those of one instance that overlap are billed once.
    let busy = DAY * (1.0 - (-events_a_day / DAY).exp()) + DRAINS;
    let gb_seconds = (busy * MEMORY_GB * DAYS - FREE_GB_SECONDS).max(0.0);
    let calls = ((events_a_day + DRAINS) * DAYS / 1e6 - FREE_MILLION_CALLS).max(0.0);
    let items = events_a_day.min(ITEMS_PER_SECOND * DAY) + DRAINS * ITEMS_OF_A_DRAIN;
    Bill {
        ingestion: events_a_day * bytes * DAYS / 1e9 * PER_GB,
        retention: events_a_day * bytes / 1e9 * (kept_days() - FREE_DAYS) * PER_GB_KEPT,
        telemetry: items * ITEM_GB * DAYS * PER_GB,
        function: gb_seconds * PER_GB_SECOND + calls * PER_MILLION_CALLS,
    }
}

#[test]
fn size_of_an_event_is_that_of_the_demo() {
    let (stated, measured) =
        (stated(&read("infra/README.md"), "An event is billed as "), mean_billed_bytes());
    assert!((stated - measured).abs() < measured * 0.02, "stated {stated}, measured {measured:.0}");
}

/// One request of a health test.
const PER_REQUEST: f64 = 0.0006;

#[test]
fn a_health_test_costs_what_is_said() {
    let snapshot = json("infra/snapshots/fullest.snapshot.json");
    let resources = snapshot["predictedResources"].as_array().unwrap();
    let test = resources.iter().find(|resource| resource["type"] == "Microsoft.Insights/webtests").unwrap();
    let requests = DAY / test["properties"]["Frequency"].as_f64().unwrap() * DAYS;
    let expected = format!("at {PER_REQUEST} a time: {:.2} a month", requests * PER_REQUEST);
    assert!(read("infra/README.md").contains(&expected), "infra/README.md should say: {expected}");
    // The text that a location must find is the one that the connector's answer has.
    assert_eq!(
        test["properties"]["ValidationRules"]["ContentValidation"]["ContentMatch"],
        r#""status":"ok""#
    );
}

#[test]
fn bill_is_what_its_formula_gives() {
    let readme = read("infra/README.md");
    let bytes = stated(&readme, "An event is billed as ");
    for (name, events) in [("1,000", 1e3), ("100,000", 1e5), ("10,000,000", 1e7)] {
        let Bill { ingestion, retention, telemetry, function } = bill(events, bytes);
        let health = HEALTH_CHECK * INSTANCES;
        let total = ingestion + retention + telemetry + function + health + ALERTS_AND_STORAGE;
        let gb = events * bytes * DAYS / 1e9;
        let row = format!(
            "| {name} | {gb:.2} GB | {ingestion:.2} | {retention:.2} | {telemetry:.2} | {function:.2} | {health:.2} | {ALERTS_AND_STORAGE:.2} | {total:.2} |"
        );
        assert!(readme.contains(&row), "infra/README.md should have this row:\n{row}");
    }
    for price in [PER_GB, PER_GB_KEPT, PER_GB_SECOND, PER_MILLION_CALLS, HEALTH_CHECK] {
        assert!(readme.contains(&price.to_string()), "infra/README.md does not name the price {price}");
    }
}
