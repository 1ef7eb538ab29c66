//! What four situations look like to the calls that read, as recorded answers: the tests of survey, plan and script share them.

use std::sync::Arc;

use humanbound_sentinel::azure::{
    DeployOptions, Survey,
    parameters::{deployment_name, parameters},
    survey,
};
use serde_json::{Value, json};

use super::recorded::{Answer, GROUP, Recorded, SUBSCRIPTION};

pub const SITE: &str = "func-humanbound-x";

/// A situation, with what the operator wants in it.
pub struct Scenario {
    pub name: &'static str,
    pub options: DeployOptions,
    /// Whether Humanbound has a live webhook with our URL.
    pub live: bool,
    pub answers: Arc<Recorded>,
}

pub fn group_path() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}")
}

pub fn options() -> DeployOptions {
    DeployOptions {
        location: Some("westeurope".to_owned()),
        organisation: Some("Contoso".to_owned()),
        template: "{}".to_owned(),
        package_sha256: "ab".repeat(32),
        ..DeployOptions::default()
    }
}

/// The outputs that calls after a deployment need.
pub fn outputs() -> Value {
    let below = |rest: &str| format!("{}/providers/{rest}", group_path());
    json!({
        "connectorFunctionName": {"type": "String", "value": SITE},
        "connectorUrl": {"type": "String", "value": format!("https://{SITE}.azurewebsites.net/api/ingest")},
        "siteResourceId": {"type": "String", "value": below(&format!("Microsoft.Web/sites/{SITE}"))},
        "workspaceId": {"type": "String", "value": "99999999-9999-9999-9999-999999999999"},
        "workspaceResourceId": {"type": "String", "value": below("Microsoft.OperationalInsights/workspaces/w")},
        "keyVaultResourceId": {"type": "String", "value": below("Microsoft.KeyVault/vaults/kv-hb-x")},
    })
}

fn gone() -> Answer {
    Answer::error(1, r#"ERROR: Not Found({"error": {"code": "ResourceNotFound", "message": "gone"}})"#)
}

/// A subscription with nothing of ours.
fn fresh() -> Arc<Recorded> {
    Recorded::new()
        .always("version --only", Answer::json(&json!({"azure-cli": "2.91.0"})))
        .always("--version", Answer { stdout: "4.0.7030\n".to_owned(), ..Answer::default() })
        .always(
            "provider show --namespace Microsoft.App ",
            Answer::json(&json!({"registrationState": "NotRegistered"})),
        )
        .always("provider show", Answer::json(&json!({"registrationState": "Registered"})))
        .always(
            "Microsoft.Authorization/permissions",
            Answer::json(&json!({"value": [{"actions": ["*"], "notActions": []}]})),
        )
        .always("deletedVaults", Answer::json(&json!({"value": []})))
}

/// One in which the template was deployed with `options`, and the site runs their package.
fn deployed(options: &DeployOptions, workspace_tags: &Value, with_secret: bool) -> Arc<Recorded> {
    let found = Survey {
        workspace: Some(humanbound_sentinel::azure::found::FoundWorkspace {
            id: "w".to_owned(),
            ours: !workspace_tags.is_null(),
        }),
        ..Survey::default()
    };
    let name = deployment_name(&options.template, &parameters(&found, options));
    let deployment = json!({
        "id": format!("{}/providers/Microsoft.Resources/deployments/{name}", group_path()), "name": name,
        "properties": {"provisioningState": "Succeeded", "timestamp": "2026-11-28T06:00:00Z", "outputs": outputs()},
    });
    let vault = json!({"id": format!("{}/providers/Microsoft.KeyVault/vaults/kv-hb-x", group_path()), "name": "kv-hb-x"});
    let secret = json!({"properties": {"secretUriWithVersion": "https://kv-hb-x.vault.azure.net/secrets/webhook-secret/1"}});
    let tags = json!({"humanbound-package": options.package_sha256});
    fresh()
        .always(
            "group show",
            Answer::json(&json!({"location": "westeurope", "tags": {"humanbound-sentinel": "created"}})),
        )
        .always(
            "/workspaces/",
            Answer::json(&json!({"id": "w", "location": "westeurope", "tags": workspace_tags})),
        )
        .always("vaults?", Answer::json(&json!({"value": [vault]})))
        .always("secrets/webhook-secret", if with_secret { Answer::json(&secret) } else { gone() })
        .always("deployments?", Answer::json(&json!({"value": [deployment]})))
        .always(&format!("sites/{SITE}?"), Answer::json(&json!({"tags": tags})))
}

/// The four that `deploy` and its script are compared in, and one in which an interrupted run left a secret.
pub fn all() -> Vec<Scenario> {
    let ours = json!({"humanbound-sentinel": "created"});
    let nothing = || {
        fresh()
            .always("group show", Answer::error(3, "ERROR: (ResourceGroupNotFound) gone"))
            .always("/workspaces/", gone())
    };
    let existing = DeployOptions {
        workspace: Some("soc".to_owned()),
        workspace_group: Some("rg-soc".to_owned()),
        ..options()
    };
    let scenario = |name, options, live, answers| Scenario { name, options, live, answers };
    let unconnected = DeployOptions { no_connect: true, ..options() };
    let beside = fresh()
        .always("group show", Answer::json(&json!({"location": "northeurope"})))
        .always("/workspaces/", Answer::json(&json!({"id": "w", "location": "northeurope"})))
        .always("vaults?", Answer::json(&json!({"value": []})))
        .always("deployments?", Answer::json(&json!({"value": []})));
    vec![
        scenario("fresh", options(), false, nothing()),
        scenario("second run", options(), true, deployed(&options(), &ours, true)),
        scenario("no connect", unconnected, false, nothing()),
        scenario("existing workspace", existing, false, beside),
        scenario("without a secret yet", options(), false, deployed(&options(), &ours, false)),
        scenario("secret left over", options(), false, deployed(&options(), &ours, true)),
    ]
}

/// What a survey finds in it, and what it says.
pub async fn survey_of(scenario: &Scenario) -> (Survey, Vec<survey::Finding>) {
    let mut said = Vec::new();
    let (az, azure) = (scenario.answers.az(), scenario.answers.azure());
    let found =
        survey::read(&az, &azure, &scenario.options, scenario.live, |finding| said.push(finding.clone()))
            .await;
    (found.unwrap_or_else(|stopped| panic!("{}: {stopped:?}", scenario.name)), said)
}
