//! The session of `hb login`, and its renewal.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::file::Credentials;
use super::{Pass, not_logged_in};
use crate::config::{Auth0, Confidential};
use crate::home::Lock;
use crate::humanbound::answer::{self, text_of};
use crate::humanbound::wire::{Answer, Wire};
use crate::humanbound::{Error, base_url};

/// A session is renewed this long before it ends, so that it does not end during a call.
const EARLY: Duration = Duration::from_secs(60);
/// Another process renews within seconds. If its network hangs, ours would as well, and the error names the process.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a token is valid when Auth0 does not say; as in `hb`.
const DEFAULT_LIFETIME: i64 = 3600;

/// The current session. Within this process, too, only one task at a time renews it.
#[derive(Debug)]
pub(in crate::humanbound) struct Session {
    folder: PathBuf,
    auth0: Auth0,
    current: Mutex<Credentials>,
    /// As the file had them when it was read: they do not change with a renewal.
    pub(in crate::humanbound) organisation: Option<String>,
    pub(in crate::humanbound) base_url: Option<String>,
}

impl Session {
    /// Reads the session from the credentials file in `folder`.
    pub(super) fn read(folder: PathBuf, auth0: Auth0) -> Result<Self, Error> {
        let credentials = Credentials::read(&folder.join("credentials.json"))?;
        let text = |name| credentials.text(name).map(str::to_owned);
        if text("api_token").is_none() && text("refresh_token").is_none() {
            return Err(not_logged_in("the credentials of `hb` hold no session"));
        }
        let (organisation, base_url) = (text("organisation_id"), text("base_url"));
        Ok(Self { folder, auth0, current: Mutex::new(credentials), organisation, base_url })
    }

    /// When the login behind the session ends, as far as the file says.
    pub(in crate::humanbound) async fn expires_at(&self) -> Option<OffsetDateTime> {
        self.current.lock().await.expires_at()
    }

    /// The token of a session that lasts for another minute.
    pub(super) async fn token(&self, wire: &Wire, base: &Url) -> Result<Confidential, Error> {
        let current = usable(&*self.current.lock().await, wire.timing.now());
        match current {
            Some(token) => Ok(token),
            None => self.renew(wire, base, None).await,
        }
    }

    /// A token other than `spent`: that of another task or process that renewed meanwhile, else a new one.
    pub(super) async fn renew(
        &self,
        wire: &Wire,
        base: &Url,
        spent: Option<&Confidential>,
    ) -> Result<Confidential, Error> {
        let now = wire.timing.now();
        let mut current = self.current.lock().await;
        let other = |credentials: &Credentials| usable(credentials, now).filter(|new| Some(new) != spent);
        if let Some(token) = other(&current) {
            return Ok(token);
        }
        let lock = self.folder.join("credentials.lock");
        let _held = Lock::acquire(&lock, "renews the session", PATIENCE).await?;
        let path = self.folder.join("credentials.json");
        *current = Credentials::read(&path)?;
        if let Some(token) = other(&current) {
            return Ok(token);
        }
        let refresh = current.text("refresh_token").map(Confidential::new);
        let refresh = refresh.ok_or_else(|| not_logged_in("the session ended and cannot be renewed"))?;
        let tokens = self.exchange(wire, &refresh).await?;
        if let Some(rotated) = tokens.rotated {
            // Saved before anything else can fail, because using the old refresh token again would end the login.
            current.set("refresh_token", rotated.expose());
            current.write(&path)?;
        }
        let token = authenticate(wire, base, tokens.access).await?;
        current.set("api_token", token.expose());
        current.set("expires_at", now.unix_timestamp() + tokens.lifetime);
        current.write(&path)?;
        Ok(token)
    }

    /// Sends the refresh token to Auth0. Never repeated, because a second use of an accepted token would end the login.
    /// <https://auth0.com/docs/secure/tokens/refresh-tokens/refresh-token-rotation>
    async fn exchange(&self, wire: &Wire, refresh: &Confidential) -> Result<Tokens, Error> {
        let url = base_url::parse("`HUMANBOUND_AUTH0_DOMAIN`", &format!("https://{}", self.auth0.domain))?;
        let url = base_url::join(&url, &["oauth", "token"])?;
        let body = json!({
            "grant_type": "refresh_token",
            "client_id": self.auth0.client_id,
            "refresh_token": refresh.expose(),
        });
        let request = wire.http().post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = send(wire, request).await?;
        if answer.status != StatusCode::OK {
            return Err(rejected(&answer, "the login service does not renew the session"));
        }
        let tokens = answer::object(&answer.body)?;
        let text = |name: &str| tokens.get(name).and_then(Value::as_str).map(Confidential::new);
        Ok(Tokens {
            access: text("access_token").ok_or_else(|| odd("the login service sent no access_token"))?,
            rotated: text("refresh_token"),
            lifetime: tokens.get("expires_in").and_then(Value::as_i64).unwrap_or(DEFAULT_LIFETIME),
        })
    }
}

/// What Auth0 gives for a refresh token.
struct Tokens {
    access: Confidential,
    rotated: Option<Confidential>,
    lifetime: i64,
}

/// Gives the platform the login's token; it answers with the session's.
async fn authenticate(wire: &Wire, base: &Url, access: Confidential) -> Result<Confidential, Error> {
    let request = wire.http().get(base_url::join(base, &["auth"])?);
    let request = Pass::Bearer(access).sign(request.header(CONTENT_TYPE, "application/json"))?;
    let answer = send(wire, request).await?;
    if answer.status != StatusCode::OK {
        return Err(rejected(&answer, "the platform does not take the renewed login"));
    }
    let body = answer::object(&answer.body)?;
    let token = body.get("access_token").or(body.get("token")).and_then(Value::as_str);
    token.map(Confidential::new).ok_or_else(|| odd("the platform sent no session token"))
}

async fn send(wire: &Wire, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
    let request = request.build().map_err(|_| odd("the request cannot be built"))?;
    wire.send(request).await.map_err(Error::from)
}

/// The token, if there is one and it lasts.
fn usable(credentials: &Credentials, now: OffsetDateTime) -> Option<Confidential> {
    let ends = credentials.expires_at().is_some_and(|end| now >= end - EARLY);
    credentials.api_token().filter(|_| !ends)
}

/// A rejected token needs a new login; anything else is judged like other errors.
fn rejected(answer: &Answer, what: &str) -> Error {
    let (status, text) = (answer.status.as_u16(), text_of(answer));
    match status {
        400 | 401 | 403 => not_logged_in(format!("{what}: {text}")),
        429 => Error::Throttled { retry_after: answer.retry_after, text },
        300..400 => Error::Redirected { status },
        500.. => Error::Unavailable { status, text },
        _ => odd(&format!("{what} ({status}): {text}")),
    }
}

fn odd(detail: &str) -> Error {
    Error::OddBody { detail: detail.to_owned() }
}
