//! Whatever call a run ends at, the next one goes on: one webhook, and no secret that somebody signs with is replaced.

use super::Stage;
use super::azure::{Break, connector};

/// Every call of a fresh deployment that changes something: register, group, deployment, package, tag.
const CHANGES: usize = 5;

#[tokio::test]
async fn a_run_goes_on_wherever_an_earlier_one_ended() {
    let whole = Stage::start().await;
    whole.deploy(&["--yes"]).await.ends(0);
    assert_eq!(whole.azure.changes().len(), CHANGES, "{:#?}", whole.azure.changes());

    for at in 0..CHANGES {
        for how in [Break::Fails, Break::Before, Break::After] {
            let stage = Stage::start().await;
            *stage.azure.breaks.lock().unwrap() = Some((at, how));
            if how == Break::Fails {
                stage.deploy(&["--yes"]).await.ends(1).says(&["Connection aborted"]);
            } else {
                stage.deploy_until_broken(&["--yes"]).await;
            }
            assert!(stage.desk().webhooks().is_empty());
            let ran = stage.deploy(&["--yes"]).await;
            assert_eq!(ran.code, 0, "call {at}, {how:?}: {ran:#?}");
            goes_on(&stage, &format!("call {at}, {how:?}")).await;
        }
    }
}

/// One webhook that delivers, and a further run that changes nothing.
async fn goes_on(stage: &Stage, what: &str) {
    let [webhook] = stage.desk().webhooks().try_into().unwrap_or_else(|all| panic!("{what}: {all:?}"));
    let secrets = stage.azure.secrets().len();
    stage.azure.forget_calls();
    let ran = stage.deploy(&[]).await;
    assert_eq!((ran.code, stage.azure.changes()), (0, Vec::new()), "{what}: {ran:#?}");
    assert_eq!(stage.desk().webhooks(), [webhook], "{what}");
    assert!(secrets <= 2, "{what}: {secrets} secrets");
}

#[tokio::test]
async fn a_run_goes_on_after_one_that_ended_at_the_secret() {
    for at in 0..2 {
        for how in [Break::Fails, Break::Before, Break::After] {
            let stage = Stage::start().await;
            let name = ["--yes", "--set", "organisationName=Acme Bank"];
            stage.deploy(&[&["--no-connect"], &name[..]].concat()).await.ends(0);
            stage.azure.forget_calls();
            *stage.azure.breaks.lock().unwrap() = Some((at, how));
            if how == Break::Fails {
                stage.deploy(&name).await.ends(1);
            } else {
                stage.deploy_until_broken(&name).await;
            }
            stage.deploy(&name).await.ends(0);
            assert_eq!(stage.desk().webhooks().len(), 1, "call {at}, {how:?}");
        }
    }
}

#[tokio::test]
async fn a_live_secret_stays_whatever_the_ping_says() {
    let stage = Stage::start().await;
    stage.deploy(&["--yes"]).await.ends(0);
    let secret = stage.azure.world.lock().unwrap().secret.clone();
    // Somebody gave the connector another secret: no test event arrives.
    let other = connector(stage.desk(), &"f".repeat(64)).await;
    stage.azure.front.lead_to(other.address());
    stage.azure.forget_calls();
    let ran = stage.deploy(&["--yes"]).await.ends(1);
    ran.says(&["error: ping: the test event did not arrive: the connector answered 401"]);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
    assert_eq!(stage.azure.world.lock().unwrap().secret, secret);
    assert_eq!(stage.desk().webhooks().len(), 1, "the webhook stays");
}

#[tokio::test]
async fn a_state_that_was_lost_is_found_again() {
    let stage = Stage::start().await;
    stage.deploy(&["--yes"]).await.ends(0);
    std::fs::remove_file(stage.desk().home.path().join(".humanbound/sentinel.json")).unwrap();
    stage.azure.forget_calls();
    stage.deploy(&[]).await.ends(0);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
    assert_eq!(stage.desk().state()["webhook"]["id"].as_str(), Some(stage.desk().webhooks()[0].as_str()));
}
