//! Reads everything between Humanbound and the table once. It takes no lock, and skips what it cannot reach.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, anyhow};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::context::Context;
use crate::cli::deployed::{Deployed, NOT_DEPLOYED, needs_az};
use crate::cli::platform::{Told as _, folder, same_platform};
use crate::config::{self, Confidential, PlatformSettings};
use crate::humanbound::{Client, Connector, Delivery, Error, Health, Webhook, same_connector};
use crate::state::{self, Connection, Rotation, State};

/// How many of the latest deliveries are looked at.
const PAGE: usize = 100;
/// The setting that lets the connector accept a second secret.
const PREVIOUS: &str = "WEBHOOK_SECRET_PREVIOUS";
/// The table, in one question. What is older than a month is no sign of life.
const QUERY: &str = "AISecurityEvents_CL | where TimeGenerated > ago(30d) \
     | summarize LastRow = maxif(TimeGenerated, EventFamily != \"connector\"), \
     Rows24h = countif(EventFamily != \"connector\" and TimeGenerated > ago(1d)), \
     Heartbeat = maxif(TimeGenerated, EventType == \"connector.heartbeat\")";

/// What was seen of something, or why it was not.
pub(super) type Part<T> = Result<T, String>;

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) at: OffsetDateTime,
    /// The organisation's name, else its id.
    pub(super) organisation: String,
    /// Its id.
    pub(super) organisation_id: String,
    /// The other organisations that are connected.
    pub(super) others: Vec<String>,
    pub(super) webhook: Part<Hook>,
    pub(super) deliveries: Part<Counted>,
    /// `None` without a connector's URL.
    pub(super) health: Option<Part<Health>>,
    /// The status of one instance, as it tells it.
    pub(super) instance: Part<Value>,
    pub(super) table: Part<Table>,
    pub(super) rotation: Option<Rotation>,
    /// Whether the connector accepts a second secret.
    pub(super) previous: Part<bool>,
    /// Where the deployment's connector takes events.
    pub(super) deployed_url: Option<String>,
    pub(super) orphans: Vec<String>,
    /// When a test event last arrived.
    pub(super) tested_at: Option<OffsetDateTime>,
}

/// What there is of the webhook.
#[derive(Debug)]
pub(super) enum Hook {
    Live(Webhook),
    /// It was there, by this id.
    Gone(String),
    /// Nothing is remembered of one, yet one leads to a connector, to this URL.
    Unremembered(String),
    /// None was ever made.
    Missing,
}

/// The latest deliveries, by event: the attempts at one event count once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) looked_at: usize,
    pub(super) succeeded: usize,
    /// Failures among the newest ten.
    pub(super) recent_failures: usize,
    /// How many events ended with each status; `none` is no answer.
    pub(super) by_code: BTreeMap<String, usize>,
    /// Why the newest event that did not arrive did not.
    pub(super) last_error: Option<String>,
}

/// What the workspace says.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) last_row: Option<OffsetDateTime>,
    pub(super) rows_24h: u64,
    pub(super) heartbeat: Option<OffsetDateTime>,
}

/// Reads everything once.
///
/// # Errors
/// The organisation is unknown, or the state cannot be read.
pub(super) async fn look(context: &Context) -> Result<Seen> {
    let settings = config::platform(&context.env);
    let state = state::read(&folder(&settings)?).told()?;
    let client = Client::open(&settings, context.organisation.as_deref(), context.timing.clone());
    let organisation = match &client {
        Ok(client) => client.organisation().told()?.to_owned(),
        Err(_) => match remembered(&state, context.organisation.as_deref()) {
            Some(id) => id,
            None => return Err(client.told().err().unwrap_or_else(|| anyhow!("no organisation is known"))),
        },
    };
    let connection = known(&state, &organisation);
    if let Ok(client) = &client {
        same_platform(&connection, client.base_url().as_str())?;
    }
    let deployed = Deployed::of(context, &connection);
    let deployed_url =
        deployed.as_ref().and_then(|deployed| deployed.output("connectorUrl")).map(str::to_owned);
    let url = connection.webhook.as_ref().map(|webhook| webhook.url.clone());
    let url = url.filter(|url| !url.is_empty()).or_else(|| deployed_url.clone());
    let others = state.connected_beside(&organisation);
    // An organisation that was named by mistake is nobody's to ask.
    let is_lost = url.is_none() && others.is_empty();
    let (platform, connector, table, previous) = tokio::join!(
        platform(client.as_ref(), &connection, url.as_deref(), is_lost),
        connector(context, &settings, url.as_deref(), deployed.as_ref()),
        table(deployed.as_ref()),
        previous(deployed.as_ref()),
    );
    let (webhook, deliveries) = platform;
    let (health, instance) = connector;
    Ok(Seen {
        at: context.timing.now(),
        others,
        organisation: connection.organisation_name.clone().unwrap_or_else(|| organisation.clone()),
        organisation_id: organisation,
        webhook,
        deliveries,
        health,
        instance,
        table,
        rotation: connection.rotation,
        previous,
        deployed_url,
        orphans: connection.orphans,
        tested_at: connection.webhook.and_then(|webhook| webhook.tested_at),
    })
}

