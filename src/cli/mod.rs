//! The commands of `hb-sentinel`, one file or folder each.
//!
//! Data goes to stdout, everything said to a person to stderr. A command returns an error with the whole chain
//! of causes and, where there is one, the way out (`Advise::hint`); [`main`] prints both and turns them into
//! the exit code: 0 when the command did what it was asked, 1 when it did not, 2 when it was asked wrongly.

pub mod demo;
pub mod package;

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use console::style;

/// The word that makes this program the connector: see `bin/hb-sentinel.rs`.
pub const AS_CONNECTOR: &str = "__connector";

/// Operates the Humanbound Sentinel Connector.
#[derive(Debug, Parser)]
#[command(name = "hb-sentinel", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Package(package::PackageArgs),
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Package(args) => package::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // `hb-sentinel … | head` is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn complain(error: &anyhow::Error) {
    let hints: Vec<&str> = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<Hint>())
        .map(|hint| hint.advice.as_str())
        .collect();
    let causes: Vec<String> =
        error.chain().map(ToString::to_string).filter(|text| !text.is_empty()).collect();
    let mut out = io::stderr().lock();
    // Nobody is left to tell when stderr is closed.
    drop(writeln!(out, "{} {}", style("error:").for_stderr().red().bold(), causes.join(": ")));
    for hint in hints {
        drop(writeln!(out, "{} {hint}", style("hint:").for_stderr().cyan().bold()));
    }
}

/// Advice on top of an error. It says nothing in the chain of causes.
#[derive(Debug)]
struct Hint {
    advice: String,
    source: anyhow::Error,
}

impl fmt::Display for Hint {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Error for Hint {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Adds the way out to an error.
trait Advise<T> {
    /// What the reader can do about it: an imperative, without a period.
    fn hint(self, advice: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn hint(self, advice: impl Into<String>) -> Result<T> {
        self.map_err(|error| advised(error.into(), advice))
    }
}

/// An error with the way out.
fn advised(source: anyhow::Error, advice: impl Into<String>) -> anyhow::Error {
    Hint { advice: advice.into(), source }.into()
}
