//! What is there in the Azure that remembers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::azure_cli::recorded::Recording;
use crate::azure_cli::scenarios::group_path;

const SITE: &str = "func-humanbound-x";

/// What is there.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that is there or not")]
pub struct World {
    pub unregistered: Vec<String>,
    pub group: Option<Value>,
    pub workspaces: BTreeMap<String, Value>,
    pub has_vault: bool,
    pub deleted_vault: bool,
    pub secret: Option<String>,
    pub versions: usize,
    /// Newest last, with the polls after which each has ended.
    pub deployments: Vec<(String, Value, usize)>,
    pub tags: BTreeMap<String, Value>,
    pub published: usize,
    pub list: Option<BTreeMap<String, Value>>,
    pub has_content: bool,
    pub accounts: Vec<Value>,
    pub permissions: Value,
    pub notified: bool,
}

pub fn vault_path() -> String {
    below("Microsoft.KeyVault/vaults/kv-hb-x")
}

pub fn below(rest: &str) -> String {
    format!("{}/providers/{rest}", group_path())
}

pub fn workspace_id(name: &str) -> String {
    below(&format!("Microsoft.OperationalInsights/workspaces/{name}"))
}

pub fn is_ours(workspace: &Value) -> bool {
    workspace["tags"]["humanbound-sentinel"] == "created"
}

/// An item of the watchlist, as a deployment makes it of a project.
pub fn item(project: &Value) -> Value {
    json!({
        "id": below(&format!("x/watchlistItems/{}", project["id"].as_str().unwrap())), "etag": "\"0\"",
        "properties": {"itemsKeyValue": {
            "ProjectId": project["id"], "ProjectName": project["name"], "Owner": "", "Criticality": "",
            "Archived": project["archived"].to_string(),
        }},
    })
}

/// A deployment that has ended.
pub fn deployment(name: &str, url: &str, workspace: &str, parameters: &Value, world: &World) -> Value {
    let outputs = json!({
        "connectorFunctionName": {"value": SITE},
        "connectorUrl": {"value": url},
        "siteResourceId": {"value": below(&format!("Microsoft.Web/sites/{SITE}"))},
        "keyVaultResourceId": {"value": vault_path()},
        "workspaceId": {"value": "99999999-9999-9999-9999-999999999999"},
        "workspaceName": {"value": workspace},
        "workspaceResourceId": {"value": workspace_id(workspace)},
        "notified": {"value": world.notified},
    });
    let stamp = format!("2026-11-28T06:{:02}:00Z", world.deployments.len());
    json!({
        "id": below(&format!("Microsoft.Resources/deployments/{name}")), "name": name,
        "properties": {"provisioningState": "Succeeded", "timestamp": stamp, "parameters": parameters, "outputs": outputs},
    })
}

pub fn account(name: &str, id: &str, is_default: bool) -> Value {
    json!({
        "id": id, "name": name, "tenantId": "11111111-1111-1111-1111-111111111111", "state": "Enabled",
        "isDefault": is_default, "user": {"name": "op@contoso.com", "type": "user"},
    })
}

/// The value of an option.
pub fn argument(call: &Recording, option: &str) -> String {
    let at = call.args.iter().position(|word| word == option);
    at.and_then(|at| call.args.get(at + 1)).cloned().unwrap_or_else(|| panic!("no {option}: {}", call.line()))
}
