//! `rotate-secret`: no event is lost, wherever it is interrupted and however far an instance lags behind.

mod fleet;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use humanbound_sentinel::azure::Runner;
use humanbound_sentinel::emulator::{PlatformEvent, PlatformFault};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Desk, ORGANISATION, Ran, SECRET};
use crate::host::{FUNCTION_KEY, client};
use crate::rig::{self, SOON};
use fleet::{Fleet, Script};

/// How often something happens on the platform while a rotation goes on.
const PACE: Duration = Duration::from_millis(5);
const PREVIOUS: &str = "WEBHOOK_SECRET_PREVIOUS";

/// A connected deployment in which something happens all the time.
struct Scene {
    desk: Arc<Desk>,
    fleet: Arc<Fleet>,
    old: String,
    published: std::sync::Mutex<usize>,
}

impl Scene {
    async fn start(instances: usize, lag: Duration) -> Scene {
        let desk = Arc::new(Desk::start().await);
        let fleet = Fleet::start(&desk, instances, lag).await;
        let old = desk.platform.add_webhook(&fleet.url(), SECRET).unwrap().id.to_string();
        desk.remember(&json!({
            "azure": fleet.azure(), "webhook": { "id": old, "url": fleet.url(), "name": "Sentinel Connector" },
        }));
        Scene { desk, fleet, old, published: std::sync::Mutex::new(0) }
    }

    fn publish(&self) {
        let mut published = self.published.lock().unwrap();
        let event = PlatformEvent::read(rig::event(*published), OffsetDateTime::now_utc()).unwrap();
        self.desk.platform.publish(event);
        *published += 1;
    }

    /// Runs a command while things happen.
    async fn run(&self, arguments: &[&str]) -> Ran {
        let script = Script { fleet: Arc::clone(&self.fleet), desk: Arc::clone(&self.desk) };
        let runner: Arc<dyn Runner> = Arc::new(script);
        let running = self.desk.run_with(arguments, self.fleet.timing(&self.desk), Some(runner));
        let happening = async {
            loop {
                self.publish();
                tokio::time::sleep(PACE).await;
            }
        };
        let ran = tokio::select! {
            ran = running => ran,
            () = happening => unreachable!(),
        };
        for secret in self.fleet.secrets() {
            assert!(!format!("{ran:?}").contains(&secret), "the secret is told: {ran:?}");
            assert!(!self.fleet.calls().iter().any(|call| call.contains(&secret)));
        }
        ran
    }

    /// Runs a rotation up to a trap, at which the process is gone.
    async fn interrupt(&self, words: &'static str) {
        self.fleet.trap(Some(words));
        tokio::select! {
            ran = self.run(&["rotate-secret"]) => panic!("`{words}` was not reached: {ran:#?}"),
            () = self.fleet.trapped.notified() => {}
        }
        self.fleet.trap(None);
    }

    /// Asserts that every event is in the table, and that what was rejected on the way was sent again.
    async fn lost_nothing(&self) {
        for _ in 0..3 {
            self.publish();
        }
        tokio::time::timeout(SOON, self.desk.platform.settled()).await.unwrap();
        let wanted: HashSet<_> =
            (0..*self.published.lock().unwrap()).map(|n| format!("New high finding: number {n}")).collect();
        let rows = self.desk.rig.rows().await;
        let found: HashSet<_> =
            rows.iter().map(|row| row["EventTitle"].as_str().unwrap_or_default().to_owned()).collect();
        let lost: Vec<_> = wanted.difference(&found).collect();
        assert_eq!(lost.len(), 0, "of {}; first {:?}; a row: {:?}", wanted.len(), lost.first(), rows.first());
        let mut counted = 0;
        for instance in self.fleet.instances() {
            let status = client().get(instance.url("/api/status")).header("x-functions-key", FUNCTION_KEY);
            let status = status.send().await.unwrap().bytes().await.unwrap();
            let status: Value = serde_json::from_slice(&status).unwrap();
            counted += status["counters"]["rejected_mismatch"].as_u64().unwrap();
        }
        let probes = self.fleet.probes_rejected.load(Ordering::Relaxed);
        let events = self.fleet.events_rejected.load(Ordering::Relaxed);
        assert_eq!(counted, (probes + events) as u64, "what is rejected is counted");
        for webhook in self.desk.platform.webhooks() {
            let mut ended = BTreeMap::new();
            for delivery in self.desk.platform.deliveries(webhook.id) {
                ended.insert(delivery.event_id, (delivery.attempt, delivery.status_code));
            }
            assert!(
                ended
                    .values()
                    .all(|(attempt, status)| *attempt <= 4 && status.is_some_and(|code| code < 300))
            );
        }
    }

