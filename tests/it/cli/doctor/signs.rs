//! What is not Azure's: this machine, its clock, the role in the organisation, the connector and one of its instances.
//! Each line is shown for a good sign and for a bad one, with what corrects that.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use humanbound_sentinel::emulator::PlatformFault;
use humanbound_sentinel::humanbound::Timing;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Desk, all, desk, path, shows, well};

/// What a line says: its state, its detail, its fix.
async fn line(desk: &Desk, seconds_off: i64, id: &str) -> (String, String, String) {
    let now = move || OffsetDateTime::now_utc() + time::Duration::seconds(seconds_off);
    let timing = Timing::new(now, |_| Box::pin(tokio::task::yield_now()));
    let ran = desk.run_with(&["doctor", "--json"], timing, Some(well() as _)).await;
    let checks = ran.json()["result"]["checks"].clone();
    let found =
        all(&checks).into_iter().find(|one| one.0 == id).unwrap_or_else(|| panic!("{id}: {checks:#}"));
    (found.1, detail(&checks, id).unwrap(), found.2)
}

fn detail(checks: &Value, id: &str) -> Option<String> {
    checks.as_array()?.iter().find_map(|check| {
        let own = (check["id"] == id).then(|| check["detail"].as_str().unwrap_or_default().to_owned());
        own.or_else(|| detail(&check["checks"], id))
    })
}

/// Asserts what each line says; a part of detail and of fix.
fn says(found: &(String, String, String), (state, in_detail, in_fix): (&str, &str, &str)) {
    assert_eq!(found.0, state, "{found:?}");
    assert!(found.1.contains(in_detail) && found.2.contains(in_fix), "{found:?}");
    assert_eq!(found.2.is_empty(), in_fix.is_empty(), "{found:?}");
}

#[tokio::test]
async fn each_fault_of_this_machine_shows_its_line_and_its_fix() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = desk().await;
    desk.remember(&json!({ "orphans": ["gone"] }));
    shows(&desk, &well(), "orphans", "warning", "hb-sentinel test").await;
    desk.remember(&json!({ "orphans": [] }));
    let file = desk.home.path().join(".humanbound/sentinel.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    shows(&desk, &well(), "home", "warning", "chmod 600").await;
}

#[tokio::test]
async fn a_clock_is_as_the_platforms_or_off_by_so_much() {
    let desk = desk().await;
    says(&line(&desk, 0, "clock").await, ("ok", "as the platform's", ""));
    says(&line(&desk, 20, "clock").await, ("ok", "as the platform's", ""));
    let fix = "set this machine's clock";
    for (off, words) in [(420, "s ahead of the platform's"), (-420, "s behind the platform's")] {
        let found = line(&desk, off, "clock").await;
        says(&found, ("warning", words, fix));
        let told: i64 = found.1.split(' ').next().unwrap().parse().unwrap();
        assert!((told - 420).abs() < 60, "{found:?}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_manage_webhooks_is_named() {
    let desk = desk().await;
    for (role, expected) in [
        (json!("owner"), ("ok", "Acme Bank, as owner", "")),
        (json!("Admin"), ("ok", "Acme Bank, as Admin", "")),
        (json!(null), ("ok", "Acme Bank", "")),
        (
            json!("viewer"),
            ("warning", "as viewer, who may not manage webhooks", "ask an owner for the role admin"),
        ),
    ] {
        let body = json!([{ "id": super::ORGANISATION, "name": "Acme Bank", "role": role }]).to_string();
        desk.platform.add_fault(PlatformFault::Answer { code: 200, body }.on("GET", "/api/organisations"));
        says(&line(&desk, 0, "organisation").await, expected);
        desk.platform.clear_faults();
    }
    let body = json!([{ "id": "another", "name": "Other", "role": "owner" }]).to_string();
    desk.platform.add_fault(PlatformFault::Answer { code: 200, body }.on("GET", "/api/organisations"));
    let expected = ("failed", "you do not belong to the one that is chosen", "hb orgs use");
    says(&line(&desk, 0, "organisation").await, expected);
}

/// A connector that answers what it is told to.
struct Puppet {
    url: String,
    answers: Arc<Mutex<[(u16, Value); 2]>>,
    _task: JoinSet<()>,
}

impl Puppet {
    async fn start() -> Self {
        let answers = Arc::new(Mutex::new([(200, Value::Null), (200, Value::Null)]));
        let route = |index: usize| {
            let answers = Arc::clone(&answers);
            get(move || async move {
                let (code, body) = answers.lock().unwrap()[index].clone();
                (StatusCode::from_u16(code).unwrap(), Json(body))
            })
        };
        let router = Router::new().route("/api/health", route(0)).route("/api/status", route(1));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/ingest", listener.local_addr().unwrap());
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, answers, _task: task }
    }
}

/// A sign: the answers of health and status, the line, and what it says.
type Sign = ((u16, Value), (u16, Value), &'static str, (&'static str, &'static str, &'static str));

