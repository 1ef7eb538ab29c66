//! From a secret to a webhook that delivers: shared by `connect`, `deploy` and `rotate-secret`.
//!
//! The order keeps events and secrets safe: the connector accepts the secret before a webhook exists, the webhook's id is
//! saved before the first test event, and a replaced webhook is removed only after its successor has delivered.
//!
//! Reading order: [`create`], [`adopt`], [`lead`], [`ping`], [`secret`].

pub(crate) mod ping;
pub(crate) mod secret;

use anyhow::{Context as _, Result};

use super::context::Context;
use super::error::Explain as _;
use super::platform::{Platform, Told as _, remember};
use crate::config::Confidential;
use crate::humanbound::{Connector, EVENT_TYPES, Error, NewWebhook, Probe, Webhook, same_connector};
use crate::state;

/// Proves that the connector accepts `secret`.
///
/// # Errors
/// It does not, or does not answer. No webhook was made.
pub(crate) async fn probe(context: &Context, connector: &Connector, secret: &Confidential) -> Result<()> {
    let step = context.printer.step("probe", "The connector accepts the secret");
    let outcome = connector.probe(secret, &|text| step.progress(text)).await.told()?;
    match outcome {
        Probe::Accepted => {
            step.done("");
            Ok(())
        }
        Probe::Rejected => Err(anyhow::anyhow!("the connector does not accept the secret"))
            .hint("set the same text as `webhook-secret` in the key vault, or as `WEBHOOK_SECRET`, and try again")
            .code("SecretRejected"),
        Probe::Unanswered { reason } => Err(anyhow::anyhow!("the connector cannot be asked: {reason}"))
            .hint("check the URL and that the function app runs")
            .code("ConnectorUnreachable"),
    }
}

/// Makes the webhook, and saves its id.
///
/// After an unclear answer the list decides: a webhook with our URL that was not there before is ours.
///
/// # Errors
/// The platform did not make one.
pub(crate) async fn create(
    context: &Context,
    platform: &mut Platform,
    url: &str,
    name: &str,
    secret: &Confidential,
) -> Result<Webhook> {
    create_for(context, platform, &NewWebhook { url, secret: secret.expose(), name, event_types: &[] }).await
}

/// The same, for some event types; none means all, as far as the platform takes that.
///
/// # Errors
/// The platform did not make one.
pub(crate) async fn create_for(
    context: &Context,
    platform: &mut Platform,
    new: &NewWebhook<'_>,
) -> Result<Webhook> {
    let NewWebhook { url, name, .. } = *new;
    let step = context.printer.step("webhook", "Humanbound has a webhook");
    let before = platform.client.webhooks().await.told()?;
    platform.connection().pending = Some(state::Pending {
        url: url.to_owned(),
        name: name.to_owned(),
        since: Some(context.timing.now()),
        ..state::Pending::default()
    });
    platform.save()?;
    let webhook = match make(platform, new).await {
        Err(Error::Unclear { reason, .. }) => {
            step.progress(&format!("{reason}; looking whether it was made"));
            match made(platform, &before, url).await? {
                Some(webhook) => webhook,
                None => make(platform, new).await.told()?,
            }
        }
        other => other.told().inspect_err(|_| platform.connection().pending = None)?,
    };
    let connection = platform.connection();
    connection.pending = None;
    step.done(&webhook.id);
    Ok(webhook)
}

/// One that leads to `url` and was not there before.
async fn made(platform: &Platform, before: &[Webhook], url: &str) -> Result<Option<Webhook>> {
    let now = platform.client.webhooks().await.told()?;
    let is_new = |webhook: &Webhook| !before.iter().any(|old| old.id == webhook.id);
    Ok(now.into_iter().find(|webhook| same_connector(&webhook.url, url) && is_new(webhook)))
}

/// All event types, those to come included; where the platform wants names, all that are known.
async fn make(platform: &Platform, new: &NewWebhook<'_>) -> Result<Webhook, Error> {
    let mut types = new.event_types.to_vec();
    for _ in 0..3 {
        match platform.client.create_webhook(&NewWebhook { event_types: &types, ..*new }).await {
            Err(Error::Invalid { status, text }) if text.contains("event_type") => {
                let wanted: Vec<&str> = if types.is_empty() {
                    EVENT_TYPES.to_vec()
                } else {
                    types.iter().copied().filter(|known| !text.contains(known)).collect()
                };
                if wanted == types {
                    return Err(Error::Invalid { status, text });
                }
                types = wanted;
            }
            other => return other,
        }
    }
    Err(Error::Invalid { status: 422, text: "no list of event types is accepted".to_owned() })
}

/// What a new webhook takes the place of.
pub(crate) struct Replaced {
    pub(crate) ids: Vec<String>,
}

/// Remembers `webhook`, proves that it delivers, and only then removes what it replaces.
///
/// # Errors
/// It does not deliver. Then it is removed, and what it should have replaced still delivers.
pub(crate) async fn adopt(
    context: &Context,
    platform: &mut Platform,
    webhook: &Webhook,
    replaced: &Replaced,
) -> Result<ping::Arrival> {
    let earlier = platform.connection().webhook.replace(remember(webhook));
    if let Some(ours) = &mut platform.connection().webhook {
        ours.created_at = Some(context.timing.now());
    }
    platform.save()?;
    match ping::until_it_arrives(context, platform, &webhook.id).await {
        Ok(arrival) => {
            if let Some(ours) = &mut platform.connection().webhook
                && arrival == ping::Arrival::Delivered
            {
                ours.tested_at = Some(context.timing.now());
            }
            platform.save()?;
            for id in &replaced.ids {
                platform.remove(context, id).await?;
            }
            Ok(arrival)
        }
        Err(error) => {
            platform.connection().webhook = earlier;
            platform.save()?;
            platform.remove(context, &webhook.id).await?;
            Err(error)
        }
    }
}

/// Leads a live webhook to another connector that has the same secret, and proves that it delivers there. Its id, and the
/// secret that it signs with, stay.
///
/// # Errors
/// It does not deliver there. It leads to where it led before, then.
pub(crate) async fn lead(
    context: &Context,
    platform: &mut Platform,
    live: &Webhook,
    url: &str,
) -> Result<(Webhook, ping::Arrival)> {
    let step = context.printer.step("webhook", "The webhook leads to the new connector");
    platform.client.set_webhook_url(&live.id, url).await.told()?;
    step.done(&live.id);
    let moved = Webhook { url: url.to_owned(), ..live.clone() };
    let earlier = platform.connection().webhook.replace(remember(&moved));
    platform.save()?;
    match ping::until_it_arrives(context, platform, &live.id).await {
        Ok(arrival) => {
            if let Some(ours) = &mut platform.connection().webhook {
                ours.created_at = earlier.and_then(|earlier| earlier.created_at);
                ours.tested_at = (arrival == ping::Arrival::Delivered).then(|| context.timing.now());
            }
            platform.save()?;
            Ok((moved, arrival))
        }
        Err(error) => {
            platform
                .client
                .set_webhook_url(&live.id, &live.url)
                .await
                .told()
                .context(format!("the webhook {} leads to {url} and does not deliver there", live.id))?;
            platform.connection().webhook = earlier;
            platform.save()?;
            context.printer.say("Put back", &format!("the webhook leads to {} again", live.url));
            Err(error)
        }
    }
}
