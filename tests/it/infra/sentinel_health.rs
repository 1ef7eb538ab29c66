//! Sentinel's health monitoring, which the alert on rules needs: enabled on request, and somebody else's is left alone.

use serde_json::{Value, json};

use super::loopback::Loopback;

const SKIPPED: &str = "Sentinel's health monitoring in a loopback Azure";
const WORKSPACE: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-humanbound/providers/Microsoft.OperationalInsights/workspaces/log-humanbound";

/// The diagnostic settings of the health monitoring, and the alerts on rules, by name.
fn found(state: &Value) -> (Vec<String>, usize) {
    let ids = state["resources"].as_array().unwrap().iter().map(|resource| resource["id"].as_str().unwrap());
    let settings = ids.clone().filter_map(|id| {
        id.strip_prefix(&format!("{WORKSPACE}/providers/Microsoft.SecurityInsights/settings/SentinelHealth/"))
    });
    let settings = settings.map(|id| id.rsplit('/').next().unwrap().to_owned()).collect();
    (settings, ids.filter(|id| id.ends_with("/alert-humanbound-rules")).count())
}

#[test]
fn it_is_enabled_on_request_alone() {
    for backwards in [false, true] {
        let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
        let state = azure.deploy_in_order(&json!({"enableSentinelHealth": true}), backwards);
        assert_eq!((&state["error"], found(&state)), (&Value::Null, (vec![], 0)));
        for _ in 0..2 {
            let state = azure.deploy_in_order(&json!({"watchRules": true, "settled": true}), backwards);
            assert_eq!((&state["error"], found(&state)), (&Value::Null, (vec!["humanbound".to_owned()], 1)));
        }
    }
}

/// Azure lets one setting alone send a log to a workspace, and answers a second one with a conflict.
#[test]
fn a_setting_of_somebody_else_stays_and_serves_the_alert() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    assert_eq!(azure.deploy(&json!({}))["error"], Value::Null);
    let theirs = json!({
        "id": format!("{WORKSPACE}/providers/Microsoft.SecurityInsights/settings/SentinelHealth/providers/Microsoft.Insights/diagnosticSettings/theirs"),
        "type": "Microsoft.Insights/diagnosticSettings",
        "properties": {"workspaceId": WORKSPACE, "logs": [{"category": "Analytics", "enabled": true}]},
    });
    azure.ask("/seed", &json!([theirs]));
    let refused = azure.deploy(&json!({"watchRules": true, "settled": true}));
    let problem = refused["error"].as_str().unwrap();
    assert!(problem.contains("is already used in diagnostic setting 'theirs'"), "{problem}");
    // Everything else is deployed all the same.
    assert_eq!(found(&refused), (vec!["theirs".to_owned()], 1));
    let state = azure.deploy(&json!({"watchRules": true, "enableSentinelHealth": false, "settled": true}));
    assert_eq!((&state["error"], found(&state)), (&Value::Null, (vec!["theirs".to_owned()], 1)));
    assert!(state["resources"].as_array().unwrap().contains(&theirs));
}

/// Microsoft Sentinel ended there.
#[test]
fn azure_china_has_neither() {
    let Some(azure) = Loopback::start("AzureChinaCloud", SKIPPED) else { return };
    let state = azure.deploy(&json!({"watchRules": true}));
    assert_eq!((&state["error"], found(&state)), (&Value::Null, (vec![], 0)));
}
