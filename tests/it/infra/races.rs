//! What has gone wrong for others: order, repeats, other people's settings, deleted vaults, other clouds.
//! The template is applied by the loopback Azure, which refuses what Azure refuses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::loopback::Loopback;

const SKIPPED: &str = "the template applied by a loopback Azure";
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups";

/// The position of the first PUT whose path holds `part`.
#[track_caller]
fn position(state: &Value, part: &str) -> usize {
    let puts = state["puts"].as_array().unwrap();
    puts.iter()
        .position(|put| put.as_str().unwrap().contains(part))
        .unwrap_or_else(|| panic!("nothing with {part} was deployed"))
}

fn resource<'a>(state: &'a Value, part: &str) -> Option<&'a Value> {
    state["resources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|resource| resource["id"].as_str().unwrap().ends_with(part))
}

#[test]
fn resources_come_in_an_order_that_works() {
    for backwards in [false, true] {
        let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
        let state = azure.deploy_in_order(&json!({"webhookSecret": "s3cret"}), backwards);
        assert_eq!(state["error"], Value::Null);
        check_order(&state);
    }
}

fn check_order(state: &Value) {
    let order = [
        "/tables/AISecurityEvents_CL",
        "/deployments/tableSettled-",
        "/dataCollectionRules/dcr-humanbound",
        "/deployments/ingestion-",
        "/roleAssignments/",
        "/deployments/roles-",
        "/deployments/rolesSettled-",
        "/Microsoft.Web/sites/",
        "/config/appsettings",
        "/alertRules/",
    ];
    let content = [
        "/onboardingStates/default",
        "/savedSearches/HumanboundEvents",
        "/deployments/parsersSettled-",
        "/alertRules/",
    ];
    for pair in content.windows(2) {
        assert!(position(state, pair[0]) < position(state, pair[1]), "{} after {}", pair[0], pair[1]);
    }
    for pair in order.windows(2) {
        assert!(position(state, pair[0]) < position(state, pair[1]), "{} after {}", pair[0], pair[1]);
    }
    assert!(position(state, "/secrets/webhook-secret") < position(state, "/Microsoft.Web/sites/"));
    let steps = state["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|resource| resource["id"].as_str().unwrap().contains("/deployments/step-"));
    assert!(steps.count() >= 20);
}

#[test]
fn a_second_deployment_keeps_the_secret_and_the_settings() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.deploy(&json!({"webhookSecret": "s3cret"}));
    // What an operator may have set, and what the platform is known to put there by mistake.
    azure.ask(
        "/settings",
        &json!({
            "RUST_LOG": "debug", "MAX_CALLS_PER_MINUTE": "1",
            "AzureWebJobsStorage": "AccountKey=", "DEPLOYMENT_STORAGE_CONNECTION_STRING": "AccountKey=",
        }),
    );
    let state = azure.deploy(&json!({}));
    assert_eq!(state["error"], Value::Null);
    let settings = &state["settings"][0];
    assert_eq!(settings["RUST_LOG"], "debug");
    assert_eq!(settings["MAX_CALLS_PER_MINUTE"], "6000", "the template's own settings win");
    for setting in ["AzureWebJobsStorage", "DEPLOYMENT_STORAGE_CONNECTION_STRING"] {
        assert_eq!(settings[setting], Value::Null, "storage takes no keys");
    }
    assert_eq!(resource(&state, "/secrets/webhook-secret").unwrap()["properties"]["value"], "s3cret");
    let puts = state["puts"].as_array().unwrap().iter();
    assert_eq!(puts.filter(|put| put.as_str().unwrap().contains("/secrets/")).count(), 1);
}

#[test]
fn a_repeated_deployment_changes_nothing() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let mut parameters = json!({"alwaysReadyCount": 1, "silenceAlertHours": 24});
    parameters["webhookSecret"] = json!("s3cret");
    let first = azure.deploy(&parameters);
    // Azure makes a version of the secret whenever one is written.
    parameters["webhookSecret"] = json!("");
    let second = azure.deploy(&parameters);
    assert_eq!(first["error"], Value::Null);
    for part in ["settings", "outputs"] {
        assert_eq!(first[part], second[part], "{part}");
    }
    // A nested deployment lists what it wrote, and only the first one wrote a secret.
    let deployed = |state: &Value| -> Vec<Value> {
        let resources = state["resources"].as_array().unwrap().iter();
        let is_deployment = |resource: &Value| resource["id"].as_str().unwrap().contains("/deployments/");
        resources.filter(|resource| !is_deployment(resource)).cloned().collect()
    };
    assert!(resource(&first, "/secrets/webhook-secret").is_some());
    assert_eq!(deployed(&first), deployed(&second));
}

