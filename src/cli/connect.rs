//! `hb-sentinel connect`: makes a webhook from Humanbound to a running connector, and proves it with a test event.
//!
//! Running it again changes nothing while the webhook delivers. A test event that does not arrive is reported, but never
//! leads to a new secret, because it does not prove that the secret is wrong.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use console::style;
use dialoguer::{Confirm, Input};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::error::{Exit, Explain as _, usage};
use super::output::State;
use super::platform::{Platform, Told as _, remember};
use super::webhook::{self, Replaced, ping, secret};
use crate::config::{self, Confidential};
use crate::humanbound::{Connector, Replay, Webhook, same_connector};

/// How many webhooks an organisation may have.
/// `humanbound` 2.13.0 on PyPI, `humanbound_cli/commands/webhooks.py`
pub(super) const MAX_WEBHOOKS: usize = 10;

/// Connect Humanbound to a connector, and prove it with a test event
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hb-sentinel connect --url https://func-example.azurewebsites.net/api/ingest
  openssl rand -hex 32 > secret && hb-sentinel connect --url https://… --secret-file secret")]
pub(crate) struct ConnectArgs {
    /// The connector's URL, as the deployment prints it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Read the secret that the connector has from FILE; `-` is standard input
    #[arg(long, value_name = "FILE|-")]
    secret_file: Option<PathBuf>,
    /// Make a new secret and show it once, for a connector that is not on Azure
    #[arg(long, conflicts_with = "secret_file")]
    print_secret: bool,
    /// What the webhook is called
    #[arg(long, value_name = "NAME", default_value = "Sentinel Connector")]
    name: String,
    /// Not taken: it would be in the list of processes and in the shell's history
    #[arg(long, value_name = "SECRET", hide = true, num_args = 0..=1, default_missing_value = "")]
    secret: Option<String>,
}

/// Connects, or reports that everything is connected.
///
/// # Errors
/// The platform or the connector cannot be reached or rejects a request, or no test event arrives.
pub(super) async fn run(args: ConnectArgs, context: &Context) -> Result<Exit> {
    if args.secret.is_some() {
        return Err(usage(
            "a secret on the command line can be read by others",
            "put it into a file and name that with `--secret-file FILE`, or `--secret-file -` for standard input",
        ));
    }
    check(&args, context)?;
    let mut platform = open(context, "connect").await?;
    let url = target(&args, context, &mut platform).await?;
    let connector = Connector::new(&url, &platform.settings, context.timing.clone()).told()?;
    health(context, &connector).await?;
    let all = platform.client.webhooks().await.told()?;
    if let Some(live) = standing(&mut platform, &all, &url)? {
        let arrival = again(context, &mut platform, &live).await?;
        return end(context, &mut platform, &live, arrival, "unchanged");
    }
    if let Some(elsewhere) = elsewhere(&args, &mut platform, &all, &url) {
        let (moved, arrival) = webhook::lead(context, &mut platform, &elsewhere, &url).await?;
        return end(context, &mut platform, &moved, arrival, "connected");
    }
    let secret = obtain(&args, context)?;
    webhook::probe(context, &connector, &secret).await?;
    let made = make(context, &mut platform, (&url, &secret), &args.name, &all).await?;
    let exit = end(context, &mut platform, &made.webhook, made.arrival, "connected")?;
    Ok(if made.is_replayed { Exit::Pending } else { exit })
}

/// Checks what the arguments name before anybody is asked to log in.
fn check(args: &ConnectArgs, context: &Context) -> Result<()> {
    if let Some(url) = &args.url {
        Connector::new(url, &config::platform(&context.env), context.timing.clone()).told()?;
    }
    // Standard input can be read only once.
    if let Some(file) = args.secret_file.as_deref().filter(|file| *file != Path::new("-")) {
        secret::read(file)?;
    }
    Ok(())
}

