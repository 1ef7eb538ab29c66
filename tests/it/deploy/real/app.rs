//! The loopback Azure with a connector in it: what answers at the Function App's own address, through the proxy that all
//! requests take here, is the real connector with whatever its settings have come to.
//!
//! The platform sends through the same proxy and trusts the same authority, so that the address of the webhook is the one
//! that the template gives. The settings are those of the loopback, with references to the vault followed as Azure
//! follows them; only what leads out of this machine leads to the local workspace and to a folder instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::FutureExt as _;
use humanbound_sentinel::azure::Runner;
use humanbound_sentinel::azure::process::{Invocation, Output, RunError};
use humanbound_sentinel::cli::{self, Captured, Sink, Surroundings};
use humanbound_sentinel::config::Env;
use humanbound_sentinel::emulator::{PlatformOptions, Project};
use humanbound_sentinel::humanbound::Timing;
use reqwest::{Certificate, Client, Proxy, redirect};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::azure_cli::recorded::GROUP;
use crate::cli::{Desk, ORGANISATION, Ran, options};
use crate::host::{FUNCTION_KEY, Host};
use crate::infra::loopback::Loopback;

/// Settings that lead to Azure itself.
const OUTSIDE: [&str; 5] = [
    "LOGS_INGESTION_ENDPOINT",
    "LOGS_INGESTION_AUDIENCE",
    "DCR_IMMUTABLE_ID",
    "HB_IDENTITY_CLIENT_ID",
    "SPOOL_CONTAINER_URL",
];

type Variables = BTreeMap<String, String>;

pub struct App {
    pub azure: Loopback,
    pub desk: Desk,
    /// What az was given, a line a call.
    calls: Mutex<Vec<String>>,
    /// Each start of the connector, the last of which answers. The others may end what they have begun with.
    starts: tokio::sync::Mutex<Vec<(Variables, Host)>>,
}

impl App {
    /// A signed-in operator before an empty subscription, or what is skipped.
    pub async fn start(skipped: &str) -> Option<Arc<App>> {
        let azure = Loopback::start("AzureCloud", skipped)?;
        azure.log_in();
        azure.ask("/manage", &json!({ "unregistered": ["microsoft.app"], "function_key": FUNCTION_KEY }));
        let project = Project {
            id: Uuid::from_u128(1),
            organisation_id: ORGANISATION,
            name: "Support agent".to_owned(),
            archived: false,
        };
        let options = PlatformOptions { client: Some(sender(&azure)), projects: vec![project], ..options() };
        let desk = Desk::with(options).await;
        std::fs::write(azure.folder.path().join("connector.zip"), crate::package::sample()).unwrap();
        Some(Arc::new(App { azure, desk, calls: Mutex::default(), starts: tokio::sync::Mutex::default() }))
    }

    /// Runs a command whose waits pass at once. No secret that the connector ever had may be told or kept.
    pub async fn run(self: &Arc<Self>, arguments: &[&str]) -> Ran {
        let captured = Arc::<Mutex<Captured>>::default();
        let home = self.desk.home.path().to_str().unwrap().to_owned();
        let own = [("HOME".to_owned(), home.clone()), ("USERPROFILE".to_owned(), home)];
        let env = Env::Map(own.into_iter().chain(self.azure.proxied()).collect());
        let timing = Timing::new(OffsetDateTime::now_utc, |_| tokio::task::yield_now().boxed());
        let sink = Sink::Memory(Arc::clone(&captured));
        let runner = Some(Arc::clone(self) as Arc<dyn Runner>);
        let code = cli::run_in(arguments, Surroundings { env, timing, sink, runner }).await.unwrap();
        let captured = std::mem::take(&mut *captured.lock().unwrap());
        let ran = Ran { code, stdout: captured.stdout, stderr: captured.stderr };
        self.nothing_is_told(&format!("{ran:?}")).await;
        ran
    }