#[test]
fn what_belongs_to_a_row_is_kept_as_long_as_the_row() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    for (interactive, total, expected) in [(90, 730, 730), (365, 30, 365)] {
        let state = azure.deploy(&json!({"retentionInDays": interactive, "totalRetentionInDays": total}));
        assert_eq!(state["error"], Value::Null);
        let table = resource(&state, "/tables/AISecurityEvents_CL").unwrap();
        assert_eq!(table["properties"]["totalRetentionInDays"], expected);
        let policy = resource(&state, "/managementPolicies/default").unwrap();
        let rule = &policy["properties"]["policy"]["rules"][0]["definition"]["actions"]["baseBlob"];
        assert_eq!(rule["delete"]["daysAfterModificationGreaterThan"], expected);
    }
}

#[test]
fn a_deleted_vault_is_recovered_with_its_secret() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let first = azure.deploy(&json!({"webhookSecret": "s3cret"}));
    let vault = first["outputs"]["keyVaultName"]["value"].as_str().unwrap();
    azure.ask(
        "/delete",
        &json!([format!("{GROUP}/rg-humanbound/providers/Microsoft.KeyVault/vaults/{vault}")]),
    );
    let refused = azure.deploy(&json!({}))["error"].as_str().unwrap().to_owned();
    assert!(refused.contains("exists in deleted state"), "{refused}");
    let state = azure.deploy(&json!({"recoverKeyVault": true}));
    assert_eq!(state["error"], Value::Null);
    assert_eq!(resource(&state, "/secrets/webhook-secret").unwrap()["properties"]["value"], "s3cret");
}

#[test]
fn an_existing_workspace_in_another_group_and_region_is_not_touched() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let id = format!("{GROUP}/rg-soc/providers/Microsoft.OperationalInsights/workspaces/log-soc");
    let workspace = json!({
        "id": id, "type": "Microsoft.OperationalInsights/workspaces", "location": "northeurope", "tags": {"owner": "soc"},
        "properties": {"customerId": "99999999-9999-9999-9999-999999999999", "retentionInDays": 365, "workspaceCapping": {"dailyQuotaGb": 7}},
    });
    azure.ask("/seed", &json!([workspace]));
    let state = azure.deploy(&json!({
        "workspaceName": "log-soc", "useExistingWorkspace": true, "workspaceResourceGroup": "rg-soc",
        "privateNetworking": true, "tags": {"owner": "ciso"}, "dailyCapGb": 1,
    }));
    assert_eq!(state["error"], Value::Null);
    assert_eq!(*resource(&state, "/workspaces/log-soc").unwrap(), workspace);
    assert_eq!(state["outputs"]["workspaceId"]["value"], "99999999-9999-9999-9999-999999999999");
    let location = |part: &str| resource(&state, part).unwrap()["location"].as_str().unwrap().to_owned();
    assert_eq!(location("/dataCollectionRules/dcr-humanbound"), "northeurope");
    assert_eq!(location("/dataCollectionEndpoints/dce-humanbound"), "northeurope");
    assert_eq!(location("/serverfarms/plan-humanbound"), "westeurope");
    assert!(state["outputs"]["dceEndpoint"]["value"].as_str().unwrap().starts_with("https://dce-"));
    assert_eq!(state["settings"][0]["LOGS_INGESTION_ENDPOINT"], state["outputs"]["dceEndpoint"]["value"]);
}