/// A webhook that was made.
pub(super) struct Made {
    pub(super) webhook: Webhook,
    pub(super) arrival: ping::Arrival,
    /// There was a gap, whose events have been queued.
    pub(super) is_replayed: bool,
}

/// Makes the webhook for a connector that accepts the secret, beside the existing ones in `all`, and removes those that it
/// replaces.
///
/// # Errors
/// There is no place for it, or no test event arrives; then it is removed again.
pub(super) async fn make(
    context: &Context,
    platform: &mut Platform,
    (url, secret): (&str, &Confidential),
    name: &str,
    all: &[Webhook],
) -> Result<Made> {
    let (same, replaced) = replaced(context, platform, all, url)?;
    if all.len() >= MAX_WEBHOOKS {
        return in_the_last_place(context, platform, name, (url, secret), (all, replaced)).await;
    }
    let webhook = webhook::create(context, platform, url, name, secret).await?;
    let arrival = webhook::adopt(context, platform, &webhook, &replaced).await?;
    for id in same {
        context
            .printer
            .warn(&format!("webhook {id} leads to the same connector, so that events arrive twice"));
        context.printer.hint(&format!("remove it with `hb webhooks remove {id}`"));
    }
    Ok(Made { webhook, arrival, is_replayed: false })
}

/// Opens the platform, and learns the organisation's name.
pub(super) async fn open(context: &Context, purpose: &str) -> Result<Platform> {
    let step = context.printer.step("platform", "Humanbound");
    let mut platform = Platform::open(context, purpose).await?;
    let organisations = platform.client.organisations().await.told()?;
    let id = platform.organisation.clone();
    let ours = organisations.into_iter().find(|one| crate::humanbound::same_id(&one.id, &id));
    let ours = ours.ok_or_else(|| anyhow!("you are in no organisation with the id {id}"));
    let ours = ours.hint("choose one with `hb orgs use`, or name one with `--org`").exit(Exit::Usage)?;
    platform.connection().organisation_name = Some(ours.name.clone());
    step.done(ours.name);
    Ok(platform)
}

/// The connector's URL: the one that is named, else what is remembered, else that of the only webhook to a connector, which
/// finds a connection again whose state was lost.
async fn target(args: &ConnectArgs, context: &Context, platform: &mut Platform) -> Result<String> {
    let known = platform.connection();
    let deployed = known.azure.as_ref().and_then(|azure| azure.outputs.get("connectorUrl")?.as_str());
    let url = args.url.clone().or_else(|| deployed.map(str::to_owned));
    if let Some(url) = url.or_else(|| known.webhook.as_ref().map(|webhook| webhook.url.clone())) {
        return Ok(url);
    }
    if let [only] = platform.client.webhooks_to_connectors().await.told()?.as_slice() {
        context.printer.say("Found", &format!("webhook {}, which nothing here remembered", only.id));
        return Ok(only.url.clone());
    }
    Err(usage("the connector's URL is needed", "name it: `hb-sentinel connect --url https://…/api/ingest`"))
}

async fn health(context: &Context, connector: &Connector) -> Result<()> {
    let step = context.printer.step("connector", "The connector answers");
    let health = connector.health().await.told().code("ConnectorUnreachable")?;
    step.done(format!("version {}, {}", health.version, health.status));
    Ok(())
}

/// The webhook that is already connected to `url`: the remembered one, else the one that has our URL.
pub(super) fn standing(platform: &mut Platform, all: &[Webhook], url: &str) -> Result<Option<Webhook>> {
    let known = platform.connection().webhook.as_ref().map(|webhook| webhook.id.clone());
    let ours = all.iter().find(|webhook| Some(&webhook.id) == known.as_ref());
    let ours = ours.filter(|webhook| same_connector(&webhook.url, url));
    let found = ours.or_else(|| all.iter().find(|webhook| same_connector(&webhook.url, url)));
    if let Some(webhook) = found {
        platform.connection().webhook = Some(remember(webhook));
        platform.connection().pending = None;
        platform.save()?;
    }
    Ok(found.cloned())
}

