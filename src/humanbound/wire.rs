//! One HTTP exchange: sent, repeated where that is safe, read under a size limit, and written to the debug log.

use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Method, NoProxy, Proxy, Request, StatusCode};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::Error;
use super::fault::{self, Fault};
use crate::config::PlatformSettings;
use crate::delivery::retry::retry_after;
use crate::tls;

/// The time-out of `hb` in `humanbound_cli/config.py`.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pauses before the second, third and fourth try of a GET or DELETE.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// When the platform asks to wait for longer, there is no second try, and the caller gets the error.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
/// Far more than any answer of the platform; a page of 100 deliveries is some 20 KB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// A clock that is further off makes certificates and sessions fail.
const MAX_CLOCK_OFF: i64 = 300;

type Clock = dyn Fn() -> OffsetDateTime + Send + Sync;
type Sleep = dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync;

/// The clock and how to wait, so that a test of a minute takes no time.
#[derive(Clone)]
pub struct Timing {
    now: Arc<Clock>,
    sleep: Arc<Sleep>,
}

impl Timing {
    /// The system's clock, and pauses that are waited for.
    #[must_use]
    pub fn system() -> Self {
        Self::new(OffsetDateTime::now_utc, |pause| tokio::time::sleep(pause).boxed())
    }

    /// A clock and a way to sleep.
    pub fn new(
        now: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), sleep: Arc::new(sleep) }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        (self.now)()
    }

    /// Lets `pause` pass.
    pub async fn sleep(&self, pause: Duration) {
        (self.sleep)(pause).await;
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timing")
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// No answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub(super) host: String,
    pub(super) fault: Fault,
    pub(super) detail: String,
}

impl From<NoAnswer> for Error {
    fn from(NoAnswer { host, fault, detail }: NoAnswer) -> Self {
        Self::Unreachable { host, fault, detail }
    }
}

/// The HTTP client with its rules.
#[derive(Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    pub(super) timing: Timing,
    clock_off: Mutex<Option<i64>>,
}

impl Wire {
    pub(super) fn new(settings: &PlatformSettings, timing: Timing) -> Result<Self, Error> {
        let builder = builder(settings)?.timeout(TIMEOUT);
        let setup = |detail: String| Error::Setup { detail };
        let http = builder.build().map_err(|error| setup(fault::of(&error).1))?;
        Ok(Self { http, timing, clock_off: Mutex::default() })
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Seconds by which this machine's clock is ahead of the last answer's `Date`, when it is minutes.
    pub(super) fn clock_off(&self) -> Option<i64> {
        *self.clock_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `request`. A GET or DELETE is repeated after transient faults; anything else is sent once.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let may_retry = [Method::GET, Method::DELETE].contains(request.method());
        let mut pauses = PAUSES.iter().filter(|_| may_retry);
        loop {
            // Bodies are bytes, so the request can always be cloned.
            let Some(copy) = request.try_clone() else { return self.send_once(request).await };
            let outcome = self.send_once(copy).await;
            let wanted = match &outcome {
                Ok(answer) if matches!(answer.status.as_u16(), 429 | 502..=504) => answer.retry_after,
                Err(none) if none.fault.may_pass() => None,
                _ => return outcome,
            };
            let Some(pause) = pauses.next().filter(|_| wanted.is_none_or(|wait| wait <= MAX_RETRY_AFTER))
            else {
                return outcome;
            };
            self.timing.sleep(wanted.unwrap_or_default().max(*pause)).await;
        }
    }

    async fn send_once(&self, request: Request) -> Result<Answer, NoAnswer> {
        let (method, url) = (request.method().clone(), request.url().clone());
        let outcome = self.exchange(request).await;
        match &outcome {
            Ok(answer) => tracing::debug!(%method, %url, status = answer.status.as_u16(), "answered"),
            Err((fault, detail)) => tracing::debug!(%method, %url, %fault, %detail, "no answer"),
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        outcome.map_err(|(fault, detail)| NoAnswer { host, fault, detail })
    }

    async fn exchange(&self, request: Request) -> Result<Answer, (Fault, String)> {
        let mut response = self.http.execute(request).await.map_err(|error| fault::of(&error))?;
        let status = response.status();
        let now = self.timing.now();
        self.compare_clocks(response.headers(), now);
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|value| retry_after(value, now));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault::of(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err((Fault::Lost, format!("the answer is longer than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }

    fn compare_clocks(&self, headers: &HeaderMap, now: OffsetDateTime) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok()) else { return };
        let ahead = (now - date).whole_seconds();
        *self.clock_off.lock().unwrap_or_else(PoisonError::into_inner) =
            (ahead.abs() > MAX_CLOCK_OFF).then_some(ahead);
    }
}

/// A client with the root certificates and the proxies of `settings`. It follows no redirect.
pub(super) fn builder(settings: &PlatformSettings) -> Result<reqwest::ClientBuilder, Error> {
    tls::install_provider();
    let setup = |detail: String| Error::Setup { detail };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("hb-sentinel/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // `config` reads the proxies, and none is used for plain http.
        .no_proxy();
    if let Some(path) = &settings.root_certificates {
        let name = path.display();
        let pem = fs::read(path).map_err(|error| setup(format!("{name}: {error}")))?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|_| setup(format!("{name} is no PEM")))?;
        builder = builder.tls_certs_merge(roots);
    }
    if let Some(url) = &settings.proxy.https {
        let bypass = settings.proxy.bypass.as_deref().and_then(NoProxy::from_string);
        // The URL may hold a password, and the error would show it.
        let proxy = Proxy::https(url.expose()).map_err(|_| setup("the proxy's URL is none".to_owned()))?;
        builder = builder.proxy(proxy.no_proxy(bypass));
    }
    Ok(builder)
}
