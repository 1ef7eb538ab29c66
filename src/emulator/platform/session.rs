//! Logins: Auth0's tokens, and the sessions that the platform opens for them.
//!
//! Auth0 answers a refresh token with an access token and the next refresh token; `GET /auth` turns the access token into
//! a session, with which everything else is called. A refresh token that comes twice ends its whole family:
//! <https://auth0.com/docs/secure/tokens/refresh-tokens/refresh-token-rotation>.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::workspace::Clock;
use super::answer::Rejection;
use super::options::PlatformOptions;

/// What `hb login` would have written to its file of credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The session token (member `api_token`).
    pub api_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// When Auth0's token expires, by which the client renews; the session may end at another time.
    pub expires_at: OffsetDateTime,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// The answer of `/oauth/token`.
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    /// Seconds.
    pub(super) expires_in: u64,
}

/// All tokens.
pub(super) struct Sessions {
    clock: Clock,
    auth0_lifetime: std::time::Duration,
    session_lifetime: std::time::Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    families: Vec<Family>,
    /// Auth0's access tokens and when they expire.
    auth0: HashMap<String, OffsetDateTime>,
    sessions: HashMap<String, Session>,
}

/// The refresh tokens that came out of one login.
struct Family {
    used: Vec<String>,
    /// The valid one; `None` after a used one was sent again.
    current: Option<String>,
}

struct Session {
    expires: OffsetDateTime,
    is_revoked: bool,
}

impl Sessions {
    pub(super) fn new(options: &PlatformOptions) -> Self {
        Self {
            clock: options.clock.clone(),
            auth0_lifetime: options.auth0_lifetime,
            session_lifetime: options.session_lifetime,
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A login through the browser.
    pub(super) fn log_in(&self) -> Login {
        let refresh_token = fresh("refresh");
        let mut inner = self.inner();
        inner.families.push(Family { used: Vec::new(), current: Some(refresh_token.clone()) });
        drop(inner);
        let expires_at = (self.clock)() + self.auth0_lifetime;
        Login { api_token: self.session(), refresh_token, expires_at }
    }

    /// Redeems a refresh token, or `None` when it is not valid (any more).
    pub(super) fn refresh(&self, token: &str) -> Option<Tokens> {
        let mut inner = self.inner();
        if let Some(family) =
            inner.families.iter_mut().find(|family| family.used.iter().any(|used| used == token))
        {
            family.current = None;
            return None;
        }
        let family = inner.families.iter_mut().find(|family| family.current.as_deref() == Some(token))?;
        let next = fresh("refresh");
        family.used.extend(family.current.replace(next.clone()));
        let access_token = fresh("auth0");
        inner.auth0.insert(access_token.clone(), (self.clock)() + self.auth0_lifetime);
        Some(Tokens { access_token, refresh_token: next, expires_in: self.auth0_lifetime.as_secs() })
    }

    /// A session for one of Auth0's tokens.
    pub(super) fn open(&self, auth0: &str) -> Option<String> {
        let expires = *self.inner().auth0.get(auth0)?;
        ((self.clock)() < expires).then(|| self.session())
    }

    fn session(&self) -> String {
        let token = fresh("session");
        let expires = (self.clock)() + self.session_lifetime;
        self.inner().sessions.insert(token.clone(), Session { expires, is_revoked: false });
        token
    }

    /// Authenticates a session token.
    pub(super) fn check(&self, token: &str) -> Result<(), Rejection> {
        // The client takes a 401 for the end of the session when its message has one of the words revoked and expired.
        let reject = |message: &str| Err(Rejection::new(StatusCode::UNAUTHORIZED, message));
        match self.inner().sessions.get(token) {
            None => reject("Invalid token"),
            Some(session) if session.is_revoked => reject("Session has been revoked"),
            Some(session) if (self.clock)() >= session.expires => reject("Session has expired"),
            Some(_) => Ok(()),
        }
    }

    /// Ends all sessions: there is one user.
    pub(super) fn revoke(&self) {
        for session in self.inner().sessions.values_mut() {
            session.is_revoked = true;
        }
    }
}

/// A token that names its kind, so that a test that mixes tokens up is easy to read.
fn fresh(kind: &str) -> String {
    format!("{kind}-{}", Uuid::new_v4().simple())
}
