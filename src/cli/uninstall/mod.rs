//! `hb-sentinel uninstall`: deletes what our deployments have made, and nothing else.
//!
//! It only reads until the operator agrees: `preview` shows what is deleted, what stays, and what is not ours. Then it
//! removes the webhook, lets the spool drain (`spool`), and deletes resources one by one, by their ids. Every step can be
//! repeated without harm, so an interrupted run is simply run again; the remembered deployment is forgotten last.

mod preview;
mod spool;

use std::time::Duration;

use anyhow::{Result, anyhow};
use dialoguer::Confirm;
use serde_json::{Value, json};

use super::context::Context;
use super::deployed::Deployed;
use super::error::{Exit, Explain as _, usage};
use super::output::State;
use super::platform::{Platform, Told as _};
use crate::azure::Estate;
use crate::azure::estate::Item;

/// Remove what was deployed; events, the workspace and the watchlist stay
#[derive(Debug, clap::Args)]
#[command(after_help = "The key vault is soft-deleted for 7 days; a deployment within them recovers it.")]
pub(crate) struct UninstallArgs {
    /// The resource group, where no deployment is remembered
    #[arg(long, visible_alias = "rg", value_name = "NAME")]
    resource_group: Option<String>,
    /// Leave the webhook: something else answers at its URL
    #[arg(long)]
    keep_webhook: bool,
    /// Delete waiting events, dead letters and whole bodies with the storage account
    #[arg(long)]
    discard_spool: bool,
    /// Delete the table and all events in it; its name confirms that
    #[arg(long, value_name = "NAME")]
    delete_table: Option<String>,
    /// Delete the resource group with all that is in it, including the workspace; its name confirms that
    #[arg(long, value_name = "NAME")]
    delete_group: Option<String>,
}

/// Uninstalls, or continues an uninstall.
///
/// # Errors
/// The operator does not agree, events would be lost, or Azure does not delete something. Running it again continues.
pub(super) async fn run(args: &UninstallArgs, context: &Context) -> Result<Exit> {
    let mut platform = Platform::open(context, "uninstall").await?;
    let deployed = deployed(args, context, &mut platform).await?;
    let step = context.printer.step("estate", "What deployments have made");
    let estate = Estate::read(&deployed.azure).await.told()?;
    step.done(format!("{} resources", estate.deleted.len() + estate.kept.len()));
    let table = check(args, &deployed, &estate)?;
    preview::show(args, context, &deployed, &estate).await;
    agree(args, context)?;
    if !args.keep_webhook {
        disconnect(context, &mut platform, &deployed).await?;
    }
    spool::settle(args, context, &deployed, &estate).await?;
    let is_group_deleted = args.delete_group.is_some() && estate.group_exists;
    let (with_group, before) =
        if is_group_deleted { parted(&deployed, estate.deleted) } else { (Vec::new(), estate.deleted) };
    let mut deleted = delete(context, &deployed, &before).await?;
    if let Some(url) = table {
        let name = args.delete_table.as_deref().unwrap_or_default();
        delete_one(context, &deployed, "table", &format!("table {name}"), &url).await?;
        deleted.push(url.split('?').next().unwrap_or_default().to_owned());
    }
    if is_group_deleted {
        let step = context.printer.step("group", "The resource group is deleted");
        deployed.azure.delete_group().await.told().hint(AGAIN)?;
        step.done(&deployed.azure.scope().group);
        deleted.extend(with_group.into_iter().map(|item| item.id));
    }
    let connection = platform.connection();
    connection.azure = None;
    connection.rotation = None;
    platform.save()?;
    let kept = if is_group_deleted { Vec::new() } else { ids(&estate.kept) };
    let result = json!({
        "state": "uninstalled", "deleted": deleted, "kept": kept, "unknown": ids(&estate.unknown),
        "group_deleted": is_group_deleted,
    });
    let text = format!("The connector is uninstalled: {} resources deleted.\n", deleted.len());
    context.printer.publish(result, &text)?;
    Ok(Exit::Done)
}

/// The hint for every failure halfway.
const AGAIN: &str = "run `hb-sentinel uninstall` again; it goes on where it stopped";

fn ids(items: &[Item]) -> Vec<Value> {
    items.iter().map(|item| Value::from(item.id.clone())).collect()
}

async fn deployed(args: &UninstallArgs, context: &Context, platform: &mut Platform) -> Result<Deployed> {
    let known = Deployed::of(context, platform.connection());
    match (&args.resource_group, known) {
        (None, Some(known)) => Ok(known),
        (Some(group), Some(known)) if known.azure.scope().group.eq_ignore_ascii_case(group) => Ok(known),
        (Some(group), _) => Deployed::found(context, group).await.told(),
        (None, None) => Err(usage(
            "no deployment is remembered",
            "name its resource group: `hb-sentinel uninstall --rg RG`",
        )),
    }
}