/// Our webhook, where it leads to another app than was deployed last, and no other secret is named for that one: both apps
/// have the secret of their vault.
fn elsewhere(args: &ConnectArgs, platform: &mut Platform, all: &[Webhook], url: &str) -> Option<Webhook> {
    let known = platform.connection();
    let deployed = known.azure.as_ref().and_then(|azure| azure.outputs.get("connectorUrl")?.as_str())?;
    let is_deployed = same_connector(deployed, url) && args.secret_file.is_none() && !args.print_secret;
    let id = known.webhook.as_ref().filter(|_| is_deployed)?.id.clone();
    all.iter().find(|webhook| webhook.id == id).cloned()
}

/// The webhook exists: checks whether it delivers, and reports that.
pub(super) async fn again(
    context: &Context,
    platform: &mut Platform,
    live: &Webhook,
) -> Result<ping::Arrival> {
    let step = context.printer.step("webhook", "Humanbound has a webhook");
    step.end(State::Unchanged, live.id.clone());
    if !live.active {
        activate(context, platform, live).await?;
    }
    let arrival = ping::send(context, platform, &live.id).await?;
    if let Some(ours) = &mut platform.connection().webhook
        && arrival == ping::Arrival::Delivered
    {
        ours.tested_at = Some(context.timing.now());
    }
    Ok(arrival)
}

/// Offers to switch a webhook on again that somebody switched off.
pub(super) async fn activate(context: &Context, platform: &Platform, webhook: &Webhook) -> Result<()> {
    let question = format!("The webhook {} is switched off. Switch it on?", webhook.id);
    let wanted =
        context.yes || (context.is_interactive && Confirm::new().with_prompt(question).interact()?);
    if !wanted {
        return Err(usage(
            format!("the webhook {} is switched off, so nothing is delivered", webhook.id),
            "switch it on with `--yes`, or with `hb webhooks update`",
        ));
    }
    let step = context.printer.step("activate", "The webhook is switched on");
    platform.client.set_webhook_active(&webhook.id, true).await.told()?;
    step.done("");
    Ok(())
}

fn obtain(args: &ConnectArgs, context: &Context) -> Result<Confidential> {
    if let Some(file) = &args.secret_file {
        return secret::read(file);
    }
    let (made, origin) = if args.print_secret {
        if !context.is_interactive && !context.yes {
            return Err(usage(
                "`--print-secret` waits for somebody to take the secret to the connector",
                "make one with `openssl rand -hex 32`, set it, and name its file with `--secret-file`",
            ));
        }
        (secret::generate()?, secret::Origin::Made)
    } else {
        secret::ask(context)?
    };
    if matches!(origin, secret::Origin::Made) {
        show(context, &made)?;
    }
    Ok(made)
}

/// Shows a new secret once, and waits until the operator confirms that the connector has it.
fn show(context: &Context, secret: &Confidential) -> Result<()> {
    context.printer.say("Secret", "it is shown once and kept nowhere:");
    // The operator asked for it. On stderr, so that redirecting the result does not write it into a file.
    context.printer.say("", &style(secret.expose()).for_stderr().bold().to_string());
    context.printer.hint(
        "set it as `WEBHOOK_SECRET` of the connector, or as the secret `webhook-secret` of its key vault",
    );
    if context.is_interactive {
        Input::<String>::new()
            .with_prompt("Press Enter when the connector has it")
            .allow_empty(true)
            .interact_text()?;
    }
    Ok(())
}

/// The webhooks that the new one replaces, after a question about unknown ones: the ids to keep and those to remove.
fn replaced(
    context: &Context,
    platform: &mut Platform,
    all: &[Webhook],
    url: &str,
) -> Result<(Vec<String>, Replaced)> {
    let known = platform.connection().webhook.as_ref().map(|webhook| webhook.id.clone());
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    for webhook in all {
        if Some(&webhook.id) == known.as_ref() {
            go.push(webhook.id.clone());
        } else if same_connector(&webhook.url, url) {
            let question =
                format!("Another webhook, {}, leads to the same connector. Remove it?", webhook.id);
            let wanted = context.is_interactive && Confirm::new().with_prompt(question).interact()?;
            if wanted { &mut go } else { &mut stay }.push(webhook.id.clone());
        }
    }
    Ok((stay, Replaced { ids: go }))
}

