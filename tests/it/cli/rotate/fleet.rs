//! A Function App in small: instances of the real connector behind one address, the settings that they were started with,
//! and a vault whose secrets have versions. It stands behind recorded calls of `az`, and in a time of its own.
//!
//! As on Azure, an instance knows the settings of its start. Changed settings and a refresh of references start it again
//! with what they refer to then; one instance may lag behind the others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use humanbound_sentinel::azure::Runner;
use humanbound_sentinel::azure::process::{Invocation, Output, RunError, Stdin};
use humanbound_sentinel::humanbound::Timing;
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::azure_cli::recorded::{GROUP, SUBSCRIPTION};
use crate::cli::{Desk, SECRET};
use crate::host::{FUNCTION_KEY, Host, client};

pub const SITE: &str = "func-humanbound-x";
const VAULT_URI: &str = "https://kv-hb-x.vault.azure.net/secrets/webhook-secret";
const PREVIOUS: &str = "WEBHOOK_SECRET_PREVIOUS";

/// What changes while a rotation goes on.
struct Changing {
    now: OffsetDateTime,
    /// The versions of the secret, oldest first.
    versions: Vec<String>,
    settings: BTreeMap<String, String>,
    /// What instances have been started with, and those that are to be started, with when.
    started: Vec<BTreeMap<String, String>>,
    due: Vec<(OffsetDateTime, usize)>,
    instances: Vec<Arc<Host>>,
    /// Instances that others took the place of: what they had begun with they may end.
    retired: Vec<Arc<Host>>,
    calls: Vec<String>,
    /// Before a call that holds these words nothing goes on any more.
    trap: Option<&'static str>,
}

pub struct Fleet {
    changing: Mutex<Changing>,
    lag: Duration,
    turn: AtomicUsize,
    /// Probes take turns of their own: events in between would lead them to one instance every time.
    probe_turn: AtomicUsize,
    pub trapped: Notify,
    /// How often the probe was rejected, and how often an event was.
    pub probes_rejected: AtomicUsize,
    pub events_rejected: AtomicUsize,
    front: Mutex<Option<JoinHandle<()>>>,
    client: reqwest::Client,
    port: u16,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if let Some(front) = self.front.lock().unwrap().take() {
            front.abort();
        }
    }
}

pub fn path(below: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{below}")
}

