//! `connect` and `test`: from nothing to a test event in the table, and each way in which that goes wrong.

use humanbound_sentinel::emulator::{PlatformFault, TestAnswer};
use serde_json::json;

use super::{Desk, ORGANISATION, SECRET, options};

fn webhooks(below: &str) -> String {
    format!("/api/organisations/{ORGANISATION}/webhooks{below}")
}

#[tokio::test]
async fn connects_once_and_changes_nothing_the_second_time() {
    let desk = Desk::start().await;
    let first = desk.connect(&["--json"]).await.ends(0).json();
    assert_eq!((&first["ok"], &first["result"]["state"]), (&json!(true), &json!("connected")));
    let steps: Vec<_> =
        first["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["platform", "connector", "probe", "webhook", "ping"]);
    assert_eq!(desk.arrived().await, ["webhook.test"]);
    let [id] = desk.webhooks().try_into().unwrap();
    let state = desk.state();
    assert_eq!((&state["webhook"]["id"], &state["organisation_name"]), (&json!(id), &json!("Acme Bank")));
    assert_eq!((&state["pending"], &state["orphans"]), (&json!(null), &json!([])));
    let made = desk.platform.calls_to("POST", &webhooks(""))[0].json();
    assert_eq!((&made["event_types"], &made["is_active"]), (&json!([]), &json!(true)));

    let again = desk.run(&["connect", "--json"]).await.ends(0).json();
    assert_eq!(again["result"]["state"], "unchanged", "no secret is needed for what stands");
    assert_eq!(desk.webhooks(), [id]);
    assert_eq!(desk.arrived().await.len(), 2);
    desk.run(&["test"]).await.ends(0);
    assert_eq!(desk.arrived().await.len(), 3);
}

#[tokio::test]
async fn makes_no_webhook_for_a_secret_that_the_connector_rejects() {
    let desk = Desk::start().await;
    let wrong = desk.home.path().join("wrong");
    std::fs::write(&wrong, "f".repeat(64)).unwrap();
    let ran = desk.run(&["connect", "--url", &desk.url(), "--secret-file", wrong.to_str().unwrap()]).await;
    ran.ends(1).says(&["error: probe: the connector does not accept the secret", "hint: set the same text"]);
    assert!(desk.platform.calls_to("POST", &webhooks("")).is_empty());
    // Eight rejections at most: each counts toward the alert.
    assert_eq!(desk.rig.status().await["counters"]["rejected_mismatch"], 8);
    assert_eq!(desk.waited.lock().unwrap().as_secs(), 310);
}

/// Nobody logs in only to learn of a slip of the pen.
#[tokio::test]
async fn a_wrong_argument_is_told_before_a_login_is_needed() {
    let desk = Desk::start().await;
    std::fs::remove_file(desk.home.path().join(".humanbound/credentials.json")).unwrap();
    desk.run(&["connect", "--url", "func"]).await.ends(2).says(&["`func` is no URL"]);
    let missing = ["connect", "--url", &desk.url(), "--secret-file", "no-such-file"];
    desk.run(&missing).await.ends(2).says(&["`no-such-file` cannot be read"]);
    desk.run(&["connect", "--url", &desk.url()]).await.ends(4).says(&["run `hb login`"]);
}

#[tokio::test]
async fn asks_for_what_it_needs_and_says_where_to_put_it() {
    let desk = Desk::start().await;
    let url = desk.url();
    let secret = ["connect", "--url", &url, "--secret", SECRET];
    desk.run(&secret).await.ends(2).says(&["--secret-file"]);
    desk.run(&["connect", "--url", &url]).await.ends(2).says(&["--secret-file -"]);
    desk.run(&["connect"]).await.ends(2).says(&["--url https://"]);
    for (url, problem) in [
        ("https://func.azurewebsites.net/", "does not end in /api/ingest"),
        ("http://func.azurewebsites.net/api/ingest", "must begin with https://"),
        ("ftp://func/api/ingest", "must begin with https://"),
        ("func", "`func` is no URL"),
        (
            "https://u:pass@func/api/ingest?code=key#x",
            "`https://func/api/ingest` must hold no user, password, query",
        ),
    ] {
        let ran = desk.run(&["connect", "--url", url]).await.ends(2);
        assert!(!ran.stderr.contains("pass@") && !ran.stderr.contains("code=key"), "{ran:?}");
        assert_eq!(ran.stderr.matches("hint:").count(), 1, "{ran:?}");
        ran.says(&[problem, "hint: use the URL that `hb-sentinel deploy` prints, https://HOST/api/ingest"]);
    }
    let missing = ["connect", "--url", &url, "--secret-file", "no-such-file"];
    desk.run(&missing).await.ends(2).says(&["`no-such-file` cannot be read", "hint: name the file"]);
    let short = desk.home.path().join("short");
    std::fs::write(&short, "too short\n").unwrap();
    let short = ["connect", "--url", &url, "--secret-file", short.to_str().unwrap()];
    desk.run(&short).await.ends(2).says(&["has 9 characters", "openssl rand -hex 32"]);
    assert!(desk.platform.calls_to("POST", &webhooks("")).is_empty());
}

#[tokio::test]
async fn a_create_that_took_effect_in_silence_is_found() {
    let desk = Desk::start().await;
    desk.platform.add_fault(PlatformFault::LostAnswer.on("POST", &webhooks("")).next(1));
    desk.connect(&[]).await.ends(0);
    assert_eq!(desk.webhooks().len(), 1, "it was not made twice");
    assert_eq!(desk.state()["webhook"]["id"], json!(desk.webhooks()[0]));

    let desk = Desk::start().await;
    desk.platform.add_fault(PlatformFault::status(503).on("POST", &webhooks("")).next(1));
    desk.connect(&[]).await.ends(0);
    assert_eq!((desk.webhooks().len(), desk.platform.calls_to("POST", &webhooks("")).len()), (1, 2));
}

#[tokio::test]
async fn names_the_event_types_where_all_is_no_answer() {
    let mut options = options();
    options.takes_no_event_types = false;
    options.event_types.retain(|name| name != "capabilities.changed");
    let desk = Desk::with(options).await;
    desk.connect(&[]).await.ends(0);
    let calls = desk.platform.calls_to("POST", &webhooks(""));
    let last = calls.last().unwrap().json();
    assert_eq!(last["event_types"].as_array().unwrap().len(), 15);
}

#[tokio::test]
async fn a_webhook_whose_test_does_not_arrive_is_removed() {
    let desk = Desk::with({
        let mut options = options();
        options.test_answer = TestAnswer::AlwaysOk;
        options
    })
    .await;
    // The platform says 200 whether the event arrived or not: what it says of the delivery counts.
    desk.platform.add_fault(
        PlatformFault::Answer { code: 200, body: r#"{"delivered":false,"status_code":503}"#.to_owned() }
            .on("POST", &webhooks("/*/test")),
    );
    let ran = desk.connect(&["--json"]).await.ends(1);
    assert_eq!(ran.json()["error"]["code"], "NotDelivered");
    let ran = ran.says(&["error: ping: the test event did not arrive: the connector answered 503"]);
    assert!(ran.stderr.contains("hint: the connector is up and cannot take events"));
    assert!(desk.webhooks().is_empty());
    assert_eq!(desk.state()["webhook"], json!(null));
    assert_eq!(desk.platform.calls_to("POST", &webhooks("/*/test")).len(), 4);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_removed_is_remembered_and_removed_later() {
    let desk = Desk::start().await;
    desk.platform.add_fault(PlatformFault::status(500).on("POST", &webhooks("/*/test")));
    desk.platform.add_fault(PlatformFault::status(403).on("DELETE", &webhooks("/*")));
    desk.connect(&[]).await.ends(1).says(&["cannot be removed now and will be by a later command"]);
    let [id] = desk.webhooks().try_into().unwrap();
    assert_eq!(desk.state()["orphans"], json!([id]));
    desk.platform.clear_faults();
    desk.connect(&[]).await.ends(0).says(&["Removed", &id]);
    assert_eq!(desk.state()["orphans"], json!([]));
    assert_eq!(desk.webhooks().len(), 1);
    assert_ne!(desk.webhooks()[0], id);
}

#[tokio::test]
async fn a_webhook_is_replaced_only_after_its_successor_works() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let [old] = desk.webhooks().try_into().unwrap();
    let other = Desk::start().await;
    let (url, file) = (other.url(), desk.home.path().join("secret"));
    let arguments = ["connect", "--url", &url, "--secret-file", file.to_str().unwrap()];
    desk.platform.add_fault(PlatformFault::status(502).on("POST", &webhooks("/*/test")).next(4));
    desk.run(&arguments).await.ends(1);
    assert_eq!(desk.webhooks(), std::slice::from_ref(&old), "the old one still delivers");
    assert_eq!(desk.state()["webhook"]["id"], json!(old));
    desk.run(&arguments).await.ends(0);
    let [new] = desk.webhooks().try_into().unwrap();
    assert_ne!(new, old);
    assert_eq!(desk.state()["webhook"]["url"], json!(url));
}

#[tokio::test]
async fn a_failing_test_is_never_answered_with_a_new_secret() {
    let desk = Desk::start().await;
    desk.platform.add_webhook(&desk.url(), "a secret that the connector does not have").unwrap();
    let ran = desk.connect(&[]).await.ends(1);
    ran.says(&["the connector answered 401", "another secret than the webhook"]);
    assert!(desk.platform.calls_to("POST", &webhooks("")).is_empty());
    assert_eq!(desk.webhooks().len(), 1);
}

#[tokio::test]
async fn the_limit_of_webhooks_is_named_with_the_way_out() {
    let desk = Desk::start().await;
    for number in 0..10 {
        desk.platform.add_webhook(&format!("https://host{number}.example/hook"), "another's secret").unwrap();
    }
    let ran = desk.connect(&[]).await.ends(1);
    ran.says(&["has 10 webhooks", "host7.example", "hb webhooks remove ID"]);
    assert_eq!(desk.webhooks().len(), 10);
}

#[tokio::test]
async fn in_the_last_place_the_gap_is_agreed_to_and_replayed() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    for number in 0..9 {
        desk.platform.add_webhook(&format!("https://host{number}.example/hook"), "another's secret").unwrap();
    }
    let old = desk.state()["webhook"]["id"].as_str().unwrap().to_owned();
    let other = Desk::start().await;
    let (url, file) = (other.url(), desk.home.path().join("secret"));
    let arguments = ["connect", "--url", &url, "--secret-file", file.to_str().unwrap()];
    desk.run(&arguments).await.ends(2).says(&["must go before the new one", "--yes"]);
    assert!(desk.webhooks().contains(&old));
    desk.run(&[&arguments[..], &["--yes"]].concat()).await.ends(3).says(&["Pending", "are replayed"]);
    assert!(!desk.webhooks().contains(&old));
    assert_eq!(desk.platform.calls_to("POST", &webhooks("/*/replay")).len(), 1);
}

#[tokio::test]
async fn a_webhook_that_is_switched_off_is_switched_on_when_wanted() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let id = desk.webhooks().remove(0);
    let off = PlatformFault::Answer {
        code: 200,
        body: json!({ "id": id, "url": desk.url(), "name": "n", "is_active": false }).to_string(),
    };
    desk.platform.add_fault(off.on("GET", &webhooks("/*")).next(2));
    desk.run(&["test"]).await.ends(2).says(&["is switched off", "--yes"]);
    desk.run(&["test", "--yes"]).await.ends(0);
    assert_eq!(desk.platform.calls_to("PUT", &webhooks("/*"))[0].json(), json!({ "is_active": true }));
}

