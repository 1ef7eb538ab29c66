//! What goes wrong: in Azure's own words, with the way out, and the exit code.

use humanbound_sentinel::azure::process::Tool;
use serde_json::json;

use super::Stage;
use super::world::account;
use crate::azure_cli::recorded::Answer;

fn error(code: &str, message: &str) -> Answer {
    Answer::error(1, format!("ERROR: ({code}) {message}\nCode: {code}\nMessage: {message}"))
}

/// A deployment that Azure takes and that fails with this cause.
fn failing(stage: &Stage, code: &str, message: &str, times: usize) {
    let failed = json!({
        "name": "hb-sentinel-x", "id": "/d", "properties": {"provisioningState": "Failed", "error": {
            "code": "DeploymentFailed", "message": "At least one resource deployment operation failed."}},
    });
    let operation = json!({"properties": {
        "provisioningState": "Failed", "statusMessage": {"error": {"code": code, "message": message}},
        "targetResource": {"id": "/subscriptions/s/x", "resourceType": "Microsoft.Web/sites"},
    }});
    // Each is looked at twice: whether it has begun, and how it ends.
    stage.azure.fault("deployments/hb-sentinel-", 2 * times, Answer::json(&failed));
    stage.azure.fault("/d/operations", times, Answer::json(&json!({ "value": [operation] })));
}

#[tokio::test]
async fn causes_are_azures_own_and_have_one_hint() {
    let cases = [
        (
            "SubscriptionIsOverQuotaForSku",
            "This region has quota of 0 instances.",
            "choose another region with `--location`",
        ),
        (
            "AuthorizationFailed",
            "The client 'op' does not have authorization to perform action 'Microsoft.Web/sites/write' over scope '/x'",
            "Contributor and Role Based Access Control Administrator",
        ),
        (
            "MissingSubscriptionRegistration",
            "The subscription is not registered to use namespace 'Microsoft.App'.",
            "az provider register --namespace Microsoft.App --wait",
        ),
        ("RequestDisallowedByPolicy", "Resource was disallowed by policy.", "policy"),
        (
            "ScopeLocked",
            "The scope cannot perform write because following scope(s) are locked: '/x'.",
            "remove the lock on /x",
        ),
    ];
    for (code, message, hint) in cases {
        let stage = Stage::start().await;
        failing(&stage, code, message, 9);
        let ran = stage.deploy(&["--yes", "--json"]).await.ends(1);
        let told = ran.json();
        assert_eq!(
            (&told["error"]["step"], &told["error"]["code"]),
            (&json!("infra"), &json!(code)),
            "{ran:#?}"
        );
        let ran = ran.says(&[&format!("error: infra: ({code}) {message}"), hint]);
        assert_eq!(ran.stderr.matches("hint:").count(), 1, "{}", ran.stderr);
        assert!(stage.desk().webhooks().is_empty() && stage.azure.world.lock().unwrap().published == 0);
    }
}

#[tokio::test]
async fn what_azure_needs_twice_is_done_twice() {
    for (code, message) in [
        ("InvalidOutputTable", "Table for output stream is not available."),
        ("PrincipalNotFound", "Principal x does not exist in the directory."),
        ("BadRequest", "Failed to resolve scalar expression named 'HumanboundEvents'"),
    ] {
        let stage = Stage::start().await;
        failing(&stage, code, message, 1);
        stage.deploy(&["--yes"]).await.ends(0).says(&["once more"]);
        let creates = stage
            .azure
            .changes()
            .iter()
            .filter(|line| line.contains("group create --resource-group"))
            .count();
        assert_eq!(creates, 2, "{code}");
        let stage = Stage::start().await;
        failing(&stage, code, message, 9);
        stage.deploy(&["--yes"]).await.ends(1);
    }
}

/// `az` takes the page of a proxy for Azure's acceptance, because it looks at the status alone.
#[tokio::test]
async fn a_deployment_that_azure_never_saw_is_no_success() {
    let stage = Stage::start().await;
    stage.azure.fault("deployment group create", 1, Answer::silent());
    let ran = stage.deploy(&["--yes"]).await.ends(1);
    ran.says(&[
        "error: infra: `az deployment group create` gave no deployment",
        "hint: see what answers in place of Azure",
    ]);
    stage.deploy(&["--yes"]).await.ends(0);
}

#[tokio::test]
async fn a_deleted_vault_comes_back() {
    let stage = Stage::start().await;
    stage.azure.world.lock().unwrap().deleted_vault = true;
    stage.deploy(&["--yes"]).await.ends(0).says(&["kv-hb-x is deleted and will be recovered"]);
    // Seen only when the deployment fails over it.
    let stage = Stage::start().await;
    stage.azure.world.lock().unwrap().deleted_vault = true;
    stage.azure.fault("deletedVaults", 1, Answer::json(&json!({"value": []})));
    stage.deploy(&["--yes"]).await.ends(0).says(&["the key vault was deleted and is to be recovered"]);
    assert_eq!(stage.desk().webhooks().len(), 1);
}

#[tokio::test]
async fn busy_services_are_waited_for() {
    let stage = Stage::start().await;
    stage.azure.fault(
        "Microsoft.Authorization/permissions",
        2,
        error("TooManyRequests", "Please try again after '7' seconds."),
    );
    stage.azure.fault(
        "config-zip",
        1,
        Answer::error(
            1,
            "ERROR: Status Code: 403, Details: AuthorizationPermissionMismatch on the container",
        ),
    );
    stage.deploy(&["--yes"]).await.ends(0);
    assert_eq!(stage.azure.changes().iter().filter(|line| line.contains("config-zip")).count(), 2);
}

