//! What still waits in the spool, and would be deleted with the storage account.

use std::time::Duration;

use anyhow::{Result, anyhow};

use super::UninstallArgs;
use crate::azure::Estate;
use crate::cli::context::Context;
use crate::cli::deployed::Deployed;
use crate::cli::error::Explain as _;
use crate::cli::output::State;

/// The container, and what is in it: batches that wait, rows that Azure Monitor rejects, complete bodies of cut rows.
const CONTAINER: &str = "spool";
const PENDING: &str = "pending/";
const OTHERS: [(&str, &str); 2] = [("deadletter/", "dead letters"), ("oversize/", "complete bodies")];
/// The connector drains every minute.
const LOOKS: usize = 31;
const LOOK: Duration = Duration::from_secs(10);

/// Waits until nothing waits any more, and finds out whether anything would be lost.
///
/// # Errors
/// Something would be, or nobody knows, and `--discard-spool` was not given.
pub(super) async fn settle(
    args: &UninstallArgs,
    context: &Context,
    deployed: &Deployed,
    estate: &Estate,
) -> Result<()> {
    let account = estate.deleted.iter().find(|item| item.is("Microsoft.Storage/storageAccounts"));
    let step = context.printer.step("spool", "Nothing waits in the spool");
    let Some(account) = account.map(|item| item.name().to_owned()) else {
        step.end(State::Unchanged, "there is no storage account any more");
        return Ok(());
    };
    if args.discard_spool {
        step.end(State::Skipped, "`--discard-spool`: what waits is deleted");
        return Ok(());
    }
    let mut waiting = Vec::new();
    let mut pending = 0;
    for look in 0..LOOKS {
        pending = count(args, deployed, &account, PENDING).await?;
        if pending == 0 || look + 1 == LOOKS {
            break;
        }
        step.progress(&format!("{pending} batches wait; looking again in {} s", LOOK.as_secs()));
        context.timing.sleep(LOOK).await;
    }
    if pending > 0 {
        waiting.push(format!("{pending} batches of events"));
    }
    for (prefix, noun) in OTHERS {
        let number = count(args, deployed, &account, prefix).await?;
        if number > 0 {
            waiting.push(format!("{number} {noun}"));
        }
    }
    if waiting.is_empty() {
        step.done("");
        return Ok(());
    }
    refuse(args, anyhow!("the spool still holds {}", waiting.join(", "))).code("SpoolNotEmpty")
}

async fn count(args: &UninstallArgs, deployed: &Deployed, account: &str, prefix: &str) -> Result<u64> {
    match deployed.azure.count_blobs(account, CONTAINER, prefix).await {
        Ok(number) => Ok(number),
        Err(error) => refuse(
            args,
            anyhow!(error).context(format!("nobody knows how much `{prefix}` of the spool holds")),
        )
        .hint(format!("take the role Storage Blob Data Reader on the storage account {account}"))
        .code("SpoolUnknown"),
    }
}

fn refuse<T>(args: &UninstallArgs, error: anyhow::Error) -> Result<T> {
    let webhook = if args.keep_webhook { "" } else { "the webhook is gone already, and " };
    Err(error).hint(format!(
        "run it again later: {webhook}it goes on from here; or lose what waits with `--discard-spool`"
    ))
}
