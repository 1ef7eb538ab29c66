//! Proves a deployed connector, up to a row in the table: webhook, test event, row.

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::Value;
use time::OffsetDateTime;

use super::run::Run;
use super::survey;
use crate::azure::script::quote;
use crate::cli::connect;
use crate::cli::deployed::Deployed;
use crate::cli::error::Explain as _;
use crate::cli::output::State;
use crate::cli::platform::{Platform, Told as _};
use crate::cli::webhook::{self, ping::Arrival};
use crate::config::Confidential;
use crate::humanbound::{Connector, Webhook};

/// How often the table is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// A webhook that delivers.
pub(super) struct Connected {
    pub(super) webhook: Webhook,
    pub(super) arrival: Arrival,
    pub(super) is_new: bool,
    /// Events of a gap have been queued.
    pub(super) is_replayed: bool,
}

/// Connects Humanbound to the connector, or sends a test event when it is connected.
///
/// # Errors
/// The connector does not accept the secret, or no test event arrives. A live webhook and its secret stay.
pub(super) async fn connect(
    run: &Run<'_>,
    platform: &mut Platform,
    secret: Option<&Confidential>,
) -> Result<Connected> {
    let url = run.output("connectorUrl")?.to_owned();
    let all = platform.client.webhooks().await.told()?;
    if let Some(live) = connect::standing(platform, &all, &url)? {
        let arrival = connect::again(run.context, platform, &live).await?;
        return Ok(Connected { webhook: live, arrival, is_new: false, is_replayed: false });
    }
    let before = survey::ours(run, platform, &all).await.told()?.cloned();
    if let (None, Some(before)) = (secret, before) {
        return lead(run, platform, &before, &url).await;
    }
    let Some(secret) = secret else {
        return Err(anyhow!("no webhook leads to {url} any more, and its secret is not known"))
            .hint("somebody has removed it meanwhile: run this again, and a new secret and webhook are made")
            .code("WebhookGone");
    };
    let connector = Connector::new(&url, &run.settings, run.context.timing.clone()).told()?;
    webhook::probe(run.context, &connector, secret).await?;
    let made = connect::make(run.context, platform, (&url, secret), &run.args.name, &all).await?;
    Ok(Connected {
        webhook: made.webhook,
        arrival: made.arrival,
        is_new: true,
        is_replayed: made.is_replayed,
    })
}

/// An app was deployed beside the one that the webhook leads to. Both have the secret of the one vault.
async fn lead(run: &Run<'_>, platform: &mut Platform, before: &Webhook, url: &str) -> Result<Connected> {
    let (webhook, arrival) = webhook::lead(run.context, platform, before, url).await?;
    let host = before.url.split('/').nth(2).unwrap_or_default();
    run.context.printer.hint(&format!(
        "nothing is sent to {host} any more; stop that app: `az functionapp stop --resource-group {} --name {}`",
        quote(&run.azure.scope().group),
        host.split('.').next().unwrap_or_default()
    ));
    Ok(Connected { webhook, arrival, is_new: true, is_replayed: false })
}

/// What is known of the test event's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// It is in the table.
    Seen,
    /// It will be.
    Pending,
}

impl Row {
    /// The word in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Pending => "pending",
        }
    }
}

/// Waits until the table has a row that was received after `since`.
pub(super) async fn row(run: &Run<'_>, platform: &mut Platform, since: OffsetDateTime) -> Row {
    let step = run.context.printer.step("row", "A row in the table");
    let Some(deployed) = Deployed::of(run.context, platform.connection()) else {
        step.end(State::Skipped, "no deployment is remembered");
        return Row::Pending;
    };
    let looks = (run.args.wait_row.as_secs() / LOOK.as_secs()).max(1);
    let mut problem = None;
    for look in 0..looks {
        if look > 0 {
            run.context.timing.sleep(LOOK).await;
        }
        match deployed.rows_since(since).await {
            Ok(0) => problem = None,
            Ok(_) => {
                step.done("AISecurityEvents_CL");
                return Row::Seen;
            }
            // A table that was just made is unknown to queries at first.
            Err(error) => problem = Some(error.to_string()),
        }
        step.progress("not yet");
    }
    let reason = match (spooled(run, &deployed).await, problem) {
        (Some(reason), _) => reason,
        (None, Some(problem)) => format!("the table cannot be asked yet: {problem}"),
        (None, None) => "a new table takes up to 15 minutes; the event is stored".to_owned(),
    };
    step.end(State::Pending, reason);
    Row::Pending
}

/// What the connector says when the event waits in the spool.
async fn spooled(run: &Run<'_>, deployed: &Deployed) -> Option<String> {
    let site = deployed.output("connectorFunctionName")?;
    let keys = deployed.azure.keys(site).await.ok()?;
    let url = deployed.output("connectorUrl")?;
    let connector = Connector::new(url, &run.settings, run.context.timing.clone()).ok()?;
    let status = connector.status(&Confidential::new(keys.function.as_str())).await.ok()?;
    let waiting = status.get("spool")?.get("blobs").and_then(Value::as_u64)?;
    (waiting > 0)
        .then(|| "the event waits in the spool: new roles take up to 30 minutes; nothing is lost".to_owned())
}
