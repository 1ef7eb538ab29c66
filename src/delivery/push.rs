//! The Logs Ingestion client: one batch, one call.
//!
//! Contract: <https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview>. There is no usable
//! Rust crate for it (`azure_monitor_ingestion` is a placeholder).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

use super::gzip::gzip;
use super::http::root_cause;
use super::latency::Latency;
use super::pace::Pacer;
use super::retry::{PAUSES, retry_after};
use super::token::TokenSource;
use crate::counters::Fault;

/// The largest call in bytes of JSON. Azure documents 1 MB for compressed and uncompressed data alike and does not
/// say whether that is 10^6 or 2^20, so it is the smaller.
/// <https://learn.microsoft.com/azure/azure-monitor/service-limits#logs-ingestion-api>
pub const MAX_CALL_BYTES: usize = 1_000_000;
/// Room for the compressed body of most calls, in bytes.
const BODY_CAPACITY: usize = 16 * 1024;
/// So much of an error's body is read for the log.
const MAX_ERROR_BYTES: usize = 4_096;

/// Why a call was given up, split by what the caller does next.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PushError {
    /// The content or the configuration is wrong: the rows decide which, see the drain.
    #[error("azure monitor rejected the content (400): {0}")]
    Rejected(String),
    /// The call was too large: split it.
    #[error("azure monitor found the call too large (413)")]
    TooLarge,
    /// The identity, its role, the rule or the stream is wrong, or not yet known everywhere.
    #[error("azure monitor answered {status}: {message}")]
    Configuration {
        /// 401, 403, 404 or another status below 500.
        status: u16,
        /// The error's code and message.
        message: String,
    },
    /// Slow down.
    #[error("azure monitor answered 429")]
    Throttled(Option<Duration>),
    /// It may work in a moment.
    #[error("azure monitor is unavailable: {message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// What the server asked for.
        retry_after: Option<Duration>,
    },
    /// The answer did not come in time. Azure Monitor may have accepted the call all the same, so that another try
    /// would most likely make a duplicate.
    #[error("azure monitor did not answer in time")]
    TimedOut,
    /// The push itself failed, which is a fault of this program.
    #[error("the push panicked")]
    Panicked,
    /// There is no token.
    #[error("no token from the managed identity: {0}")]
    NoToken(String),
}

impl PushError {
    /// Whether another try of the same call may help within a second or two, and would not make a duplicate.
    fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Unavailable { .. } | Self::NoToken(_))
    }

    /// What the server asked to wait.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Throttled(wait) | Self::Unavailable { retry_after: wait, .. } => *wait,
            _ => None,
        }
    }

    /// A short name for logs and status.
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "rejected",
            Self::TooLarge => "too_large",
            Self::Configuration { status: 401, .. } => "unauthorized",
            Self::Configuration { status: 403, .. } => "forbidden",
            Self::Configuration { status: 404, .. } => "not_found",
            Self::Configuration { .. } => "unexpected_status",
            Self::Throttled(_) => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::NoToken(_) => "no_token",
        }
    }

    /// What `/api/status` says of it.
    pub(super) fn fault(&self, at: OffsetDateTime) -> Fault {
        Fault { at, message: self.to_string(), hint: self.hint() }
    }

    /// Logs why a batch of `rows` rows was given up. A fault of the configuration is an error, the rest recovers.
    pub(super) fn log(&self, rows: usize) {
        let (kind, hint, problem) = (self.kind(), self.hint(), self);
        match self {
            Self::Rejected(_) | Self::Configuration { .. } | Self::NoToken(_) | Self::Panicked => {
                error!(event = "push_failed", kind, rows, %problem, hint);
            }
            Self::TooLarge | Self::Throttled(_) | Self::Unavailable { .. } | Self::TimedOut => {
                warn!(event = "push_failed", kind, rows, %problem, hint);
            }
        }
    }

    /// What an operator can do about it, for the log and `/api/status`.
    #[must_use]
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Rejected(_) => {
                "compare the columns of the stream in the data collection rule with sentinel/tables/AISecurityEvents_CL.json"
            }
            Self::TooLarge => {
                "nothing: a call is split, and a single row that is too large waits in the spool"
            }
            Self::Configuration { status: 401, .. } => {
                "check LOGS_INGESTION_AUDIENCE and that HB_IDENTITY_CLIENT_ID names an identity of this app"
            }
            Self::Configuration { status: 403, .. } => {
                "give the identity the role Monitoring Metrics Publisher on the data collection rule; a new assignment takes up to 30 minutes"
            }
            Self::Configuration { status: 404, .. } => {
                "check LOGS_INGESTION_ENDPOINT, DCR_IMMUTABLE_ID and DCR_STREAM_NAME: they change when the rule is created anew"
            }
            Self::Configuration { .. } => "look the status up in the Logs Ingestion API's documentation",
            Self::Throttled(_) => {
                "nothing: instances slow down by themselves until all together fit into a rule's 12,000 calls a minute, and events wait in the spool; if it lasts, allow fewer instances"
            }
            Self::Unavailable { .. } | Self::TimedOut => {
                "nothing: events wait in the spool; look at Azure's status if it lasts"
            }
            Self::Panicked => "nothing: events wait in the spool; report what the log says before this",
            Self::NoToken(_) => {
                "check that the app has the identity that HB_IDENTITY_CLIENT_ID names (empty: a system-assigned one)"
            }
        }
    }
}

