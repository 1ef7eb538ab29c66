//! Finds the subscription, with an existing login of `az`, a new one, or a hint how to log in.

use anyhow::Result;
use dialoguer::Select;

use super::args::DeployArgs;
use crate::azure::Error;
use crate::azure::client::{Account, Cloud};
use crate::azure::survey::{SignIn, Stopped, sign_in};
use crate::cli::context::Context;
use crate::cli::error::usage;
use crate::cli::platform::Told as _;

/// Finds the subscription; `known` is the one of an earlier run.
///
/// # Errors
/// Nobody is signed in and nobody can be asked, or several subscriptions could be meant.
pub(super) async fn find(
    context: &Context,
    args: &DeployArgs,
    known: Option<&str>,
) -> Result<(Account, Cloud)> {
    let step = context.printer.step("login", "Azure");
    let named = args.subscription.as_deref().or(known);
    let found = match sign_in(&context.az, named).await {
        Err(Stopped { source: Error::Login(fault), .. }) if context.is_interactive => {
            log_in(context, &Error::Login(fault)).await?;
            sign_in(&context.az, named).await
        }
        found => found,
    };
    let found = found.map_err(|stopped| stopped.source).told()?;
    let (account, cloud) = match found {
        SignIn::One(account, cloud) => (account, cloud),
        SignIn::Several(all) => {
            let chosen = choose(context, &all)?;
            (chosen, context.az.cloud().await.told()?)
        }
    };
    if !account.enabled {
        return Err(usage(
            format!("the subscription {} is disabled", account.name),
            "name another with `--subscription ID`: `az account list` has them",
        ));
    }
    step.done(format!("{} in {} as {}", account.name, cloud.name, account.user));
    Ok((account, cloud))
}

/// Signs in on the operator's terminal, to the tenant that the error names.
///
/// # Errors
/// The sign-in failed.
pub(super) async fn log_in(context: &Context, error: &Error) -> Result<()> {
    // `az` shows its own text: a spinner would be in its way.
    context.printer.end();
    context.printer.say("Sign in", &format!("{error}"));
    let tenant =
        error.hint().and_then(|hint| Some(hint.split_once("--tenant ")?.1.trim_end_matches('`').to_owned()));
    context.az.login(tenant.as_deref().filter(|tenant| !tenant.starts_with("TENANT"))).await.told()
}

fn choose(context: &Context, all: &[Account]) -> Result<Account> {
    let lines: Vec<_> = all.iter().map(|one| format!("{} ({})", one.name, one.subscription)).collect();
    if !context.is_interactive {
        return Err(usage(
            format!("several subscriptions could be meant:\n  {}", lines.join("\n  ")),
            "name one with `--subscription ID`",
        ));
    }
    context.printer.end();
    let default = all.iter().position(|one| one.default).unwrap_or(0);
    let chosen = Select::new().with_prompt("The subscription").items(&lines).default(default).interact()?;
    all.get(chosen)
        .cloned()
        .ok_or_else(|| usage("no subscription was chosen", "name one with `--subscription ID`"))
}
