//! What a survey finds in Azure, as data.

use super::client::{DeletedVault, Deployment};

/// The resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    /// Its region.
    pub location: String,
    /// Whether it bears our tag.
    pub ours: bool,
}

/// The workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundWorkspace {
    /// Its resource id.
    pub id: String,
    /// Whether a deployment of ours made it.
    pub ours: bool,
}

/// Whether a new webhook secret is needed, and how it gets into the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretNeed {
    /// A live webhook is signed with the one that is there, or none is wanted.
    #[default]
    None,
    /// With the deployment.
    WithDeployment,
    /// As a new version in a vault that is there.
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
    /// Actions that the account does not seem to be allowed.
    pub missing_actions: Vec<String>,
    /// The resource group, if it exists.
    pub group: Option<FoundGroup>,
    /// The workspace, if it exists.
    pub workspace: Option<FoundWorkspace>,
    /// A vault that an uninstall left behind, and whose name is not free.
    pub deleted_vault: Option<DeletedVault>,
    /// A deployment of ours that is under way.
    pub running: Option<Deployment>,
    /// The newest deployment of ours that succeeded.
    pub newest: Option<Deployment>,
    /// Whether that one is of the same template and parameters.
    pub same: bool,
    /// The resource id of the vault, if there is one.
    pub vault: Option<String>,
    /// The package that the site runs, by its digest.
    pub package: Option<String>,
    /// Whether a new secret is needed.
    pub secret: SecretNeed,
}