    /// Asserts that the rotation is over: one webhook, which is not the old one, and no previous secret.
    fn is_rotated(&self) {
        let [new] = self.desk.webhooks().try_into().unwrap();
        assert_ne!(new, self.old);
        let state = self.desk.state();
        assert_eq!((&state["webhook"]["id"], &state["rotation"]), (&json!(new), &json!(null)));
        assert_eq!(self.fleet.setting(PREVIOUS), None);
    }
}

#[tokio::test]
async fn no_event_is_lost_while_an_instance_lags_behind() {
    let scene = Scene::start(2, Duration::from_secs(90)).await;
    let ran = scene.run(&["rotate-secret", "--json"]).await.ends(0);
    assert_eq!(
        (&ran.json()["result"]["state"], &ran.json()["result"]["replaced"]),
        (&json!("rotated"), &json!(scene.old))
    );
    scene.is_rotated();
    scene.lost_nothing().await;
    let rejected = scene.fleet.probes_rejected.load(Ordering::Relaxed);
    assert!((1..=8).contains(&rejected), "{rejected} probes were rejected");
    assert!(
        *scene.published.lock().unwrap() > 50,
        "only {} events were sent, too few to tell",
        scene.published.lock().unwrap()
    );
    let steps: Vec<_> =
        ran.json()["steps"].as_array().unwrap().iter().map(|step| step["id"].clone()).collect();
    assert_eq!(
        steps,
        ["previous", "secret", "probe", "webhook", "ping", "old-webhook", "grace", "ping", "drop", "ping"]
    );
    // A second rotation begins anew.
    let [first] = scene.desk.webhooks().try_into().unwrap();
    scene.run(&["rotate-secret", "--grace", "1s"]).await.ends(0);
    assert!(!scene.desk.webhooks().contains(&first));
    scene.lost_nothing().await;
}

#[tokio::test]
async fn an_instance_that_never_hears_of_the_secret_stops_it_before_a_webhook_is_made() {
    let scene = Scene::start(2, Duration::from_secs(100_000)).await;
    let ran = scene.run(&["rotate-secret"]).await.ends(1);
    ran.says(&["error: probe: the connector does not accept the secret", "PREVIOUS must stay"]);
    assert_eq!(scene.fleet.probes_rejected.load(Ordering::Relaxed), 8);
    assert_eq!(scene.desk.webhooks(), std::slice::from_ref(&scene.old));
    scene.lost_nothing().await;
}

#[tokio::test]
async fn goes_on_wherever_it_was_interrupted() {
    for words in [
        "appsettings list",
        "appsettings set",
        "keys list",
        "--method put",
        "configreferences/appsettings/refresh",
        // The probe waits between its tries, and the old webhook has its grace.
        "sleep",
        "appsettings delete",
    ] {
        let scene = Scene::start(1, Duration::ZERO).await;
        scene.interrupt(words).await;
        scene.run(&["rotate-secret"]).await.ends(0);
        scene.is_rotated();
        scene.lost_nothing().await;
    }
}

#[tokio::test]
async fn goes_on_with_a_webhook_of_which_nothing_was_heard() {
    let webhooks = format!("/api/organisations/{ORGANISATION}/webhooks");
    for (method, below) in [("POST", ""), ("POST", "/*/test"), ("DELETE", "/*")] {
        for fault in [PlatformFault::status(403), PlatformFault::LostAnswer] {
            let scene = Scene::start(1, Duration::ZERO).await;
            let rule = fault.clone().on(method, &format!("{webhooks}{below}"));
            scene.desk.platform.add_fault(rule);
            // Whatever comes of it, the next run ends it.
            scene.run(&["rotate-secret"]).await;
            scene.desk.platform.clear_faults();
            scene.run(&["rotate-secret"]).await.ends(0);
            scene.is_rotated();
            scene.lost_nothing().await;
        }
    }
}

