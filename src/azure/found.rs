//! What a survey finds in Azure, as data.

use super::client::{DeletedVault, Deployment};

/// The resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    /// Its region.
    pub location: String,
    /// Whether it has our tag.
    pub ours: bool,
}

/// The workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundWorkspace {
    /// Its resource id.
    pub id: String,
    /// Whether one of our deployments made it.
    pub ours: bool,
}

/// Whether a new webhook secret is needed, and how it gets into the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretNeed {
    /// No: a live webhook signs with the existing one, or none is wanted.
    #[default]
    None,
    /// Yes, with the deployment.
    WithDeployment,
    /// Yes, as a new version in the existing vault.
    NewVersion,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The version of `az`.
    pub az_version: String,
    /// The version of `func`, where it is installed.
    pub func_version: Option<String>,
    /// Resource providers that are not registered.
    pub unregistered: Vec<String>,
    /// Actions that the account does not seem to be allowed to do.
    pub missing_actions: Vec<String>,
    /// The resource group, if it exists.
    pub group: Option<FoundGroup>,
    /// The workspace, if it exists.
    pub workspace: Option<FoundWorkspace>,
    /// A soft-deleted vault that an uninstall left behind, which reserves the name.
    pub deleted_vault: Option<DeletedVault>,
    /// One of our deployments that is running.
    pub running: Option<Deployment>,
    /// The newest of our deployments that succeeded.
    pub newest: Option<Deployment>,
    /// Whether that one had the same template and parameters.
    pub same: bool,
    /// The resource id of the vault, if there is one.
    pub vault: Option<String>,
    /// The package that the site runs, by its digest.
    pub package: Option<String>,
    /// Whether a new secret is needed.
    pub secret: SecretNeed,
}
