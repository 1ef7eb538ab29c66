//! The new secret and the webhook that signs with it.

use anyhow::{Context as _, Result};
use dialoguer::Confirm;
use time::format_description::well_known::Rfc3339;

use super::Rotating;
use crate::cli::connect::MAX_WEBHOOKS;
use crate::cli::error::{Explain as _, usage};
use crate::cli::output::State;
use crate::cli::platform::{Told as _, remember};
use crate::cli::webhook::{self, Replaced, secret};
use crate::config::Confidential;
use crate::humanbound::{self, NewWebhook, Replay, Webhook};

/// A rotation that fails here has lost nothing.
const AGAIN: &str =
    "run `hb-sentinel rotate-secret` again; the old webhook delivers, and WEBHOOK_SECRET_PREVIOUS must stay";

impl Rotating<'_> {
    /// Asks before anything is changed, where the old webhook must go before the new one can be made.
    pub(super) async fn agree_to_gap(&self, live: &Webhook) -> Result<()> {
        let all = self.platform.client.webhooks().await.told()?;
        if all.len() < MAX_WEBHOOKS {
            return Ok(());
        }
        let question = format!(
            "All {MAX_WEBHOOKS} webhooks are in use. Remove {} before the new one is made? Events of the seconds in \
             between are replayed.",
            live.id
        );
        let wanted = self.context.yes
            || (self.context.is_interactive && Confirm::new().with_prompt(question).interact()?);
        if wanted {
            return Ok(());
        }
        Err(usage(
            format!(
                "all {MAX_WEBHOOKS} webhooks are in use, so the old one must go before the new one is made"
            ),
            "agree to the gap with `--yes`, or free a place with `hb webhooks remove ID`",
        ))
    }

    /// Phases 2 and 3: until a webhook that signs with a new secret has delivered a test event.
    pub(super) async fn renew(&mut self) -> Result<()> {
        let old = self.old().await?;
        self.hold_previous().await?;
        if self.resume(old.as_ref()).await? {
            return self.reach(3);
        }
        let secret = self.put().await?;
        self.reach(2)?;
        let new = match &old {
            Some(old) => {
                self.make_room(old).await?;
                self.create(&secret, &old.name, &old.event_types).await?
            }
            None => self.create(&secret, "Sentinel Connector", &[]).await?,
        };
        webhook::adopt(self.context, &mut self.platform, &new, &Replaced { ids: Vec::new() })
            .await
            .context("the new webhook does not deliver")
            .hint(AGAIN)?;
        self.replay(&new).await?;
        self.reach(3)
    }

    /// The webhook that signs with the old secret, as the platform has it now.
    async fn old(&mut self) -> Result<Option<Webhook>> {
        let Some(id) = self.rotation().old_webhook.clone() else { return Ok(None) };
        match self.platform.client.webhook(&id).await {
            Ok(webhook) => Ok(Some(webhook)),
            Err(humanbound::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).told(),
        }
    }

    /// Continues with a webhook that an interrupted run has made, if it delivers. Its secret is the newest in the vault.
    async fn resume(&mut self, old: Option<&Webhook>) -> Result<bool> {
        let known = self.current();
        let is_asked_for = self.platform.connection().pending.is_some();
        let is_new = |webhook: &Webhook| old.is_none_or(|old| old.id != webhook.id);
        let mut left: Vec<_> = self.ours().await?.into_iter().filter(is_new).collect();
        left.retain(|webhook| is_asked_for || Some(&webhook.id) == known.as_ref());
        let [found] = left.as_slice() else { return Ok(false) };
        // What is remembered is what comes back when this one does not deliver.
        self.platform.connection().webhook = old.map(remember);
        self.platform.connection().pending = None;
        match webhook::adopt(self.context, &mut self.platform, found, &Replaced { ids: Vec::new() }).await {
            Ok(_) => self.replay(found).await.map(|()| true),
            Err(error) => {
                self.context
                    .printer
                    .warn(&format!("the webhook of an earlier run does not deliver: {error:#}"));
                Ok(false)
            }
        }
    }

    /// Phase 2: a new version that every instance accepts.
    async fn put(&mut self) -> Result<Confidential> {
        let secret = secret::generate()?;
        let step = self.context.printer.step("secret", "The vault has a new secret");
        self.deployed.azure.put_secret(&self.vault, &secret).await.told()?;
        self.deployed.azure.refresh_references(&self.app.1).await.told()?;
        step.done("");
        webhook::probe(self.context, &self.connector, &secret).await.hint(AGAIN)?;
        Ok(secret)
    }

    /// Removes the old webhook first where there is no place for two. Events in between are replayed.
    async fn make_room(&mut self, old: &Webhook) -> Result<()> {
        let all = self.platform.client.webhooks().await.told()?;
        if all.len() < MAX_WEBHOOKS {
            return Ok(());
        }
        // An interrupted rotation may find that the free places have been taken.
        self.agree_to_gap(old).await?;
        let since = self.context.timing.now() - time::Duration::minutes(1);
        self.rotation().gap_since = Some(since);
        self.platform.save()?;
        let step = self.context.printer.step("room", "The old webhook makes room");
        self.platform.client.delete_webhook(&old.id).await.told()?;
        step.done(&old.id);
        self.platform.connection().webhook = None;
        self.platform.save()
    }

    async fn create(&mut self, secret: &Confidential, name: &str, event_types: &[String]) -> Result<Webhook> {
        let types: Vec<&str> = event_types.iter().map(String::as_str).collect();
        let url = self.url.clone();
        let new = NewWebhook { url: &url, secret: secret.expose(), name, event_types: &types };
        webhook::create_for(self.context, &mut self.platform, &new).await.hint(AGAIN)
    }

    /// Requests the events that happened while there was no webhook.
    async fn replay(&mut self, new: &Webhook) -> Result<()> {
        let Some(since) = self.rotation().gap_since else { return Ok(()) };
        let since = since.replace_nanosecond(0).unwrap_or(since).format(&Rfc3339).unwrap_or_default();
        let step = self.context.printer.step("replay", "Events of the gap are replayed");
        let replay = Replay { since: Some(&since), ..Replay::default() };
        let queued = self.platform.client.replay(&new.id, &replay).await.told()?.queued;
        let count =
            queued.map_or("the platform did not say how many".to_owned(), |count| format!("{count} queued"));
        step.end(State::Pending, format!("since {since}: {count}"));
        Ok(())
    }
}
