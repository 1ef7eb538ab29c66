//! `hb-sentinel disconnect`: removes the webhook. What is in Azure stays.

use anyhow::Result;
use serde_json::json;

use super::context::Context;
use super::error::{Exit, Explain as _};
use super::output::State;
use super::platform::{Platform, Told as _};
use crate::humanbound::Webhook;

/// Remove the webhook; everything in Azure stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  hb-sentinel disconnect")]
pub(crate) struct DisconnectArgs {
    /// Forget the webhook even when the platform cannot be reached; a later command removes it
    #[arg(long)]
    force: bool,
}

/// Removes the webhook; one that is already gone is a success.
///
/// # Errors
/// The platform does not remove it, and `--force` was not given: then it is still remembered.
pub(super) async fn run(args: &DisconnectArgs, context: &Context) -> Result<Exit> {
    let mut platform = Platform::open(context, "disconnect").await?;
    let Some(webhook) = platform.connection().webhook.clone() else {
        return nothing(context, &platform).await;
    };
    let step = context.printer.step("webhook", "The webhook is removed");
    let exit = match platform.client.delete_webhook(&webhook.id).await {
        Ok(_) => {
            step.done(&webhook.id);
            Exit::Done
        }
        Err(error) if args.force => {
            step.end(State::Pending, format!("{error}; a later command removes it"));
            platform.connection().orphans.push(webhook.id.clone());
            Exit::Pending
        }
        Err(error) => {
            return Err(error).told().hint("forget it with `--force`; a later command then removes it");
        }
    };
    platform.connection().webhook = None;
    platform.connection().pending = None;
    platform.save()?;
    let text = format!("Humanbound no longer delivers to {}.\n", webhook.url);
    let text =
        if exit == Exit::Done { text } else { format!("The webhook to {} is forgotten.\n", webhook.url) };
    context.printer.publish(
        json!({ "state": "disconnected", "webhook": { "id": webhook.id, "url": webhook.url } }),
        &text,
    )?;
    Ok(exit)
}

/// Says that nothing is remembered, and what Humanbound delivers to all the same.
async fn nothing(context: &Context, platform: &Platform) -> Result<Exit> {
    // Whoever gave up on the platform with `--force` is not told that it does not answer.
    let found = platform.client.webhooks_to_connectors().await.unwrap_or_default();
    for Webhook { id, url, .. } in &found {
        context
            .printer
            .warn(&format!("Humanbound delivers to {url} (webhook {id}), which nothing here remembers"));
        context
            .printer
            .hint(&format!("if it is yours, run `hb-sentinel connect --url {url}`, then `disconnect` again"));
    }
    let text = if found.is_empty() { "Nothing is connected.\n" } else { "Nothing is remembered here.\n" };
    context.printer.publish(json!({ "state": "unchanged", "webhook": null }), text)?;
    Ok(Exit::Done)
}