    /// `deploy` with a package that is named.
    pub async fn deploy(self: &Arc<Self>, more: &[&str]) -> Ran {
        let package = self.azure.folder.path().join("connector.zip");
        let fixed = ["deploy", "--rg", GROUP, "--json", "--package", package.to_str().unwrap()];
        self.run(&[&fixed[..], more].concat()).await
    }

    /// The secrets that the connector was started with, oldest first.
    pub async fn secrets(&self) -> Vec<String> {
        let starts = self.starts.lock().await;
        let mut secrets: Vec<_> =
            starts.iter().filter_map(|(variables, _)| variables.get("WEBHOOK_SECRET")).cloned().collect();
        secrets.dedup();
        secrets
    }

    /// How many calls az has had.
    pub fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// What the connector that answers is started with.
    pub async fn variables(&self) -> Variables {
        self.starts.lock().await.last().map(|(variables, _)| variables.clone()).unwrap_or_default()
    }

    async fn nothing_is_told(&self, text: &str) {
        let folders = [self.desk.home.path(), self.azure.folder.path()];
        let files: Vec<_> = folders.into_iter().flat_map(super::super::files).collect();
        for secret in self.secrets().await {
            assert!(!text.contains(&secret), "the secret is told: {text}");
            for call in self.calls.lock().unwrap().iter() {
                assert!(!call.contains(&secret), "the secret is an argument: {call}");
            }
            for file in &files {
                let content = std::fs::read(file).unwrap();
                let content = String::from_utf8_lossy(&content);
                assert!(!content.contains(&secret), "the secret is in {}", file.display());
            }
        }
    }

    /// Starts the connector anew where its variables have changed, and lets it answer for the Function App.
    async fn catch_up(&self) {
        let state = self.azure.state();
        let Some(site) = state["environments"].as_object().unwrap().values().next() else { return };
        let mut wanted: Variables = serde_json::from_value(site.clone()).unwrap();
        wanted.retain(|name, _| !OUTSIDE.contains(&name.as_str()));
        let mut starts = self.starts.lock().await;
        if starts.last().is_some_and(|(variables, _)| *variables == wanted) {
            return;
        }
        let host = self.desk.rig.instance(&wanted).await;
        self.azure.ask("/manage", &json!({ "connector": host.address().port() }));
        starts.push((wanted, host));
    }
}

#[async_trait]
impl Runner for App {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let line = invocation.args.join(" ");
        self.calls.lock().unwrap().push(line.clone());
        if line.contains("loganalytics") {
            let rows = self.desk.rig.workspace.rows().await.unwrap();
            self.azure.ask("/manage", &json!({ "table": rows }));
        }
        let output = self.azure.served().run(invocation).await;
        if changes_settings(&line) {
            self.catch_up().await;
        }
        output
    }
}

/// Whether the Function App may be started anew because of a call.
fn changes_settings(line: &str) -> bool {
    ["deployment group create", "config-zip", "appsettings set", "appsettings delete", "configreferences"]
        .iter()
        .any(|words| line.contains(words))
}

/// The platform's own way to the Function App.
fn sender(azure: &Loopback) -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let variables: BTreeMap<_, _> = azure.proxied().into();
    let pem = std::fs::read(&variables["SSL_CERT_FILE"]).unwrap();
    Client::builder()
        .no_proxy()
        .proxy(Proxy::https(&variables["HTTPS_PROXY"]).unwrap())
        .tls_certs_only(Certificate::from_pem_bundle(&pem).unwrap())
        .redirect(redirect::Policy::none())
        .build()
        .unwrap()
}

/// Ids of what is there, without the deployments, in small letters.
pub fn there(state: &Value) -> Vec<String> {
    let all = state["resources"].as_array().unwrap().iter();
    let ids = all.map(|resource| resource["id"].as_str().unwrap().to_lowercase());
    ids.filter(|id| !id.contains("/deployments/")).collect()
}
