//! `hb-sentinel status`: whether events arrive, from the webhook to the last row.
//!
//! It only reads. It reports what it cannot reach, and continues without; Azure is optional.
//!
//! Reading order: [`run`], then [`look`] (what is read), [`judge`] (what it means), [`screen`].

mod judge;
mod look;
mod screen;

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Result;
use console::Term;
use serde_json::Value;

use super::context::Context;
use super::error::{Exit, usage};
use super::interrupt;
use super::span::interval;
use judge::{Block, Level};

/// Show whether events arrive, from the webhook to the last row
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all is well, 3 there are warnings, 1 something is down.

Examples:
  hb-sentinel status
  hb-sentinel status --watch 30s
  hb-sentinel status --json | jq -r .result.verdict")]
pub(crate) struct StatusArgs {
    /// Look again every INTERVAL, until Ctrl-C [default: 10s]
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "10s", value_parser = interval)]
    watch: Option<Duration>,
}

impl StatusArgs {
    /// Ctrl-C is the way out of it, and no interruption.
    pub(super) fn is_watch(&self) -> bool {
        self.watch.is_some()
    }
}

/// What one look found.
struct Found {
    organisation: String,
    blocks: Vec<Block>,
    verdict: Level,
    result: Value,
}

/// Shows the status once, or repeatedly.
///
/// # Errors
/// The organisation is unknown, or the state cannot be read.
pub(super) async fn run(args: &StatusArgs, context: &Context) -> Result<Exit> {
    if let Some(interval) = args.watch {
        return watch(context, interval).await;
    }
    let found = find(context).await?;
    for block in &found.blocks {
        context.printer.settle(block.id, block.id, block.level.state(), block.lines.join("; "));
    }
    let text = draw(context, &found);
    context.printer.publish(found.result.clone(), &text)?;
    hints(context, &found);
    Ok(match found.verdict {
        Level::Ok | Level::Unknown => Exit::Done,
        Level::Warning => Exit::Pending,
        Level::Failed => Exit::Failed,
    })
}

async fn find(context: &Context) -> Result<Found> {
    context.printer.busy("Looking at webhook, connector and table");
    let seen = look::look(context).await;
    context.printer.end();
    let seen = seen?;
    let blocks = judge::blocks(&seen);
    let verdict = judge::verdict(&blocks);
    let result = judge::result(&seen, verdict);
    Ok(Found { organisation: seen.organisation, blocks, verdict, result })
}

fn draw(context: &Context, found: &Found) -> String {
    let printer = &context.printer;
    screen::draw(&found.organisation, found.verdict, &found.blocks, (printer.columns(), printer.has_colors()))
}

fn hints(context: &Context, found: &Found) {
    let mut told = Vec::new();
    for hint in found.blocks.iter().filter_map(|block| block.hint.as_deref()) {
        if !told.contains(&hint) {
            context.printer.hint(hint);
            told.push(hint);
        }
    }
}

/// Redraws in place on a screen; elsewhere writes one block for each change.
async fn watch(context: &Context, interval: Duration) -> Result<Exit> {
    if context.printer.is_json() {
        return Err(usage(
            "`--watch` draws for people",
            "call `hb-sentinel status --json` as often as you like",
        ));
    }
    tokio::select! {
        // From the first look on it can be ended.
        biased;
        signal = interrupt::any() => signal.map(|_| Exit::Done),
        ended = again_and_again(context, interval) => ended.map(|never| match never {}),
    }
}

async fn again_and_again(context: &Context, interval: Duration) -> Result<Infallible> {
    let (mut lines, mut before) = (0, None);
    loop {
        let text = match find(context).await {
            Ok(found) => {
                let now = (found.verdict, lasting(found.result.clone()));
                let is_new = before.as_ref() != Some(&now);
                before = Some(now);
                (is_new || context.printer.is_screen()).then(|| draw(context, &found))
            }
            // The first look fails as without `--watch`; a later one may meet a file that is being written.
            Err(error) if before.is_none() => return Err(error),
            Err(error) => Some(format!("cannot look now: {error:#}\n")),
        };
        if let Some(text) = text {
            context.printer.redraw(&text, lines)?;
            lines = height(&text);
        }
        context.timing.sleep(interval.max(Duration::from_secs(1))).await;
    }
}

/// How many lines a text takes on this screen.
fn height(text: &str) -> usize {
    let columns = usize::from(Term::stdout().size().1).max(1);
    text.lines().map(|line| console::measure_text_width(line).div_ceil(columns).max(1)).sum()
}

/// A result without values that change all the time.
fn lasting(mut result: Value) -> Value {
    if let Some(spool) = result.pointer_mut("/connector/spool").and_then(Value::as_object_mut) {
        spool.remove("oldest_s");
    }
    result
}
