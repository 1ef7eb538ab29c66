//! What exists before anything is changed. Everything here only reads.
//!
//! [`sign_in`] finds the subscription; [`read`] goes through the steps `tools` to `secret` and reports each as it ends.
//! What Azure says now is the truth: what an earlier run remembers may only make the survey faster.

use serde_json::Value;

use super::{
    calls::{TAG, api, segment},
    client::{Account, Az, Azure, Cloud, Progress, allows},
    error::Error,
    found::{FoundGroup, FoundWorkspace, SecretNeed, Survey},
    options::{DeployOptions, Publisher},
    parameters::{self, NAME_PREFIX},
};

/// The resource providers that the template needs.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/azure-services-resource-providers>
pub const PROVIDERS: [&str; 9] = [
    "Microsoft.Web",
    "Microsoft.App",
    "Microsoft.OperationalInsights",
    "Microsoft.SecurityInsights",
    "Microsoft.OperationsManagement",
    "Microsoft.Insights",
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
];

/// The actions that a deployment needs to be allowed.
const ACTIONS: [&str; 10] = [
    "Microsoft.Resources/deployments/write",
    "Microsoft.Web/sites/write",
    "Microsoft.Web/serverfarms/write",
    "Microsoft.OperationalInsights/workspaces/write",
    "Microsoft.SecurityInsights/alertRules/write",
    "Microsoft.Insights/dataCollectionRules/write",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/write",
    "Microsoft.Authorization/roleAssignments/write",
];

/// Before this version errors of deployments are hidden: <https://github.com/Azure/azure-cli/issues/32261>.
const GOOD_AZ: (u32, u32) = (2, 78);

/// The login of `az`.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// One subscription to work in.
    One(Account, Cloud),
    /// Several that could be meant: the operator has to say which.
    Several(Vec<Account>),
}

/// A step that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which step: `tools`, `login`, `providers`, `permissions`, `group`, `survey`, `secret`.
    pub step: &'static str,
    /// What was found, in a few words.
    pub detail: String,
    /// What is doubtful about it, and what to do; this is only a warning.
    pub warning: Option<String>,
}

/// A step that could not be done.
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct Stopped {
    /// Which step.
    pub step: &'static str,
    /// Why.
    pub source: Error,
}

fn at(step: &'static str) -> impl Fn(Error) -> Stopped {
    move |source| Stopped { step, source }
}

/// Finds the subscription to work in: the one that is named by id or name, or the only one that is enabled.
///
/// # Errors
///
/// [`Error::Login`] when nobody is signed in.
pub async fn sign_in(az: &Az, named: Option<&str>) -> Result<SignIn, Stopped> {
    let account = az.account(named).await.map_err(at("login"))?;
    if named.is_none() {
        let all = az.accounts().await.map_err(at("login"))?;
        let enabled: Vec<_> = all.into_iter().filter(|account| account.enabled).collect();
        if enabled.len() > 1 {
            return Ok(SignIn::Several(enabled));
        }
    }
    let cloud = az.cloud().await.map_err(at("login"))?;
    Ok(SignIn::One(account, cloud))
}

/// Reads all that a plan is made from, and reports each step to `say`. `live_webhook` says whether Humanbound has an active
/// webhook with our URL.
///
/// # Errors
///
/// The step that failed; a doubt is only a warning.
pub async fn read(
    az: &Az,
    azure: &Azure,
    options: &DeployOptions,
    live_webhook: bool,
    mut say: impl FnMut(&Finding) + Send,
) -> Result<Survey, Stopped> {
    let (found, finding) = tools(az, options.publisher).await?;
    say(&finding);
    read_on(azure, options, live_webhook, found, say).await
}

/// As [`read`], after [`tools`] was called.
///
/// # Errors
///
/// As [`read`].
pub async fn read_on(
    azure: &Azure,
    options: &DeployOptions,
    live_webhook: bool,
    mut found: Survey,
    mut say: impl FnMut(&Finding) + Send,
) -> Result<Survey, Stopped> {
    say(&providers(azure, &mut found).await.map_err(at("providers"))?);
    found.group = azure.group().await.map_err(at("group"))?.as_ref().map(group);
    say(&permissions(azure, &mut found).await);
    let (name, detail) = match &found.group {
        Some(group) => ("group", format!("{} in {}", azure.scope().group, group.location)),
        None => ("group", format!("{} is to be made", azure.scope().group)),
    };
    say(&Finding { step: name, detail, warning: None });
    say(&resources(azure, options, &mut found).await.map_err(at("survey"))?);
    say(&secret(azure, options, live_webhook, &mut found).await.map_err(at("secret"))?);
    Ok(found)
}

