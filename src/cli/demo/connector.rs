//! The connector as a child process, started the way the Functions host starts it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::folder::Folder;
use super::ui::Ui;
use crate::cli::{Advise as _, advised};
use crate::config::{self, CargoRun, Env};
use crate::emulator::Workspace;
use crate::signature::Secret;

/// The binary's name, beside this one.
const NAME: &str = "connector";
/// The Functions host asks every 25 ms, for up to 30 s.
const PROBE_EVERY: Duration = Duration::from_millis(25);
const PROBE_FOR: Duration = Duration::from_secs(30);
const PROBE_TIME_OUT: Duration = Duration::from_secs(1);

/// What cargo sets for the program it runs. A cargo started by that program would take it for news, and build what
/// depends on it once more: some build scripts ask for it.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
const SET_BY_CARGO: [&str; 17] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Where the connector is; under cargo it is built first.
pub(super) async fn find(ui: &Ui) -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    let executable = this.with_file_name(format!("{NAME}{}", std::env::consts::EXE_SUFFIX));
    if let Some(run) = config::cargo_run(&Env::Process) {
        build(&run, &this, ui).await?;
    }
    if executable.exists() {
        return Ok(executable);
    }
    Err(anyhow!("`{NAME}` was not found: there is no `{}`", executable.display()))
        .hint("put it beside `hb-sentinel`, or use `cargo run -- demo`, which builds it")
}

/// Builds the connector into the folder that this program is in, with the profile that it was built with.
async fn build(run: &CargoRun, this: &Path, ui: &Ui) -> Result<()> {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).and_then(|name| name.to_str()).map(str::to_owned)
    };
    let folder = this.parent();
    let profile = match name(folder).as_deref() {
        None | Some("debug") => "dev".to_owned(),
        Some(profile) => profile.to_owned(),
    };
    ui.say("Building", &format!("{NAME} with profile {profile}"));
    let mut command = Command::new(&run.cargo);
    command.args(["build", "--bin", NAME, "--profile", &profile]).current_dir(&run.package);
    // Cargo marks its target folder; with `--target` there is a folder between that and the profile's.
    let target = folder.and_then(Path::parent);
    let is_marked = |path: &&Path| path.join("CACHEDIR.TAG").exists();
    if let Some(target) = target.filter(is_marked) {
        command.arg("--target-dir").arg(target);
    } else if let Some(above) = target.and_then(Path::parent).filter(is_marked) {
        command.arg("--target-dir").arg(above).arg("--target").args(name(target));
    }
    for name in SET_BY_CARGO {
        command.env_remove(name);
    }
    // Cargo tells of its progress on stderr; stdout is for our data.
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let status =
        command.status().await.with_context(|| format!("`{}` cannot be run", run.cargo.display()))?;
    if !status.success() {
        bail!("`cargo build --bin {NAME}` failed");
    }
    Ok(())
}

/// A running connector. Dropping it kills it.
pub(super) struct Connector {
    child: Child,
    client: reqwest::Client,
    base: String,
    secret: Secret,
    ready_after: Duration,
    log: PathBuf,
}

impl Connector {
    /// Starts `executable` against `workspace` and waits until it answers.
    pub(super) async fn start(executable: &Path, workspace: &Workspace, folder: &Folder) -> Result<Self> {
        let port = free_port().context("no free port on 127.0.0.1")?;
        let secret_text = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let secret = Secret::new(&secret_text).context("the secret is empty")?;
        let log = folder.log();
        let file = File::create(&log).with_context(|| format!("`{}` cannot be written", log.display()))?;
        let settings = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()),
            ("WEBHOOK_SECRET", secret_text),
            ("LOGS_INGESTION_ENDPOINT", workspace.endpoint()),
            ("DCR_IMMUTABLE_ID", workspace.dcr_immutable_id().to_owned()),
            ("DCR_STREAM_NAME", workspace.stream().to_owned()),
            ("HB_IDENTITY_CLIENT_ID", workspace.client_id().to_owned()),
            ("IDENTITY_ENDPOINT", workspace.identity_endpoint()),
            ("IDENTITY_HEADER", workspace.identity_header().to_owned()),
        ];
        let began = Instant::now();
        let mut command = Command::new(executable);
        // Settings of a real connector, proxies and log filters in this environment are none of its business.
        command.env_clear().envs(settings).env("SPOOL_DIR", folder.spool()).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
        // Ctrl-C is for this program, which then ends the connector.
        #[cfg(unix)]
        command.process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("`{}` cannot be started", executable.display()))
            .hint("build it for this machine: `cargo build --bin connector`")?;
        let base = format!("http://127.0.0.1:{port}");
        let client = super::play::client()?;
        let mut connector = Self { child, client, base, secret, ready_after: Duration::ZERO, log };
        match connector.wait_until_ready(began).await {
            Ok(()) => Ok(connector),
            Err(error) => Err(connector.explain(error)),
        }
    }

    async fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        while began.elapsed() < PROBE_FOR {
            if let Some(status) = self.child.try_wait()? {
                bail!("the connector ended at once: {status}");
            }
            if self.client.get(&self.base).timeout(PROBE_TIME_OUT).send().await.is_ok() {
                self.ready_after = began.elapsed();
                return Ok(());
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        bail!("the connector did not answer within {} s", PROBE_FOR.as_secs())
    }

    /// Where webhooks go.
    pub(super) fn url(&self) -> String {
        format!("{}/api/ingest", self.base)
    }

    /// Where the host's timer calls.
    pub(super) fn drain_url(&self) -> String {
        format!("{}/drain", self.base)
    }

    /// A client that keeps its connections, for all calls of the connector.
    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// From its start to its first answer.
    pub(super) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// `error`, with the last faults that the connector logged.
    pub(super) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let faults = log.lines().rev().filter(|line| !line.contains("\"level\":\"INFO\""));
        let Some(last) = faults.take(3).map(str::to_owned).reduce(|later, line| format!("{line}\n{later}"))
        else {
            return error;
        };
        advised(error, format!("the connector's last complaints were\n{last}"))
    }

    /// Waits until it ends on its own, which it never should.
    pub(super) async fn ended(&mut self) -> Result<()> {
        let status = self.child.wait().await?;
        bail!("the connector ended on its own: {status}")
    }

    /// Ends it, as the host does.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.child.kill().await.context("the connector cannot be stopped")
    }
}

/// A port that was free a moment ago: the Functions host chooses one the same way.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
