//! The connector as a child process, called as the Functions host calls it.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::header::CONTENT_TYPE;
use rustls::crypto::ring;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::clock::Clock;
use crate::cli::AS_CONNECTOR;
use crate::cli::port::Port;
use crate::emulator::Workspace;
use crate::signature::{self, Secret};

/// The secret that bodies are signed with.
const SECRET: &str = "the secret of the webhook";
/// From one probe of the connector to the next, and how long it is probed.
const PROBE_EVERY: Duration = Duration::from_millis(10);
const MAX_START: Duration = Duration::from_secs(30);
/// More than any answer of the connector takes.
const MAX_ANSWER: Duration = Duration::from_secs(60);

/// A running connector. Dropping it kills it, as the host does.
pub(super) struct Connector {
    child: Child,
    client: reqwest::Client,
    base: String,
    secret: Secret,
    _port: Port,
}

/// How a body was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    body: Value,
}

impl Answer {
    /// A member of the answer's body, or nothing.
    pub(super) fn member(&self, name: &str) -> String {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Connector {
    /// Starts this program in the connector's role, with the spool and the log in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started or does not answer.
    pub(super) async fn start(workspace: &Workspace, clock: &Clock, folder: &Path) -> Result<Self> {
        let port = Port::find()?;
        let secret = Secret::new(SECRET).context("the secret is empty")?;
        let log = File::options().create(true).append(true).open(folder.join("connector.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg(AS_CONNECTOR)
            .env_clear()
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.number().to_string())
            .env("WEBHOOK_SECRET", SECRET)
            .env("SPOOL_DIR", folder.join("spool"))
            .envs(workspace.connector_settings())
            .envs(clock.environment())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the connector cannot be started")?;
        let base = format!("http://127.0.0.1:{}", port.number());
        let mut connector = Self { child, client: client()?, base, secret, _port: port };
        connector.wait_until_ready().await?;
        Ok(connector)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while self.client.get(&self.base).send().await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the connector ended at its start: {status}");
            }
            if began.elapsed() > MAX_START {
                bail!("the connector does not answer");
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        Ok(())
    }

    /// Ends it without warning, as the host does.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.child.kill().await.context("the connector cannot be stopped")
    }

    /// Posts `body` as Humanbound would.
    pub(super) async fn post(&self, body: &str) -> Result<Answer> {
        let request = self
            .client
            .post(format!("{}/api/ingest", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header(signature::HEADER, signature::sign(&self.secret, body.as_bytes()))
            .body(body.to_owned());
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: serde_json::from_slice(&response.bytes().await?).unwrap_or_default() })
    }

    /// Calls the timer function `drain`, of which the host knows no earlier run.
    pub(super) async fn drain(&self) -> Result<()> {
        let call = json!({ "Data": { "timer": { "ScheduleStatus": null } }, "Metadata": {} });
        let request =
            self.client.post(format!("{}/drain", self.base)).header(CONTENT_TYPE, "application/json");
        request.body(call.to_string()).send().await?.error_for_status().context("the drain failed")?;
        Ok(())
    }
}

fn client() -> Result<reqwest::Client> {
    // An error means that a provider is installed already, which is as good.
    drop(ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.timeout(MAX_ANSWER).build().context("no HTTP client")
}