/// Signs in the words of `status`, which a real connector said.
fn signs(status: &Value) -> Vec<Sign> {
    let health = |state: &str| (200, json!({ "status": state, "version": "0.1.0" }));
    let with = |name: &str, value: Value| {
        let mut status = status.clone();
        for (member, value) in value.as_object().unwrap() {
            status[name][member] = value.clone();
        }
        (200, status)
    };
    let spool = |blobs: u64, oldest_s: u64| with("spool", json!({ "blobs": blobs, "oldest_s": oldest_s }));
    let counters = |value: Value| with("counters", value);
    let fine = (200, status.clone());
    let gone = (502, json!({}));
    vec![
        (health("ok"), fine.clone(), "connector", ("ok", "version 0.1.0, ok", "")),
        (
            health("degraded"),
            fine.clone(),
            "connector",
            ("warning", "degraded", "what the instance says below"),
        ),
        (
            health("misconfigured"),
            fine.clone(),
            "connector",
            ("failed", "misconfigured", "hb-sentinel connect"),
        ),
        (gone.clone(), fine.clone(), "connector", ("failed", "502", "look at the Function App")),
        (gone, fine.clone(), "spool", ("not checked", "needs: Connector", "")),
        (health("ok"), (401, json!({})), "instance", ("warning", "401", "try again")),
        (health("ok"), fine.clone(), "spool", ("ok", "0 batches wait", "")),
        (health("ok"), spool(3, 60), "spool", ("ok", "3 batches wait", "")),
        (
            health("ok"),
            spool(12, 3600),
            "spool",
            ("warning", "12 batches wait, the oldest for 60 min", "nothing is lost"),
        ),
        (
            health("ok"),
            with("spool", json!({ "error": "AuthorizationPermissionMismatch", "hint": "give it the role" })),
            "spool",
            ("failed", "AuthorizationPermissionMismatch", "give it the role"),
        ),
        (
            health("ok"),
            counters(json!({ "dead_lettered": 2 })),
            "spool",
            ("warning", "2 rows were rejected for good", "look into `deadletter/`"),
        ),
        (health("ok"), counters(json!({ "rejected_mismatch": 8 })), "signatures", ("ok", "8 rejected", "")),
        (
            health("ok"),
            counters(json!({ "rejected_mismatch": 5, "rejected_missing": 3, "rejected_malformed": 1 })),
            "signatures",
            ("warning", "9 rejected since the instance started", "hb-sentinel rotate-secret"),
        ),
    ]
}

#[tokio::test]
async fn each_sign_of_the_connector_shows_its_line_and_its_fix() {
    let desk = desk().await;
    let status = desk.rig.status().await;
    let puppet = Puppet::start().await;
    let mut azure = desk.state()["azure"].clone();
    azure["outputs"]["connectorUrl"] = json!(puppet.url);
    azure["outputs"]["siteResourceId"] = json!(path("Microsoft.Web/sites/func-x"));
    desk.remember(&json!({ "azure": azure }));
    for (health, instance, id, expected) in signs(&status) {
        *puppet.answers.lock().unwrap() = [health, instance];
        says(&line(&desk, 0, id).await, expected);
    }
}
