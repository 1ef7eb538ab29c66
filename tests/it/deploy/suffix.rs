//! An app beside a broken one: the webhook is led to it with its secret, and later runs stay there.

use humanbound_sentinel::emulator::PlatformFault;

use super::Stage;
use super::azure::connector;
use crate::cli::ORGANISATION;

const BESIDE: [&str; 3] = ["--yes", "--set", "nameSuffix=b"];

/// A stage whose only app broke for good after it was connected.
async fn broken() -> Stage {
    let stage = Stage::start().await;
    stage.deploy(&["--yes"]).await.ends(0);
    // Nobody listens there.
    stage.azure.front.lead_to("127.0.0.1:1".parse().unwrap());
    stage
}

fn webhook(stage: &Stage) -> (String, String) {
    let [webhook] = stage.desk().platform.webhooks().try_into().unwrap();
    (webhook.id.to_string(), webhook.url)
}

#[tokio::test]
async fn a_webhook_is_led_to_the_app_beside_a_broken_one() {
    let stage = broken().await;
    let (id, _) = webhook(&stage);
    stage.azure.forget_calls();
    let ran = stage.deploy(&BESIDE).await.ends(0);
    ran.says(&[
        "The webhook leads to the new connector",
        "stop that app: `az functionapp stop --resource-group",
    ]);
    assert_eq!(webhook(&stage), (id.clone(), stage.azure.beside.url()), "it is the same webhook");
    assert!(stage.azure.secrets().is_empty(), "its secret stays");
    assert_eq!(stage.desk().arrived().await.len(), 2, "a test event came over each app");
    assert_eq!(stage.desk().state()["webhook"]["url"], stage.azure.beside.url());

    // Whoever forgets the suffix is not led back.
    stage.azure.forget_calls();
    stage.deploy(&[]).await.ends(0);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
    assert_eq!(webhook(&stage), (id, stage.azure.beside.url()));
    stage.deploy(&["--yes", "--set", "nameSuffix="]).await.ends(1).says(&["health"]);
}

#[tokio::test]
async fn the_secret_stays_though_a_run_ended_before_the_webhook() {
    let stage = broken().await;
    let (id, before) = webhook(&stage);
    stage.azure.forget_calls();
    let path = format!("/api/organisations/{ORGANISATION}/webhooks/*");
    stage.desk().platform.add_fault(PlatformFault::status(403).on("PUT", &path).next(1));
    stage.deploy(&BESIDE).await.ends(1);
    assert_eq!(webhook(&stage), (id.clone(), before));
    stage.deploy(&[]).await.ends(0);
    assert_eq!(webhook(&stage), (id, stage.azure.beside.url()));
    assert!(stage.azure.secrets().is_empty());
}

#[tokio::test]
async fn a_webhook_that_does_not_deliver_there_is_led_back() {
    let stage = broken().await;
    let before = webhook(&stage);
    let other = connector(stage.desk(), &"f".repeat(64)).await;
    stage.azure.beside.lead_to(other.address());
    let ran = stage.deploy(&BESIDE).await.ends(1);
    ran.says(&["error: ping: the test event did not arrive: the connector answered 401", "again"]);
    assert_eq!(webhook(&stage), before);
    assert_eq!(stage.desk().state()["webhook"]["url"].as_str(), Some(before.1.as_str()));
}

#[tokio::test]
async fn connect_leads_it_to_what_was_deployed_without_connecting() {
    let stage = broken().await;
    let (id, _) = webhook(&stage);
    stage.deploy(&[&["--no-connect"], &BESIDE[..]].concat()).await.ends(0);
    stage.desk().run(&["connect"]).await.ends(0);
    assert_eq!(webhook(&stage), (id, stage.azure.beside.url()));
}
