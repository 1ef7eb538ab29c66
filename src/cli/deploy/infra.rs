//! Runs the steps of a plan: providers, group, deployment, package, secret.
//!
//! The cause of a failure comes from the deployment's innermost operations. A failure that is known to pass leads to one
//! second try.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use serde_json::{Map, Value};

use super::run::Run;
use crate::azure::call::{Call, Values};
use crate::azure::client::{Deployment, Operation, Progress};
use crate::azure::plan::Step;
use crate::azure::{Error, Fault, Plan};
use crate::cli::error::Explain as _;
use crate::cli::output::{Running, State};
use crate::cli::platform::Told as _;
use crate::config::Confidential;

/// Azure's errors while it does not yet see what it has just made: the same deployment succeeds a little later.
const PASSING: [&str; 2] = ["InvalidOutputTable", "PrincipalNotFound"];

/// How a round of a plan ended.
pub(super) enum Round {
    /// Everything is deployed.
    Done,
    /// What was found differs from the plan: survey and plan again.
    Again,
}

/// Runs the steps up to the package.
///
/// # Errors
/// What Azure says is wrong.
pub(super) async fn make(run: &mut Run<'_>, plan: &Plan, secret: Option<&Confidential>) -> Result<Round> {
    let values = run.values(plan, secret)?;
    for step in plan.steps.iter().filter(|step| ["providers", "group"].contains(&step.id)) {
        small(run, step, &values).await?;
    }
    run.made_group |= run.found.group.is_none();
    let Some(step) = plan.steps.iter().find(|step| step.id == "infra") else { return Ok(Round::Done) };
    infra(run, plan, step, &values).await
}

/// A step whose calls are short.
async fn small(run: &Run<'_>, step: &Step, values: &Values) -> Result<()> {
    if step.changes.is_empty() {
        return Ok(());
    }
    let id = if step.id == "providers" { "register" } else { step.id };
    let shown = run.context.printer.step(id, capital(&step.title));
    for call in &step.changes {
        run.azure.run(call, values).await.told()?;
    }
    shown.done("");
    Ok(())
}

async fn infra(run: &mut Run<'_>, plan: &Plan, step: &Step, values: &Values) -> Result<Round> {
    let shown = run.context.printer.step("infra", "Deployment");
    let [call] = step.changes.as_slice() else {
        shown.end(State::Unchanged, plan.deployment.clone());
        run.outputs = run.found.newest.as_ref().map(|newest| newest.outputs.clone()).unwrap_or_default();
        return Ok(Round::Done);
    };
    let mut is_second = false;
    loop {
        let ended = match start_and_watch(run, &plan.deployment, call, values, &shown).await {
            Err(Error::Rejected(fault)) if fault.has_code("DeploymentActive") => {
                shown.end(State::Pending, "another run deploys the same");
                wait(run, &plan.deployment).await?;
                return Ok(Round::Again);
            }
            Err(Error::Rejected(fault)) => Err(fault),
            Err(other) => return Err(other).told(),
            Ok(deployment) => judge(deployment)?,
        };
        match ended {
            Ok(outputs) => {
                run.outputs = outputs;
                run.has_deployed = true;
                shown.done(plan.deployment.clone());
                return Ok(Round::Done);
            }
            Err(fault) if !is_second && is_passing(&fault) => {
                is_second = true;
                shown.progress(&format!("{fault}; once more"));
            }
            Err(fault) if is_deleted_vault(&fault) && !run.recovers() => {
                run.options.parameters.insert("recoverKeyVault".to_owned(), Value::Bool(true));
                shown.end(State::Pending, "the key vault was deleted and is to be recovered");
                return Ok(Round::Again);
            }
            Err(fault) => return Err(Error::Rejected(fault)).told(),
        }
    }
}

async fn start_and_watch(
    run: &Run<'_>,
    name: &str,
    call: &Call,
    values: &Values,
    shown: &Running<'_>,
) -> Result<Deployment, Error> {
    // Azure may know the deployment before the call returns.
    run.under_way(Some(name));
    let ended = async {
        run.azure.start(call, name, values).await?;
        watch(run, name, shown).await
    };
    let ended = ended.await;
    run.under_way(None);
    ended
}

