//! Errors of this module, split by what the caller does next, each with a hint where one is known.

use thiserror::Error;

use super::{catalogue, fault::Fault, process::RunError};

/// Why a call failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The program could not be run to its end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// There is no login, or it is no longer valid: exit code 4.
    #[error("{0}")]
    Login(Fault),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(Fault),
    /// Azure, or the tool itself, rejected it.
    #[error("{0}")]
    Rejected(Fault),
    /// The tool succeeded, but its output cannot be read.
    #[error("`{call}` gave no {expected}")]
    Answer {
        /// The first words of the call.
        call: String,
        /// What was expected of it.
        expected: &'static str,
    },
    /// It took too long.
    #[error("{what} was not done after {minutes} min")]
    Pending {
        /// What was waited for.
        what: String,
        /// How long.
        minutes: u64,
    },
    /// What was read back differs from what was written.
    #[error("the setting {name} was written, and reads back as something else")]
    NotKept {
        /// The setting's name; its value may be a secret.
        name: String,
    },
}

/// The exit code of `az` when one of its own commands finds nothing; `az rest` does not use it.
/// <https://github.com/Azure/azure-cli/blob/dev/doc/error_handling_guidelines.md>
const NOT_FOUND: i32 = 3;

/// What Azure says of a sign-in that `az` still takes for good.
/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>
const TOKENS: [&str; 3] =
    ["ExpiredAuthenticationToken", "InvalidAuthenticationToken", "InvalidAuthenticationTokenTenant"];

impl Error {
    /// The error of a program that exited with `code` and wrote this.
    pub(super) fn of(code: Option<i32>, stderr: &str) -> Self {
        let fault = Fault::from_stderr(stderr);
        if is_login(stderr) {
            // The line with Azure's number says more than the last one.
            let line = stderr.lines().rev().find(|line| line.contains("AADSTS") || line.contains("az login"));
            let message =
                line.map_or(fault.message.as_str(), |line| line.trim().trim_start_matches("ERROR: "));
            return Self::Login(Fault { message: message.to_owned(), code: aadsts(stderr), ..fault });
        }
        if TOKENS.iter().any(|code| fault.has_code(code)) {
            return Self::Login(fault);
        }
        if code == Some(NOT_FOUND) || fault.status == Some(404) {
            return Self::NotFound(fault);
        }
        Self::Rejected(fault)
    }

    /// Azure's own words, where there are some.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Login(fault) | Self::NotFound(fault) | Self::Rejected(fault) => Some(fault),
            _ => None,
        }
    }

    /// Azure's code, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.fault()?.code.as_deref()
    }

    /// What to do: an imperative without a period.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Run(RunError::Missing(tool)) => {
                Some(catalogue::install(*tool, std::env::consts::OS).to_owned())
            }
            Self::Run(RunError::Unquotable { .. }) => {
                Some("choose a name without these characters".to_owned())
            }
            Self::Run(RunError::TimedOut { .. }) => {
                Some("see whether the network lets `az` through, then run this again".to_owned())
            }
            Self::Login(fault) => Some(catalogue::login(fault)),
            Self::NotFound(fault) | Self::Rejected(fault) => catalogue::hint(fault),
            Self::Pending { .. } => Some("run this again; it goes on where it stopped".to_owned()),
            Self::Answer { expected: "JSON" | "deployment", .. } => Some(catalogue::NO_AZURE.to_owned()),
            Self::Run(RunError::Io { .. }) | Self::Answer { .. } | Self::NotKept { .. } => None,
        }
    }
}

/// The login library of `az` fails for no other reason than a login, and not always with a number of Azure's.
fn is_login(stderr: &str) -> bool {
    stderr.contains("az login") || stderr.contains("msal.exceptions.") || aadsts(stderr).is_some()
}

/// `AADSTS` and its digits: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.
fn aadsts(text: &str) -> Option<String> {
    let (_, after) = text.split_once("AADSTS")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

/// The value of a call that may find nothing.
pub(super) fn found<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
