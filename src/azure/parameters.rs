//! The parameters of the template, and the name of a deployment that follows from them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{calls::TAG, found::Survey, options::DeployOptions};

/// The prefix of the name of every deployment of ours.
pub const NAME_PREFIX: &str = "hb-sentinel-";

/// Parameters that only describe what a deployment finds, or that matter only the first time. A second run finds something
/// else, and still is the same deployment.
const FOUND: [&str; 3] = ["projects", "recoverKeyVault", "settled"];

/// What the names of an app that stands beside another end in.
const SUFFIX: &str = "nameSuffix";

/// The parameters of a deployment, without the secret. A null is left out, because `az` would send it without a value.
#[must_use]
pub fn parameters(found: &Survey, options: &DeployOptions) -> Map<String, Value> {
    let mut all = Map::new();
    let mut set = |name: &str, value: Value| all.insert(name.to_owned(), value);
    let mut tags = options.tags.clone();
    tags.insert(TAG.0.to_owned(), TAG.1.to_owned());
    set("tags", json!(tags));
    if let Some(location) = &options.location {
        set("location", json!(location));
    }
    set("workspaceName", json!(options.workspace_name()));
    if found.workspace.as_ref().is_some_and(|workspace| !workspace.ours) {
        set("useExistingWorkspace", json!(true));
        if let Some(group) = &options.workspace_group {
            set("workspaceResourceGroup", json!(group));
        }
    }
    if let Some(organisation) = &options.organisation {
        set("organisationName", json!(organisation));
    }
    if !options.projects.is_empty() {
        set("projects", json!(options.projects));
    }
    if found.deleted_vault.is_some() {
        set("recoverKeyVault", json!(true));
    }
    // An app that stands beside a broken one stays where it is until somebody names another place.
    let suffix = found.newest.as_ref().and_then(|newest| newest.parameters.get(SUFFIX));
    if let Some(suffix) = suffix.filter(|suffix| !suffix.is_empty()) {
        set(SUFFIX, json!(suffix));
    }
    for (name, value) in options.parameters.iter().filter(|(_, value)| !value.is_null()) {
        set(name, value.clone());
    }
    all
}

/// The parameters as the file that `az` reads.
#[must_use]
pub fn file(parameters: &Map<String, Value>) -> Value {
    let values = parameters.iter().map(|(name, value)| (name.clone(), json!({ "value": value })));
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
        "parameters": values.collect::<Map<_, _>>(),
    })
}

/// The name of the deployment of this template with these parameters: the same input gives the same name, so that a second
/// run finds the deployment done or running.
#[must_use]
pub fn deployment_name(template: &str, parameters: &Map<String, Value>) -> String {
    // Sorted by name, so that equal parameters give equal text.
    let sorted: BTreeMap<_, _> =
        parameters.iter().filter(|(name, _)| !FOUND.contains(&name.as_str())).collect();
    let digest = Sha256::new().chain_update(template).chain_update(json!(sorted).to_string()).finalize();
    let digits: String = crate::signature::lower_hex(&digest).chars().take(8).collect();
    format!("{NAME_PREFIX}{digits}")
}
