//! The state of one run of `deploy`: what is wanted, where, and what has been found.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::args::DeployArgs;
use super::files::Files;
use super::package::Package;
use crate::azure::call::Values;
use crate::azure::client::{Account, Cloud, Progress};
use crate::azure::parameters::NAME_PREFIX;
use crate::azure::{Azure, DeployOptions, Error, Plan, Survey};
use crate::cli::context::Context;
use crate::cli::error::Explain as _;
use crate::config::{Confidential, PlatformSettings};
use crate::signature::lower_hex;

/// A deployment that is under way in Azure, whatever becomes of this process.
pub(super) type UnderWay = Arc<Mutex<Option<(Azure, String)>>>;

/// What every step knows.
pub(super) struct Run<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a DeployArgs,
    pub(super) azure: Azure,
    pub(super) account: Account,
    pub(super) cloud: Cloud,
    pub(super) settings: PlatformSettings,
    pub(super) options: DeployOptions,
    pub(super) package: Package,
    pub(super) files: Files,
    pub(super) found: Survey,
    pub(super) outputs: BTreeMap<String, String>,
    /// Something was deployed in this run.
    pub(super) has_deployed: bool,
    /// The resource group was made in this run.
    pub(super) made_group: bool,
    pub(super) under_way: UnderWay,
}

impl Run<'_> {
    /// What calls leave open; the files are written.
    pub(super) fn values(&self, plan: &Plan, secret: Option<&Confidential>) -> Result<Values> {
        let files = self.files.write(&self.options.template, &plan.parameters)?;
        Ok(Values { files, outputs: self.outputs.clone(), secret: secret.cloned() })
    }

    /// An output of the deployment, by its name in `infra/main.bicep`.
    pub(super) fn output(&self, name: &'static str) -> Result<&str> {
        let output = self.outputs.get(name).map(String::as_str);
        output
            .ok_or_else(|| anyhow!("the deployment has no output {name}"))
            .hint("run this again with `--force`")
            .code("OutputMissing")
    }

    /// The resource id of the workspace.
    pub(super) fn workspace(&self) -> String {
        self.outputs.get("workspaceResourceId").cloned().unwrap_or_default()
    }

    /// An output of every deployment of ours that succeeded, the newest first.
    pub(super) async fn deployed_outputs(&self, name: &str) -> Result<Vec<String>, Error> {
        let all = self.azure.deployments(NAME_PREFIX).await?;
        let done = all.into_iter().filter(|one| one.progress == Progress::Succeeded);
        Ok(done.filter_map(|mut one| one.outputs.remove(name)).collect())
    }

    /// Whether the template brings Sentinel content here.
    pub(super) fn has_content(&self) -> bool {
        self.cloud.name != "AzureChinaCloud"
            && self.options.parameters.get("deployContent") != Some(&Value::Bool(false))
    }

    /// Whether the deployment recovers a deleted vault already.
    pub(super) fn recovers(&self) -> bool {
        self.found.deleted_vault.is_some() || self.options.parameters.contains_key("recoverKeyVault")
    }

    pub(super) fn template_sha256(&self) -> String {
        digest(&self.options.template)
    }

    /// Notes which deployment goes on in Azure should this process end.
    pub(super) fn under_way(&self, name: Option<&str>) {
        let now = name.map(|name| (self.azure.clone(), name.to_owned()));
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// SHA-256 in lower-case hex.
pub(super) fn digest(text: &str) -> String {
    lower_hex(&Sha256::digest(text))
}
