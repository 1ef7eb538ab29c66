//! How a command fails: an error with its chain of causes, hints, and the exit code.
//!
//! Commands use `anyhow`, since their errors are only shown. What is no cause is attached to the error as a [`Remark`],
//! which adds no text to the chain: hints, the exit code, a code for programs. [`Failure::of`] collects them.

use std::error::Error;
use std::fmt;
use std::io;

use anyhow::Result;

/// How a command ends. `status` and `doctor` use [`Exit::Pending`] for warnings only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and proven to work.
    Done,
    /// It failed.
    Failed,
    /// Wrong usage, or the question whether to go on was answered with no.
    Usage,
    /// Done as far as possible: something is pending or could not be proven.
    Pending,
    /// Somebody must log in first, to Humanbound or to Azure.
    LoginNeeded,
    /// Interrupted by a signal; the next run continues from what was done.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Pending => 3,
            Self::LoginNeeded => 4,
            Self::Interrupted => 130,
        }
    }
}

/// What an error has besides its causes.
#[derive(Debug)]
enum Remark {
    /// What the reader can do about it: an imperative, without a period.
    Hint(String),
    /// How the process ends.
    Exit(Exit),
    /// What a program can tell it by.
    Code(String),
}

#[derive(Debug)]
struct Remarked {
    remark: Remark,
    source: anyhow::Error,
}

impl fmt::Display for Remarked {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Error for Remarked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Attaches remarks to an error.
pub(crate) trait Explain<T> {
    /// The way out: an imperative, without a period.
    fn hint(self, hint: impl Into<String>) -> Result<T>;
    /// How the process ends, where it is not [`Exit::Failed`].
    fn exit(self, exit: Exit) -> Result<T>;
    /// What a program can tell the error by.
    fn code(self, code: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Explain<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> Result<T> {
        self.map_err(|error| remarked(error, Remark::Hint(hint.into())))
    }

    fn exit(self, exit: Exit) -> Result<T> {
        self.map_err(|error| remarked(error, Remark::Exit(exit)))
    }

    fn code(self, code: impl Into<String>) -> Result<T> {
        self.map_err(|error| remarked(error, Remark::Code(code.into())))
    }
}

fn remarked(error: impl Into<anyhow::Error>, remark: Remark) -> anyhow::Error {
    Remarked { remark, source: error.into() }.into()
}

/// An error with a hint.
pub(crate) fn with_hint(error: anyhow::Error, hint: impl Into<String>) -> anyhow::Error {
    remarked(error, Remark::Hint(hint.into()))
}

/// A usage error, with a hint.
pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    remarked(with_hint(anyhow::Error::msg(message.into()), hint), Remark::Exit(Exit::Usage))
}

/// An error that a signal caused.
pub(crate) fn interrupted(signal: &str) -> anyhow::Error {
    remarked(anyhow::anyhow!("interrupted by {signal}"), Remark::Exit(Exit::Interrupted))
}

/// An error as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The causes, from the outermost to the root.
    pub(crate) message: String,
    /// The hints, each once.
    pub(crate) hints: Vec<String>,
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What a program can tell it by.
    pub(crate) code: Option<String>,
}

impl Failure {
    /// Reads an error. Of several exit codes or codes the outermost counts.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let mut failure = Self { message: String::new(), hints: Vec::new(), exit: Exit::Failed, code: None };
        let (mut causes, mut exit) = (Vec::<String>::new(), None);
        for cause in error.chain() {
            match cause.downcast_ref::<Remarked>().map(|remarked| &remarked.remark) {
                Some(Remark::Hint(hint)) if !failure.hints.contains(hint) => failure.hints.push(hint.clone()),
                Some(Remark::Hint(_)) => {}
                Some(Remark::Exit(code)) => exit = exit.or(Some(*code)),
                Some(Remark::Code(code)) => failure.code = failure.code.or_else(|| Some(code.clone())),
                None => {
                    let text = cause.to_string();
                    // Some errors repeat the text of what caused them.
                    if !causes.last().is_some_and(|last| last.ends_with(&text)) {
                        causes.push(text);
                    }
                }
            }
        }
        failure.exit = exit.unwrap_or(Exit::Failed);
        failure.message = causes.join(": ");
        failure
    }
}

/// The reader of the output is gone: `hb-sentinel … | head` is no failure.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn failure_collects_causes_hints_and_the_outermost_exit() {
        let error = Err::<(), _>(io::Error::other("the root"))
            .hint("correct the root")
            .exit(Exit::LoginNeeded)
            .context("outside")
            .hint("correct the root")
            .code("E1");
        let failure = Failure::of(&error.unwrap_err());
        assert_eq!(failure.message, "outside: the root");
        assert_eq!(failure.hints, ["correct the root"]);
        assert_eq!((failure.exit, failure.code.as_deref()), (Exit::LoginNeeded, Some("E1")));
        assert!(is_broken_pipe(&anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe))));
    }
}
