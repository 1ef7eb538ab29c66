//! `hb-sentinel sync`: delivers past events once more, beyond the platform's limit for one request.
//!
//! [`crate::humanbound::backfill`] does the work. This module has the arguments and what is remembered between two runs;
//! `downstream` asks connector and table, and `report` shows progress and result.

mod downstream;
mod report;

use anyhow::Result;
use uuid::Uuid;

use super::context::Context;
use super::error::{self, Exit, usage, with_hint};
use super::interrupt;
use super::output::{Running, State};
use super::platform::{Platform, Told as _, look};
use crate::humanbound::backfill::{Backfill, Forecast, Moment, Options, Outcome, timestamp};
use crate::humanbound::{Client, EVENT_TYPES};
use crate::state;
use downstream::{Downstream, Rows};
use report::Teller;

/// Deliver past events to the connector once more
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hb-sentinel sync --since 2025-01-01
  hb-sentinel sync --since 7d --dry-run")]
pub(crate) struct SyncArgs {
    /// From when on: a date, a time or a span, as 2026-01-31, 2026-01-31T12:00:00Z or 7d [default: where the last one ended]
    #[arg(long, value_name = "WHEN", value_parser = Moment::since)]
    since: Option<Moment>,
    /// Until when; a date is included [default: now]
    #[arg(long, value_name = "WHEN", value_parser = Moment::until)]
    until: Option<Moment>,
    /// Only the events of one project, by its id or name
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Only the events of one type
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// Show what would be requested, and request nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin again instead of continuing an interrupted run
    #[arg(long)]
    restart: bool,
}

/// Runs the backfill.
///
/// # Errors
/// No login, no webhook, a platform that fails, or Ctrl-C: what was done is saved, and the next run goes on there.
pub(super) async fn run(args: SyncArgs, context: &Context) -> Result<Exit> {
    check_event_type(args.event_type.as_deref(), context);
    if args.dry_run {
        return forecast(args, context);
    }
    let mut platform = Platform::open(context, "sync").await?;
    let connection = platform.connection().clone();
    let downstream = Downstream::of(context, &connection);
    let remembered = connection.sync.clone().unwrap_or_default();
    let known = connection.webhook.map(|webhook| webhook.id).filter(|id| !id.is_empty());
    let Some(webhook) = known else {
        return platform.no_webhook(": there is no webhook to deliver to").await;
    };
    let Platform { client, organisation, mut store, .. } = platform;
    let project_id = match args.project.as_deref() {
        Some(project) => Some(project_id(project, &client).await?),
        None => None,
    };
    let options = Options { project_id, ..options(&args, &webhook, &remembered)? };
    warn_of_another(&remembered, &options, context);
    let step = context.printer.step("backfill", "Backfill");
    let mut teller = Teller::new(&context.printer, &step);
    let save = |progress: &state::Backfill| {
        store.state.connection(&organisation).sync = Some(progress.clone());
        store.save()
    };
    let backfill = Backfill::new(&client, context.timing.clone(), options);
    let backfill = match downstream.spool(context).await {
        Ok(spool) => backfill.with_pressure(spool),
        Err(reason) => {
            context.printer.verbose(&format!("the connector's spool does not set the pace: {reason}"));
            backfill
        }
    };
    let began = context.timing.now();
    let ended = tokio::select! {
        biased;
        signal = interrupt::any() => Err(error::interrupted(signal?)),
        outcome = backfill.run(&remembered, &mut teller, save) => outcome.told(),
    };
    match ended {
        Ok(outcome) => {
            let rows = downstream.rows(began).await;
            end(&outcome, &rows, step, context)
        }
        Err(error) => {
            let next = store.state.get(&organisation).and_then(|known| known.sync.as_ref()?.next);
            Err(match next {
                Some(next) => {
                    with_hint(error, format!("run the same command again: it goes on at {}", timestamp(next)))
                }
                None => error,
            })
        }
    }
}

fn end(outcome: &Outcome, rows: &Result<Rows, String>, step: Running<'_>, context: &Context) -> Result<Exit> {
    let is_complete = outcome.incomplete.is_empty();
    step.end(if is_complete { State::Done } else { State::Pending }, report::summary(outcome));
    let text = report::text(outcome, rows, context.printer.columns());
    context.printer.publish(report::json(outcome, rows), &text)?;
    Ok(if is_complete { Exit::Done } else { Exit::Pending })
}

/// Shows what would be done, without a call and without a lock.
fn forecast(args: SyncArgs, context: &Context) -> Result<Exit> {
    let (_, connection) = look(context)?;
    let webhook = connection.webhook.unwrap_or_default().id;
    let options = options(&args, &webhook, &connection.sync.unwrap_or_default())?;
    let options = Options { project_id: args.project, ..options };
    let forecast = Forecast::of(&options, context.timing.now()).told()?;
    let text = report::forecast_text(&forecast, &options, context.printer.columns());
    context.printer.publish(report::forecast_json(&forecast, &options), &text)?;
    Ok(Exit::Done)
}

/// What to deliver. Without `--since` it goes on where the last one ended.
fn options(args: &SyncArgs, webhook: &str, remembered: &state::Backfill) -> Result<Options> {
    let since = args.since.or(remembered.through.map(Moment::At)).ok_or_else(|| {
        usage("no earlier backfill has ended, so it is not known where to begin", "pass `--since`, as 30d")
    })?;
    Ok(Options {
        until: args.until,
        event_type: args.event_type.clone(),
        restart: args.restart,
        ..Options::new(webhook, since)
    })
}

/// An unfinished backfill is forgotten when another begins: there is one place to remember it.
fn warn_of_another(remembered: &state::Backfill, options: &Options, context: &Context) {
    let is_other = remembered.key.as_ref().is_some_and(|key| *key != options.key());
    if let Some(next) = remembered.next.filter(|_| is_other) {
        context.printer.warn(&format!(
            "an unfinished backfill with other arguments or another webhook, which got to {}, is forgotten",
            timestamp(next)
        ));
    }
}

/// An unknown type is requested as it is, since the list grows on the platform's side.
fn check_event_type(event_type: Option<&str>, context: &Context) {
    let Some(name) = event_type.filter(|name| !EVENT_TYPES.contains(name)) else { return };
    let distance = |known: &str| strsim::damerau_levenshtein(known, name);
    let near = EVENT_TYPES.iter().min_by_key(|known| distance(known));
    let near = near.filter(|known| distance(known) <= name.len() / 3);
    let meant = near.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    context.printer.warn(&format!("`{name}` is not one of the known event types{meant}"));
}

/// The id of a project that is named by it or by its name.
async fn project_id(project: &str, client: &Client) -> Result<String> {
    if Uuid::try_parse(project).is_ok() {
        return Ok(project.to_owned());
    }
    let projects = client.projects().await.told()?;
    let is_it = |name: &str| name.trim().eq_ignore_ascii_case(project.trim());
    let mut found = projects.iter().filter(|one| is_it(&one.id) || is_it(&one.name));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id.clone()),
        (Some(_), Some(_)) => {
            Err(usage(format!("several projects are called `{project}`"), "name the project by its id"))
        }
        (None, _) => {
            let names: Vec<_> = projects.iter().map(|one| one.name.as_str()).collect();
            Err(usage(
                format!("the organisation has no project `{project}`"),
                format!("name one of: {}", names.join(", ")),
            ))
        }
    }
}
