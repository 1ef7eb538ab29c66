//! `doctor`: all well is said once; each single fault shows its line and its fix, and nothing else.

mod signs;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use humanbound_sentinel::emulator::PlatformFault;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Desk, ORGANISATION, Ran, SECRET};
use crate::azure_cli::recorded::{Answer, GROUP, Recorded, SUBSCRIPTION};
use crate::host::FUNCTION_KEY;

const ROLES: [&str; 4] = [
    "3913510d-42f4-4e42-8a64-420c390055eb",
    "4633458b-17de-408a-b874-0445c86b69e6",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
];

/// Answers in the place of good ones; the check that is wrong then, how, and what of its fix.
type Case<'a> = (Vec<(&'a str, Answer)>, &'a str, &'a str, &'a str);

fn path(below: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{below}")
}

fn rules(enabled: bool) -> Value {
    let rule = |number: usize| json!({ "properties": { "displayName": format!("Humanbound rule {number}"), "enabled": enabled } });
    json!({ "value": (0..5).map(rule).collect::<Vec<_>>() })
}

fn rows(heartbeat_hours: i64, errors: u64, caps: u64) -> Value {
    let at = |hours| (OffsetDateTime::now_utc() - time::Duration::hours(hours)).format(&Rfc3339).unwrap();
    json!({ "tables": [{
        "columns": [{ "name": "LastRow" }, { "name": "Heartbeat" }, { "name": "Errors" }, { "name": "Caps" }],
        "rows": [[at(1), at(heartbeat_hours), errors, caps]],
    }] })
}

fn account(state: &str) -> Value {
    json!({ "id": SUBSCRIPTION, "name": "Production", "tenantId": "t", "state": state, "user": { "name": "alice@contoso.com" } })
}

fn deployment(state: &str) -> Value {
    let error = json!({ "code": "ScopeLocked", "message": "a lock is there" });
    json!({ "value": [{
        "id": path("Microsoft.Resources/deployments/hb-sentinel-1"), "name": "hb-sentinel-1",
        "properties": { "provisioningState": state, "timestamp": "2026-11-28T06:00:00Z", "error": if state == "Failed" { error } else { Value::Null } },
    }] })
}

fn roles(count: usize) -> Value {
    let one = |id: &&str| json!({ "properties": { "roleDefinitionId": format!("/x/roleDefinitions/{id}") } });
    json!({ "value": ROLES[..count].iter().map(one).collect::<Vec<_>>() })
}

