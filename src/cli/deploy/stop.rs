//! What becomes of a deployment when this run is interrupted: Azure goes on with what it has been given.
//!
//! On a terminal somebody is asked whether to leave it running, which is the default, or to cancel it. Elsewhere it is left
//! running. Either way the next run goes on: it waits for what still runs, and deploys what is missing.

use std::sync::PoisonError;

use dialoguer::Select;

use super::run::UnderWay;
use crate::azure::{Azure, script};
use crate::cli::context::Context;
use crate::cli::error::{interrupted, with_hint};
use crate::cli::interrupt::CTRL_C;
use crate::cli::output::State;

const CHOICES: [&str; 2] = ["Leave it running", "Cancel it"];
const CANCEL: usize = 1;

/// The error of an interrupted run, with the way to go on.
pub(super) async fn stop(signal: &str, under_way: &UnderWay, context: &Context) -> anyhow::Error {
    let running = under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
    let hint = match running {
        None => "run the same command again; it goes on from what is done".to_owned(),
        Some((azure, name)) if signal == CTRL_C && is_to_be_canceled(context, &name) => {
            cancel(context, &azure, &name).await
        }
        Some((azure, name)) => left(&azure, &name),
    };
    with_hint(interrupted(signal), hint)
}

fn is_to_be_canceled(context: &Context, name: &str) -> bool {
    if !context.is_interactive {
        return false;
    }
    context.patience.ask();
    let question = Select::new().with_prompt(format!("{name} goes on in Azure")).items(CHOICES).default(0);
    // Another Ctrl-C at the question is no answer: nothing is canceled without one.
    question.interact().is_ok_and(|choice| choice == CANCEL)
}

async fn cancel(context: &Context, azure: &Azure, name: &str) -> String {
    let step = context.printer.step("cancel", "The deployment is canceled");
    match azure.cancel_deployment(name).await {
        Ok(()) => {
            step.done(name);
            "run the same command again when it may be deployed; what is there stays".to_owned()
        }
        Err(error) => {
            step.end(State::Failed, error.to_string());
            left(azure, name)
        }
    }
}

fn left(azure: &Azure, name: &str) -> String {
    format!(
        "run the same command again and it waits for {name}, which goes on in Azure; or cancel it: `az deployment group cancel --subscription {} --resource-group {} --name {name}`",
        azure.scope().subscription,
        script::quote(&azure.scope().group)
    )
}
