//! The connector under test: a local workspace, a spool, and the connector behind the simulated host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use humanbound_sentinel::emulator::{Workspace, WorkspaceOptions};
use humanbound_sentinel::signature::{self, Secret};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use uuid::Uuid;

use crate::host::{Host, Invocation, client};

/// The secret that a rig's connector knows.
pub const SECRET: &str = "the secret of the webhook";

/// How long a test waits for something that should come at once.
pub const SOON: Duration = Duration::from_secs(20);

/// A folder that is removed on drop.
pub struct Folder(PathBuf);

impl Folder {
    /// A fresh folder below the build's own temporary one.
    pub fn new() -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rig-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How to start a rig.
pub struct Builder {
    settings: BTreeMap<String, String>,
    options: WorkspaceOptions,
}

impl Builder {
    /// Sets one of the connector's settings.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Builder {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Changes how the workspace behaves.
    pub fn workspace(mut self, change: impl FnOnce(&mut WorkspaceOptions)) -> Builder {
        change(&mut self.options);
        self
    }

    /// Starts everything and waits until the connector is ready.
    pub async fn start(self) -> Rig {
        let workspace = Workspace::start(self.options).await.unwrap();
        let spool = Folder::new();
        let mut settings = settings(&workspace, &spool);
        settings.extend(self.settings);
        let host = host(&settings).await;
        Rig { client: client(), host, workspace, spool }
    }
}

async fn host(settings: &BTreeMap<String, String>) -> Host {
    let mut host = Host::connector();
    for (name, value) in settings {
        host = host.env(name, value);
    }
    host.start().await
}

fn settings(workspace: &Workspace, spool: &Folder) -> BTreeMap<String, String> {
    let own =
        [("WEBHOOK_SECRET", SECRET.to_owned()), ("SPOOL_DIR", spool.path().to_str().unwrap().to_owned())];
    let all = workspace.connector_settings().into_iter().chain(own);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A running connector and all around it.
pub struct Rig {
    pub host: Host,
    pub workspace: Workspace,
    pub spool: Folder,
    pub client: reqwest::Client,
}

/// What the sender got.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status code and the `status` member of the body.
    pub fn told(&self) -> (u16, String) {
        (self.status, self.json()["status"].as_str().unwrap_or_default().to_owned())
    }

    /// The `event_id` member of the body.
    pub fn event_id(&self) -> String {
        self.json()["event_id"].as_str().unwrap_or_default().to_owned()
    }
}

/// The signature header for `body` under `secret`.
pub fn signed(secret: &str, body: &[u8]) -> HeaderMap {
    let value = signature::sign(&Secret::new(secret).unwrap(), body);
    HeaderMap::from_iter([(signature::HEADER.parse().unwrap(), HeaderValue::from_str(&value).unwrap())])
}

/// A plain event that differs from every other by `n`.
pub fn event(n: usize) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({
        "event_type": "finding.created",
        "organisation_id": "6f1c1b52-8f0a-4a55-9a3e-1c9a7c1d2e3f",
        "project_id": "0b7f2f9e-2f43-4a7b-8a3a-5d0d1c2b3a4f",
        "timestamp": 1_785_729_600,
        "severity": "high",
        "title": format!("New high finding: number {n}"),
        "data": { "finding_id": Uuid::from_u128(n as u128), "severity_label": "high" }
    }))
    .unwrap()
}

impl Rig {
    pub fn builder() -> Builder {
        let options = WorkspaceOptions { throttle: None, ..WorkspaceOptions::default() };
        Builder { settings: BTreeMap::new(), options }
    }

    pub async fn start() -> Rig {
        Rig::builder().start().await
    }

    /// Starts another connector before the same workspace and spool, with some settings of its own.
    pub async fn instance(&self, own: &BTreeMap<String, String>) -> Host {
        let mut settings = settings(&self.workspace, &self.spool);
        settings.extend(own.clone());
        host(&settings).await
    }

    /// Posts `body` as Humanbound would.
    pub async fn post(&self, body: impl Into<Bytes>) -> Answer {
        let body = body.into();
        self.send(signed(SECRET, &body), body).await
    }

    /// Posts `body` with `headers`.
    pub async fn send(&self, headers: HeaderMap, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.client.post(self.host.url("/api/ingest")).headers(headers).body(body.into());
        answer(request).await
    }

    /// Gets `path` of the public side.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(self.host.url(path)).header("x-functions-key", crate::host::FUNCTION_KEY))
            .await
    }

    /// What `/api/status` says.
    pub async fn status(&self) -> Value {
        self.get("/api/status").await.json()
    }

    /// One run of the drain, through the host's timer.
    pub async fn drain(&self) -> Invocation {
        let invocation = self.host.timer("drain").await;
        invocation.assert_succeeded();
        invocation
    }

    /// The rows of events in the table, without the connector's own.
    pub async fn rows(&self) -> Vec<Value> {
        let rows = self.workspace.rows().await.unwrap();
        rows.into_iter()
            .filter(|row| !row["EventType"].as_str().is_some_and(|kind| kind.starts_with("connector.")))
            .collect()
    }

    /// The names in the spool that begin with `prefix`.
    pub fn spooled(&self, prefix: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.spool.path().join(prefix)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("the whole answer") }
}

/// The content of a gzip file in the spool.
pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut content = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(file), &mut content).unwrap();
    content
}