/// Rows joined to one call's body: a JSON array, compressed.
#[must_use]
pub fn body<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut rows = rows.into_iter().peekable();
    let end: &[u8] = if rows.peek().is_some() { b"]" } else { b"[]" };
    let mut separator: &[u8] = b"[";
    let pieces = rows.flat_map(|row| [std::mem::replace(&mut separator, b","), row]).chain([end]);
    // Writing to memory does not fail.
    gzip(BODY_CAPACITY, pieces).unwrap_or_default()
}

/// The client of one data collection rule's stream.
pub(crate) struct LogsIngestion {
    client: reqwest::Client,
    url: Url,
    tokens: TokenSource,
    pacer: Arc<Pacer>,
    latency: Latency,
}

impl LogsIngestion {
    /// A client that posts to `url` with tokens of `tokens`, at the pace of `pacer`.
    #[must_use]
    pub(crate) fn new(client: reqwest::Client, url: Url, tokens: TokenSource, pacer: Arc<Pacer>) -> Self {
        Self { client, url, tokens, pacer, latency: Latency::default() }
    }

    /// Fetches the first token, so that the first event does not wait for it.
    pub(crate) async fn warm_up(&self) {
        // Whoever needs the token next hears of the error.
        self.tokens.token().await.ok();
    }

    /// Whether the identity has given a token that still works.
    #[must_use]
    pub(crate) fn has_token(&self) -> bool {
        self.tokens.has_token()
    }

    /// Pushes `body` with up to three tries that all end before `deadline`. The caller has taken the first call's turn
    /// of the pacer.
    ///
    /// # Errors
    /// The last try's error. A wait that the server asks for and that does not fit ends the tries.
    pub(crate) async fn push(&self, body: Bytes, deadline: Instant) -> Result<(), PushError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.push_once(body.clone(), deadline).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let Some(pause) = pauses.next().filter(|_| error.is_transient()) else { return Err(error) };
            let resume = Instant::now() + pause.max(error.wait().unwrap_or_default());
            // A call that would be cut off may be accepted all the same, and its rows would be stored and spooled.
            if resume + self.latency() >= deadline {
                return Err(error);
            }
            tokio::time::sleep_until(resume).await;
            if tokio::time::timeout_at(deadline, self.pacer.turn()).await.is_err() {
                return Err(error);
            }
        }
    }

    /// One call that ends before `by`; a rejected token is replaced once.
    ///
    /// # Errors
    /// As [`PushError`] says.
    pub(crate) async fn push_once(&self, body: Bytes, by: Instant) -> Result<(), PushError> {
        let attempt = async {
            let token = self.token().await?;
            match self.call(body.clone(), &token).await {
                Err(PushError::Configuration { status: 401, .. }) => {
                    self.tokens.forget(&token);
                    let token = self.token().await?;
                    self.pacer.turn().await;
                    self.call(body, &token).await
                }
                outcome => outcome,
            }
        };
        tokio::time::timeout_at(by, attempt).await.unwrap_or(Err(PushError::TimedOut))
    }

    /// How long calls take of late.
    pub(super) fn latency(&self) -> Duration {
        self.latency.expected()
    }

    async fn token(&self) -> Result<Arc<str>, PushError> {
        self.tokens.token().await.map_err(|error| PushError::NoToken(root_cause(&error)))
    }

    async fn call(&self, body: Bytes, token: &str) -> Result<(), PushError> {
        let request = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .header("x-ms-client-request-id", Uuid::new_v4().to_string())
            .body(body);
        let begun = Instant::now();
        let started = self.latency.start();
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                started.rejected();
                return Err(PushError::Unavailable { message: root_cause(&error), retry_after: None });
            }
        };
        let status = response.status();
        if status.is_success() {
            started.ended();
            return Ok(());
        }
        started.rejected();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(retry_after_now);
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.pacer.throttled(begun, Instant::now(), retry_after);
        }
        let message = error_text(response).await;
        Err(match status {
            StatusCode::BAD_REQUEST => PushError::Rejected(message),
            StatusCode::PAYLOAD_TOO_LARGE => PushError::TooLarge,
            StatusCode::TOO_MANY_REQUESTS => PushError::Throttled(retry_after),
            StatusCode::REQUEST_TIMEOUT => PushError::Unavailable { message, retry_after },
            status if status.is_server_error() => {
                PushError::Unavailable { message: format!("{} {message}", status.as_u16()), retry_after }
            }
            status => PushError::Configuration { status: status.as_u16(), message },
        })
    }
}

fn retry_after_now(value: &str) -> Option<Duration> {
    retry_after(value, OffsetDateTime::now_utc())
}

/// The error's code and message, or the start of whatever came.
async fn error_text(mut response: reqwest::Response) -> String {
    let code = response.headers().get("x-ms-error-code").and_then(|value| value.to_str().ok());
    let code = code.map(str::to_owned);
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BYTES - text.len();
        text.extend(chunk.iter().take(room));
        if chunk.len() >= room {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text);
    let parsed: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let part = |name: &str| {
        let value = parsed.as_ref()?.pointer(&format!("/error/{name}"))?.as_str()?;
        Some(value.to_owned())
    };
    let code = part("code").or(code);
    match (code, part("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        (None, Some(message)) => message,
        (None, None) => text.chars().filter(|character| !character.is_control()).take(300).collect(),
    }
}
