//! `hb-sentinel deploy`: from a resource group's name to a row in the table.
//!
//! All steps before the plan only read, and the operator agrees to the plan once. Then follow providers, group, deployment,
//! package, checks, secret, webhook, test event, row and watchlist. Each step asks Azure and the platform for the current
//! state, so that a run continues where an earlier one stopped. A live webhook's secret is never replaced.
//!
//! Reading order: [`run()`], `run` (what every step knows), `args`, `survey` (what exists), `plan` (what will be changed),
//! `infra` (changes it), `checks`, `proof` (webhook, test event, row), `watchlist`; `stop` (an interruption); `export`
//! writes a script instead.

mod account;
mod args;
mod checks;
mod export;
mod files;
mod infra;
mod package;
mod plan;
mod proof;
mod run;
mod stop;
mod survey;
mod watchlist;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use serde_json::{Value, json};

use super::connect;
use super::context::Context;
use super::error::{Exit, Explain as _};
use super::interrupt;
use super::output::State;
use super::platform::{Platform, Told as _};
use super::webhook::secret;
use crate::azure::{DeployOptions, Plan, Scope};
use crate::config::{self, Confidential};
use crate::humanbound::Webhook;
use crate::state;

pub(crate) use args::DeployArgs;
use files::Files;
use infra::Round;
use run::{Run, UnderWay, digest};

/// The maximum number of surveys and plans in one run; each further one follows something that was found only meanwhile.
const MAX_ROUNDS: usize = 4;
/// The longest name that the title of the workbook takes.
const MAX_NAME: usize = 64;

/// Deploys, or writes the script that does.
///
/// # Errors
/// The step that failed, with the cause in the service's own words. What was done stays, and the next run goes on.
pub(super) async fn run(args: &DeployArgs, context: &Context) -> Result<Exit> {
    let under_way = UnderWay::default();
    tokio::select! {
        // From its first step on it can be interrupted.
        biased;
        signal = interrupt::any() => Err(stop::stop(signal?, &under_way, context).await),
        outcome = Box::pin(deploy(args, context, Arc::clone(&under_way))) => outcome,
    }
}

async fn deploy(args: &DeployArgs, context: &Context, under_way: UnderWay) -> Result<Exit> {
    let mut options = args.options()?;
    let (found, package) = survey::tools(context, args).await?;
    options.package_sha256.clone_from(&package.sha256);
    let (mut memory, all) = humanbound(args, context, &mut options).await?;
    let (account, cloud) =
        account::find(context, args, known_subscription(args, &mut memory).as_deref()).await?;
    let scope = Scope { subscription: account.subscription.clone(), group: args.resource_group.clone() };
    let mut run = Run {
        context,
        args,
        azure: context.az.azure(scope),
        account,
        cloud,
        settings: config::platform(&context.env),
        options,
        files: Files::new(&package)?,
        package,
        found,
        outputs: BTreeMap::new(),
        has_deployed: false,
        made_group: false,
        under_way,
    };
    settle(&mut run, &mut memory);
    let Some(secret) = make(&mut run, &mut memory, &all).await? else { return Ok(Exit::Done) };
    match memory.filter(|_| !args.no_connect) {
        Some(mut platform) => prove(&run, &mut platform, secret.as_ref()).await,
        None => end(&run, None),
    }
}

/// Opens Humanbound, checks that there is a place for a webhook, and reads names. With `--no-connect` only the state is
/// opened, if there is one.
async fn humanbound(
    args: &DeployArgs,
    context: &Context,
    options: &mut DeployOptions,
) -> Result<(Option<Platform>, Vec<Webhook>)> {
    if args.no_connect {
        return Ok((Platform::open_offline(context, "deploy").await?, Vec::new()));
    }
    let mut platform = connect::open(context, "deploy").await?;
    let all = platform.client.webhooks().await.told()?;
    let known = platform.connection().clone();
    let url = known.azure.as_ref().and_then(|azure| azure.outputs.get("connectorUrl")?.as_str());
    let id = known.webhook.as_ref().map(|webhook| webhook.id.as_str());
    connect::place(&all, |one| {
        Some(one.id.as_str()) == id || url.is_some_and(|url| crate::humanbound::same_connector(&one.url, url))
    })?;
    options.organisation = known.organisation_name.map(|name| name.chars().take(MAX_NAME).collect());
    match platform.client.projects().await {
        Ok(projects) => options.projects = watchlist::projects(&projects),
        // Names of projects are a convenience; nothing waits for them.
        Err(error) => context.printer.warn(&format!("the projects cannot be listed: {error}")),
    }
    Ok((Some(platform), all))
}