#[tokio::test]
async fn what_the_platform_does_not_say_is_not_claimed() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let silent = PlatformFault::Answer { code: 200, body: r#"{"data":[]}"#.to_owned() };
    desk.platform.add_fault(silent.on("GET", &webhooks("/*/deliveries")));
    let ran = desk.run(&["test", "--json"]).await.ends(3);
    assert_eq!(ran.json()["result"]["test"], "unproven");
}

#[tokio::test]
async fn a_missing_login_ends_with_4_and_a_hint() {
    let desk = Desk::start().await;
    std::fs::remove_file(desk.home.path().join(".humanbound/credentials.json")).unwrap();
    let ran = desk.run(&["test", "--json"]).await.ends(4).says(&["hint: run `hb login`"]);
    assert_eq!((&ran.json()["ok"], &ran.json()["exit"]), (&json!(false), &json!(4)));
}

#[tokio::test]
async fn the_old_file_is_taken_over_without_its_secret() {
    let desk = Desk::start().await;
    let webhook = desk.platform.add_webhook(&desk.url(), SECRET).unwrap();
    let old = json!({
        "webhook_id": webhook.id, "webhook_secret": SECRET, "connector_url": desk.url(),
        "connected_at": "2026-01-01T00:00:00Z",
    });
    std::fs::write(desk.home.path().join(".humanbound/sentinel.json"), old.to_string()).unwrap();
    desk.run(&["test"]).await.ends(0).says(&["Migrated"]);
    assert_eq!(desk.state()["webhook"]["id"], json!(webhook.id));
}

#[tokio::test]
async fn names_the_organisations_that_are_connected_instead() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let other = "99999999-9999-4999-8999-999999999999";
    let told = format!("the organisation {other} is not connected; connected: Acme Bank ({ORGANISATION})");
    let hint = "hint: name another organisation with `--org ID`, or run `hb-sentinel connect --url URL`";
    desk.run(&["test", "--org", other]).await.ends(1).says(&[&told, hint]);
    let status = desk.run(&["status", "--org", other]).await.ends(1).says(&[hint]);
    let words: Vec<_> = status.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains(&told), "{status:?}");
}
