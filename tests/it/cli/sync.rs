//! `sync` before what was deployed: the spool sets its pace, and the table is asked what arrived.

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use humanbound_sentinel::emulator::PlatformEvent;
use serde_json::json;
use time::OffsetDateTime;

use super::Desk;
use super::status::{azure, deployed};
use crate::azure_cli::recorded::{Answer, Recorded};
use crate::host::FUNCTION_KEY;
use crate::rig;

/// So many events, one a day, the last of them yesterday.
fn days(count: usize) -> Vec<PlatformEvent> {
    let event = |n: usize| PlatformEvent {
        at: OffsetDateTime::now_utc() - time::Duration::days(i64::try_from(n + 1).unwrap()),
        event_type: "finding.created".into(),
        organisation_id: None,
        project_id: None,
        body: Bytes::from(rig::event(n)),
    };
    (0..count).map(event).collect()
}

/// An Azure whose table has so many rows of so many events.
fn table(rows: u64, events: u64) -> Arc<Recorded> {
    let columns = ["Rows", "Events"].map(|name| json!({ "name": name }));
    let answer = json!({ "tables": [{ "columns": columns, "rows": [[rows, events]] }] });
    let keys = json!({ "functionKeys": { "default": FUNCTION_KEY } });
    Recorded::new().always("keys list", Answer::json(&keys)).always("/query", Answer::json(&answer))
}

async fn connected() -> Desk {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    deployed(&desk);
    desk.platform.load(days(12));
    desk
}

#[tokio::test]
async fn counts_what_was_queued_delivered_and_written() {
    let desk = connected().await;
    let azure = table(1234, 12);
    let ran = desk.run_with(&["sync", "--since", "20d", "--json"], desk.at_once(), Some(azure.clone())).await;
    let result = &ran.ends(0).json()["result"];
    assert_eq!((&result["queued"], &result["delivered"]), (&json!(12), &json!(12)), "{result}");
    assert_eq!((&result["duplicates"], &result["rows"]), (&json!(0), &json!({ "rows": 1234, "events": 12 })));
    let query = azure.calls().iter().filter_map(|call| call.stdin.clone()).next_back().unwrap();
    assert!(
        query.contains("ReceivedTime >= datetime(20") && query.contains("count_distinct(EventId)"),
        "{query}"
    );
    let time = query.split("datetime(").nth(1).unwrap().split(')').next().unwrap();
    assert!(time.len() <= "2026-11-28T10:00:00.1234567Z".len(), "Kusto reads no more digits: {time}");
    // Without a sign-in nothing is asked, and that is said.
    let signed_out =
        Recorded::new().always("", Answer::error(1, "ERROR: Please run 'az login' to setup account."));
    let ran = desk.run_with(&["sync", "--since", "20d"], desk.at_once(), Some(signed_out)).await.ends(0);
    assert!(ran.stdout.contains("Rows        not asked for: needs az: run `az login`"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_spool_that_grows_slows_it_down() {
    let desk = connected().await;
    // What the connector cannot push waits in the spool.
    desk.rig.workspace.set_role_assigned(false);
    let ran = desk.run_with(&["sync", "--since", "20d"], desk.at_once(), Some(table(0, 0))).await;
    ran.ends(0).says(&["warning: the connector has trouble taking the events; windows take 2 times as long"]);
    desk.rig.workspace.set_role_assigned(true);
    let desk = connected().await;
    let ran = desk.run_with(&["sync", "--since", "20d"], desk.at_once(), Some(table(0, 0))).await.ends(0);
    assert!(!ran.stderr.contains("has trouble"), "{}", ran.stderr);
}

#[tokio::test]
async fn its_end_fits_the_screen() {
    let desk = connected().await;
    for columns in [60, 80, 120] {
        for more in [&[][..], &["--dry-run"]] {
            let arguments = [&["sync", "--since", "20d"], more].concat();
            let surroundings = (columns, desk.at_once(), Some(azure()));
            let ran = desk.watched(&arguments, surroundings, pending()).await.ends(0);
            let longest = ran.stdout.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= columns, "{longest} of {columns}: {}", ran.stdout);
            assert!(!ran.stdout.lines().any(|line| line.ends_with(' ')), "{}", ran.stdout);
        }
    }
}
