//! The connector as a child process, started the way the Functions host starts it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustls::crypto::ring;
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::folder::Folder;
use crate::cli::AS_CONNECTOR;
use crate::cli::error::{Explain as _, with_hint};
use crate::cli::port::Port;
use crate::config::Confidential;
use crate::emulator::Workspace;

/// The Functions host asks every 25 ms, for up to 30 s.
const PROBE_EVERY: Duration = Duration::from_millis(25);
const PROBE_FOR: Duration = Duration::from_secs(30);
const PROBE_TIME_OUT: Duration = Duration::from_secs(1);
/// Longer than any answer of the connector can take.
const TIME_OUT: Duration = Duration::from_secs(60);

/// What is started: the program and the arguments that make it the connector.
#[derive(Debug, Clone)]
pub(super) struct Executable {
    path: PathBuf,
    arguments: &'static [&'static str],
}

impl Executable {
    /// `connector`, or this program in that role.
    pub(super) fn find(connector: Option<&Path>) -> Result<Self> {
        let Some(path) = connector else {
            let this = std::env::current_exe().context("cannot tell where this program is")?;
            return Ok(Self { path: this, arguments: &[AS_CONNECTOR] });
        };
        let path = fs::canonicalize(path)
            .with_context(|| format!("`{}` was not found", path.display()))
            .hint("name the `connector` of a package, or leave `--connector` out to use the one inside this program")?;
        Ok(Self { path, arguments: &[] })
    }
}

/// A running connector. Dropping it kills it.
pub(super) struct Connector {
    child: Child,
    client: reqwest::Client,
    base: String,
    secret: Confidential,
    ready_after: Duration,
    log: PathBuf,
    _port: Port,
}

impl Connector {
    /// Starts `executable` against `workspace` and waits until it answers.
    pub(super) async fn start(
        executable: &Executable,
        workspace: &Workspace,
        folder: &Folder,
    ) -> Result<Self> {
        let port = Port::find().context("no free port on 127.0.0.1")?;
        let secret = Confidential::new(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
        let log = folder.log();
        let file = File::create(&log).with_context(|| format!("`{}` cannot be written", log.display()))?;
        let settings = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.number().to_string()),
            ("WEBHOOK_SECRET", secret.expose().to_owned()),
        ];
        let began = Instant::now();
        let mut command = Command::new(&executable.path);
        command.args(executable.arguments);
        // It must not see settings of a real connector, proxies and log filters of this environment.
        command
            .env_clear()
            .envs(settings)
            .envs(workspace.connector_settings())
            .env("SPOOL_DIR", folder.spool())
            .current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
        // Ctrl-C is for this program, which then ends the connector.
        #[cfg(unix)]
        command.process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("`{}` cannot be started", executable.path.display()))
            .hint("build it for this machine: `cargo build --bin connector`")?;
        let base = format!("http://127.0.0.1:{}", port.number());
        let client = client()?;
        let ready_after = Duration::ZERO;
        let mut connector = Self { child, client, base, secret, ready_after, log, _port: port };
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

    pub(super) fn secret(&self) -> &Confidential {
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
            return with_hint(error, "name the `connector` of a package, or leave out `--connector`");
        };
        with_hint(error, format!("the connector's last complaints were\n{last}"))
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

/// Sends the workspace any request: where a program cannot reach its own loopback interface, nothing works.
pub(super) async fn reach(workspace: &Workspace) -> Result<()> {
    let probe = client()?.get(workspace.endpoint()).timeout(PROBE_TIME_OUT).send();
    probe
        .await
        .context("this program cannot reach itself on 127.0.0.1")
        .hint("look whether a firewall, a VPN or a sandbox blocks connections on the loopback interface")?;
    Ok(())
}

/// A client for the loopback interface: no proxy, no redirect, connections are kept.
fn client() -> Result<reqwest::Client> {
    // An error means that a provider is installed already, which is as good.
    drop(ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .timeout(TIME_OUT)
        .build()
        .context("no HTTP client")
}
