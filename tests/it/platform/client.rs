//! The real client drives the platform: the proof that what our commands are tested with speaks the protocol. And the
//! ways of that client that our commands must not copy.

use humanbound_sentinel::emulator::{PlatformFault, PlatformOptions, Project, ReplayAnswer, TestAnswer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::hb::Hb;
use super::receiver::Receiver;
use super::{ORGANISATION, event, options};

const WEBHOOKS: &str = "/api/organisations/*/webhooks";

fn with_projects(count: u32) -> PlatformOptions {
    let project = |number| Project {
        id: Uuid::from_u128(u128::from(number)),
        organisation_id: ORGANISATION,
        name: format!("agent.{number:02}"),
        archived: false,
    };
    PlatformOptions { projects: (0..count).map(project).collect(), ..options() }
}

#[tokio::test]
async fn lists_organisations_and_projects() {
    let Some(hb) = Hb::start(with_projects(21)).await else { return };
    let said = hb.run(&["orgs"]).await.well();
    assert!(said.contains(&ORGANISATION.to_string()) && said.contains("Acme Bank"), "{said}");
    let said = hb.run(&["projects"]).await.well();
    assert!(said.contains("agent.19") && !said.contains("agent.20"), "{said}");
    assert!(said.contains("Page 1 of more"), "{said}");
    let said = hb.run(&["projects", "--page", "2"]).await.well();
    assert!(said.contains("agent.20") && !said.contains("of more"), "{said}");
    let calls = hb.platform.calls_to("GET", "/api/projects");
    assert_eq!(calls[0].query, "page=1&size=20");
    assert_eq!(calls[0].headers["organisation_id"], ORGANISATION.to_string());
}

#[tokio::test]
async fn leads_a_webhook_through_its_life() {
    let Some(hb) = Hb::start(options()).await else { return };
    let receiver = Receiver::start().await;
    let add = ["webhooks", "add", "--url", &receiver.url(), "--secret", super::SECRET];
    let said = hb.run(&add).await.well();
    let id = said.split_whitespace().skip_while(|word| *word != "ID:").nth(1).expect("an id").to_owned();
    let list: Value = serde_json::from_str(&hb.run(&["webhooks", "--json"]).await.well()).unwrap();
    assert_eq!((&list[0]["id"], &list[0]["is_active"]), (&json!(id), &json!(true)));
    assert_eq!(list[0]["event_types"].as_array().unwrap().len(), 8, "the client does not ask for all");
    assert!(!list.to_string().contains(super::SECRET));

    let said = hb.run(&["webhooks", "test", &id]).await.well();
    assert!(said.contains("Test event delivered successfully."), "{said}");
    assert_eq!(receiver.signed(super::SECRET).len(), 1);

    hb.platform.load((0..20).map(event));
    let said = hb.run(&["webhooks", "sync", &id, "--since", "2026-01-01"]).await.well();
    assert!(said.contains("20 events queued for delivery."), "{said}");
    hb.platform.settled().await;
    assert_eq!(receiver.signed(super::SECRET).len(), 21);

    let said = hb.run(&["webhooks", "update", &id, "--name", "SIEM", "--status", "disabled"]).await.well();
    assert!(said.contains("SIEM") && said.contains("disabled"), "{said}");
    assert!(!hb.platform.webhooks()[0].is_active);
    assert!(hb.run(&["webhooks", "remove", &id, "--force"]).await.well().contains("Webhook deleted."));
    assert!(hb.platform.webhooks().is_empty());
}

#[tokio::test]
async fn is_let_in_with_an_api_key() {
    let key = "hb_testkey_0000";
    let options = PlatformOptions { api_keys: vec![key.to_owned()], ..options() };
    let Some(hb) = Hb::start(options).await else { return };
    let hb = hb.with_key(key);
    assert!(hb.run(&["webhooks"]).await.well().contains("No webhooks configured."));
    let calls = hb.platform.calls();
    assert_eq!(calls[0].headers["x-api-key"], key);
    assert!(!calls[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn renews_its_login_over_tls() {
    let Some(hb) = Hb::start(options()).await else { return };
    hb.write_credentials(1);
    assert!(hb.run(&["webhooks"]).await.well().contains("No webhooks configured."));
    let order: Vec<_> =
        hb.platform.calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    let list = format!("GET /api/organisations/{ORGANISATION}/webhooks");
    assert_eq!(order, ["POST /oauth/token", "GET /api/auth", list.as_str()]);
    let grant = hb.platform.calls()[0].json();
    assert_eq!(
        (&grant["grant_type"], &grant["refresh_token"]),
        (&json!("refresh_token"), &json!(hb.login.refresh_token))
    );
    let credentials = hb.credentials().unwrap();
    assert_ne!(credentials["refresh_token"], json!(hb.login.refresh_token), "it was rotated");
    assert_eq!(credentials.get("of_a_later_version"), None, "it keeps only the members that it knows");
    assert!(hb.run(&["logout"]).await.well().contains("Logged out successfully."));
    assert_eq!(hb.platform.calls_to("GET", "/api/logout")[0].status, Some(200));
    assert_eq!(hb.credentials(), None);
}

#[tokio::test]
async fn loses_its_login_when_the_second_half_fails() {
    let Some(hb) = Hb::start(options()).await else { return };
    hb.write_credentials(1);
    hb.platform.add_fault(PlatformFault::status(503).on("GET", "/api/auth").next(1));
    for _ in 0..2 {
        let run = hb.run(&["webhooks"]).await;
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stdout.contains("Not authenticated."), "{run:?}");
    }
    // The refresh token of the file was used up by the first run, and ends its family when it comes again.
    let statuses: Vec<_> =
        hb.platform.calls_to("POST", "/oauth/token").iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), Some(403)]);
}

