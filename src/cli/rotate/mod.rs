//! `hb-sentinel rotate-secret`: a new secret, without losing an event of a live webhook.
//!
//! The connector accepts two secrets: `WEBHOOK_SECRET` refers to the newest version in the vault, and
//! `WEBHOOK_SECRET_PREVIOUS`, during a rotation, to the version before it, by its address. No value is ever read. Each
//! finished phase is remembered, so that the next run continues an interrupted one:
//!
//! 1. The old version becomes the previous secret (`previous`).
//! 2. A new version is written, resolved and probed (`renewal`). It is in memory only, so a run that ends here begins with
//!    another.
//! 3. A second webhook signs with the new one, proven by a test event (`renewal`). Both deliver.
//! 4. The old webhook is removed, and events that it signed have time to arrive.
//! 5. The previous secret is dropped (`previous`), with a test event before and after.

mod previous;
mod renewal;

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::json;

use super::context::Context;
use super::deployed::Deployed;
use super::error::{Exit, Explain as _, usage};
use super::output::State;
use super::platform::{Platform, Told as _, remember};
use super::span::span;
use crate::humanbound::{Connector, Webhook, same_connector};
use crate::state;

/// Give webhook and connector a new secret, without losing an event
#[derive(Debug, clap::Args)]
#[command(after_help = "An interrupted rotation is finished by running it again.")]
pub(crate) struct RotateArgs {
    /// How long the old secret is still accepted after its webhook is gone, for events that are sent again
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = span)]
    grace: Duration,
    /// Only drop the previous secret, at once; the new webhook must be the only one that leads to the connector
    #[arg(long)]
    finish: bool,
}

/// What a rotation works on.
struct Rotating<'a> {
    context: &'a Context,
    platform: Platform,
    deployed: Deployed,
    connector: Connector,
    /// The connector's URL.
    url: String,
    /// The Function App: its name and its resource id.
    app: (String, String),
    /// The vault's resource id.
    vault: String,
}

/// Whether the old webhook is gone.
enum Parting {
    /// Only the new one is left.
    Clean,
    /// Something that may sign with the old secret is left.
    Pending(String),
}

/// Rotates, or continues a rotation.
///
/// # Errors
/// Nothing is deployed or connected, or a phase fails. What was done is remembered, and the old webhook delivers as long
/// as the new one does not.
pub(super) async fn run(args: &RotateArgs, context: &Context) -> Result<Exit> {
    let mut rotating = Rotating::open(context).await?;
    if args.finish {
        return rotating.finish().await;
    }
    let phase = rotating.phase();
    if phase == 0 {
        let live = rotating.live().await?;
        rotating.agree_to_gap(&live).await?;
        rotating.keep_previous(&live).await?;
    } else {
        context.printer.say("Going on", &format!("with a rotation that came to phase {phase} of 5"));
    }
    if phase < 3 {
        rotating.renew().await?;
    }
    match rotating.part(args.grace).await? {
        Parting::Clean => rotating.end("rotated").await,
        Parting::Pending(reason) => {
            context.printer.warn(&format!("{reason}; WEBHOOK_SECRET_PREVIOUS stays until it is gone"));
            context.printer.hint(
                "remove it with `hb webhooks remove ID`, then run `hb-sentinel rotate-secret --finish`",
            );
            rotating.publish("pending", None)?;
            Ok(Exit::Pending)
        }
    }
}

impl<'a> Rotating<'a> {
    async fn open(context: &'a Context) -> Result<Self> {
        let mut platform = Platform::open(context, "rotate-secret").await?;
        let deployed = Deployed::of(context, platform.connection()).ok_or_else(|| {
            usage(
                "no deployment is remembered, and a rotation needs its Function App and its vault",
                "run `hb-sentinel deploy`; for a connector elsewhere give it a new secret, run `hb-sentinel disconnect`, \
                 then `hb-sentinel connect`",
            )
        })?;
        let url = deployed.required("connectorUrl")?;
        let connector =
            Connector::new(&url, &platform.settings, context.timing.clone()).told()?.of_instances();
        let app = (deployed.required("connectorFunctionName")?, deployed.required("siteResourceId")?);
        let vault = deployed.required("keyVaultResourceId")?;
        Ok(Self { context, platform, deployed, connector, url, app, vault })
    }

    fn phase(&mut self) -> u8 {
        self.platform.connection().rotation.as_ref().map_or(0, |rotation| rotation.phase)
    }

    /// The rotation under way; a new one at first.
    fn rotation(&mut self) -> &mut state::Rotation {
        self.platform.connection().rotation.get_or_insert_default()
    }

    fn reach(&mut self, phase: u8) -> Result<()> {
        self.rotation().phase = phase;
        self.platform.save()
    }

