//! The deployment in Azure, for commands that use it when they can.
//!
//! Azure is optional here: where no deployment is remembered, or `az` is missing or logged out, a command does what it can
//! without, and says what it could not check.

use anyhow::{Result, anyhow};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::error::{Exit, Explain as _};
use super::platform::Told;
use crate::azure::parameters::NAME_PREFIX;
use crate::azure::{self, Azure, Scope, process::RunError};
use crate::state::{self, Connection};

/// Where logs are asked for in the public cloud; `az cloud show` knows the others.
const LOGS: &str = "https://api.loganalytics.io";

impl<T> Told<T> for Result<T, azure::Error> {
    fn told(self) -> Result<T> {
        self.or_else(|error| {
            let exit = if matches!(error, azure::Error::Login(_)) { Exit::LoginNeeded } else { Exit::Failed };
            let (hint, code) = (error.hint(), error.code().map(str::to_owned));
            let mut outcome = Err(anyhow::Error::from(error)).exit(exit);
            if let Some(hint) = hint {
                outcome = outcome.hint(hint);
            }
            if let Some(code) = code {
                outcome = outcome.code(code);
            }
            outcome
        })
    }
}

fn logs(cloud: Option<&str>) -> String {
    let logs = match cloud {
        Some("AzureUSGovernment") => "https://api.loganalytics.us",
        Some("AzureChinaCloud") => "https://api.loganalytics.azure.cn",
        _ => LOGS,
    };
    logs.to_owned()
}

/// A deployment that is remembered.
pub(crate) struct Deployed {
    /// The resource group.
    pub(crate) azure: Azure,
    /// What is remembered of it.
    pub(crate) known: state::Azure,
    logs: String,
}

impl Deployed {
    /// The deployment of an organisation, if one is remembered.
    pub(crate) fn of(context: &Context, connection: &Connection) -> Option<Self> {
        let known = connection.azure.clone()?;
        let subscription = known.subscription.clone()?;
        let group = known.resource_group.clone()?;
        let azure = context.az.azure(Scope { subscription, group });
        let logs = logs(known.cloud.as_deref());
        Some(Self { azure, known, logs })
    }

    /// The newest of our deployments in a group, when none is remembered.
    ///
    /// # Errors
    /// Azure cannot be asked.
    pub(crate) async fn found(context: &Context, group: &str) -> Result<Self, azure::Error> {
        let account = context.az.account(None).await?;
        let known = state::Azure {
            cloud: Some(context.az.cloud().await?.name),
            tenant: Some(account.tenant),
            subscription: Some(account.subscription.clone()),
            resource_group: Some(group.to_owned()),
            ..state::Azure::default()
        };
        let azure = context.az.azure(Scope { subscription: account.subscription, group: group.to_owned() });
        let newest = azure.deployments(NAME_PREFIX).await?.into_iter().find(|one| !one.outputs.is_empty());
        let outputs = newest.map(|deployment| deployment.outputs).unwrap_or_default();
        let outputs = outputs.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        let logs = logs(known.cloud.as_deref());
        Ok(Self { azure, known: state::Azure { outputs, ..known }, logs })
    }

    /// An output of the deployment, by its name in `infra/main.bicep`.
    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        self.known.outputs.get(name)?.as_str()
    }

    /// An output that a command needs.
    ///
    /// # Errors
    /// The deployment that is remembered has none of this name.
    pub(crate) fn required(&self, name: &str) -> Result<String> {
        let value = self.output(name).map(str::to_owned);
        value
            .ok_or_else(|| anyhow!("the deployment that is remembered has no output `{name}`"))
            .hint("run `hb-sentinel deploy`, which reads it again")
    }

    /// Queries the workspace; rows by the names of their columns.
    ///
    /// # Errors
    /// Azure cannot be asked, or does not know the workspace.
    pub(crate) async fn query(&self, query: &str) -> Result<Vec<Value>, azure::Error> {
        let workspace = self.output("workspaceId").ok_or_else(|| azure::Error::Answer {
            call: "the deployment".to_owned(),
            expected: "workspaceId",
        })?;
        self.azure.query(&self.logs, workspace, query).await
    }

    /// How many rows of events the connector has received since `since`.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub(crate) async fn rows_since(&self, since: OffsetDateTime) -> Result<u64, azure::Error> {
        let since = literal(since);
        let query = format!(
            "AISecurityEvents_CL | where ReceivedTime >= datetime({since}) and EventFamily != \"connector\" | count"
        );
        let rows = self.query(&query).await?;
        Ok(rows.first().and_then(|row| row.get("Count")).and_then(Value::as_u64).unwrap_or(0))
    }
}

/// A time as Kusto reads it. Its datetime has ticks of 100 ns; more digits are none of its literals.
pub(crate) fn literal(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(u32::from(at.millisecond()) * 1_000_000).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_default()
}

/// Why Azure cannot be asked where nothing was deployed from this machine.
pub(crate) const NOT_DEPLOYED: &str = "needs az; no deployment is known here";

/// What kept Azure from being asked, in a few words.
pub(crate) fn needs_az(error: &azure::Error) -> String {
    match error {
        azure::Error::Run(RunError::Missing(_)) => format!("needs az: {error}"),
        azure::Error::Login(_) => "needs az: run `az login`".to_owned(),
        _ => format!("az: {error}"),
    }
}
