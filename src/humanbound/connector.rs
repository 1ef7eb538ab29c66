//! The connector as Humanbound reaches it: over the internet, with signed bodies.
//!
//! The signature probe asks whether a connector accepts a secret before any webhook exists: a signed `[]` is answered
//! 400 when the signature is right, since the body is no event, and 401 when it is wrong. Either way nothing is stored.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use super::wire::Timing;
use super::{Error, base_url, fault};
use crate::config::{Confidential, PlatformSettings};
use crate::signature::{self, Secret};

/// The path of every connector.
pub const INGEST: &str = "/api/ingest";
/// Not a JSON object, so that a connector that accepts the signature rejects the body.
const PROBE_BODY: &[u8] = b"[]";
/// A cold start of the Functions host takes up to half a minute.
const TIMEOUT: Duration = Duration::from_secs(45);
/// The waits between rejected probes. Each one counts toward the alert on rejected signatures, so there are few: five
/// minutes in all.
const REJECTED_WAITS: [u64; 7] = [10, 20, 40, 60, 60, 60, 60];
/// How often in a row a secret must be accepted, over how long, because instances get a new secret one after the other.
const CONFIRMATIONS: u32 = 10;
const CONFIRM_FOR: Duration = Duration::from_secs(60);
/// How often a connector that does not answer is asked again, and how long after.
const UNAVAILABLE_TRIES: u32 = 20;
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(5);

/// A connector, as seen from the internet.
#[derive(Debug, Clone)]
pub struct Connector {
    url: Url,
    settings: PlatformSettings,
    timing: Timing,
    is_one_process: bool,
}

/// What `GET /api/health` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `ok`, `degraded` or `misconfigured`.
    pub status: String,
    /// The connector's version.
    pub version: String,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Every probed instance accepts the secret.
    Accepted,
    /// It was rejected until the time was up.
    Rejected,
    /// The connector gave no clear answer.
    Unanswered {
        /// The last answer, or why there was none.
        reason: String,
    },
}