/// The subscription of an earlier run for the same group.
fn known_subscription(args: &DeployArgs, memory: &mut Option<Platform>) -> Option<String> {
    let azure = memory.as_mut()?.connection().azure.as_ref()?;
    let is_same = azure.resource_group.as_deref() == Some(&args.resource_group);
    azure.subscription.clone().filter(|_| is_same)
}

/// A deployment of the same template over what it has made needs no pauses, whatever else is new in it.
fn settle(run: &mut Run<'_>, memory: &mut Option<Platform>) {
    let digest = run.template_sha256();
    let known = memory.as_mut().and_then(|platform| platform.connection().azure.clone());
    let is_there = known.is_some_and(|azure| {
        azure.template_sha256.as_deref() == Some(&digest)
            && azure.resource_group.as_deref() == Some(&run.args.resource_group)
            && azure.subscription.as_deref() == Some(&run.account.subscription)
    });
    if is_there {
        run.options.parameters.insert("settled".to_owned(), Value::Bool(true));
    }
}

/// Surveys, plans, asks once, and makes what is missing. The secret is one that no webhook signs with yet; `None` means
/// that nothing was to be made.
async fn make(
    run: &mut Run<'_>,
    memory: &mut Option<Platform>,
    all: &[Webhook],
) -> Result<Option<Option<Confidential>>> {
    let mut secret: Option<Confidential> = None;
    for round in 0..MAX_ROUNDS {
        survey::look(run, memory, all).await?;
        let plan = Plan::new(run.azure.scope().clone(), &run.found, &run.options);
        if round == 0 && !consider(run, &plan, memory.as_ref()).await? {
            return Ok(None);
        }
        if plan.needs_secret && secret.is_none() {
            secret = Some(secret::generate()?);
        }
        let new = secret.as_ref().filter(|_| plan.needs_secret);
        if matches!(infra::make(run, &plan, new).await?, Round::Again) {
            continue;
        }
        remember(run, memory)?;
        infra::publish(run, &plan).await?;
        remember(run, memory)?;
        let comes_later = plan.steps.iter().any(|step| step.id == "secret" && !step.changes.is_empty());
        let failed = checks::all(run, !comes_later && !run.args.no_connect).await?;
        if !failed.is_empty() {
            if run.has_deployed {
                checks::fail(run, &failed)?;
            }
            run.context.printer.warn("not all is as it should be: the template is deployed once more");
            run.options.force = true;
            continue;
        }
        if let Some(new) = new {
            infra::put_secret(run, &plan, new).await?;
        }
        return Ok(Some(secret.filter(|_| plan.needs_secret)));
    }
    Err(anyhow!("what is there changes while it is deployed"))
        .hint("see who else deploys into this resource group, then run this again")
        .code("Unsettled")
}

/// Shows the plan; whether it is to be carried out.
async fn consider(run: &Run<'_>, plan: &Plan, memory: Option<&Platform>) -> Result<bool> {
    if run.args.exports() {
        let organisation = memory.map(|platform| platform.organisation.clone());
        export::write(run, plan, organisation)?;
        return Ok(false);
    }
    if run.args.what_if {
        plan::predict(run, plan).await?;
    }
    if run.args.dry_run {
        run.context.printer.publish(plan::json(plan), &plan::text(run, plan))?;
        return Ok(false);
    }
    plan::show(run, plan);
    plan::agree(run, plan)?;
    Ok(true)
}

