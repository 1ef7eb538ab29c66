//! The credentials for the platform: an API key from the environment, or the session of `hb login`.
//!
//! `hb-sentinel` has no login of its own. A session is renewed shortly before it expires, and once when the platform
//! rejects it, because a logout anywhere ends it early. Auth0 rotates the refresh token, and a second use of the old one
//! ends the whole login, so only one process at a time renews, under `credentials.lock`.
//!
//! Read [`Login`] first, then [`session`].

mod file;
mod session;

pub(super) use session::Session;

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use super::Error;
use super::wire::Wire;
use crate::config::{Confidential, PlatformSettings};
use crate::home;

/// The two ways to call the platform.
#[derive(Debug)]
pub(super) enum Login {
    /// With `HUMANBOUND_API_KEY`; the credentials file is not read.
    Key(Confidential),
    /// With the session of `hb login`.
    Session(Box<Session>),
}

/// The credential of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pass {
    Key(Confidential),
    Bearer(Confidential),
}

impl Login {
    /// Takes the API key, else reads the credentials file.
    pub(super) fn find(settings: &PlatformSettings) -> Result<Self, Error> {
        if let Some(key) = &settings.api_key {
            return Ok(Self::Key(key.clone()));
        }
        let home = settings.home.as_deref();
        let home = home.ok_or_else(|| not_logged_in("the environment names no home folder"))?;
        Session::read(home::folder(home), settings.auth0.clone()).map(Box::new).map(Self::Session)
    }

    /// What to call with now; renews the session when it ends within a minute.
    pub(super) async fn pass(&self, wire: &Wire, base_url: &reqwest::Url) -> Result<Pass, Error> {
        match self {
            Self::Key(key) => Ok(Pass::Key(key.clone())),
            Self::Session(session) => session.token(wire, base_url).await.map(Pass::Bearer),
        }
    }

    /// Another credential, after the platform answered 401 to `spent`; `None` when there is no other.
    pub(super) async fn another(
        &self,
        wire: &Wire,
        base_url: &reqwest::Url,
        spent: &Pass,
    ) -> Result<Option<Pass>, Error> {
        match (self, spent) {
            (Self::Session(session), Pass::Bearer(token)) => {
                session.renew(wire, base_url, Some(token)).await.map(Pass::Bearer).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Pass {
    /// Adds the credential's header.
    pub(super) fn sign(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        let (name, value) = match self {
            Self::Key(key) => ("x-api-key", key.expose().to_owned()),
            Self::Bearer(token) => (AUTHORIZATION.as_str(), format!("Bearer {}", token.expose())),
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| Error::Unusable {
            what: if matches!(self, Self::Key(_)) { "`HUMANBOUND_API_KEY`" } else { "the session's token" }
                .to_owned(),
            problem: "holds characters that no header can".to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(request.header(name, value))
    }
}

fn not_logged_in(reason: impl Into<String>) -> Error {
    Error::NotLoggedIn { reason: reason.into(), clock_off: None }
}
