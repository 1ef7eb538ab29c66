//! Shows what will be changed, and asks once.

use anyhow::Result;
use dialoguer::Confirm;
use serde_json::{Value, json};

use super::run::Run;
use crate::azure::Plan;
use crate::cli::error::usage;
use crate::cli::output::State;
use crate::cli::platform::Told as _;

/// Shows the plan, and asks whether to go on when it changes something.
///
/// # Errors
/// The operator does not agree, or cannot be asked.
pub(super) fn agree(run: &Run<'_>, plan: &Plan) -> Result<()> {
    let printer = &run.context.printer;
    let changes = plan.changes().count();
    if changes == 0 {
        printer.step("plan", "Plan").end(State::Unchanged, "everything is there");
        return Ok(());
    }
    if !run.context.yes {
        if !run.context.is_interactive {
            drop(printer.step("plan", "Plan"));
            return Err(usage(
                "nothing was changed: somebody has to agree",
                "agree to the plan with `--yes`",
            ));
        }
        if !Confirm::new().with_prompt("Go on?").default(true).interact()? {
            drop(printer.step("plan", "Plan"));
            return Err(usage("nothing was changed", "run this again when it may be"));
        }
    }
    printer.step("plan", "Plan").done("agreed to");
    Ok(())
}

/// Shows the plan, one line for each step.
pub(super) fn show(run: &Run<'_>, plan: &Plan) {
    let printer = &run.context.printer;
    let account = &run.account;
    printer.say("Plan", &format!("in the subscription {} ({})", account.name, account.subscription));
    for line in lines(run, plan) {
        printer.say("", &format!("- {line}"));
    }
}

fn lines(run: &Run<'_>, plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| !step.changes.is_empty());
    let mut lines: Vec<_> = steps.map(|step| step.title.clone()).collect();
    if plan.needs_secret && !lines.iter().any(|line| line.contains("secret")) {
        lines.push("give the key vault a new secret, which nobody sees".to_owned());
    }
    if plan.connects {
        lines.push(match (plan.needs_secret, &run.options.organisation) {
            (true, Some(name)) => format!("make a webhook in {name}, and send a test event"),
            (true, None) => "make a webhook, and send a test event".to_owned(),
            (false, _) => "leave the webhook as it is, and send a test event".to_owned(),
        });
    }
    lines
}

/// The plan for a program.
pub(super) fn json(plan: &Plan) -> Value {
    let step = |step: &crate::azure::plan::Step| {
        let calls: Vec<_> = step.changes.iter().map(crate::azure::call::Call::text).collect();
        json!({ "id": step.id, "title": step.title, "changes": calls })
    };
    json!({
        "resource_group": plan.scope.group, "subscription": plan.scope.subscription,
        "deployment": plan.deployment, "parameters": plan.parameters,
        "new_secret": plan.needs_secret, "connects": plan.connects,
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// The plan as text for stdout.
pub(super) fn text(run: &Run<'_>, plan: &Plan) -> String {
    let lines = lines(run, plan);
    let lines: Vec<_> = lines.iter().map(|line| format!("  - {line}\n")).collect();
    format!("`hb-sentinel deploy` would, in {}:\n{}", plan.scope.group, lines.concat())
}

/// Asks Azure what the template would change, and shows it.
///
/// # Errors
/// Azure finds something wrong with the deployment.
pub(super) async fn predict(run: &Run<'_>, plan: &Plan) -> Result<()> {
    let step = run.context.printer.step("what_if", "Azure's own prediction");
    if run.found.group.is_none() {
        step.end(State::Skipped, "there is no resource group yet, so everything is new");
        return Ok(());
    }
    let values = run.values(plan, None)?;
    let predicted = run.azure.what_if(&plan.deployment, &values).await.told()?;
    let changes = predicted.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
    let kind = |change: &Value| change.get("changeType").and_then(Value::as_str).unwrap_or("?").to_owned();
    let mut counts = std::collections::BTreeMap::new();
    for change in &changes {
        *counts.entry(kind(change)).or_insert(0_u64) += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    step.done(counts.join(", "));
    for change in changes.iter().filter(|change| matches!(kind(change).as_str(), "Modify" | "Delete")) {
        let id = change.get("resourceId").and_then(Value::as_str).unwrap_or_default();
        let short = id.split_once("/providers/").map_or(id, |(_, rest)| rest);
        run.context.printer.say(&kind(change), short);
    }
    Ok(())
}
