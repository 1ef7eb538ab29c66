//! The commands of `hb-sentinel`, one file or folder each.
//!
//! A command is one function of its arguments and a [`context::Context`]. It returns how it ended ([`error::Exit`]), or
//! an error with its causes and the way out ([`error::Explain`]). Data goes to stdout, everything said to a person to
//! stderr, both through [`output::Printer`].
//!
//! Reading order: [`main`], `context`, `error`, `output`, then any command.

#[expect(dead_code, reason = "the commands that use the rest come next")]
mod context;
#[expect(dead_code, reason = "the commands that use the rest come next")]
mod error;
mod interrupt;
#[expect(dead_code, reason = "the commands that use the rest come next")]
mod output;

mod demo;
mod feed;
mod package;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use context::{Context, Global};

/// The word that makes this program the connector: see `bin/hb-sentinel.rs`.
pub const AS_CONNECTOR: &str = "__connector";

/// Operates the Humanbound Sentinel Connector.
#[derive(Debug, Parser)]
#[command(name = "hb-sentinel", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Package(package::PackageArgs),
    #[command(name = "__feed", hide = true)]
    Feed(feed::FeedArgs),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Package(_) => "package",
            Self::Feed(_) => "__feed",
        }
    }
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command, global } = Cli::parse();
    let context = Context::of_process(command.name(), &global);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("no runtime").and_then(|runtime| {
        let outcome = runtime.block_on(run(command, &context));
        // What still runs has lost its listener.
        runtime.shutdown_background();
        outcome
    });
    context.printer.finish(&outcome)
}

async fn run(command: Command, context: &Context) -> anyhow::Result<error::Exit> {
    match command {
        Command::Demo(args) => demo::run(&args, context).await,
        Command::Package(args) => package::run(args, context),
        Command::Feed(args) => feed::run(&args).await,
    }
}
