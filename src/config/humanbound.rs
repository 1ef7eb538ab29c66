//! How the Humanbound platform is reached, and with which login: the variables of its own command line `hb`, by the same
//! names.
//!
//! Source: `humanbound` 2.13.0 on PyPI, `humanbound_cli/config.py`. Unlike there, an empty variable counts as unset.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::Env;

/// The tenant that `hb` logs in at.
const AUTH0_DOMAIN: &str = "aiandme.eu.auth0.com";
/// The application id of `hb` in that tenant; a public client, so this is no secret.
const AUTH0_CLIENT_ID: &str = "QZ5RlpOP6jJ9oemarOFkeDal2qKCHAnp";
/// The API that `hb` requests tokens for.
const AUTH0_AUDIENCE: &str = "https://api.aiandme.io/api";

/// A text that must not be shown: a key, a token, a proxy's URL with its password. Wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Confidential(Zeroizing<String>);

impl Confidential {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the one place that sends or stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Confidential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confidential(redacted)")
    }
}

/// What the environment says about the platform.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// `HUMANBOUND_API_KEY`: with it, `hb`'s credentials file is not read.
    pub api_key: Option<Confidential>,
    /// `HUMANBOUND_ORG_ID`.
    pub organisation: Option<String>,
    /// `HUMANBOUND_BASE_URL`, unchecked.
    pub base_url: Option<String>,
    /// Where sessions are renewed.
    pub auth0: Auth0,
    /// The user's home folder; `None` when the environment names none.
    pub home: Option<PathBuf>,
    /// `SSL_CERT_FILE`: a PEM file of root certificates that are trusted in addition to the system's, for example that of
    /// a proxy that inspects TLS.
    pub root_certificates: Option<PathBuf>,
    /// The way to the internet.
    pub proxy: ProxySettings,
}

/// The identity provider behind `hb login`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth0 {
    /// `HUMANBOUND_AUTH0_DOMAIN`: a host, with a port if need be.
    pub domain: String,
    /// `HUMANBOUND_AUTH0_CLIENT_ID`.
    pub client_id: String,
    /// `HUMANBOUND_AUTH0_AUDIENCE`: only a login sends it; a renewal keeps the login's.
    pub audience: String,
}

/// The proxy variables, in upper or lower case; lower case wins, as in curl. Those for plain http are not read, because
/// http goes to loopback only, and a proxy would see the credentials.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    /// `HTTPS_PROXY`, else `ALL_PROXY`.
    pub https: Option<Confidential>,
    /// `NO_PROXY`: hosts that are reached directly, separated by commas.
    pub bypass: Option<String>,
}

/// Reads the settings. Nothing is checked here, because a wrong setting matters only to the commands that need it.
#[must_use]
pub fn platform(env: &Env) -> PlatformSettings {
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let either = |name: &str| env.get(&name.to_ascii_lowercase()).or_else(|| env.get(name));
    PlatformSettings {
        api_key: env.get("HUMANBOUND_API_KEY").map(Confidential::new),
        organisation: env.get("HUMANBOUND_ORG_ID"),
        base_url: env.get("HUMANBOUND_BASE_URL"),
        auth0: Auth0 {
            domain: env.get("HUMANBOUND_AUTH0_DOMAIN").unwrap_or_else(|| AUTH0_DOMAIN.to_owned()),
            client_id: env.get("HUMANBOUND_AUTH0_CLIENT_ID").unwrap_or_else(|| AUTH0_CLIENT_ID.to_owned()),
            audience: env.get("HUMANBOUND_AUTH0_AUDIENCE").unwrap_or_else(|| AUTH0_AUDIENCE.to_owned()),
        },
        home: env.get(home).map(PathBuf::from),
        root_certificates: env.get("SSL_CERT_FILE").map(PathBuf::from),
        proxy: ProxySettings {
            https: either("HTTPS_PROXY").or_else(|| either("ALL_PROXY")).map(Confidential::new),
            bypass: either("NO_PROXY"),
        },
    }
}
