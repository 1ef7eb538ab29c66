//! The whole life of a deployment by the real `az`: the committed template, the package, the webhook, the row of its test
//! event, a second run, a rotation while events come in, and the end.

mod app;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::{App, there};
use humanbound_sentinel::emulator::PlatformEvent;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::azure_cli::recorded::GROUP;
use crate::rig::{self, SOON};

/// How often something happens on the platform while a rotation goes on.
const PACE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn the_real_az_brings_events_from_nothing_to_a_table_rotates_and_takes_all_away() {
    let Some(app) = App::start("a deployment from nothing to a row with the real az").await else { return };
    let mut clock = Clock::start();
    let webhook = deploys(&app).await;
    clock.tell("a fresh deployment", &app);
    changes_nothing(&app, &webhook).await;
    clock.tell("a second run", &app);
    rotates(&app, &webhook).await;
    clock.tell("a rotation", &app);
    uninstalls(&app).await;
    clock.tell("an uninstall", &app);
}

/// A fresh deployment ends with the row of its test event, which only the secret in the vault lets in.
async fn deploys(app: &Arc<App>) -> String {
    let first = app.deploy(&["--yes"]).await.ends(0);
    let told = first.json();
    let result = &told["result"];
    let expected = ["deployed", "delivered", "seen"].map(Value::from);
    assert_eq!([&result["state"], &result["test"], &result["row"]], expected.each_ref(), "{first:#?}");
    let url = result["connector_url"].as_str().unwrap();
    assert!(url.starts_with("https://func-humanbound-") && url.ends_with(".azurewebsites.net/api/ingest"));
    assert_eq!(app.desk.arrived().await, ["webhook.test"]);
    let state = app.azure.state();
    assert_eq!(state["published"].as_array().unwrap().len(), 1);
    assert_eq!(app.secrets().await.len(), 1, "the secret came with the deployment");
    let [webhook] = app.desk.webhooks().try_into().unwrap();
    webhook
}

async fn changes_nothing(app: &Arc<App>, webhook: &str) {
    let counts = |state: &Value| ["puts", "published"].map(|what| state[what].as_array().unwrap().len());
    let (before, secrets) = (app.azure.state(), app.secrets().await);
    let again = app.deploy(&[]).await.ends(0);
    let told = again.json();
    let expected = ["unchanged", "delivered", "seen"].map(Value::from);
    let result = &told["result"];
    assert_eq!([&result["state"], &result["test"], &result["row"]], expected.each_ref(), "{again:#?}");
    let after = app.azure.state();
    assert_eq!((counts(&after), &after["settings"]), (counts(&before), &before["settings"]));
    assert_eq!((app.secrets().await, app.desk.webhooks()), (secrets, vec![webhook.to_owned()]));
}

/// No event is lost, and the new secret comes from the vault.
async fn rotates(app: &Arc<App>, old: &str) {
    let mut published = 0;
    let mut publish = || {
        let event = PlatformEvent::read(rig::event(published), OffsetDateTime::now_utc()).unwrap();
        app.desk.platform.publish(event);
        published += 1;
    };
    let ran = {
        let rotating = app.run(&["rotate-secret", "--json"]);
        tokio::pin!(rotating);
        loop {
            publish();
            if let Ok(ran) = tokio::time::timeout(PACE, &mut rotating).await {
                break ran.ends(0);
            }
        }
    };
    publish();
    assert_eq!(ran.json()["result"]["replaced"], json!(old), "{ran:#?}");
    tokio::time::timeout(SOON, app.desk.platform.settled()).await.unwrap();
    let rows = app.desk.rig.rows().await;
    let found: BTreeSet<_> = rows.iter().map(|row| row["EventTitle"].as_str().unwrap_or_default()).collect();
    let lost = (0..published).filter(|n| !found.contains(format!("New high finding: number {n}").as_str()));
    assert_eq!(lost.collect::<Vec<_>>(), Vec::<usize>::new(), "of {published}");
    let [new] = app.desk.platform.webhooks().try_into().unwrap();
    assert_ne!(new.id.to_string(), old);
    let mut ended = BTreeMap::new();
    for delivery in app.desk.platform.deliveries(new.id) {
        ended.insert(delivery.event_id, delivery.status_code);
    }
    assert!(!ended.is_empty() && ended.values().all(|status| matches!(status, Some(200..300))), "{ended:?}");
    assert_eq!(app.secrets().await.len(), 2);
    assert!(!app.variables().await.contains_key("WEBHOOK_SECRET_PREVIOUS"));
}

/// The group was made for this, and goes with all that is in it; only the vault can be recovered.
async fn uninstalls(app: &Arc<App>) {
    let ran = app.run(&["uninstall", "--delete-group", GROUP, "--json"]).await.ends(0);
    let told = ran.json();
    assert_eq!(told["result"]["group_deleted"], true, "{ran:#?}");
    assert!(told["result"]["deleted"].as_array().unwrap().len() > 20, "{ran:#?}");
    assert!(app.desk.webhooks().is_empty());
    assert_eq!(there(&app.azure.state()), Vec::<String>::new());
    assert_eq!(app.desk.state()["azure"], Value::Null);
}

/// Says how long each part took, and how many calls of az it was.
struct Clock {
    began: Instant,
    calls: usize,
}

impl Clock {
    fn start() -> Clock {
        Clock { began: Instant::now(), calls: 0 }
    }

    fn tell(&mut self, part: &str, app: &App) {
        let (calls, took) = (app.calls(), self.began.elapsed().as_secs());
        eprintln!("{part}: {} calls of az in {took} s", calls - self.calls);
        *self = Clock { began: Instant::now(), calls };
    }
}