/// A URL that may be anything: without a password, and without the key that the portal appends to it.
fn shown(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = bare.split_once("://").map_or(("", bare), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

/// Whether a webhook's URL ends as those of connectors do.
pub(super) fn is_ingest(url: &str) -> bool {
    Url::parse(url.trim()).is_ok_and(|url| has_ingest_path(&url))
}

fn has_ingest_path(url: &Url) -> bool {
    url.path().trim_end_matches('/').eq_ignore_ascii_case(INGEST)
}

/// One answer to a probe.
enum Verdict {
    Accepted,
    Rejected,
    Later(String),
}

impl Connector {
    /// The connector whose webhooks go to `url`.
    ///
    /// # Errors
    /// [`Error::ConnectorUrl`] when that is not `https://HOST/api/ingest`; on this machine http will do.
    pub fn new(url: &str, settings: &PlatformSettings, timing: Timing) -> Result<Self, Error> {
        let unusable = |problem: String| Error::ConnectorUrl { url: shown(url.trim()), problem };
        let parsed = match base_url::parse("", url.trim()) {
            Err(Error::Unusable { problem, .. }) => return Err(unusable(problem)),
            parsed => parsed?,
        };
        if !has_ingest_path(&parsed) {
            return Err(unusable(format!("does not end in {INGEST}")));
        }
        let is_one_process = base_url::is_loopback(&parsed);
        Ok(Self { url: parsed, settings: settings.clone(), timing, is_one_process })
    }

    /// The same, where several instances answer even on this machine, so that one accepted probe is not enough.
    #[must_use]
    pub fn of_instances(self) -> Self {
        Self { is_one_process: false, ..self }
    }

    /// Where webhooks go.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Asks for its health, without a credential.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when there is no answer, [`Error::Unavailable`] for a status other than 200, and
    /// [`Error::OddBody`] when something else answers there.
    pub async fn health(&self) -> Result<Health, Error> {
        let body = self.get("/api/health", None).await?;
        serde_json::from_slice(&body)
            .map_err(|_| Error::OddBody { detail: "no connector answers there".to_owned() })
    }

    /// Asks one instance for its status, with a key of the Function App.
    ///
    /// # Errors
    /// As [`Self::health`].
    pub async fn status(&self, key: &Confidential) -> Result<Value, Error> {
        let body = self.get("/api/status", Some(key)).await?;
        serde_json::from_slice(&body)
            .map_err(|_| Error::OddBody { detail: "the status is no JSON".to_owned() })
    }

    async fn get(&self, path: &str, key: Option<&Confidential>) -> Result<Vec<u8>, Error> {
        let mut url = self.url.clone();
        url.set_path(path);
        let mut request = self.http()?.get(url);
        if let Some(key) = key {
            request = request.header("x-functions-key", key.expose());
        }
        let outcome = request.send().await;
        self.tell("GET", path, &outcome);
        let response = outcome.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        if status == StatusCode::OK {
            return Ok(body.to_vec());
        }
        let text = status.canonical_reason().unwrap_or_default().to_owned();
        Err(Error::Unavailable { status: status.as_u16(), text: format!("{path} of the connector: {text}") })
    }

    /// Probes until the connector accepts `secret` on every instance, or for five minutes. `told` is called before each wait.
    ///
    /// A connector on this machine is one process, so one accepted probe is enough.
    ///
    /// # Errors
    /// When no HTTP client can be set up.
    pub async fn probe(&self, secret: &Confidential, told: &(dyn Fn(&str) + Sync)) -> Result<Probe, Error> {
        let Some(secret) = Secret::new(secret.expose()) else { return Ok(Probe::Rejected) };
        let mut waits = REJECTED_WAITS.iter();
        let (mut unanswered, mut accepted) = (0, 0);
        loop {
            match self.ask(&secret).await? {
                Verdict::Accepted => {
                    accepted += 1;
                    if accepted >= CONFIRMATIONS || self.is_one_process {
                        return Ok(Probe::Accepted);
                    }
                    told(&format!(
                        "accepted {accepted} of {CONFIRMATIONS} times, by one instance after the other"
                    ));
                    self.timing.sleep(CONFIRM_FOR / CONFIRMATIONS).await;
                }
                Verdict::Rejected => {
                    accepted = 0;
                    let Some(wait) = waits.next() else { return Ok(Probe::Rejected) };
                    told(&format!("not accepted yet; asking again in {wait} s"));
                    self.timing.sleep(Duration::from_secs(*wait)).await;
                }
                Verdict::Later(reason) => {
                    unanswered += 1;
                    if unanswered >= UNAVAILABLE_TRIES {
                        return Ok(Probe::Unanswered { reason });
                    }
                    told(&format!("{reason}; asking again in {} s", UNAVAILABLE_WAIT.as_secs()));
                    self.timing.sleep(UNAVAILABLE_WAIT).await;
                }
            }
        }
    }

    /// Whether one instance accepts `secret` right now.
    ///
    /// # Errors
    /// When no HTTP client can be set up.
    pub async fn accepts(&self, secret: &Confidential) -> Result<Option<bool>, Error> {
        let Some(secret) = Secret::new(secret.expose()) else { return Ok(Some(false)) };
        Ok(match self.ask(&secret).await? {
            Verdict::Accepted => Some(true),
            Verdict::Rejected => Some(false),
            Verdict::Later(_) => None,
        })
    }

    async fn ask(&self, secret: &Secret) -> Result<Verdict, Error> {
        // A new client, so that each probe opens a new connection, which may lead to another instance.
        let request = self.http()?.post(self.url.clone()).header("content-type", "application/json");
        let request = request.header(signature::HEADER, signature::sign(secret, PROBE_BODY)).body(PROBE_BODY);
        let outcome = request.send().await;
        self.tell("POST", self.url.path(), &outcome);
        Ok(match outcome.map(|response| response.status()) {
            Ok(StatusCode::BAD_REQUEST) => Verdict::Accepted,
            Ok(StatusCode::UNAUTHORIZED) => Verdict::Rejected,
            Ok(status) => Verdict::Later(format!("the connector answers {status}")),
            Err(error) => Verdict::Later(self.unreachable(&error).to_string()),
        })
    }

    fn http(&self) -> Result<reqwest::Client, Error> {
        super::wire::builder(&self.settings)?
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Error::Setup { detail: fault::of(&error).1 })
    }

    /// The head of a call, for the debug log.
    fn tell(&self, method: &str, path: &str, outcome: &Result<reqwest::Response, reqwest::Error>) {
        let mut url = self.url.clone();
        url.set_path(path);
        match outcome {
            Ok(response) => tracing::debug!(method, %url, status = response.status().as_u16(), "answered"),
            Err(error) => {
                let (fault, detail) = fault::of(error);
                tracing::debug!(method, %url, %fault, %detail, "no answer");
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let (fault, detail) = fault::of(error);
        Error::Unreachable { host: self.url.host_str().unwrap_or_default().to_owned(), fault, detail }
    }
}
