//! The faults that the platform's API can simulate, and for which requests.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

/// One way to fail. [`PlatformFault::on`] says for which requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformFault {
    /// Answers this, and does nothing.
    Status {
        /// The HTTP status.
        code: u16,
        /// More headers, such as `retry-after`.
        headers: Vec<(String, String)>,
        /// The body; `None` is the platform's usual `{"message":..}`.
        body: Option<String>,
    },
    /// Does nothing and never answers.
    Hang,
    /// Does nothing and resets the connection.
    Reset,
    /// Executes the request, then resets the connection: the caller cannot know that it took effect.
    LostAnswer,
    /// Executes the request, and answers after this delay.
    Slow(Duration),
    /// Executes the request, and answers this instead.
    Answer {
        /// The HTTP status.
        code: u16,
        /// The body.
        body: String,
    },
    /// Executes the request, and answers `{"data":..}` with the usual answer inside.
    Wrapped,
}

impl PlatformFault {
    /// [`PlatformFault::Status`] with the usual body.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: None }
    }

    /// A 429 with this `Retry-After`, if any.
    #[must_use]
    pub fn throttled(retry_after: Option<&str>) -> Self {
        let headers = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
        Self::Status { code: 429, headers: headers.into_iter().collect(), body: None }
    }

    /// The fault for requests of `method` whose path fits `pattern`, from now on. `*` as the method is every method; `*`
    /// in the pattern is one segment, and `**` at its end is all that follows.
    #[must_use]
    pub fn on(self, method: &str, pattern: &str) -> PlatformFaultRule {
        PlatformFaultRule {
            fault: self,
            method: method.to_owned(),
            pattern: pattern.to_owned(),
            calls_left: None,
        }
    }
}

/// A [`PlatformFault`] and the requests it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformFaultRule {
    fault: PlatformFault,
    method: String,
    pattern: String,
    calls_left: Option<u32>,
}

impl PlatformFaultRule {
    /// Only for the next `calls` of these requests.
    #[must_use]
    pub fn next(self, calls: u32) -> Self {
        Self { calls_left: Some(calls), ..self }
    }
}

/// The rules in force, oldest first; the first that applies wins.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<PlatformFaultRule>>);

impl Faults {
    pub(super) fn add(&self, rule: PlatformFaultRule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault for a request, counted as used.
    pub(super) fn take(&self, method: &str, path: &str) -> Option<PlatformFault> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules
            .iter_mut()
            .find(|rule| rule.calls_left != Some(0) && fits(&rule.method, &rule.pattern, method, path))?;
        if let Some(left) = &mut rule.calls_left {
            *left -= 1;
        }
        Some(rule.fault.clone())
    }
}

/// Whether a request is one of those that `wanted` and `pattern` mean; see [`PlatformFault::on`].
pub(super) fn fits(wanted: &str, pattern: &str, method: &str, path: &str) -> bool {
    if wanted != "*" && !wanted.eq_ignore_ascii_case(method) {
        return false;
    }
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        if part == "**" {
            return true;
        }
        match segments.next() {
            Some(segment) if part == "*" || part == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// The body of an answer, inside `{"data":..}`. Nothing becomes null.
pub(super) fn wrapped(body: &[u8]) -> Bytes {
    let inner: &[u8] = if body.is_empty() { b"null" } else { body };
    [b"{\"data\":".as_slice(), inner, b"}".as_slice()].concat().into()
}
