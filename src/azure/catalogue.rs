//! Hints for known faults, found by Azure's code or message.

use super::{fault::Fault, process::Tool};

/// What to do where something answers that is not Azure.
pub(super) const NO_AZURE: &str =
    "see what answers in place of Azure: a proxy, or the sign-in page of a network; then run this again";

/// How to get a tool on an operating system, by the name that Rust gives it.
#[must_use]
pub fn install(tool: Tool, system: &str) -> &'static str {
    match (tool, system) {
        (Tool::Az, "macos") => "install the Azure CLI: `brew install azure-cli`",
        (Tool::Az, "windows") => "install the Azure CLI: `winget install --exact --id Microsoft.AzureCLI`",
        (Tool::Az, _) => {
            "install the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli-linux"
        }
        (Tool::Func, "macos") => {
            "install Core Tools: `brew install azure/functions/azure-functions-core-tools@4`, or publish with `az`"
        }
        (Tool::Func, "windows") => {
            "install Core Tools: `winget install Microsoft.Azure.FunctionsCoreTools`, or publish with `az`"
        }
        (Tool::Func, _) => {
            "install Core Tools: `npm install --global azure-functions-core-tools@4`, or publish with `az`"
        }
    }
}

/// What to do about a login that Entra ID rejects.
#[must_use]
pub fn login(fault: &Fault) -> String {
    match fault.code.as_deref() {
        // The secret of a service principal, not a person's password.
        Some("AADSTS7000215" | "AADSTS7000222") => {
            "give the service principal a new secret, then run `az login --service-principal` with it"
                .to_owned()
        }
        // A second factor is asked for, and only a sign-in to that very tenant asks for it.
        Some("AADSTS50076" | "AADSTS50078" | "AADSTS50079") => match tenant(&fault.message) {
            Some(tenant) => format!("run `az login --tenant {tenant}`"),
            None => "run `az login --tenant TENANT` with the tenant of the subscription".to_owned(),
        },
        _ => "run `az login`".to_owned(),
    }
}

/// The tenant that `az` names in the command it proposes.
fn tenant(message: &str) -> Option<&str> {
    let (_, after) = message.split_once("--tenant ")?;
    after.split([' ', '"', '\'', '\n']).map(|word| word.trim_matches('"')).find(|word| !word.is_empty())
}

/// What to do about a known fault: an imperative without a period.
#[must_use]
pub fn hint(fault: &Fault) -> Option<String> {
    fault.all().find_map(|fault| by_code(fault).or_else(|| by_words(fault)))
}

fn by_code(fault: &Fault) -> Option<String> {
    let message = fault.message.as_str();
    let quoted = |after: &str| message.split_once(after)?.1.split_once('\'').map(|(found, _)| found);
    let hint = match fault.code.as_deref()? {
        "AuthorizationFailed" | "LinkedAuthorizationFailed" => {
            let action = quoted("perform action '").unwrap_or("what the template needs");
            let scope = quoted("over scope '").unwrap_or("the resource group");
            format!(
                "let an owner give you Contributor and Role Based Access Control Administrator: `{action}` is not allowed on {scope}"
            )
        }
        "MissingSubscriptionRegistration" | "SubscriptionNotRegistered" => match quoted("namespace '") {
            Some(namespace) => format!("run `az provider register --namespace {namespace} --wait`"),
            None => "register the resource provider that is named, then run this again".to_owned(),
        },
        "RoleAssignmentUpdateNotPermitted" | "RoleAssignmentExists" => {
            "delete the stale role assignment that is named, then run this again".to_owned()
        }
        "SubscriptionIsOverQuotaForSku"
        | "LocationNotAvailableForResourceType"
        | "LocationNotAvailableForResourceGroup" => {
            "choose another region with `--location`, or another resource group".to_owned()
        }
        "RequestDisallowedByPolicy" => match fault.target.as_deref() {
            Some(target) => format!("ask whoever keeps the policy for an exemption of {target}"),
            None => "ask whoever keeps the policy that is named for an exemption".to_owned(),
        },
        "ScopeLocked" => match quoted("are locked: '") {
            Some(scope) => format!("remove the lock on {scope}: `az lock list`"),
            None => "remove the lock: `az lock list`".to_owned(),
        },
        "DeploymentActive" => "wait for the deployment that is running, then run this again".to_owned(),
        "DeploymentQuotaExceeded" => {
            "delete old deployments of the resource group: Azure keeps at most 800".to_owned()
        }
        "InvalidOutputTable" | "PrincipalNotFound" => {
            "run this again in a few minutes: Azure does not see yet what it has just made".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

fn by_words(fault: &Fault) -> Option<String> {
    let says = |text: &str| fault.message.contains(text);
    let hint = if says("Requested features") && says("not available") {
        "choose another region with `--location`, or another resource group"
    } else if says("exists in deleted state") {
        "deploy with `recoverKeyVault=true`: the vault comes back with its secrets"
    } else if says("is already used in diagnostic setting") {
        "deploy with `enableSentinelHealth=false` if the category is one of Sentinel's health monitoring, which somebody has enabled already; else remove the diagnostic setting that is named"
    } else if says("Failed to resolve") || says("InvalidOutputTable") {
        "run this again in a few minutes: Azure does not see yet what it has just made"
    } else if says("An error occured during deployment") && matches!(fault.status, Some(401 | 403)) {
        "publish as somebody with an Entra ID role on the site, from an address in `operatorSourceRanges`"
    } else if fault.is_passing() {
        "wait some minutes, then run this again"
    } else if says("JSONDecodeError") || says("deserializ") {
        NO_AZURE
    } else if says("There may be an ongoing deployment") {
        "wait for the publishing that is under way, then run this again"
    } else {
        return None;
    };
    Some(hint.to_owned())
}