/// Remembers the deployment, so that other commands find it.
fn remember(run: &Run<'_>, memory: &mut Option<Platform>) -> Result<()> {
    let Some(platform) = memory else { return Ok(()) };
    let before = platform.connection().azure.take().unwrap_or_default();
    let plan = Plan::new(run.azure.scope().clone(), &run.found, &run.options);
    let parameters = Value::Object(plan.parameters).to_string();
    let group = run.found.group.as_ref();
    let ours = run.found.workspace.as_ref().is_none_or(|workspace| workspace.ours);
    platform.connection().azure = Some(state::Azure {
        cloud: Some(run.cloud.name.clone()),
        tenant: Some(run.account.tenant.clone()),
        subscription: Some(run.account.subscription.clone()),
        resource_group: Some(run.args.resource_group.clone()),
        group_created: run.made_group || group.is_some_and(|group| group.ours),
        workspace_created: ours,
        location: group.map(|group| group.location.clone()).or_else(|| run.options.location.clone()),
        deployment: Some(plan.deployment),
        template_sha256: Some(run.template_sha256()),
        parameters_sha256: Some(digest(&parameters)),
        package_sha256: Some(run.package.sha256.clone()),
        publisher: Some(format!("{:?}", run.options.publisher).to_lowercase()),
        outputs: infra::kept(&run.outputs),
        rest: before.rest,
    });
    platform.save()
}

/// Webhook, test event, row, watchlist.
async fn prove(run: &Run<'_>, platform: &mut Platform, secret: Option<&Confidential>) -> Result<Exit> {
    let since = run.context.timing.now() - time::Duration::seconds(5);
    let connected = proof::connect(run, platform, secret).await?;
    platform.save()?;
    let row = proof::row(run, platform, since).await;
    let has_list = projects(run, platform).await;
    platform.save()?;
    let exit = end(run, Some((&connected, row)))?;
    let is_whole = row == proof::Row::Seen && has_list && !connected.is_replayed;
    Ok(if is_whole { exit } else { Exit::Pending })
}

/// The watchlist; a failure to write it is only a warning.
async fn projects(run: &Run<'_>, platform: &mut Platform) -> bool {
    let step = run.context.printer.step("watchlist", "Names of projects");
    if !run.has_content() {
        step.end(State::Skipped, "Sentinel content is not deployed here");
        return true;
    }
    match watchlist::write(&platform.client, &run.azure, &run.workspace()).await {
        Ok(written) => {
            let state = if written.is_nothing() { State::Unchanged } else { State::Done };
            step.end(state, written.text());
            platform.connection().watchlist_at = Some(run.context.timing.now());
            true
        }
        Err(error) => {
            step.end(State::Pending, format!("{error:#}"));
            false
        }
    }
}

/// The result.
fn end(run: &Run<'_>, proven: Option<(&proof::Connected, proof::Row)>) -> Result<Exit> {
    let is_changed = run.has_deployed || proven.is_some_and(|(connected, _)| connected.is_new);
    let state = if is_changed { "deployed" } else { "unchanged" };
    let url = run.output("connectorUrl")?;
    let notified = run.outputs.get("notified").map(String::as_str) != Some("false");
    let result = json!({
        "state": state, "organisation": run.options.organisation,
        "subscription": run.account.subscription, "resource_group": run.args.resource_group,
        "connector_url": url, "workspace": run.outputs.get("workspaceName"), "notified": notified,
        "package_sha256": run.package.sha256,
        "webhook": proven.map(|(connected, _)| &connected.webhook),
        "test": proven.map(|(connected, _)| connected.arrival.name()),
        "row": proven.map(|(_, row)| row.name()),
    });
    let word = if is_changed { "Deployed" } else { "Unchanged" };
    let webhook = proven.map(|(connected, _)| format!("Webhook: {}\n", connected.webhook.id));
    let text = format!("{word}: {url}\n{}", webhook.unwrap_or_default());
    run.context.printer.publish(result, &text)?;
    if !notified {
        run.context.printer.warn("nobody is told of alerts: they are seen in the portal only");
        run.context.printer.hint("name who is to be told with `--action-group ID`");
    }
    if proven.is_none() {
        run.context.printer.hint("connect Humanbound: run this again without `--no-connect`");
    } else {
        run.context.printer.hint("bring past events with `hb-sentinel sync --since DATE`");
    }
    Ok(Exit::Done)
}
