//! `hb-sentinel package`: writes the zip that a Function App runs.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::context::Context;
use super::error::{Exit, Explain as _};
use crate::{package, signature::lower_hex};

/// Make the zip that a Function App runs.
#[derive(Debug, clap::Args)]
pub(crate) struct PackageArgs {
    /// The `connector` binary to put in [default: the one beside this program].
    #[arg(long, value_name = "PATH")]
    connector: Option<PathBuf>,
    /// Where the zip goes.
    #[arg(long, value_name = "PATH", default_value = "dist/connector.zip")]
    output: PathBuf,
}

/// Writes the zip and prints its size and SHA-256.
///
/// # Errors
///
/// A binary that a Function App cannot run, or a file that cannot be read or written.
pub(super) fn run(args: PackageArgs, context: &Context) -> Result<Exit> {
    let connector = args.connector.map_or_else(beside_this_program, Ok)?;
    let bytes = fs::read(&connector)
        .with_context(|| format!("cannot read `{}`", connector.display()))
        .hint("build it with `make dist`, or name it with `--connector`")?;
    let package = package::build(&bytes).or_else(|error| {
        let hint = error.hint();
        Err(error).with_context(|| format!("cannot package `{}`", connector.display())).hint(hint)
    })?;
    write_whole(&args.output, &package.zip)
        .with_context(|| format!("cannot write `{}`", args.output.display()))?;

    if !package.binary.stripped {
        context.printer.warn(&format!(
            "`{}` is not stripped and looks like a debug build; `make dist` makes the one to deploy",
            connector.display()
        ));
    }
    let needs = match &package.binary.glibc {
        Some(version) => format!("needs glibc {version} or newer"),
        None => "static".to_owned(),
    };
    let sha256 = lower_hex(&Sha256::digest(&package.zip));
    let text = format!(
        "{}: {} bytes, {needs}\n{}: {} bytes, sha256 {sha256}\n",
        connector.display(),
        bytes.len(),
        args.output.display(),
        package.zip.len(),
    );
    let result = json!({
        "connector": connector, "glibc": package.binary.glibc.as_ref().map(ToString::to_string),
        "package": args.output, "bytes": package.zip.len(), "sha256": sha256,
    });
    context.printer.publish(result, &text)?;
    Ok(Exit::Done)
}

fn beside_this_program() -> Result<PathBuf> {
    let this = env::current_exe()
        .context("cannot tell where this program is; name the binary with `--connector`")?;
    Ok(this.with_file_name(package::EXECUTABLE))
}

/// Writes under another name first, so that no half-written zip is ever found under this one.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}
