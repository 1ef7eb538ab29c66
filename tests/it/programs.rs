//! The programs under test, and how they are started: no other file names their binaries.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use tokio::process::Child;

/// The binary that is deployed.
pub const CONNECTOR: &str = env!("CARGO_BIN_EXE_connector");
/// The operator's command line.
pub const HB_SENTINEL: &str = env!("CARGO_BIN_EXE_hb-sentinel");

/// `connector` with these variables, and nothing of the test's own environment.
pub fn connector(variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> Command {
    let mut command = command(CONNECTOR, &[]);
    command.env_clear().envs(variables);
    command
}

/// `hb-sentinel` as a user has it.
pub fn hb_sentinel(arguments: &[&str]) -> Command {
    command(HB_SENTINEL, arguments)
}

/// A program that has nothing to read, and whose streams are captured. The test's own cargo must not make it build anything.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("CARGO");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What `hb-sentinel` with these arguments says of itself, each thing on one line however long.
pub fn help(arguments: &[&str]) -> String {
    help_in(arguments, 400)
}

/// What it says of itself on a terminal of so many columns.
pub fn help_in(arguments: &[&str], columns: usize) -> String {
    let output = hb_sentinel(arguments).arg("--help").env("COLUMNS", columns.to_string()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Sends a signal, such as `INT`.
pub async fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill").args(["-s", name, &id]).status().await;
    assert!(sent.unwrap().success());
}
