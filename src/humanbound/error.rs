//! What can go wrong with the platform, split by what the caller does about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::fault::Fault;
use crate::home::LockError;

/// A failure of a call, or of the preparation for the first call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Asked wrongly: an API key belongs to no organisation by itself.
    #[error("`HUMANBOUND_API_KEY` is set and no organisation is named")]
    KeyWithoutOrganisation,
    /// Asked wrongly: neither the caller, nor the environment, nor the credentials name an organisation.
    #[error("no organisation is selected")]
    NoOrganisation,
    /// Asked wrongly: a URL or an id that cannot be sent.
    #[error("{what} {problem}")]
    Unusable {
        /// What it is, for example `` `HUMANBOUND_BASE_URL` ``.
        what: String,
        /// What is wrong with it, without the value where that may hold a secret.
        problem: String,
    },
    /// Asked wrongly: no webhook can go to this URL.
    #[error("the connector's URL `{url}` {problem}")]
    ConnectorUrl {
        /// What was given for it.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A login is needed, and only a person can make one.
    #[error("not logged in to Humanbound: {reason}")]
    NotLoggedIn {
        /// Why the current credentials cannot be used.
        reason: String,
        /// Seconds by which this machine's clock is ahead of the platform's, when it is far off.
        clock_off: Option<i64>,
    },
    /// 401 or 403 with an API key: webhooks are not on Humanbound's list of routes that accept keys.
    #[error("the platform does not accept the API key here ({status}): {text}")]
    KeyNotAccepted {
        /// 401 or 403.
        status: u16,
        /// The platform's words.
        text: String,
    },
    /// 403 in a session: the user lacks a role.
    #[error("the platform forbids this: {text}")]
    Forbidden {
        /// The platform's words.
        text: String,
    },
    /// 404: the organisation or the webhook is gone.
    #[error("the platform knows no such thing: {text}")]
    NotFound {
        /// The platform's words.
        text: String,
    },
    /// 409 or 422 that mentions a limit: there are already ten webhooks.
    #[error("the platform's limit is reached: {text}")]
    LimitReached {
        /// The platform's words.
        text: String,
    },
    /// 409 of another kind.
    #[error("the platform sees a conflict: {text}")]
    Conflict {
        /// The platform's words.
        text: String,
    },
    /// 400, 422 or another 4xx: the platform does not accept the request.
    #[error("the platform rejected the request ({status}): {text}")]
    Invalid {
        /// The status.
        status: u16,
        /// The platform's words.
        text: String,
    },
    /// 429: the call can be made again later.
    #[error("the platform asks to slow down: {text}")]
    Throttled {
        /// How long it asks to wait, if it says so.
        retry_after: Option<Duration>,
        /// The platform's words.
        text: String,
    },
    /// 5xx to a call that changes nothing or may be repeated.
    #[error("the platform fails ({status}): {text}")]
    Unavailable {
        /// The status.
        status: u16,
        /// The platform's words.
        text: String,
    },
    /// 3xx: the base URL is wrong. Never followed, as the credentials would follow too.
    #[error("the platform answers with a redirect ({status})")]
    Redirected {
        /// The status.
        status: u16,
    },
    /// 2xx with a body that is not the platform's.
    #[error("the answer is not one of the platform's: {detail}")]
    OddBody {
        /// What was expected, or the beginning of what came.
        detail: String,
    },
    /// The call may or may not have had its effect: check before repeating it.
    #[error("it is not known whether the platform did this: {reason}")]
    Unclear {
        /// The status, if there was one.
        status: Option<u16>,
        /// The platform's words, or what happened to the connection.
        reason: String,
    },
    /// No answer; a call that changes something was not sent.
    #[error("cannot reach {host}: {fault}: {detail}")]
    Unreachable {
        /// The host that was called.
        host: String,
        /// The kind of failure.
        fault: Fault,
        /// The words of the layer that failed.
        detail: String,
    },
    /// The TLS set-up or the root certificates cannot be used.
    #[error("the HTTP client cannot be set up: {detail}")]
    Setup {
        /// What is wrong.
        detail: String,
    },
    /// Another process renews the session and does not finish.
    #[error("the session cannot be renewed")]
    Lock(#[from] LockError),
    /// The credentials file cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Error {
    /// What the reader can do about it: an imperative, without a period.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotLoggedIn { clock_off: Some(ahead), .. } => {
                let direction = if *ahead > 0 { "ahead of" } else { "behind" };
                format!(
                    "set this machine's clock, which is {} s {direction} the platform's, then run `hb login`",
                    ahead.unsigned_abs()
                )
            }
            Self::Unreachable { host, fault, .. } => fault.hint(host),
            Self::Throttled { retry_after: Some(wait), .. } => {
                format!("try again in {} s", wait.as_secs().max(1))
            }
            other => other.fixed_hint().to_owned(),
        }
    }

    fn fixed_hint(&self) -> &'static str {
        match self {
            Self::KeyWithoutOrganisation => "set `HUMANBOUND_ORG_ID` or pass `--org`",
            Self::NoOrganisation => "choose one with `hb orgs use`, pass `--org` or set `HUMANBOUND_ORG_ID`",
            Self::Unusable { .. } => "correct the value; a base URL looks like https://api.humanbound.ai/api",
            Self::ConnectorUrl { .. } => {
                "use the URL that `hb-sentinel deploy` prints, https://HOST/api/ingest"
            }
            Self::NotLoggedIn { .. } => "run `hb login`",
            Self::KeyNotAccepted { .. } => {
                "webhooks are not on Humanbound's list of what takes API keys; \
                 unset `HUMANBOUND_API_KEY` and run `hb login`"
            }
            Self::Forbidden { .. } => "ask an owner or admin of the organisation for the role",
            Self::NotFound { .. } => {
                "check the organisation with `hb orgs`, and its webhooks with `hb webhooks`"
            }
            Self::LimitReached { .. } => {
                "list the webhooks with `hb webhooks` and free a place with `hb webhooks remove ID`"
            }
            Self::Invalid { .. } => "change what the platform names",
            Self::Throttled { .. } => "try again in a minute",
            Self::Unavailable { .. } => "try again; if it persists, ask Humanbound's support",
            Self::Redirected { .. } => "check `HUMANBOUND_BASE_URL`: it must end in `/api`",
            Self::OddBody { .. } => {
                "check `HUMANBOUND_BASE_URL`, which must end in `/api`, and whether a proxy answers instead"
            }
            Self::Conflict { .. } | Self::Unclear { .. } => "look at `hb webhooks` before trying again",
            Self::Unreachable { .. } => "check the network",
            Self::Setup { .. } => "check `SSL_CERT_FILE` and the proxy variables",
            Self::Lock(_) => "wait for the other process, or end it, and try again",
            Self::File { .. } => "make the file and its folder yours, then run `hb login`",
        }
    }

    /// The exit code of a command that ends with this: 2 asked wrongly, 4 a login is needed, 1 anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::KeyWithoutOrganisation
            | Self::NoOrganisation
            | Self::Unusable { .. }
            | Self::ConnectorUrl { .. } => 2,
            Self::NotLoggedIn { .. } => 4,
            _ => 1,
        }
    }
}