#[tokio::test]
async fn takes_a_replay_without_a_number_for_an_empty_one() {
    let mut options = options();
    options.replay.answer = ReplayAnswer::NoNumber;
    let Some(hb) = Hb::start(options).await else { return };
    let receiver = Receiver::start().await;
    let id = hb.platform.add_webhook(&receiver.url(), super::SECRET).unwrap().id.to_string();
    hb.platform.load((0..3).map(event));
    assert!(hb.run(&["webhooks", "sync", &id]).await.well().contains("No matching events found."));
    hb.platform.settled().await;
    assert_eq!(receiver.signed(super::SECRET).len(), 3);
}

#[tokio::test]
async fn takes_any_2xx_for_a_ping_that_arrived() {
    let options = PlatformOptions { test_answer: TestAnswer::Delivered, ..options() };
    let Some(hb) = Hb::start(options).await else { return };
    let receiver = Receiver::start().await;
    let id = hb.platform.add_webhook(&receiver.url(), super::SECRET).unwrap().id.to_string();
    receiver.answer(&[401]);
    assert!(hb.run(&["webhooks", "test", &id]).await.well().contains("delivered successfully"));
}

#[tokio::test]
async fn says_why_a_ping_did_not_arrive_in_two_words() {
    let Some(hb) = Hb::start(options()).await else { return };
    let receiver = Receiver::start().await;
    let id = hb.platform.add_webhook(&receiver.url(), super::SECRET).unwrap().id.to_string();
    receiver.answer(&[401]);
    let run = hb.run(&["webhooks", "test", &id]).await;
    assert_eq!((run.code, run.stdout.trim()), (Some(1), "Test failed: Delivery failed"), "{run:?}");
}

#[tokio::test]
async fn drops_the_reasons_of_a_422_and_stumbles_over_odd_bodies() {
    let Some(hb) = Hb::start(PlatformOptions { webhook_limit: 1, ..options() }).await else { return };
    let url = ["webhooks", "add", "--url", "https://x.example/h"];
    hb.platform.add_fault(PlatformFault::Wrapped.on("POST", WEBHOOKS).next(1));
    let run = hb.run(&url).await;
    assert!(run.stdout.contains("no ID returned"), "{run:?}");
    assert_eq!(hb.platform.webhooks().len(), 1, "it exists all the same");
    let run = hb.run(&url).await;
    assert_eq!((run.code, run.stdout.trim()), (Some(1), "Error: Validation failed"), "{run:?}");
    let (id, replay) = (hb.platform.webhooks()[0].id.to_string(), "/api/organisations/*/webhooks/*/replay");
    hb.platform
        .add_fault(PlatformFault::Answer { code: 204, body: String::new() }.on("POST", replay).next(1));
    let run = hb.run(&["webhooks", "sync", &id]).await;
    assert!(run.code == Some(1) && run.stderr.contains("Traceback"), "{run:?}");
}

#[tokio::test]
async fn renews_its_login_by_the_clock_alone() {
    let Some(hb) = Hb::start(options()).await else { return };
    hb.platform.revoke_sessions();
    let run = hb.run(&["webhooks"]).await;
    assert_eq!((run.code, run.stdout.trim()), (Some(1), "Error: Session has been revoked"), "{run:?}");
    assert!(hb.platform.calls_to("*", "/oauth/token").is_empty());
}

#[tokio::test]
async fn shows_errors_as_they_are_and_stumbles_over_lists() {
    let Some(hb) = Hb::start(options()).await else { return };
    let status = |code, body: &str| PlatformFault::Status {
        code,
        headers: vec![("location".to_owned(), "https://x.example/".to_owned())],
        body: Some(body.to_owned()),
    };
    let cases = [
        (status(302, "{}"), "Error: Unexpected redirect (HTTP 302)"),
        (status(429, r#"{"message":"Slow down"}"#), "Error: Slow down"),
        (status(500, r#"{"detail":"no message"}"#), "Error: Unknown error"),
        (PlatformFault::Reset, "Is the server reachable?"),
        (status(422, "[]"), "AttributeError"),
    ];
    for (fault, expected) in cases {
        hb.platform.add_fault(fault.on("GET", WEBHOOKS).next(1));
        let run = hb.run(&["webhooks"]).await;
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(format!("{}{}", run.stdout, run.stderr).contains(expected), "{expected}: {run:?}");
    }
}