impl Fleet {
    /// `count` instances, of which the last takes `lag` longer than the others to hear of anything.
    pub async fn start(desk: &Desk, count: usize, lag: Duration) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = [("WEBHOOK_SECRET", format!("@Microsoft.KeyVault(SecretUri={VAULT_URI})"))];
        let changing = Changing {
            now: OffsetDateTime::now_utc(),
            versions: vec![SECRET.to_owned()],
            settings: settings.map(|(name, value)| (name.to_owned(), value)).into(),
            started: Vec::new(),
            due: Vec::new(),
            instances: Vec::new(),
            retired: Vec::new(),
            calls: Vec::new(),
            trap: None,
        };
        let fleet = Arc::new(Self {
            changing: Mutex::new(changing),
            lag,
            turn: AtomicUsize::new(0),
            probe_turn: AtomicUsize::new(0),
            trapped: Notify::new(),
            probes_rejected: AtomicUsize::new(0),
            events_rejected: AtomicUsize::new(0),
            front: Mutex::default(),
            client: client(),
            port,
        });
        for _ in 0..count {
            let environment = fleet.environment();
            let host = Arc::new(desk.rig.instance(&environment).await);
            let mut changing = fleet.changing.lock().unwrap();
            changing.instances.push(host);
            changing.started.push(environment);
        }
        let weak = Arc::downgrade(&fleet);
        let router = Router::new().fallback(move |request: Request| {
            let fleet = weak.upgrade();
            async move {
                match fleet {
                    Some(fleet) => fleet.forward(request).await,
                    None => StatusCode::BAD_GATEWAY.into_response(),
                }
            }
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *fleet.front.lock().unwrap() = Some(serving);
        fleet
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/ingest", self.port)
    }

    /// The deployment, as it is remembered.
    pub fn azure(&self) -> Value {
        json!({
            "subscription": SUBSCRIPTION, "resource_group": GROUP,
            "outputs": {
                "connectorUrl": self.url(), "connectorFunctionName": SITE,
                "siteResourceId": path(&format!("Microsoft.Web/sites/{SITE}")),
                "keyVaultResourceId": path("Microsoft.KeyVault/vaults/kv-hb-x"),
            },
        })
    }

    pub fn calls(&self) -> Vec<String> {
        self.changing.lock().unwrap().calls.clone()
    }

    pub fn setting(&self, name: &str) -> Option<String> {
        self.changing.lock().unwrap().settings.get(name).cloned()
    }

    pub fn set(&self, name: &str, value: &str) {
        self.changing.lock().unwrap().settings.insert(name.to_owned(), value.to_owned());
    }

    /// Every secret that there was.
    pub fn secrets(&self) -> Vec<String> {
        self.changing.lock().unwrap().versions.clone()
    }

    pub fn trap(&self, words: Option<&'static str>) {
        self.changing.lock().unwrap().trap = words;
    }

    /// All instances that there ever were.
    pub fn instances(&self) -> Vec<Arc<Host>> {
        let changing = self.changing.lock().unwrap();
        changing.instances.iter().chain(&changing.retired).cloned().collect()
    }

    /// A time that passes only while the command waits. Instances that lag hear of changes in it.
    pub fn timing(self: &Arc<Self>, desk: &Arc<Desk>) -> Timing {
        let (clock, waiting, desk) = (Arc::clone(self), Arc::clone(self), Arc::clone(desk));
        Timing::new(
            move || clock.changing.lock().unwrap().now,
            move |pause| {
                let (fleet, desk) = (Arc::clone(&waiting), Arc::clone(&desk));
                async move {
                    fleet.changing.lock().unwrap().now += pause;
                    fleet.catch_up(&desk).await;
                    fleet.stumble("sleep").await;
                }
                .boxed()
            },
        )
    }

    /// What an instance is started with now.
    fn environment(&self) -> BTreeMap<String, String> {
        let changing = self.changing.lock().unwrap();
        let resolved = changing.settings.iter().map(|(name, value)| {
            let uri =
                value.strip_prefix("@Microsoft.KeyVault(SecretUri=").and_then(|rest| rest.strip_suffix(')'));
            let version = uri.map(|uri| uri.trim_start_matches(VAULT_URI).trim_start_matches('/'));
            let value = match version {
                None => value.clone(),
                Some("") => changing.versions.last().unwrap().clone(),
                Some(number) => changing.versions[number.parse::<usize>().unwrap()].clone(),
            };
            (name.clone(), value)
        });
        resolved.collect()
    }

    /// Every instance is to fetch its settings anew.
    fn refresh(&self) {
        let mut changing = self.changing.lock().unwrap();
        let (now, last) = (changing.now, changing.instances.len() - 1);
        for index in 0..=last {
            let lag = if index == last { self.lag } else { Duration::ZERO };
            changing.due.push((now + lag, index));
        }
    }

    /// Starts instances that are due again. The next takes over when it is ready, and nothing is broken off.
    async fn catch_up(&self, desk: &Desk) {
        loop {
            let index = {
                let mut changing = self.changing.lock().unwrap();
                let now = changing.now;
                let Some(at) = changing.due.iter().position(|(due, _)| *due <= now) else { return };
                changing.due.remove(at).1
            };
            let environment = self.environment();
            if self.changing.lock().unwrap().started[index] == environment {
                continue;
            }
            let host = Arc::new(desk.rig.instance(&environment).await);
            let mut changing = self.changing.lock().unwrap();
            let old = std::mem::replace(&mut changing.instances[index], host);
            changing.retired.push(old);
            changing.started[index] = environment;
        }
    }

    /// One instance after the other.
    async fn forward(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body: Bytes = axum::body::to_bytes(body, 10 << 20).await.unwrap();
        let host = {
            let changing = self.changing.lock().unwrap();
            let turn = if &body[..] == b"[]" { &self.probe_turn } else { &self.turn };
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            Arc::clone(&changing.instances[turn % changing.instances.len()])
        };
        let mut request = self.client.request(parts.method, host.url(parts.uri.path())).body(body.clone());
        for (name, value) in &parts.headers {
            if name != "host" && name != "content-length" {
                request = request.header(name, value);
            }
        }
        let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED && parts.uri.path() == "/api/ingest" {
            let count = if &body[..] == b"[]" { &self.probes_rejected } else { &self.events_rejected };
            count.fetch_add(1, Ordering::Relaxed);
        }
        (status, answer.bytes().await.unwrap_or_default()).into_response()
    }

    /// Stops for good where a trap is set.
    async fn stumble(&self, line: &str) {
        let is_trap = self.changing.lock().unwrap().trap.is_some_and(|words| line.contains(words));
        if is_trap {
            self.trapped.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn answer(&self, line: &str, stdin: Option<Value>) -> Value {
        let mut changing = self.changing.lock().unwrap();
        let is_put = line.contains("--method put") && line.contains("/secrets/webhook-secret?");
        if is_put {
            changing.versions.push(stdin.unwrap()["properties"]["value"].as_str().unwrap().to_owned());
            return Value::Null;
        }
        if line.contains("/secrets/webhook-secret?") {
            let newest = changing.versions.len() - 1;
            return json!({ "properties": { "secretUriWithVersion": format!("{VAULT_URI}/{newest}") } });
        }
        if line.contains("appsettings list") {
            let all = changing.settings.iter().map(|(name, value)| json!({ "name": name, "value": value }));
            return all.collect();
        }
        if line.contains("keys list") {
            return json!({ "functionKeys": { "default": FUNCTION_KEY } });
        }
        if line.contains("configreferences/appsettings?") {
            return json!({ "value": [{ "name": PREVIOUS, "properties": { "status": "Resolved" } }] });
        }
        if line.contains("appsettings set") {
            for (name, value) in stdin.unwrap().as_object().unwrap() {
                changing.settings.insert(name.clone(), value.as_str().unwrap().to_owned());
            }
        } else if line.contains("appsettings delete") {
            changing.settings.remove(PREVIOUS);
        } else {
            assert!(line.contains("configreferences/appsettings/refresh"), "no answer for: {line}");
        }
        drop(changing);
        self.refresh();
        Value::Null
    }
}

/// `az` before a fleet.
pub struct Script {
    pub fleet: Arc<Fleet>,
    pub desk: Arc<Desk>,
}

#[async_trait]
impl Runner for Script {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let line = invocation.args.join(" ");
        self.fleet.stumble(&line).await;
        let stdin = match &invocation.stdin {
            Stdin::Bytes(bytes) => Some(serde_json::from_slice(bytes).unwrap()),
            Stdin::Closed | Stdin::Terminal => None,
        };
        let answer = self.fleet.answer(&line, stdin);
        self.fleet.changing.lock().unwrap().calls.push(line.clone());
        self.fleet.catch_up(&self.desk).await;
        let stdout = if answer.is_null() { String::new() } else { answer.to_string() };
        Ok(Output { code: Some(0), stdout: stdout.into(), stderr: String::new() })
    }
}
