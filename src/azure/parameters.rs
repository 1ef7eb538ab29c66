//! The parameters of the template, and the name of a deployment that follows from them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{calls::TAG, survey::Survey};

/// How every deployment of ours is called.
pub const NAME_PREFIX: &str = "hb-sentinel-";

/// Parameters that only say what a deployment finds. A second run finds something else, and still is the same deployment.
const FOUND: [&str; 2] = ["recoverKeyVault", "settled"];

/// Who publishes the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publisher {
    /// The Azure CLI, byte for byte.
    #[default]
    Az,
    /// Azure Functions Core Tools, which zip it anew.
    Func,
}

/// What the operator wants.
#[derive(Debug, Clone, Default)]
pub struct DeployOptions {
    /// The region of a new resource group; that of the group otherwise.
    pub location: Option<String>,
    /// The workspace, new or existing; the template's own name when there is none.
    pub workspace: Option<String>,
    /// The resource group of an existing workspace, when it is another one.
    pub workspace_group: Option<String>,
    /// The organisation's name, for the title of the workbook.
    pub organisation: Option<String>,
    /// Projects for the watchlist, in the template's form.
    pub projects: Vec<Value>,
    /// Tags of every resource, beside ours.
    pub tags: BTreeMap<String, String>,
    /// Further parameters of the template, by name.
    pub parameters: Map<String, Value>,
    /// The compiled template, as it is in its file.
    pub template: String,
    /// SHA-256 of the package, in lower-case hex.
    pub package_sha256: String,
    /// Who publishes.
    pub publisher: Publisher,
    /// Deploy only: no secret and no webhook.
    pub no_connect: bool,
    /// Deploy and publish what is there already.
    pub force: bool,
}

/// Where a new workspace is called nothing else: the default of `infra/main.bicep`.
pub const DEFAULT_WORKSPACE: &str = "log-humanbound";

impl DeployOptions {
    /// The workspace's name.
    #[must_use]
    pub fn workspace_name(&self) -> &str {
        self.workspace.as_deref().unwrap_or(DEFAULT_WORKSPACE)
    }
}

/// The parameters of a deployment, without the secret. One that is null is left out: `az` would send it without a value.
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

/// The name of the deployment of this template with these parameters: the same input has the same name, so that whoever
/// comes second finds it done, or under way.
#[must_use]
pub fn deployment_name(template: &str, parameters: &Map<String, Value>) -> String {
    // Sorted by name: what is the same must look the same.
    let sorted: BTreeMap<_, _> =
        parameters.iter().filter(|(name, _)| !FOUND.contains(&name.as_str())).collect();
    let digest = Sha256::new().chain_update(template).chain_update(json!(sorted).to_string()).finalize();
    let digits: String = crate::signature::lower_hex(&digest).chars().take(8).collect();
    format!("{NAME_PREFIX}{digits}")
}
