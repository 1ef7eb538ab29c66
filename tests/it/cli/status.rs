//! `status`: what it says of every way in which events can stop to arrive, with and without Azure.

use std::future::pending;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use humanbound_sentinel::azure::Runner;
use humanbound_sentinel::cli::{self, Captured, Sink, Surroundings};
use humanbound_sentinel::config::Env;
use humanbound_sentinel::emulator::PlatformFault;
use humanbound_sentinel::humanbound::Timing;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Desk, ORGANISATION, Ran};
use crate::azure_cli::recorded::{Answer, Recorded};
use crate::host::FUNCTION_KEY;

fn ago(minutes: i64) -> String {
    (OffsetDateTime::now_utc() - time::Duration::minutes(minutes)).format(&Rfc3339).unwrap()
}

/// What the workspace answers: when the last row and the last heartbeat came, in minutes before now.
fn table(last_row: i64, heartbeat: i64) -> Answer {
    let columns = ["LastRow", "Rows24h", "Heartbeat"].map(|name| json!({ "name": name }));
    Answer::json(
        &json!({ "tables": [{ "columns": columns, "rows": [[ago(last_row), 1234, ago(heartbeat)]] }] }),
    )
}

/// An Azure in which all is well.
pub fn azure() -> Arc<Recorded> {
    Recorded::new()
        .always(
            "functionapp keys list",
            Answer::json(&json!({ "functionKeys": { "default": FUNCTION_KEY } })),
        )
        .always("config appsettings list", Answer::json(&json!([{ "name": "WEBHOOK_SECRET", "value": "x" }])))
        .always("/query", table(3, 20))
}

/// Remembers a deployment whose connector is the desk's.
pub fn deployed(desk: &Desk) {
    desk.remember(&json!({ "azure": {
        "subscription": "00000000-0000-0000-0000-000000000000", "resource_group": "rg-humanbound",
        "outputs": {
            "connectorUrl": desk.url(), "connectorFunctionName": "func-hb",
            "workspaceId": "00000000-0000-0000-0000-000000000001",
        },
    } }));
}

async fn status(desk: &Desk, azure: Option<Arc<Recorded>>, more: &[&str]) -> Ran {
    let runner = azure.map(|azure| azure as Arc<dyn Runner>);
    desk.run_with(&[&["status"], more].concat(), instant(), runner).await
}

/// The time as it is, with waits that pass at once.
fn instant() -> Timing {
    Timing::new(OffsetDateTime::now_utc, |_| tokio::task::yield_now().boxed())
}

impl Desk {
    /// Runs a command until it ends, or `until` has happened, on a screen of so many columns.
    pub async fn watched(
        &self,
        arguments: &[&str],
        (columns, timing, azure): (usize, Timing, Option<Arc<Recorded>>),
        until: impl Future<Output = ()>,
    ) -> Ran {
        let captured = Arc::new(Mutex::new(Captured { columns: Some(columns), ..Captured::default() }));
        let home = self.home.path().to_str().unwrap();
        let surroundings = Surroundings {
            env: Env::from([("HOME", home), ("USERPROFILE", home)]),
            timing,
            sink: Sink::Memory(Arc::clone(&captured)),
            runner: azure.map(|azure| azure as Arc<dyn Runner>),
        };
        let code = tokio::select! {
            code = cli::run_in(arguments, surroundings) => code.unwrap(),
            () = until => u8::MAX,
        };
        let captured = captured.lock().unwrap().clone();
        Ran { code, stdout: captured.stdout, stderr: captured.stderr }
    }
}

/// The reasons of the steps that are not good, by their ids.
fn reasons(envelope: &Value) -> Vec<String> {
    let steps = envelope["steps"].as_array().unwrap().iter();
    let bad = steps.filter(|step| !step["reason"].is_null());
    bad.map(|step| format!("{} {}: {}", step["id"], step["state"], step["reason"]).replace('"', "")).collect()
}

#[tokio::test]
async fn is_well_without_azure_and_says_what_needs_it() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let before = std::fs::read(desk.home.path().join(".humanbound/sentinel.json")).unwrap();
    let envelope = status(&desk, None, &["--json"]).await.ends(0).json();
    let result = &envelope["result"];
    assert_eq!(result["verdict"], "ok");
    let [id] = desk.webhooks().try_into().unwrap();
    assert_eq!(
        result["webhook"],
        json!({ "id": id, "name": "Sentinel Connector", "url": desk.url(), "active": true, "event_types": [] })
    );
    assert_eq!(
        result["deliveries"],
        json!({ "looked_at": 1, "succeeded": 1, "by_code": { "200": 1 }, "last_error": null })
    );
    assert_eq!(result["connector"]["health"], "ok");
    assert_eq!((&result["table"], &result["connector"]["counters"]), (&json!(null), &json!(null)));
    assert_eq!((&result["rotation"], &result["orphans"]), (&json!(null), &json!([])));
    let reasons = reasons(&envelope);
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("needs az")), "{reasons:?}");
    let after = std::fs::read(desk.home.path().join(".humanbound/sentinel.json")).unwrap();
    assert_eq!(before, after, "it only reads");
}