#[tokio::test]
async fn another_run_of_the_same_is_waited_for() {
    let stage = Stage::start().await;
    stage.deploy(&["--yes", "--no-connect", "--set", "organisationName=Acme Bank"]).await.ends(0);
    let create = "deployment group create";
    stage.azure.fault(create, 1, error("DeploymentActive", "The deployment is active."));
    let ran = stage.deploy(&["--yes", "--force", "--set", "organisationName=Acme Bank"]).await.ends(0);
    ran.says(&["another run deploys the same"]);
    assert_eq!(stage.desk().webhooks().len(), 1);
}

#[tokio::test]
async fn logins_and_subscriptions_are_asked_for() {
    let stage = Stage::start().await;
    stage.azure.fault("account show", 1, Answer::error(1, "ERROR: Please run 'az login' to setup account."));
    stage.deploy(&["--yes"]).await.ends(4).says(&["error: login:", "hint: run `az login`"]);
    // Signed in, and the token is no longer good: the first question of Azure tells.
    let expired = "ERROR: AADSTS50078: Presented multi-factor authentication has expired.\nTo re-authenticate, please run: az login --tenant \"t-1\"";
    stage.azure.fault("provider show", 1, Answer::error(1, expired));
    stage.deploy(&["--yes"]).await.ends(4).says(&["error: providers:", "AADSTS50078", "az login"]);

    let other = "22222222-2222-2222-2222-222222222222";
    stage.azure.world.lock().unwrap().accounts.push(account("Fabrikam", other, false));
    let ran = stage.deploy(&["--yes"]).await.ends(2);
    ran.says(&["error: login: several subscriptions could be meant", "Fabrikam", "`--subscription ID`"]);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
    stage.deploy(&["--yes", "--subscription", "Contoso"]).await.ends(0);
    // The group of an earlier run says which one is meant.
    stage.deploy(&[]).await.ends(0);
}

#[tokio::test]
async fn a_missing_tool_is_named_with_the_way_to_it() {
    let stage = Stage::start().await;
    stage.azure.missing.lock().unwrap().push(Tool::Az);
    stage
        .deploy(&["--yes"])
        .await
        .ends(1)
        .says(&["error: tools: `az` is not installed", "hint: install the Azure CLI"]);
    *stage.azure.missing.lock().unwrap() = vec![Tool::Func];
    stage.deploy(&["--publisher", "func", "--dry-run"]).await.ends(1).says(&["`func` is not installed"]);
    stage.deploy(&["--dry-run"]).await.ends(0).says(&["func not needed: az publishes"]);
}

#[tokio::test]
async fn a_traceback_of_az_hides_nothing() {
    let stage = Stage::start().await;
    let traceback = "Traceback (most recent call last):\n  File \"x.py\", line 1, in y\nAttributeError: 'NoneType' object has no attribute 'get'";
    stage.azure.fault("group create --resource-group", 1, Answer::error(1, traceback));
    stage.deploy(&["--yes"]).await.ends(1).says(&["error: infra: AttributeError: 'NoneType' object"]);
    stage.deploy(&["--yes"]).await.ends(0);
}

#[tokio::test]
async fn a_full_organisation_is_told_before_anything_is_made() {
    let mut options = crate::cli::options();
    options.webhook_limit = 10;
    let stage = Stage::with(crate::cli::Desk::with(options).await).await;
    for n in 0..10 {
        stage
            .desk()
            .platform
            .add_webhook(&format!("https://other-{n}.example/hook"), &"e".repeat(64))
            .unwrap();
    }
    let ran = stage.deploy(&["--yes"]).await.ends(1);
    ran.says(&["the organisation has 10 webhooks", "hb webhooks remove ID"]);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn each_check_has_its_reason() {
    let stage = Stage::start().await;
    let nothing = Answer::json(&json!({"value": []}));
    let some = json!({"value": [{"properties": {"displayName": "Humanbound drift of an AI agent", "enabled": false}}]});
    stage.azure.fault("alertRules", 99, Answer::json(&some));
    stage.azure.fault("savedSearches", 99, nothing);
    stage.azure.fault(
        "onboardingStates",
        99,
        Answer::error(1, r#"ERROR: Not Found({"error":{"code":"NotFound","message":"x"}})"#),
    );
    let ran = stage.deploy(&["--yes", "--json"]).await.ends(1);
    assert_eq!(ran.json()["error"]["code"], "CheckFailed");
    ran.says(&[
        "sentinel: it is not on for the workspace",
        "rules: missing: Humanbound critical finding",
        "hunts: 0 of 6 are there",
    ]);
    assert!(stage.desk().webhooks().is_empty());
}

#[tokio::test]
async fn what_was_there_and_does_not_work_is_deployed_once_more() {
    let stage = Stage::start().await;
    stage.deploy(&["--yes"]).await.ends(0);
    stage.azure.forget_calls();
    stage.azure.fault("savedSearches", 5, Answer::json(&json!({"value": []})));
    stage.deploy(&["--yes"]).await.ends(0).says(&["the template is deployed once more"]);
    let creates =
        stage.azure.changes().iter().filter(|line| line.contains("group create --resource-group")).count();
    assert_eq!((creates, stage.azure.secrets().len(), stage.desk().webhooks().len()), (1, 0, 1));
}

#[tokio::test]
async fn a_row_that_is_not_seen_yet_is_pending() {
    let stage = Stage::start().await;
    stage.azure.fault("loganalytics", 999, error("BadArgumentError", "Failed to resolve table"));
    let ran = stage.deploy(&["--yes", "--wait-row", "1m", "--json"]).await.ends(3);
    assert_eq!(ran.json()["result"]["row"], "pending");
    stage.deploy(&[]).await.ends(3);
}