/// The organisation to look at without a login: the one that was named, else the only one that is remembered.
fn remembered(state: &State, named: Option<&str>) -> Option<String> {
    let mut all = state.connections().map(|(id, _)| id.to_owned());
    named.map(str::to_owned).or_else(|| all.next().filter(|_| state.connections().count() == 1))
}

/// What is remembered of the organisation, and of what an older program left, where that is all.
fn known(state: &State, organisation: &str) -> Connection {
    let mut connection = state.get(organisation).cloned().unwrap_or_default();
    if let (None, Some(legacy)) = (&connection.webhook, &state.legacy) {
        connection.webhook = Some(state::Webhook {
            id: legacy.webhook_id.clone(),
            url: legacy.connector_url.clone().unwrap_or_default(),
            ..state::Webhook::default()
        });
    }
    connection
}

async fn platform(
    client: Result<&Client, &Error>,
    connection: &Connection,
    url: Option<&str>,
    is_lost: bool,
) -> (Part<Hook>, Part<Counted>) {
    let client = match client {
        Ok(client) => client,
        Err(error) => return (Err(unreachable(error)), Err("needs the platform".to_owned())),
    };
    let hook = match hook(client, connection, url, is_lost).await {
        Ok(hook) => hook,
        Err(error) => return (Err(unreachable(&error)), Err("needs the platform".to_owned())),
    };
    let webhook = match &hook {
        Hook::Live(webhook) => webhook,
        Hook::Unremembered(_) => return (Ok(hook), Err("the webhook is not remembered here".to_owned())),
        Hook::Gone(_) | Hook::Missing => return (Ok(hook), Err("there is no webhook".to_owned())),
    };
    let deliveries = client.deliveries(&webhook.id, 1, PAGE).await;
    (Ok(hook), deliveries.map(|page| count(&page.items)).map_err(|error| error.to_string()))
}

fn unreachable(error: &Error) -> String {
    match error {
        Error::NotLoggedIn { .. } => format!("needs `hb login`: {error}"),
        _ => error.to_string(),
    }
}

