//! `hb-sentinel completions SHELL` and `hb-sentinel man DIR`: shell completions and manual pages.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use super::Cli;
use super::context::Context;
use super::error::{Exit, Explain as _};

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  hb-sentinel completions bash > ~/.local/share/bash-completion/completions/hb-sentinel")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the manual pages into a folder
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder, for example ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the script.
///
/// # Errors
/// Stdout cannot be written.
pub(super) fn run(args: &CompletionsArgs, context: &Context) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "hb-sentinel", &mut script);
    let script = String::from_utf8(script).context("the script is no text")?;
    context.printer.publish(json!({ "shell": args.shell.to_string(), "script": script }), &script)?;
    Ok(Exit::Done)
}

/// Writes a page for the program and one for each command.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn man(args: &ManArgs, context: &Context) -> Result<Exit> {
    let folder = &args.folder;
    let write = || -> Result<()> {
        fs::create_dir_all(folder)?;
        Ok(clap_mangen::generate_to(Cli::command(), folder)?)
    };
    write()
        .with_context(|| format!("the pages cannot be written to `{}`", folder.display()))
        .hint("name a folder that you can write to")?;
    let text =
        format!("Written to {}; read one with `man {}/hb-sentinel.1`.\n", folder.display(), folder.display());
    context.printer.publish(json!({ "folder": folder }), &text)?;
    Ok(Exit::Done)
}
