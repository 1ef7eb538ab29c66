//! The login of `az`: account, subscription, cloud and permissions.

use serde_json::Value;

use super::{Az, Azure, text};
use crate::azure::{
    Tool,
    call::{Call, Values},
    calls::api,
    error::{Error, found},
};

/// A subscription of the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub subscription: String,
    /// Its name.
    pub name: String,
    /// The tenant it is in.
    pub tenant: String,
    /// Who is signed in: a person's name, or the id of a service principal.
    pub user: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether `az` uses it when none is named.
    pub default: bool,
}

/// The cloud that `az` is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Its name, such as `AzureCloud`.
    pub name: String,
    /// Where logs are queried, which is also the audience of a token for that.
    pub logs: String,
}

/// What a role allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permission {
    /// Actions, with `*` for anything.
    pub actions: Vec<String>,
    /// Actions that are excluded from them.
    pub not_actions: Vec<String>,
}

/// Whether any of `permissions` allows `action`: what one role excludes, another may still allow.
/// <https://learn.microsoft.com/azure/role-based-access-control/role-definitions#notactions>
#[must_use]
pub fn allows(permissions: &[Permission], action: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, action));
    permissions.iter().any(|permission| any(&permission.actions) && !any(&permission.not_actions))
}

/// Whether a pattern with at most one `*`, as Azure has them, matches this action, without regard to case.
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match pattern.split_once('*') {
        Some((start, end)) => action.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => pattern == action,
    }
}

impl Az {
    /// The version of the Azure CLI, such as `2.91.0`.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not run.
    pub async fn version(&self) -> Result<String, Error> {
        let call = Call::az(&["version"]).plain("json");
        let answer = self.json(&call).await?;
        text(&answer, "azure-cli").ok_or_else(|| Error::Answer { call: call.name(), expected: "version" })
    }

    /// The version of Core Tools, such as `4.0.7030`.
    ///
    /// # Errors
    ///
    /// When they are not installed, or do not run.
    pub async fn func_version(&self) -> Result<String, Error> {
        let mut call = Call::az(&["--version"]);
        call.tool = Tool::Func;
        let output = self.output(&call, &Values::default()).await?;
        Ok(output.stdout.trim().to_owned())
    }

    /// The named subscription, or else the one that `az` uses by default.
    ///
    /// # Errors
    ///
    /// [`Error::Login`] when nobody is signed in.
    pub async fn account(&self, subscription: Option<&str>) -> Result<Account, Error> {
        let call = Call::az(&["account", "show"]);
        let call =
            subscription.into_iter().fold(call, |call, id| call.with("--subscription", id)).plain("json");
        account(&self.json(&call).await?)
            .ok_or_else(|| Error::Answer { call: call.name(), expected: "subscription" })
    }

    /// Every subscription of the login, including disabled ones.
    ///
    /// # Errors
    ///
    /// When `az` fails; with nobody signed in the list is empty.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let answer = self.json(&Call::az(&["account", "list", "--all"]).plain("json")).await?;
        Ok(answer.as_array().into_iter().flatten().filter_map(account).collect())
    }

    /// The cloud that `az` uses.
    ///
    /// # Errors
    ///
    /// When `az` fails.
    pub async fn cloud(&self) -> Result<Cloud, Error> {
        let call = Call::az(&["cloud", "show"]).plain("json");
        let answer = self.json(&call).await?;
        let name =
            text(&answer, "name").ok_or_else(|| Error::Answer { call: call.name(), expected: "cloud" })?;
        let logs = answer.get("endpoints").and_then(|endpoints| text(endpoints, "logAnalyticsResourceId"));
        Ok(Cloud { name, logs: logs.unwrap_or_else(|| "https://api.loganalytics.io".to_owned()) })
    }
}

fn account(value: &Value) -> Option<Account> {
    let user = value.get("user").and_then(|user| text(user, "name"));
    Some(Account {
        subscription: text(value, "id")?,
        name: text(value, "name").unwrap_or_default(),
        tenant: text(value, "tenantId").unwrap_or_default(),
        user: user.unwrap_or_default(),
        enabled: text(value, "state").as_deref() == Some("Enabled"),
        default: value.get("isDefault").and_then(Value::as_bool).unwrap_or_default(),
    })
}

impl Azure {
    /// Whether a resource provider is registered in the subscription: `Registered`, `NotRegistered`, `Registering`, …
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn provider_state(&self, namespace: &str) -> Result<String, Error> {
        let call = self.scope.provider_show(namespace);
        let answer = self.az.json(&call).await?;
        text(&answer, "registrationState")
            .ok_or_else(|| Error::Answer { call: call.name(), expected: "state" })
    }

    /// Registers a resource provider, and waits until it is.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn register(&self, namespace: &str) -> Result<(), Error> {
        self.az.run(&self.scope.provider_register(namespace), &Values::default()).await.map(drop)
    }

    /// Creates the resource group, with the tag of `hb-sentinel`.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn create_group(&self, location: &str) -> Result<(), Error> {
        self.az.run(&self.scope.group_create(location), &Values::default()).await.map(drop)
    }

    /// Deletes the resource group with all that is in it, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn delete_group(&self) -> Result<(), Error> {
        self.delete(&format!("{}?api-version={}", self.scope.path(), api::RESOURCES)).await
    }

    /// The resource group, or `None` when there is none: the JSON of Azure, of which `location` and `tags` matter.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn group(&self) -> Result<Option<Value>, Error> {
        found(self.az.json(&self.scope.group_show()).await)
    }

    /// What the account may do at a scope, through all its roles and groups.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn permissions(&self, scope: &str) -> Result<Vec<Permission>, Error> {
        let url = format!(
            "{scope}/providers/Microsoft.Authorization/permissions?api-version={}",
            api::AUTHORIZATION
        );
        let listed = self.list(&url).await?;
        let texts = |value: &Value, name: &str| {
            let items = value.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let read = |value: &Value| Permission {
            actions: texts(value, "actions"),
            not_actions: texts(value, "notActions"),
        };
        Ok(listed.iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_as_azure_reads_them() {
        let role = |actions: &[&str], not: &[&str]| Permission {
            actions: actions.iter().map(ToString::to_string).collect(),
            not_actions: not.iter().map(ToString::to_string).collect(),
        };
        let contributor =
            role(&["*"], &["Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"]);
        let write = "Microsoft.Authorization/roleAssignments/write";
        assert!(allows(std::slice::from_ref(&contributor), "Microsoft.Web/sites/write"));
        assert!(!allows(std::slice::from_ref(&contributor), write));
        // What one role excludes, another allows.
        assert!(allows(&[contributor, role(&["Microsoft.Authorization/roleAssignments/*"], &[])], write));
        assert!(!allows(&[role(&["*/read"], &[])], "Microsoft.Web/sites/write"));
        assert!(allows(&[role(&["*/read"], &[])], "Microsoft.Web/sites/READ"));
        assert!(!allows(&[], "Microsoft.Web/sites/read"));
    }
}