fn gone() -> Answer {
    Answer::error(1, r#"ERROR: Not Found({"error": {"code": "ResourceNotFound", "message": "gone"}})"#)
}

/// An Azure in which all is well.
fn well() -> Arc<Recorded> {
    let searches = (0..6).map(|number| json!({ "name": format!("humanbound_{number}") }));
    let searches: Vec<_> = searches.chain([json!({ "name": "HumanboundEvents" })]).collect();
    let settings = json!([{ "name": "WEBHOOK_SECRET", "value": "@Microsoft.KeyVault(SecretUri=x)" }]);
    Recorded::new()
        .always("version --only", Answer::json(&json!({ "azure-cli": "2.91.0" })))
        .always("--version", Answer { stdout: "4.0.7030\n".to_owned(), ..Answer::default() })
        .always("account show", Answer::json(&account("Enabled")))
        .always("cloud show", Answer::json(&json!({ "name": "AzureCloud", "endpoints": {} })))
        .always("provider show", Answer::json(&json!({ "registrationState": "Registered" })))
        .always("group show", Answer::json(&json!({ "location": "westeurope" })))
        .always("deployments?", Answer::json(&deployment("Succeeded")))
        .always("keys list", Answer::json(&json!({ "functionKeys": { "default": FUNCTION_KEY } })))
        .always(
            "configreferences",
            Answer::json(
                &json!({ "value": [{ "name": "WEBHOOK_SECRET", "properties": { "status": "Resolved" } }] }),
            ),
        )
        .always("appsettings list", Answer::json(&settings))
        .always(
            "sites/func-x?",
            Answer::json(
                &json!({ "properties": { "state": "Running" }, "tags": { "humanbound-package": "ab" } }),
            ),
        )
        .always(
            "secrets/webhook-secret",
            Answer::json(
                &json!({ "properties": { "secretUriWithVersion": "https://kv/secrets/webhook-secret/1" } }),
            ),
        )
        .always("deletedVaults", Answer::json(&json!({ "value": [] })))
        .always("userAssignedIdentities", Answer::json(&json!({ "properties": { "principalId": "p" } })))
        .always("roleAssignments", Answer::json(&roles(4)))
        .always("alertRules", Answer::json(&rules(true)))
        .always("savedSearches", Answer::json(&json!({ "value": searches })))
        .always(
            "workbooks",
            Answer::json(
                &json!({ "value": [{ "properties": { "displayName": "Humanbound AI Security" } }] }),
            ),
        )
        .always("watchlists", gone())
        .always("/query", Answer::json(&rows(0, 0, 0)))
}

/// The same, with these answers before its own.
fn with(faults: &[(&str, Answer)]) -> Arc<Recorded> {
    let azure = Recorded::new();
    for (words, answer) in faults {
        azure.always(words, answer.clone());
    }
    azure.append(&well());
    azure
}

async fn desk() -> Desk {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let workspace = path("Microsoft.OperationalInsights/workspaces/law-humanbound");
    desk.remember(&json!({ "azure": {
        "subscription": SUBSCRIPTION, "resource_group": GROUP, "cloud": "AzureCloud", "package_sha256": "ab",
        "outputs": {
            "connectorUrl": desk.url(), "connectorFunctionName": "func-x", "workspaceId": "w", "workspaceResourceId": workspace,
            "siteResourceId": path("Microsoft.Web/sites/func-x"), "keyVaultResourceId": path("Microsoft.KeyVault/vaults/kv-hb-x"),
        },
    } }));
    for (name, mode) in [("", 0o700), ("credentials.json", 0o600), ("sentinel.json", 0o600)] {
        let file = desk.home.path().join(".humanbound").join(name);
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    desk
}

async fn run(desk: &Desk, azure: &Arc<Recorded>, more: &[&str]) -> Ran {
    desk.run_before(Arc::clone(azure) as _, &[&["doctor"], more].concat()).await
}

/// All checks, those below others included: id, state, fix.
fn all(checks: &Value) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for check in checks.as_array().unwrap() {
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        found.push((text("id"), text("state"), text("fix")));
        found.extend(all(&check["checks"]));
    }
    found
}

/// Asserts that this check alone is wrong, with this fix, and nothing is not checked but what is below.
async fn shows(desk: &Desk, azure: &Arc<Recorded>, id: &str, state: &str, fix: &str) {
    let ran = run(desk, azure, &["--json"]).await.ends(if state == "failed" { 1 } else { 3 });
    let checks = all(&ran.json()["result"]["checks"]);
    let wrong: Vec<_> =
        checks.iter().filter(|(_, state, _)| state == "failed" || state == "warning").collect();
    assert_eq!(wrong.len(), 1, "{id}: {wrong:#?}");
    assert_eq!((wrong[0].0.as_str(), wrong[0].1.as_str()), (id, state), "{wrong:#?}");
    assert!(wrong[0].2.contains(fix), "{id}: `{fix}` is not in {wrong:?}");
}

#[tokio::test]
async fn all_is_well_in_a_tree_that_fits() {
    let desk = desk().await;
    let ran = run(&desk, &well(), &[]).await.ends(0);
    for title in [
        "Home folder",
        "Login: a session",
        "Webhooks: 1 of 10",
        "One instance",
        "Roles of the identity: all four",
        "Table: last event at",
    ] {
        assert!(ran.stdout.contains(title), "{title}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("not checked") && !ran.stdout.contains("fix:"), "{}", ran.stdout);
    assert!(
        ran.stdout.lines().all(|line| line.chars().count() <= 80
            || !line.trim_start_matches(['│', '├', '└', '─', ' ']).contains(' ')),
        "{}",
        ran.stdout
    );
    let checks = all(&run(&desk, &well(), &["--json"]).await.ends(0).json()["result"]["checks"]);
    assert!(checks.len() > 30 && checks.iter().all(|(_, state, _)| state == "ok"), "{checks:#?}");
}

#[expect(clippy::too_many_lines, reason = "one list of faults")]
#[tokio::test]
async fn each_fault_of_azure_shows_its_line_and_its_fix() {
    let desk = desk().await;
    let login = Answer::error(1, "ERROR: Please run 'az login' to setup account.");
    let query = |heartbeat, errors, caps| ("/query", Answer::json(&rows(heartbeat, errors, caps)));
    let previous =
        json!([{ "name": "WEBHOOK_SECRET_PREVIOUS", "value": "@Microsoft.KeyVault(SecretUri=y)" }]);
    let unresolved = json!({ "value": [{ "name": "WEBHOOK_SECRET", "properties": { "status": "AccessToKeyVaultDenied" } }] });
    let site = |state: &str, tag: &str| {
        (
            "sites/func-x?",
            Answer::json(&json!({ "properties": { "state": state }, "tags": { "humanbound-package": tag } })),
        )
    };
    let deleted = json!({ "value": [{ "name": "kv-hb-x", "properties": { "vaultId": path("Microsoft.KeyVault/vaults/kv-hb-x") } }] });
    let cases: Vec<Case<'_>> = vec![
        (
            vec![("version --only", Answer::json(&json!({ "azure-cli": "2.70.0" })))],
            "az",
            "warning",
            "az upgrade",
        ),
        (vec![("account show", login)], "sign-in", "failed", "az login"),
        (vec![("account show", Answer::json(&account("Disabled")))], "sign-in", "failed", "enable it"),
        (
            vec![("cloud show", Answer::json(&json!({ "name": "AzureUSGovernment" })))],
            "cloud",
            "failed",
            "az cloud set --name AzureCloud",
        ),
        (
            vec![(
                "--namespace Microsoft.App ",
                Answer::json(&json!({ "registrationState": "NotRegistered" })),
            )],
            "providers",
            "failed",
            "az provider register --namespace Microsoft.App",
        ),
        (
            vec![("group show", Answer::error(3, "ERROR: (ResourceGroupNotFound) gone"))],
            "group",
            "failed",
            "hb-sentinel deploy",
        ),
        (
            vec![("deployments?", Answer::json(&deployment("Failed")))],
            "deployment",
            "failed",
            "hb-sentinel deploy",
        ),
        (vec![site("Stopped", "ab")], "app", "failed", "az functionapp start"),
        (vec![site("Running", "cd")], "app", "warning", "hb-sentinel deploy"),
        (vec![("sites/func-x?", gone())], "app", "failed", "hb-sentinel deploy"),
        (
            vec![("configreferences", Answer::json(&unresolved))],
            "references",
            "failed",
            "Key Vault Secrets User",
        ),
        (
            vec![("appsettings list", Answer::json(&previous))],
            "rotation",
            "warning",
            "rotate-secret --finish",
        ),
        (vec![("secrets/webhook-secret", gone())], "vault", "failed", "hb-sentinel connect"),
        (
            vec![("secrets/webhook-secret", gone()), ("deletedVaults", Answer::json(&deleted))],
            "vault",
            "failed",
            "recovers it",
        ),
        (vec![("roleAssignments", Answer::json(&roles(3)))], "roles", "failed", "hb-sentinel deploy"),
        (
            vec![("alertRules", Answer::json(&json!({ "value": [] })))],
            "rules",
            "failed",
            "hb-sentinel deploy",
        ),
        (vec![("alertRules", Answer::json(&rules(false)))], "rules", "warning", "enable them"),
        (
            vec![("savedSearches", Answer::json(&json!({ "value": [] })))],
            "searches",
            "failed",
            "hb-sentinel deploy",
        ),
        (
            vec![("workbooks", Answer::json(&json!({ "value": [] })))],
            "workbook",
            "warning",
            "hb-sentinel deploy",
        ),
        (vec![query(0, 4, 0)], "table", "failed", "DCRLogErrors"),
        (vec![query(0, 0, 1)], "table", "failed", "hb-sentinel sync"),
        (vec![query(5, 0, 0)], "table", "failed", "drain"),
    ];
    for (faults, id, state, fix) in cases {
        shows(&desk, &with(&faults), id, state, fix).await;
    }
}

#[tokio::test]
async fn each_fault_of_the_platform_shows_its_line_and_its_fix() {
    let desk = desk().await;
    let webhooks = format!("/api/organisations/{ORGANISATION}/webhooks");
    let answer = |below: &str, body: &Value| {
        let fault = PlatformFault::Answer { code: 200, body: body.to_string() };
        desk.platform.add_fault(fault.on("GET", &format!("{webhooks}{below}")));
    };
    let id = desk.webhooks().remove(0);
    let hook = |active: bool, url: &str, types: &[&str]| json!({ "id": id, "url": url, "name": "n", "is_active": active, "event_types": types });
    let cases = [
        (hook(false, &desk.url(), &[]), "webhook", "failed", "hb-sentinel test --yes"),
        (hook(true, "https://other.example/api/ingest", &[]), "webhook", "failed", "hb-sentinel connect"),
        (hook(true, &desk.url(), &["finding.created"]), "event-types", "warning", "hb-sentinel disconnect"),
    ];
    for (hook, id, state, fix) in cases {
        answer("", &json!([hook]));
        shows(&desk, &well(), id, state, fix).await;
        desk.platform.clear_faults();
    }
    answer("", &json!([]));
    shows(&desk, &well(), "webhook", "failed", "hb-sentinel connect").await;
    desk.platform.clear_faults();
    answer(
        "/*/deliveries",
        &json!([{ "event_id": "e", "status_code": 401, "attempt": 4, "error": "HTTP 401" }]),
    );
    shows(&desk, &well(), "deliveries", "failed", "hb-sentinel rotate-secret").await;
    desk.platform.clear_faults();
    answer(
        "/*/deliveries",
        &json!([{ "event_id": "e", "status_code": 503, "attempt": 4, "error": "HTTP 503" }]),
    );
    shows(&desk, &well(), "deliveries", "warning", "hb-sentinel sync").await;
    desk.platform.clear_faults();
    desk.platform.add_webhook(&desk.url(), SECRET).unwrap();
    shows(&desk, &well(), "duplicates", "warning", "hb webhooks remove").await;
}

#[tokio::test]
async fn without_az_or_a_login_the_rest_is_checked() {
    let desk = desk().await;
    std::fs::remove_file(desk.home.path().join(".humanbound/credentials.json")).unwrap();
    let missing = Answer::error(127, "az: command not found");
    let azure = Recorded::new().always("", missing);
    let ran = run(&desk, &azure, &["--json"]).await.ends(1);
    let checks = all(&ran.json()["result"]["checks"]);
    let state = |id: &str| checks.iter().find(|check| check.0 == id).map(|check| check.1.as_str()).unwrap();
    for (id, expected) in [
        ("home", "ok"),
        ("az", "failed"),
        ("login", "failed"),
        ("webhook", "not checked"),
        ("connector", "ok"),
        ("instance", "not checked"),
        ("spool", "not checked"),
        ("sign-in", "failed"),
        ("table", "not checked"),
    ] {
        assert_eq!(state(id), expected, "{id}: {checks:#?}");
    }
    let text = run(&desk, &azure, &[]).await.ends(1).stdout;
    assert!(
        text.contains("fix: run `hb login`") && text.contains("not checked Table: needs: Sign-in of az"),
        "{text}"
    );
}

#[tokio::test]
async fn the_bundle_holds_no_secret_and_no_name() {
    let desk = desk().await;
    let file = desk.home.path().join("bundle.json");
    run(&desk, &well(), &["--bundle", file.to_str().unwrap()])
        .await
        .ends(0)
        .says(&["read it before you pass it on"]);
    let text = std::fs::read_to_string(&file).unwrap();
    let login = std::fs::read_to_string(desk.home.path().join(".humanbound/credentials.json")).unwrap();
    let login: Value = serde_json::from_str(&login).unwrap();
    let hidden = [
        SECRET,
        FUNCTION_KEY,
        "alice@contoso.com",
        login["api_token"].as_str().unwrap(),
        login["refresh_token"].as_str().unwrap(),
    ];
    for hidden in hidden {
        assert!(!text.contains(hidden), "{hidden} is in {text}");
    }
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&bundle["doctor"]["verdict"], &bundle["state"]["azure"]["resource_group"]),
        (&json!("ok"), &json!(GROUP))
    );
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
