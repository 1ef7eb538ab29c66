//! The commands of `hb-sentinel`, one file or folder each.
//!
//! A command is one function of its arguments and a [`context::Context`]. It returns how it ended ([`error::Exit`]), or
//! an error with its causes and hints ([`error::Explain`]). Data goes to stdout, messages for people to stderr, both
//! through [`output::Printer`].
//!
//! Reading order: [`main`], `context`, `error`, `output`, then any command.

mod context;
mod error;
mod interrupt;
mod output;

mod deployed;
mod platform;
mod port;
mod span;
mod webhook;

mod completions;
mod connect;
mod demo;
mod deploy;
mod disconnect;
mod doctor;
mod feed;
mod overview;
mod package;
mod rotate;
mod status;
mod sync;
mod test;
mod uninstall;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tracing::instrument::WithSubscriber as _;

use context::{Context, Global};
use error::Exit;

pub use context::Surroundings;
pub use output::{Captured, Sink};

/// The hidden argument that makes this program the connector: see `bin/hb-sentinel.rs`.
pub const AS_CONNECTOR: &str = "__connector";

/// Operates the Humanbound Sentinel Connector.
#[derive(Debug, Parser)]
#[command(name = "hb-sentinel", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    Deploy(Box<deploy::DeployArgs>),
    Connect(connect::ConnectArgs),
    /// Send a test event from Humanbound to the connector, and say whether it arrived
    #[command(after_help = "Example:
  hb-sentinel test")]
    Test,
    Status(status::StatusArgs),
    Sync(sync::SyncArgs),
    #[command(name = "rotate-secret")]
    Rotate(rotate::RotateArgs),
    Disconnect(disconnect::DisconnectArgs),
    Uninstall(uninstall::UninstallArgs),
    Doctor(doctor::DoctorArgs),
    Demo(demo::DemoArgs),
    Package(package::PackageArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
    /// No command at all
    #[command(skip)]
    Overview,
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Connect(_) => "connect",
            Self::Test => "test",
            Self::Status(_) => "status",
            Self::Sync(_) => "sync",
            Self::Disconnect(_) => "disconnect",
            Self::Demo(_) => "demo",
            Self::Package(_) => "package",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::Rotate(_) => "rotate-secret",
            Self::Uninstall(_) => "uninstall",
            Self::Doctor(_) => "doctor",
            Self::Overview => "overview",
        }
    }

    /// Whether each run leaves a log: not those that change nothing outside this machine.
    fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::Status(_)
                | Self::Doctor(_)
                | Self::Demo(_)
                | Self::Package(_)
                | Self::Completions(_)
                | Self::Man(_)
                | Self::Overview
        )
    }

    /// Whether it listens for signals too, and says where it stopped.
    fn says_where_it_stopped(&self) -> bool {
        matches!(self, Self::Deploy(_) | Self::Sync(_))
    }

    /// Whether it ends in its own way when it is interrupted.
    fn hears_signals(&self) -> bool {
        match self {
            Self::Demo(_) => true,
            Self::Status(args) => args.is_watch(),
            _ => false,
        }
    }
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    // A tool of this repository, which neither help nor completions name.
    if let Some(args) = feed::arguments(std::env::args_os()) {
        return play(&args);
    }
    let Cli { command, global } = Cli::parse();
    let command = command.unwrap_or(Command::Overview);
    let context = Context::new(command.name(), global, Surroundings::process());
    let outcome = block_on(async {
        if command.hears_signals() {
            return run(command, &context).await;
        }
        let manner = (context.patience.clone(), command.says_where_it_stopped());
        interrupt::or(Box::pin(run(command, &context)), &context.printer, manner).await
    });
    ExitCode::from(context.printer.finish(&outcome))
}

fn play(args: &feed::FeedArgs) -> ExitCode {
    let context = Context::new("__feed", Global::default(), Surroundings::process());
    ExitCode::from(context.printer.finish(&block_on(feed::run(args))))
}

fn block_on(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let outcome = runtime.block_on(command);
    // Tasks that still run have nobody left to report to.
    runtime.shutdown_background();
    outcome
}

/// Runs one command in given surroundings instead of this process's, and returns its exit code; for tests.
///
/// # Errors
/// The message of the argument parser, for invalid arguments.
pub async fn run_in(arguments: &[&str], surroundings: Surroundings) -> Result<u8, String> {
    let all = std::iter::once("hb-sentinel").chain(arguments.iter().copied());
    let Cli { command, global } = Cli::try_parse_from(all).map_err(|error| error.to_string())?;
    let command = command.unwrap_or(Command::Overview);
    let context = Context::new(command.name(), global, surroundings);
    let outcome = run(command, &context).await;
    Ok(context.printer.finish(&outcome))
}

async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    context.begin_log(command.name(), command.is_logged())?;
    if context.printer.wants_heads() {
        let heads = output::heads(Arc::clone(&context.printer));
        return dispatch(command, context).with_subscriber(heads).await;
    }
    dispatch(command, context).await
}

async fn dispatch(command: Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Deploy(args) => deploy::run(&args, context).await,
        Command::Connect(args) => connect::run(args, context).await,
        Command::Test => test::run(context).await,
        Command::Status(args) => status::run(&args, context).await,
        Command::Disconnect(args) => disconnect::run(&args, context).await,
        Command::Demo(args) => demo::run(&args, context).await,
        Command::Package(args) => package::run(args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => completions::man(&args, context),
        Command::Rotate(args) => rotate::run(&args, context).await,
        Command::Doctor(args) => Box::pin(doctor::run(&args, context)).await,
        Command::Uninstall(args) => uninstall::run(&args, context).await,
        Command::Sync(args) => sync::run(args, context).await,
        Command::Overview => overview::run(context).await,
    }
}
