//! `disconnect`: the webhook goes, and nothing is forgotten that is still there.

use humanbound_sentinel::emulator::PlatformFault;
use serde_json::json;

use super::{Desk, ORGANISATION};

#[tokio::test]
async fn removes_the_webhook_and_is_done_when_there_is_none() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let ran = desk.run(&["disconnect", "--json"]).await.ends(0);
    assert_eq!(ran.json()["result"]["state"], "disconnected");
    assert!(desk.webhooks().is_empty());
    assert_eq!(desk.state()["webhook"], json!(null));
    let ran = desk.run(&["disconnect", "--json"]).await.ends(0);
    assert_eq!(ran.json()["result"]["state"], "unchanged");
    desk.run(&["test"]).await.ends(1).says(&["nothing is connected", "hb-sentinel connect"]);
}

#[tokio::test]
async fn one_that_is_gone_already_is_a_success() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    desk.platform.add_fault(
        PlatformFault::status(404).on("DELETE", &format!("/api/organisations/{ORGANISATION}/webhooks/*")),
    );
    desk.run(&["disconnect"]).await.ends(0);
    assert_eq!(desk.state()["webhook"], json!(null));
}

#[tokio::test]
async fn keeps_what_it_cannot_remove_unless_forced() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let id = desk.webhooks().remove(0);
    let pattern = format!("/api/organisations/{ORGANISATION}/webhooks/*");
    desk.platform.add_fault(PlatformFault::status(503).on("DELETE", &pattern));
    desk.run(&["disconnect"]).await.ends(1).says(&["--force"]);
    assert_eq!(desk.state()["webhook"]["id"], json!(id));
    desk.run(&["disconnect", "--force"]).await.ends(3);
    assert_eq!((&desk.state()["webhook"], &desk.state()["orphans"]), (&json!(null), &json!([id])));
    desk.platform.clear_faults();
    desk.run(&["disconnect"]).await.ends(0).says(&["Removed"]);
    assert!(desk.webhooks().is_empty());
}

/// A state that was cut in half is set aside. The webhook delivers all the same: no command denies that, and one finds it
/// again.
#[tokio::test]
async fn a_lost_state_is_no_lost_webhook() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let file = desk.home.path().join(".humanbound/sentinel.json");
    let state = std::fs::read(&file).unwrap();
    std::fs::write(&file, state.get(..state.len() / 2).unwrap()).unwrap();
    let again = format!("hb-sentinel connect --url {}", desk.url());
    desk.run(&["disconnect"]).await.ends(0).says(&[
        "state could not be read",
        "nothing here remembers",
        &again,
    ]);
    for command in [&["test"][..], &["sync", "--since", "7d"], &["status"]] {
        desk.run(command).await.ends(1).says(&[&again]);
    }
    desk.run(&["connect"]).await.ends(0).says(&["Found", "nothing here remembered"]);
    assert_eq!(desk.webhooks().len(), 1);
    desk.run(&["disconnect"]).await.ends(0);
    assert!(desk.webhooks().is_empty());
}
