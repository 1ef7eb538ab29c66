//! What is behind the webhook while a backfill runs, where a deployment is known: how much waits in the connector's spool,
//! and how many rows the table got.

use futures::future::BoxFuture;
use serde_json::Value;
use time::OffsetDateTime;

use crate::cli::context::Context;
use crate::cli::deployed::{Deployed, NOT_DEPLOYED, literal, needs_az};
use crate::config::{self, Confidential};
use crate::humanbound::Connector;
use crate::humanbound::backfill::Pressure;
use crate::state::Connection;

/// How much one instance of the connector says that waits.
pub(super) struct Spool {
    connector: Connector,
    key: Confidential,
}

/// What arrived in the table since the run began, live events included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    /// All of them.
    pub(super) rows: u64,
    /// How many different events they are.
    pub(super) events: u64,
}

/// The deployment behind the webhook; why nothing can be asked of it else.
pub(super) struct Downstream(Result<Deployed, String>);

impl Downstream {
    pub(super) fn of(context: &Context, connection: &Connection) -> Self {
        Self(Deployed::of(context, connection).ok_or_else(|| NOT_DEPLOYED.to_owned()))
    }

    /// The spool, if the connector can be asked for it.
    pub(super) async fn spool(&self, context: &Context) -> Result<Spool, String> {
        let deployed = self.0.as_ref().map_err(Clone::clone)?;
        let output =
            |name| deployed.output(name).ok_or_else(|| format!("the deployment has no output {name}"));
        let (site, url) = (output("connectorFunctionName")?, output("connectorUrl")?);
        let settings = config::platform(&context.env);
        let connector =
            Connector::new(url, &settings, context.timing.clone()).map_err(|error| error.to_string())?;
        let keys = deployed.azure.keys(site).await.map_err(|error| needs_az(&error))?;
        Ok(Spool { connector, key: Confidential::new(keys.function.as_str()) })
    }

    /// What arrived since `since`, by the time at which the connector received it.
    pub(super) async fn rows(&self, since: OffsetDateTime) -> Result<Rows, String> {
        let deployed = self.0.as_ref().map_err(Clone::clone)?;
        let since = literal(since);
        let query = format!(
            "AISecurityEvents_CL | where ReceivedTime >= datetime({since}) and EventFamily != \"connector\" \
             | summarize Rows = count(), Events = count_distinct(EventId)"
        );
        let found = deployed.query(&query).await.map_err(|error| needs_az(&error))?;
        let count = |name: &str| found.first()?.get(name)?.as_u64();
        Ok(Rows { rows: count("Rows").unwrap_or(0), events: count("Events").unwrap_or(0) })
    }
}

impl Pressure for Spool {
    fn spooled(&mut self) -> BoxFuture<'_, Option<u64>> {
        Box::pin(async {
            let status = self.connector.status(&self.key).await.ok()?;
            status.get("spool")?.get("blobs").and_then(Value::as_u64)
        })
    }
}