#[test]
fn sovereign_clouds_have_their_own_addresses() {
    let clouds = [
        (
            "AzureCloud",
            "https://monitor.azure.com",
            ".azurewebsites.net",
            ".core.windows.net",
            ".vault.azure.net",
        ),
        (
            "AzureUSGovernment",
            "https://monitor.azure.us",
            ".azurewebsites.us",
            ".core.usgovcloudapi.net",
            ".vault.usgovcloudapi.net",
        ),
        (
            "AzureChinaCloud",
            "https://monitor.azure.cn",
            ".chinacloudsites.cn",
            ".core.chinacloudapi.cn",
            ".vault.azure.cn",
        ),
    ];
    for (cloud, audience, site, blob, vault) in clouds {
        let Some(azure) = Loopback::start(cloud, SKIPPED) else { return };
        let state = azure.deploy(&json!({}));
        assert_eq!(state["error"], Value::Null, "{cloud}");
        let settings = &state["settings"][0];
        let holds = |name: &str, part: &str| {
            assert!(settings[name].as_str().unwrap().contains(part), "{cloud}: {name} is {}", settings[name]);
        };
        assert_eq!(settings["LOGS_INGESTION_AUDIENCE"], audience);
        holds("SPOOL_CONTAINER_URL", blob);
        holds("AzureWebJobsStorage__blobServiceUri", blob);
        holds("WEBHOOK_SECRET", vault);
        // A name alone becomes an address of the public cloud.
        assert_eq!(settings["AzureWebJobsStorage__accountName"].is_string(), cloud == "AzureCloud");
        let url = state["outputs"]["connectorUrl"]["value"].as_str().unwrap();
        assert!(
            url.starts_with("https://func-humanbound-") && url.ends_with(&format!("{site}/api/ingest")),
            "{url}"
        );
    }
}

#[test]
fn azure_china_gets_the_connector_without_sentinel() {
    let Some(azure) = Loopback::start("AzureChinaCloud", SKIPPED) else { return };
    let state = azure.deploy(&json!({"projects": [{"id": "a", "name": "A"}]}));
    assert_eq!(state["error"], Value::Null);
    let ended = ["Microsoft.SecurityInsights", "/savedSearches/", "/workbooks/", "/deployments/content-"];
    let put =
        |part: &str| state["puts"].as_array().unwrap().iter().any(|put| put.as_str().unwrap().contains(part));
    for part in ended {
        assert!(!put(part), "{part}");
    }
    assert!(put("/tables/AISecurityEvents_CL") && put("/Microsoft.Web/sites/"));
}

#[test]
fn an_app_with_a_suffix_stands_beside_a_broken_one() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let broken = azure.deploy(&json!({"webhookSecret": "s3cret"}));
    let state = azure.deploy(&json!({"nameSuffix": "2", "settled": true}));
    assert_eq!(state["error"], Value::Null);
    let output = |state: &Value, name: &str| state["outputs"][name]["value"].as_str().unwrap().to_owned();
    for name in ["connectorFunctionName", "connectorUrl", "siteResourceId"] {
        assert_ne!(output(&state, name), output(&broken, name), "{name}");
    }
    for name in ["dcrImmutableId", "keyVaultName", "storageName", "workspaceId"] {
        assert_eq!(output(&state, name), output(&broken, name), "{name}");
    }
    // Each has its plan, its package and its lock; they share the spool.
    for part in ["/serverfarms/plan-humanbound", "/containers/package"] {
        assert!(resource(&state, part).is_some() && resource(&state, &format!("{part}-2")).is_some());
    }
    assert!(output(&state, "connectorFunctionName").len() <= 32, "the host's id is cut off here");
    let spools: BTreeSet<_> = state["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["SPOOL_CONTAINER_URL"].to_string())
        .collect();
    assert_eq!(spools.len(), 1);
    let alert = resource(&state, "/alert-humanbound-spool").unwrap().to_string();
    assert!(alert.contains(&output(&state, "connectorFunctionName")), "the alerts follow");
}

#[test]
fn an_unknown_cloud_is_refused_before_anything_changes() {
    let Some(azure) = Loopback::start("AzureNebula", SKIPPED) else { return };
    let state = azure.deploy(&json!({}));
    let problem = state["error"].as_str().unwrap();
    assert!(
        problem.contains("The cloud AzureNebula is not known") && problem.contains("infra/clouds.json"),
        "{problem}"
    );
    assert_eq!(state["puts"], json!([]));
}

/// They share the limit at run time; `delivery::simulation::instances` shows that many fit into it.
#[test]
fn calls_of_two_instances_fit_into_the_limit_of_the_rule_however_many_there_may_be() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    for instances in [1_u64, 40, 100] {
        let state = azure.deploy(&json!({"maximumInstanceCount": instances}));
        let calls: u64 = state["settings"][0]["MAX_CALLS_PER_MINUTE"].as_str().unwrap().parse().unwrap();
        assert!((3_000..=6_000).contains(&calls), "{instances}: {calls}");
    }
}