/// What must be right before anything is shown: the names that confirm, and whose group it is. The table's address.
fn check(args: &UninstallArgs, deployed: &Deployed, estate: &Estate) -> Result<Option<String>> {
    let group = &deployed.azure.scope().group;
    if let Some(name) = args.delete_group.as_ref().filter(|_| estate.group_exists) {
        if !name.eq_ignore_ascii_case(group) {
            return Err(usage(
                format!("`--delete-group {name}` is not the resource group, which is {group}"),
                format!("confirm with its name: `--delete-group {group}`"),
            ));
        }
        if !estate.group_is_ours {
            return Err(usage(
                format!("the resource group {group} was not made for the connector"),
                "leave `--delete-group` out: what is ours in it is deleted by itself",
            ));
        }
        if !estate.unknown.is_empty() {
            let foreign: Vec<_> = estate.unknown.iter().map(|item| item.id.as_str()).collect();
            return Err(usage(
                format!("the resource group {group} holds what is not ours:\n{}", foreign.join("\n")),
                "move or delete that, or leave `--delete-group` out",
            ));
        }
    }
    let Some(name) = &args.delete_table else { return Ok(None) };
    let table = estate.table(name).map(Some);
    table.ok_or_else(|| {
        let tables: Vec<_> = estate.kept.iter().filter(|item| item.kind.ends_with("/tables")).collect();
        let names: Vec<_> = tables.iter().map(|item| item.name()).collect();
        usage(
            format!("`--delete-table {name}` is no table that a deployment of ours made"),
            format!("confirm with the name of one that is: {}", names.join(", ")),
        )
    })
}

fn agree(args: &UninstallArgs, context: &Context) -> Result<()> {
    let question = "Delete all that is listed under `Delete`?";
    let agreed = context.yes
        || args.delete_group.is_some()
        || (context.is_interactive && Confirm::new().with_prompt(question).default(false).interact()?);
    if agreed {
        return Ok(());
    }
    Err(usage("nothing is deleted without a yes", "look at the list, then run it again with `--yes`"))
}

/// The webhook goes first, so that nothing arrives any more.
async fn disconnect(context: &Context, platform: &mut Platform, deployed: &Deployed) -> Result<()> {
    let url = deployed.output("connectorUrl").map(str::to_owned);
    let step = context.printer.step("webhook", "The webhook is removed");
    let Some(live) = platform.live(url.as_deref()).await? else {
        step.end(State::Unchanged, "there is none");
        return Ok(());
    };
    let removed = platform.client.delete_webhook(&live.id).await.told();
    removed.hint("run it again; or leave the webhook with `--keep-webhook`")?;
    let connection = platform.connection();
    connection.webhook = None;
    connection.pending = None;
    platform.save()?;
    step.done(&live.id);
    Ok(())
}

/// What goes with the group, and what has to be deleted before it: what is elsewhere, and diagnostic settings, which would
/// outlive what they are of.
fn parted(deployed: &Deployed, items: Vec<Item>) -> (Vec<Item>, Vec<Item>) {
    let within = format!("{}/", deployed.azure.scope().path()).to_lowercase();
    items.into_iter().partition(|item| {
        item.id.to_lowercase().starts_with(&within) && !item.is("Microsoft.Insights/diagnosticSettings")
    })
}

async fn delete(context: &Context, deployed: &Deployed, items: &[Item]) -> Result<Vec<String>> {
    let mut deleted = Vec::new();
    for item in items {
        let Some(url) = item.deletion() else { continue };
        let title = format!("{} {}", preview::noun(item), item.name());
        delete_one(context, deployed, "delete", &title, &url).await?;
        deleted.push(item.id.clone());
    }
    Ok(deleted)
}

async fn delete_one(
    context: &Context,
    deployed: &Deployed,
    step: &'static str,
    title: &str,
    url: &str,
) -> Result<()> {
    let step = context.printer.step(step, title);
    let began = context.timing.now();
    let outcome = deployed.azure.delete(url).await.told();
    outcome.map_err(|error| anyhow!(error).context(format!("{title} is not deleted"))).hint(AGAIN)?;
    let took = Duration::try_from(context.timing.now() - began).unwrap_or_default();
    step.done(if took > Duration::from_secs(60) { "gone at last" } else { "" });
    Ok(())
}