/// The webhook that is remembered, else the one that leads to `url`, or, where all memory may be lost, to any connector.
async fn hook(
    client: &Client,
    connection: &Connection,
    url: Option<&str>,
    is_lost: bool,
) -> Result<Hook, Error> {
    let known = connection.webhook.as_ref().map(|webhook| webhook.id.clone());
    if let Some(id) = &known {
        match client.webhook(id).await {
            Ok(webhook) => return Ok(Hook::Live(webhook)),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(live) = by_url(client, url).await? {
        return Ok(Hook::Live(live));
    }
    if let Some(id) = known {
        return Ok(Hook::Gone(id));
    }
    let all = if is_lost { client.webhooks_to_connectors().await? } else { Vec::new() };
    let other = all.into_iter().next();
    Ok(other.map_or(Hook::Missing, |webhook| Hook::Unremembered(webhook.url)))
}

async fn by_url(client: &Client, url: Option<&str>) -> Result<Option<Webhook>, Error> {
    let Some(url) = url else { return Ok(None) };
    let all = client.webhooks().await?;
    Ok(all.into_iter().find(|webhook| same_connector(&webhook.url, url)))
}

/// Counts events in the platform's order, which is newest first.
pub(super) fn count(attempts: &[Delivery]) -> Counted {
    let mut order: Vec<Vec<&Delivery>> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for attempt in attempts {
        let known = attempt.event_id.as_deref().map(|id| *place.entry(id).or_insert(order.len()));
        match known.and_then(|index| order.get_mut(index)) {
            Some(event) => event.push(attempt),
            None => order.push(vec![attempt]),
        }
    }
    let mut counted = Counted { looked_at: order.len(), ..Counted::default() };
    for (index, event) in order.iter().enumerate() {
        let arrived = event.iter().find(|attempt| matches!(attempt.status_code, Some(200..=299)));
        let Some(outcome) = arrived.or_else(|| event.iter().max_by_key(|attempt| attempt.attempt)) else {
            continue;
        };
        let code = outcome.status_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        if arrived.is_some() {
            counted.succeeded += 1;
        } else {
            counted.recent_failures += usize::from(index < 10);
            counted.last_error.get_or_insert_with(|| outcome.error.clone().unwrap_or_else(|| code.clone()));
        }
        *counted.by_code.entry(code).or_default() += 1;
    }
    counted
}

async fn connector(
    context: &Context,
    settings: &PlatformSettings,
    url: Option<&str>,
    deployed: Option<&Deployed>,
) -> (Option<Part<Health>>, Part<Value>) {
    let Some(url) = url else { return (None, Err("no connector is known".to_owned())) };
    let connector = match Connector::new(url, settings, context.timing.clone()) {
        Ok(connector) => connector,
        Err(error) => return (Some(Err(error.to_string())), Err("needs a URL".to_owned())),
    };
    let (health, key) = tokio::join!(connector.health(), key(deployed));
    let instance = match key {
        Ok(key) => connector.status(&key).await.map_err(|error| answer(&error)),
        Err(reason) => Err(reason),
    };
    (Some(health.map_err(|error| answer(&error))), instance)
}

/// What kept the connector from answering; the words of the error are those for the platform.
fn answer(error: &Error) -> String {
    match error {
        Error::Unavailable { status, .. } => format!("answers {status}"),
        _ => error.to_string(),
    }
}

async fn key(deployed: Option<&Deployed>) -> Part<Confidential> {
    let (deployed, site) = site(deployed)?;
    let keys = deployed.azure.keys(site).await.map_err(|error| needs_az(&error))?;
    Ok(Confidential::new(keys.function.as_str()))
}

async fn previous(deployed: Option<&Deployed>) -> Part<bool> {
    let (deployed, site) = site(deployed)?;
    let settings = deployed.azure.settings(site).await.map_err(|error| needs_az(&error))?;
    Ok(settings.contains_key(PREVIOUS))
}

fn site(deployed: Option<&Deployed>) -> Part<(&Deployed, &str)> {
    let deployed = deployed.ok_or_else(|| NOT_DEPLOYED.to_owned())?;
    let site = deployed.output("connectorFunctionName");
    Ok((deployed, site.ok_or_else(|| "the deployment names no function app".to_owned())?))
}

async fn table(deployed: Option<&Deployed>) -> Part<Table> {
    let deployed = deployed.ok_or_else(|| NOT_DEPLOYED.to_owned())?;
    let rows = deployed.query(QUERY).await.map_err(|error| needs_az(&error))?;
    let Some(row) = rows.first() else { return Ok(Table::default()) };
    let time = |name: &str| OffsetDateTime::parse(row.get(name)?.as_str()?, &Rfc3339).ok();
    let rows_24h = row.get("Rows24h").and_then(Value::as_u64).unwrap_or(0);
    Ok(Table { last_row: time("LastRow"), rows_24h, heartbeat: time("Heartbeat") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_at_one_event_count_once() {
        let attempt = |id: Option<&str>, attempt: u64, code: Option<u16>, error: Option<&str>| Delivery {
            event_id: id.map(str::to_owned),
            status_code: code,
            attempt: Some(attempt),
            error: error.map(str::to_owned),
        };
        let attempts = [
            attempt(Some("d"), 2, None, Some("timed out")),
            attempt(Some("d"), 1, Some(503), Some("503")),
            attempt(Some("c"), 2, Some(202), None),
            attempt(Some("c"), 1, Some(503), Some("503")),
            attempt(None, 1, Some(200), None),
            attempt(None, 1, Some(401), Some("401")),
            attempt(Some("a"), 1, Some(200), None),
        ];
        let by_code = [("200", 2), ("202", 1), ("401", 1), ("none", 1)];
        assert_eq!(
            count(&attempts),
            Counted {
                looked_at: 5,
                succeeded: 3,
                recent_failures: 2,
                by_code: by_code.map(|(code, count)| (code.to_owned(), count)).into(),
                last_error: Some("timed out".to_owned()),
            }
        );
        assert_eq!(count(&[]), Counted::default());
    }
}