async fn watch(run: &Run<'_>, name: &str, shown: &Running<'_>) -> Result<Deployment, Error> {
    let mut last = String::new();
    let observe = |_: &Deployment, operations: &[Operation]| {
        let text = progress(operations);
        if !text.is_empty() && text != last {
            shown.progress(&text);
            last = text;
        }
    };
    run.azure.watch(name, observe).await
}

/// `12 of 34: Microsoft.Web/sites`: what is done, and what Azure is working on.
fn progress(operations: &[Operation]) -> String {
    if operations.is_empty() {
        return String::new();
    }
    let done = operations.iter().filter(|one| one.state == "Succeeded").count();
    let at = operations.iter().find(|one| one.state != "Succeeded");
    let name = at.and_then(|one| one.target.rsplit('/').next()).unwrap_or("outputs");
    format!("{done} of {}: {name}", operations.len())
}

/// The outputs, or the innermost cause.
fn judge(deployment: Deployment) -> Result<Result<BTreeMap<String, String>, Fault>> {
    match deployment.progress {
        Progress::Succeeded => Ok(Ok(deployment.outputs)),
        Progress::Canceled => Err(anyhow!("the deployment {} was canceled", deployment.name))
            .hint("run this again when nobody cancels it")
            .code("DeploymentCanceled"),
        Progress::Failed | Progress::Running => Ok(Err(deployment.fault.unwrap_or_else(|| Fault {
            message: format!("the deployment {} failed, and Azure does not say why", deployment.name),
            ..Fault::default()
        }))),
    }
}

fn is_passing(fault: &Fault) -> bool {
    PASSING.iter().any(|code| fault.has_code(code) || fault.says(code)) || fault.says("Failed to resolve")
}

fn is_deleted_vault(fault: &Fault) -> bool {
    fault.says("exists in deleted state")
}

/// Waits until a running deployment of ours has ended; the next survey shows how.
///
/// # Errors
/// Azure cannot be asked.
pub(super) async fn wait(run: &Run<'_>, name: &str) -> Result<()> {
    let shown = run.context.printer.step("running", "A deployment is under way");
    run.under_way(Some(name));
    let ended = watch(run, name, &shown).await;
    run.under_way(None);
    let ended = ended.told()?;
    shown.done(format!("{name}: {:?}", ended.progress).to_lowercase());
    Ok(())
}

/// Publishes the package, and says so on the site.
///
/// # Errors
/// What the publishing site or Core Tools say in the end.
pub(super) async fn publish(run: &Run<'_>, plan: &Plan) -> Result<()> {
    let shown = run.context.printer.step("publish", "Package");
    let short: String = run.package.sha256.chars().take(8).collect();
    let step = plan.steps.iter().find(|step| step.id == "publish");
    let Some([publish, tags @ ..]) = step.map(|step| step.changes.as_slice()) else {
        shown.end(State::Unchanged, short);
        return Ok(());
    };
    let values = run.values(plan, None)?;
    if publish.folder.is_some() {
        super::package::unpack(&run.package, &run.files.unpacked())?;
    }
    shown.progress("is sent; Azure then starts it, which takes a minute or two");
    run.azure.publish_by(publish, &values).await.told()?;
    for call in tags {
        run.azure.run(call, &values).await.told()?;
    }
    shown.done(short);
    Ok(())
}

/// Writes a new version of the secret, where the plan has that.
///
/// # Errors
/// What Azure answers.
pub(super) async fn put_secret(run: &Run<'_>, plan: &Plan, secret: &Confidential) -> Result<()> {
    let Some(step) = plan.steps.iter().find(|step| step.id == "secret" && !step.changes.is_empty()) else {
        return Ok(());
    };
    let shown = run.context.printer.step("vault", "The key vault has a new secret");
    let values = run.values(plan, Some(secret))?;
    for call in &step.changes {
        run.azure.run(call, &values).await.told()?;
    }
    shown.done("");
    Ok(())
}

/// The outputs as the state keeps them.
pub(super) fn kept(outputs: &BTreeMap<String, String>) -> Map<String, Value> {
    outputs.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