#[tokio::test]
async fn asks_one_instance_and_the_table_where_azure_can_be_asked() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    deployed(&desk);
    let azure = azure();
    let ran = status(&desk, Some(Arc::clone(&azure)), &["--json"]).await.ends(0);
    assert!(!format!("{ran:?}").contains(FUNCTION_KEY), "a key is told: {ran:?}");
    let result = ran.json()["result"].take();
    assert_eq!(result["verdict"], "ok");
    assert_eq!(result["connector"]["counters"]["stored"], 1);
    assert_eq!(result["connector"]["spool"]["blobs"], 0);
    assert_eq!((&result["connector"]["problems"], &result["table"]["rows_24h"]), (&json!([]), &json!(1234)));
    let queries: Vec<_> = azure.calls().into_iter().filter(|call| call.line().contains("/query")).collect();
    assert_eq!(queries.len(), 1, "the table is asked once: {queries:?}");
    assert!(queries[0].stdin.as_ref().unwrap().contains("connector.heartbeat"));
}

#[tokio::test]
async fn every_stop_on_the_way_has_its_verdict_and_its_way_out() {
    let desk = Desk::start().await;
    status(&desk, None, &[]).await.ends(1).says(&["hint: run `hb-sentinel connect --url URL`"]);
    desk.connect(&[]).await.ends(0);
    deployed(&desk);
    for (answers, verdict, words) in [
        (Recorded::new().always("/query", table(3, 200)), 3, "timer does not run"),
        (
            Recorded::new().always(
                "appsettings list",
                Answer::json(&json!([{ "name": "WEBHOOK_SECRET_PREVIOUS", "value": "x" }])),
            ),
            3,
            "hb-sentinel rotate-secret --finish",
        ),
    ] {
        answers.append(&azure());
        status(&desk, Some(answers), &[]).await.ends(verdict).says(&[words]);
    }
    let signed_out = "ERROR: Please run 'az login' to setup account.";
    let out = Recorded::new().always("", Answer::error(1, signed_out));
    let envelope = status(&desk, Some(out), &["--json"]).await.ends(0).json();
    assert!(reasons(&envelope).contains(&"table not_run: needs az: run `az login`".to_owned()), "{envelope}");

    desk.remember(&json!({ "rotation": { "phase": 2, "old_webhook": "old" }, "orphans": ["left"] }));
    let ran = status(&desk, Some(azure()), &["--json"]).await.ends(3).json();
    assert_eq!(
        ran["result"]["rotation"],
        json!({ "phase": 2, "old_webhook": "old", "previous_secret": false })
    );
    assert_eq!((&ran["result"]["orphans"], &desk.state()["orphans"]), (&json!(["left"]), &json!(["left"])));
    desk.remember(&json!({ "rotation": null, "orphans": [] }));

    let [id] = desk.webhooks().try_into().unwrap();
    let path = format!("/api/organisations/{ORGANISATION}/webhooks/{id}");
    desk.platform.add_fault(PlatformFault::status(500).on("GET", &path).next(9));
    status(&desk, None, &["--json"]).await.ends(3);
    desk.platform.clear_faults();
    std::fs::remove_file(desk.home.path().join(".humanbound/credentials.json")).unwrap();
    let ran = status(&desk, None, &[]).await.ends(3);
    assert!(
        ran.stdout.contains("unknown  needs `hb login`") && ran.stdout.contains("connector   ok"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_webhook_that_is_gone_or_off_is_down() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let [id] = desk.webhooks().try_into().unwrap();
    let off = json!({ "id": id, "url": desk.url(), "name": "n", "is_active": false }).to_string();
    let path = format!("/api/organisations/{ORGANISATION}/webhooks/{id}");
    desk.platform.add_fault(PlatformFault::Answer { code: 200, body: off }.on("GET", &path).next(1));
    status(&desk, None, &[]).await.ends(1).says(&["hb-sentinel test --yes"]);
    desk.platform.remove_webhook(id.parse().unwrap());
    let ran = status(&desk, None, &["--json"]).await.ends(1).json();
    assert_eq!((&ran["result"]["verdict"], &ran["result"]["webhook"]), (&json!("down"), &json!(null)));
    assert_eq!(reasons(&ran)[0], format!("webhook failed: gone: {id}"));
}

#[tokio::test]
async fn fits_on_one_screen_at_80_and_at_60_columns() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    deployed(&desk);
    for columns in [80, 60] {
        let ran = desk.watched(&["status"], (columns, instant(), Some(azure())), pending()).await.ends(0);
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert!(lines.len() <= 24, "{} lines at {columns} columns:\n{}", lines.len(), ran.stdout);
        let wide = lines.iter().filter(|line| line.chars().count() > columns).collect::<Vec<_>>();
        assert!(wide.is_empty(), "{wide:#?}");
    }
}

#[tokio::test]
async fn watch_tells_each_change_once_off_a_terminal() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let [id] = desk.webhooks().try_into().unwrap();
    let looks =
        || desk.platform.calls_to("GET", &format!("/api/organisations/{ORGANISATION}/webhooks/{id}")).len();
    let change = async {
        while looks() < 3 {
            tokio::task::yield_now().await;
        }
        desk.platform.remove_webhook(id.parse().unwrap());
        let seen = looks();
        while looks() < seen + 3 {
            tokio::task::yield_now().await;
        }
    };
    let watched = ["status", "--watch", "1s"];
    let told = desk.watched(&watched, (80, instant(), None), change).await;
    let mut verdicts: Vec<_> = told.stdout.lines().filter(|line| line.starts_with("Acme Bank: ")).collect();
    // A look may fall into the middle of the change.
    verdicts.dedup();
    assert_eq!(verdicts, ["Acme Bank: ok", "Acme Bank: down"], "{told:?}");
    desk.run(&["status", "--watch", "--json"]).await.ends(2);
}