#[tokio::test]
async fn the_previous_secret_stays_while_it_may_be_needed() {
    let scene = Scene::start(1, Duration::ZERO).await;
    let nothing = scene.run(&["rotate-secret", "--finish", "--json"]).await.ends(0).json();
    assert_eq!(nothing["result"]["state"], "unchanged");
    scene.interrupt("appsettings delete").await;
    // Somebody else's webhook leads here too, and may sign with the old secret.
    let other = scene.desk.platform.add_webhook(&scene.fleet.url(), SECRET).unwrap().id.to_string();
    scene.run(&["rotate-secret", "--finish"]).await.ends(2).says(&["may still be needed", &other]);
    scene.run(&["rotate-secret"]).await.ends(3).says(&["WEBHOOK_SECRET_PREVIOUS stays", &other]);
    assert!(scene.fleet.setting(PREVIOUS).is_some());
    let client = scene.desk.platform.webhooks();
    assert_eq!(client.len(), 2);
    scene.desk.remember(&json!({ "orphans": [other] }));
    scene.run(&["rotate-secret", "--finish"]).await.ends(0);
    scene.is_rotated();
    scene.lost_nothing().await;
}

#[tokio::test]
async fn finish_is_refused_while_the_old_webhook_is_there() {
    let scene = Scene::start(1, Duration::ZERO).await;
    scene.interrupt("--method put").await;
    let ran = scene.run(&["rotate-secret", "--finish"]).await.ends(2);
    ran.says(&["may still be needed", &scene.old]);
    assert!(scene.fleet.setting(PREVIOUS).is_some());
}

#[tokio::test]
async fn a_rotation_that_is_not_remembered_is_not_guessed_at() {
    let scene = Scene::start(1, Duration::ZERO).await;
    let there = "@Microsoft.KeyVault(SecretUri=https://kv-hb-x.vault.azure.net/secrets/webhook-secret/7)";
    scene.fleet.set(PREVIOUS, there);
    scene.run(&["rotate-secret"]).await.ends(1).says(&["not remembered", "--finish"]);
    assert_eq!(scene.fleet.setting(PREVIOUS).as_deref(), Some(there));
    assert_eq!(scene.fleet.secrets().len(), 1);
}

#[tokio::test]
async fn in_the_last_place_the_gap_is_agreed_to_and_replayed() {
    let scene = Scene::start(1, Duration::ZERO).await;
    for number in 0..9 {
        let url = format!("{}?other={number}", scene.desk.url());
        scene.desk.platform.add_webhook(&url, SECRET).unwrap();
    }
    scene.run(&["rotate-secret"]).await.ends(2).says(&["must go before the new one", "--yes"]);
    assert!(scene.fleet.calls().is_empty(), "nothing was changed");
    scene.run(&["rotate-secret", "--yes"]).await.ends(3).says(&["makes room", "are replayed"]);
    assert!(!scene.desk.webhooks().contains(&scene.old));
    assert_eq!(scene.desk.state()["rotation"], json!(null));
    assert_eq!(scene.fleet.setting(PREVIOUS), None);
    let replays = format!("/api/organisations/{ORGANISATION}/webhooks/*/replay");
    assert_eq!(scene.desk.platform.calls_to("POST", &replays).len(), 1);
}

#[tokio::test]
async fn without_a_deployment_or_a_webhook_it_says_so() {
    let desk = Desk::start().await;
    desk.run(&["rotate-secret"]).await.ends(2).says(&["no deployment is remembered", "hb-sentinel deploy"]);
    let scene = Scene::start(1, Duration::ZERO).await;
    scene.desk.remember(&json!({ "webhook": null, "orphans": [scene.old] }));
    scene.run(&["rotate-secret"]).await.ends(1).says(&["nothing is connected", "hb-sentinel connect"]);
}
