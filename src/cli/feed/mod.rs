//! `hb-sentinel __feed`: plays plans of events to a connector under a clock that the plan sets, and writes the rows with
//! the time at which the workspace accepted each.
//!
//! The command is hidden: it is a tool of this repository, with which the content of `sentinel/` is tested over events that
//! went through the real connector. `content/README.md` says how.
//!
//! Reading order: `plan` (the steps and their results), `player` (plays them), `connector` (the child process), `clock`.

mod clock;
mod connector;
mod plan;
mod player;

use std::ffi::OsString;
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::error::Exit;
use plan::Plan;

/// Connectors that run at once.
const MAX_CONNECTORS: usize = 2;

/// Play plans of events to a connector under a clock of their own.
#[derive(Debug, clap::Parser)]
#[command(name = "hb-sentinel __feed")]
pub(super) struct FeedArgs {
    /// The shared library that tells the connector the time of the plan (Linux only).
    #[arg(long, value_name = "LIBRARY")]
    clock: PathBuf,
    /// The plans; the rows of each go beside it, into a file with the extension `rows`.
    #[arg(value_name = "PLAN", required = true)]
    plans: Vec<PathBuf>,
}

/// The arguments behind the hidden word, if that is there.
pub(super) fn arguments(mut process: impl Iterator<Item = OsString>) -> Option<FeedArgs> {
    let program = process.next()?;
    let is_ours = process.next().is_some_and(|word| word == "__feed");
    is_ours.then(|| FeedArgs::parse_from(iter::once(program).chain(process)))
}

/// Plays the plans.
///
/// # Errors
/// A plan that cannot be read, a connector that does not start, an answer that the plan does not allow.
pub(super) async fn run(args: &FeedArgs) -> Result<Exit> {
    let plays = args.plans.iter().map(|plan| async move {
        play(plan, &args.clock).await.with_context(|| format!("`{}`", plan.display()))
    });
    let played = stream::iter(plays).buffer_unordered(MAX_CONNECTORS);
    played.try_collect::<()>().await?;
    Ok(Exit::Done)
}

async fn play(path: &Path, clock: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let plan: Plan = serde_json::from_str(&text)?;
    player::play(&plan, clock, &path.with_extension("rows")).await
}
