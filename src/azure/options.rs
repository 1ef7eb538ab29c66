//! What the operator wants of a deployment.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Who publishes the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publisher {
    /// The Azure CLI, byte for byte.
    #[default]
    Az,
    /// Azure Functions Core Tools, which make a new zip.
    Func,
}

/// What the operator wants.
#[derive(Debug, Clone, Default)]
pub struct DeployOptions {
    /// The region of a new resource group; otherwise the group's region is used.
    pub location: Option<String>,
    /// The workspace, new or existing; the template's default when not given.
    pub workspace: Option<String>,
    /// The resource group of an existing workspace, when it is another one.
    pub workspace_group: Option<String>,
    /// The organisation's name, for the title of the workbook.
    pub organisation: Option<String>,
    /// Projects for the watchlist, in the template's form.
    pub projects: Vec<Value>,
    /// Tags of every resource, in addition to ours.
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
    /// Deploy and publish even what is already there.
    pub force: bool,
}

/// The default name of a new workspace, that of `infra/main.bicep`.
pub const DEFAULT_WORKSPACE: &str = "log-humanbound";

impl DeployOptions {
    /// The workspace's name.
    #[must_use]
    pub fn workspace_name(&self) -> &str {
        self.workspace.as_deref().unwrap_or(DEFAULT_WORKSPACE)
    }
}