/// Checks the programs that are needed, which depends on `publisher`.
///
/// # Errors
///
/// One that is needed is missing.
pub async fn tools(az: &Az, publisher: Publisher) -> Result<(Survey, Finding), Stopped> {
    let mut found = Survey { az_version: az.version().await.map_err(at("tools"))?, ..Survey::default() };
    found.func_version = match az.func_version().await {
        Ok(version) => Some(version),
        Err(error) if publisher == Publisher::Func => return Err(at("tools")(error)),
        // Only who publishes with it needs it.
        Err(_) => None,
    };
    let func = found
        .func_version
        .as_deref()
        .map_or_else(|| "func not needed: az publishes".to_owned(), |version| format!("func {version}"));
    let is_old = version(&found.az_version).is_some_and(|version| version < GOOD_AZ);
    let warning = is_old.then(|| "this version of az hides errors; run `az upgrade`".to_owned());
    let detail = format!("az {}, {func}", found.az_version);
    Ok((found, Finding { step: "tools", detail, warning }))
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

async fn providers(azure: &Azure, found: &mut Survey) -> Result<Finding, Error> {
    for namespace in PROVIDERS {
        if azure.provider_state(namespace).await? != "Registered" {
            found.unregistered.push(namespace.to_owned());
        }
    }
    let detail = match found.unregistered.as_slice() {
        [] => "all registered".to_owned(),
        some => format!("to be registered: {}", some.join(", ")),
    };
    Ok(Finding { step: "providers", detail, warning: None })
}

/// What the account may do. Roles may come through groups or on demand, which Azure does not always show, so a doubt is
/// only a warning.
async fn permissions(azure: &Azure, found: &mut Survey) -> Finding {
    let scope = azure.scope();
    let path = if found.group.is_some() { scope.path() } else { scope.subscription_path() };
    let finding = |detail: &str, warning| Finding { step: "permissions", detail: detail.to_owned(), warning };
    match azure.permissions(&path).await {
        Ok(permissions) => {
            let missing = ACTIONS.iter().filter(|action| !allows(&permissions, action));
            found.missing_actions = missing.map(ToString::to_string).collect();
            match found.missing_actions.as_slice() {
                [] => finding("enough", None),
                some => finding(
                    "perhaps not enough",
                    Some(format!(
                        "the account seems not to be allowed {}; Contributor and Role Based Access Control Administrator have all",
                        some.join(", ")
                    )),
                ),
            }
        }
        Err(error) => finding("not known", Some(format!("permissions cannot be read: {error}"))),
    }
}

fn group(value: &Value) -> FoundGroup {
    let location = value.get("location").and_then(Value::as_str).unwrap_or_default().to_owned();
    FoundGroup { location, ours: is_tagged(value) }
}

fn is_tagged(value: &Value) -> bool {
    value.get("tags").and_then(|tags| tags.get(TAG.0)).and_then(Value::as_str) == Some(TAG.1)
}

/// The workspace, the vault, and our deployments.
async fn resources(azure: &Azure, options: &DeployOptions, found: &mut Survey) -> Result<Finding, Error> {
    let scope = azure.scope();
    let path = match &options.workspace_group {
        Some(group) => format!("{}/resourceGroups/{}", scope.subscription_path(), segment(group)),
        None => scope.path(),
    };
    let name = segment(options.workspace_name());
    let url = format!(
        "{path}/providers/Microsoft.OperationalInsights/workspaces/{name}?api-version={}",
        api::WORKSPACES
    );
    let workspace = azure.get(&url).await?;
    found.workspace = workspace.as_ref().and_then(|workspace| {
        let id = workspace.get("id")?.as_str()?.to_owned();
        Some(FoundWorkspace { id, ours: is_tagged(workspace) })
    });
    let vaults = format!("{}/providers/Microsoft.KeyVault/vaults?api-version={}", scope.path(), api::VAULTS);
    let vaults = if found.group.is_some() { azure.list(&vaults).await? } else { Vec::new() };
    let is_ours = |vault: &&Value| vault.get("name").and_then(Value::as_str).is_some_and(is_vault);
    found.vault = vaults.iter().find(is_ours).and_then(|vault| Some(vault.get("id")?.as_str()?.to_owned()));
    if found.vault.is_none() {
        let below = format!("{}/", scope.path().to_lowercase());
        let deleted = azure.deleted_vaults().await?.into_iter();
        found.deleted_vault = deleted
            .into_iter()
            .find(|vault| is_vault(&vault.name) && vault.id.to_lowercase().starts_with(&below));
    }
    deployments(azure, options, found).await?;
    let detail = match (&found.running, &found.newest) {
        (Some(running), _) => format!("{} is under way", running.name),
        (None, Some(newest)) => format!("deployed before, as {}", newest.name),
        (None, None) => "nothing of ours yet".to_owned(),
    };
    let warning =
        found.deleted_vault.as_ref().map(|vault| format!("{} is deleted and will be recovered", vault.name));
    Ok(Finding { step: "survey", detail, warning })
}

/// The names that the template gives.
fn is_vault(name: &str) -> bool {
    name.starts_with("kv-hb-")
}

async fn deployments(azure: &Azure, options: &DeployOptions, found: &mut Survey) -> Result<(), Error> {
    if found.group.is_none() {
        return Ok(());
    }
    let all = azure.deployments(NAME_PREFIX).await?;
    found.running = all.iter().find(|deployment| deployment.progress == Progress::Running).cloned();
    found.newest = all.into_iter().find(|deployment| deployment.progress == Progress::Succeeded);
    let Some(newest) = &found.newest else { return Ok(()) };
    let wanted = parameters::deployment_name(&options.template, &parameters::parameters(found, options));
    found.same = newest.name == wanted;
    if let Some(site) = newest.outputs.get("siteResourceId") {
        found.package = azure.package_tag(site).await?;
    }
    Ok(())
}

/// Only reads, because a secret that a live webhook does not have must not be written.
async fn secret(
    azure: &Azure,
    options: &DeployOptions,
    live: bool,
    found: &mut Survey,
) -> Result<Finding, Error> {
    let version = match &found.vault {
        Some(vault) => azure.secret_version(vault).await?,
        None => None,
    };
    let detail;
    (found.secret, detail) = match version {
        _ if options.no_connect => (SecretNeed::None, "not wanted: --no-connect"),
        _ if live => (SecretNeed::None, "the webhook keeps its secret"),
        Some(_) => (SecretNeed::NewVersion, "a new version: nobody signs with the one in the vault"),
        None => (SecretNeed::WithDeployment, "a new one"),
    };
    Ok(Finding { step: "secret", detail: detail.to_owned(), warning: None })
}