/// The error when there is no place for another webhook, and none of the existing ones is ours.
fn full<T>(all: &[Webhook]) -> Result<T> {
    let list: Vec<_> = all.iter().map(|one| format!("{} {} {}", one.id, one.name, one.url)).collect();
    Err(anyhow!(
        "the organisation has {} webhooks, and more are not possible:\n{}",
        all.len(),
        list.join("\n")
    ))
    .hint("free a place with `hb webhooks remove ID`")
    .code("LimitReached")
}

/// Checks that there is a place for one more webhook, or one that it would replace, before anything is made that needs it.
///
/// # Errors
/// All places are taken, and none by `ours`.
pub(super) fn place(all: &[Webhook], ours: impl Fn(&Webhook) -> bool) -> Result<()> {
    if all.len() < MAX_WEBHOOKS || all.iter().any(ours) { Ok(()) } else { full(all) }
}

/// All places are taken. One of ours can be removed first, which leaves a gap that a replay fills.
async fn in_the_last_place(
    context: &Context,
    platform: &mut Platform,
    name: &str,
    (url, secret): (&str, &Confidential),
    (all, replaced): (&[Webhook], Replaced),
) -> Result<Made> {
    let Some(ours) = replaced.ids.first() else { return full(all) };
    let question = format!(
        "All {MAX_WEBHOOKS} webhooks are in use. Remove {ours} first? Events of the seconds in between are replayed."
    );
    let wanted =
        context.yes || (context.is_interactive && Confirm::new().with_prompt(question).interact()?);
    if !wanted {
        return Err(usage(
            format!(
                "all {MAX_WEBHOOKS} webhooks are in use, so the old one must go before the new one is made"
            ),
            "agree to the gap with `--yes`, or free a place with `hb webhooks remove ID`",
        ));
    }
    let gap = context.timing.now() - time::Duration::minutes(1);
    for id in &replaced.ids {
        platform.client.delete_webhook(id).await.told()?;
    }
    platform.connection().webhook = None;
    platform.save()?;
    let created = webhook::create(context, platform, url, name, secret).await?;
    let arrival = webhook::adopt(context, platform, &created, &Replaced { ids: Vec::new() }).await?;
    let since = gap.replace_nanosecond(0).unwrap_or(gap).format(&Rfc3339).unwrap_or_default();
    let step = context.printer.step("replay", "Events of the gap are replayed");
    let replay = Replay { since: Some(&since), ..Replay::default() };
    let queued = platform.client.replay(&created.id, &replay).await.told()?.queued;
    let text =
        queued.map_or("the platform did not say how many".to_owned(), |count| format!("{count} queued"));
    step.end(State::Pending, format!("since {since}: {text}"));
    Ok(Made { webhook: created, arrival, is_replayed: true })
}

fn end(
    context: &Context,
    platform: &mut Platform,
    webhook: &Webhook,
    arrival: ping::Arrival,
    state: &str,
) -> Result<Exit> {
    platform.save()?;
    let organisation = platform.connection().organisation_name.clone().unwrap_or_default();
    let result = json!({
        "state": state, "organisation": platform.organisation, "webhook": webhook, "test": arrival.name(),
    });
    let text = format!("{organisation} delivers to {} (webhook {}).\n", webhook.url, webhook.id);
    context.printer.publish(result, &text)?;
    context
        .printer
        .hint("bring past events with `hb-sentinel sync --since DATE`; look with `hb-sentinel status`");
    Ok(if arrival == ping::Arrival::Delivered { Exit::Done } else { Exit::Pending })
}
