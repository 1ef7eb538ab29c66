//! The same with the real `az`, against the loopback Azure.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Desk;
use super::group::{OURS, WORKSPACE, path};
use crate::azure_cli::recorded::{GROUP, SUBSCRIPTION};
use crate::infra::loopback::Loopback;

/// One of each trade: each deletion is two calls of a program that takes a second to start.
const MADE: [&str; 8] = [
    "/alertRules/a1",
    "/savedSearches/humanbound_posture",
    "/sites/func-humanbound-x",
    "/roleAssignments/r1",
    "/userAssignedIdentities/id-humanbound-connector",
    "/dataCollectionRules/dcr-humanbound",
    "/storageAccounts/sthbx",
    "/vaults/kv-hb-x",
];

#[tokio::test]
async fn az_deletes_what_deployments_made_and_nothing_else() {
    let Some(azure) = Loopback::start("AzureCloud", "uninstall against the real az") else { return };
    azure.log_in();
    let chosen = |below: &&&str| MADE.iter().any(|end| below.ends_with(end));
    let kept = ["/tables/AISecurityEvents_CL", "/watchlists/HumanboundProjects"];
    let kept =
        OURS.iter().filter(|below| **below == WORKSPACE || kept.iter().any(|end| below.ends_with(end)));
    let made: Vec<_> = OURS.iter().filter(chosen).map(|below| path(below)).collect();
    let kept: Vec<_> = kept.map(|below| path(below)).collect();
    let theirs = path("Microsoft.Storage/storageAccounts/sttheirs");
    let tags = json!({ "humanbound-sentinel": "created" });
    let resource = |id: &String| json!({ "id": id, "type": kind(id), "tags": tags, "properties": {} });
    let deployment = |name: &str, ids: Vec<String>| {
        let resources: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        let properties = json!({
            "provisioningState": "Succeeded", "timestamp": "2026-11-28T06:00:00Z", "outputResources": resources,
        });
        let id = path(&format!("Microsoft.Resources/deployments/{name}"));
        json!({ "id": id, "type": "Microsoft.Resources/deployments", "properties": properties })
    };
    let inner = [&made[..4], &kept[..]].concat();
    let outer = [&made[4..], &[path("Microsoft.Resources/deployments/content")]].concat();
    let mut seed: Vec<Value> = made.iter().chain(&kept).chain([&theirs]).map(resource).collect();
    seed.extend([deployment("content", inner), deployment("hb-sentinel-1a2b3c4d", outer)]);
    azure.ask("/seed", &json!(seed));

    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    desk.remember(&json!({ "azure": { "subscription": SUBSCRIPTION, "resource_group": GROUP } }));
    let runner = || Arc::new(azure.served()) as _;
    azure.ask("/manage", &json!({ "blobs": ["deadletter/2026/11/28/a.json.gz"] }));
    desk.run_before(runner(), &["uninstall", "--yes"]).await.ends(1).says(&["holds 1 dead letters"]);
    azure.ask("/manage", &json!({ "blobs": [] }));
    desk.run_before(runner(), &["uninstall", "--yes"]).await.ends(0);
    let state = azure.state();
    let ids = state["resources"].as_array().unwrap().iter().map(|resource| resource["id"].as_str().unwrap());
    let mut left: Vec<_> = ids.filter(|id| !id.contains("/deployments/")).collect();
    left.sort_unstable();
    let mut expected: Vec<_> = kept.iter().chain([&theirs]).map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(left, expected);
    let unknown = state["unknown"].as_array().unwrap();
    assert!(!unknown.iter().any(|call| call.as_str().unwrap().contains("DELETE")), "{unknown:?}");
}

fn kind(id: &str) -> String {
    let tail = id.rsplit("/providers/").next().unwrap();
    let (namespace, rest) = tail.split_once('/').unwrap();
    let kinds: Vec<_> = rest.split('/').step_by(2).collect();
    format!("{namespace}/{}", kinds.join("/"))
}