    /// The webhook that is to be replaced.
    async fn live(&mut self) -> Result<Webhook> {
        let url = self.url.clone();
        let live = self.platform.live(Some(&url)).await?;
        let live = self.platform.needed(live, ", so there is no secret to rotate").await?;
        if !same_connector(&live.url, &url) {
            return Err(anyhow!("the webhook {} leads to {}, and {url} was deployed", live.id, live.url))
                .hint("run `hb-sentinel connect`, which connects what was deployed");
        }
        if !live.active {
            return Err(anyhow!("the webhook {} is switched off", live.id))
                .hint("switch it on with `hb-sentinel test --yes`, then rotate");
        }
        self.platform.connection().webhook.get_or_insert_with(|| remember(&live));
        Ok(live)
    }

    /// The webhooks that lead to the connector.
    async fn ours(&self) -> Result<Vec<Webhook>> {
        let all = self.platform.client.webhooks().await.told()?;
        Ok(all.into_iter().filter(|webhook| same_connector(&webhook.url, &self.url)).collect())
    }

    /// The id of the webhook that is remembered.
    fn current(&mut self) -> Option<String> {
        self.platform.connection().webhook.as_ref().map(|webhook| webhook.id.clone())
    }

    /// Phase 4: the old webhook is removed, and retries of its events have time to arrive.
    async fn part(&mut self, grace: Duration) -> Result<Parting> {
        let old = self.rotation().old_webhook.clone();
        if let Some(old) = old.filter(|_| self.rotation().phase < 4) {
            let step = self.context.printer.step("old-webhook", "The old webhook is removed");
            if !self.platform.remove(self.context, &old).await? {
                step.end(State::Pending, "a later run removes it");
                return Ok(Parting::Pending(format!("the old webhook {old} is still there")));
            }
            step.done(&old);
        }
        let now = self.context.timing.now();
        let since = *self.rotation().removed_at.get_or_insert(now);
        self.reach(4)?;
        let passed = Duration::try_from(now - since).unwrap_or_default();
        let left = grace.saturating_sub(passed);
        let step = self.context.printer.step("grace", "What the old webhook sent may still arrive");
        if !left.is_zero() {
            step.progress(&format!("waiting {}", humantime::format_duration(left)));
            self.context.timing.sleep(left).await;
        }
        step.done(format!("{} waited", humantime::format_duration(grace)));
        self.others().await
    }

    /// Whether only the new webhook leads to the connector: another may sign with the old secret.
    async fn others(&mut self) -> Result<Parting> {
        let current = self.current();
        let old = self.rotation_old();
        let mut left = self.ours().await?;
        left.retain(|webhook| Some(&webhook.id) != current.as_ref() || Some(&webhook.id) == old.as_ref());
        let ids: Vec<_> = left.iter().map(|webhook| webhook.id.as_str()).collect();
        Ok(match ids.as_slice() {
            [] => Parting::Clean,
            some => Parting::Pending(format!("the webhook {} leads to the connector too", some.join(", "))),
        })
    }

    fn rotation_old(&mut self) -> Option<String> {
        self.platform.connection().rotation.as_ref().and_then(|rotation| rotation.old_webhook.clone())
    }

    /// Phase 5 alone, for `--finish`.
    async fn finish(&mut self) -> Result<Exit> {
        let url = self.url.clone();
        let live = self.platform.live(Some(&url)).await?;
        let live = live.filter(|webhook| same_connector(&webhook.url, &url));
        let live = live.ok_or_else(|| anyhow!("no webhook leads to the connector"));
        let live = live.hint("run `hb-sentinel connect`").code("NotConnected")?;
        self.platform.connection().webhook.get_or_insert_with(|| remember(&live));
        if let Parting::Pending(reason) = self.others().await? {
            return Err(usage(
                format!("the previous secret may still be needed: {reason}"),
                "run `hb-sentinel rotate-secret`, or remove the webhook with `hb webhooks remove ID`",
            ));
        }
        if self.phase() == 0 && !self.has_previous().await? {
            self.publish("unchanged", None)?;
            return Ok(Exit::Done);
        }
        self.end("finished").await
    }

    /// Phase 5: with a test event before, the previous secret is dropped, with a test event after.
    async fn end(&mut self, state: &str) -> Result<Exit> {
        let arrival = self.drop_previous().await?;
        let is_replayed = self.rotation().gap_since.is_some();
        let replaced = self.rotation_old();
        self.platform.connection().rotation = None;
        self.platform.save()?;
        self.publish(state, replaced.as_deref())?;
        let is_proven = arrival == super::webhook::ping::Arrival::Delivered && !is_replayed;
        Ok(if is_proven { Exit::Done } else { Exit::Pending })
    }

    fn publish(&mut self, state: &str, replaced: Option<&str>) -> Result<()> {
        let webhook = self.current();
        let text = match state {
            "unchanged" => "No rotation is under way.\n".to_owned(),
            "pending" => "The new secret is in use; the old one is still accepted.\n".to_owned(),
            _ => format!(
                "Webhook {} signs with a new secret, and only that is accepted.\n",
                webhook.as_deref().unwrap_or("-")
            ),
        };
        self.context
            .printer
            .publish(json!({ "state": state, "webhook": webhook, "replaced": replaced }), &text)
    }
}
