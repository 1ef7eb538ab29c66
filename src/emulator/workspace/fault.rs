//! The faults that the workspace can simulate.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One way to fail. By default it applies to every call; narrow it with [`Fault::next`] or
/// [`Fault::for_rows_with`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and Azure's error body.
    Status {
        /// The HTTP status.
        code: u16,
        /// The value of `Retry-After`: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// Takes the whole request and never answers.
    Hang,
    /// Resets the connection (TCP RST) once the head of the request has arrived.
    Reset,
    /// Stores the rows, then resets the connection: the caller cannot know that it succeeded.
    LostAnswer,
    /// Answers as usual, but after this delay.
    Slow(Duration),
}

impl Fault {
    /// [`Fault::Status`] without `Retry-After`.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
    }

    /// The fault for the next `calls` calls only.
    #[must_use]
    pub fn next(self, calls: u32) -> FaultRule {
        FaultRule { fault: self, calls_left: Some(calls), marker: None }
    }

    /// The fault for calls whose body contains `marker` anywhere, such as a row that Azure would
    /// reject with 400. An empty marker is in every body.
    #[must_use]
    pub fn for_rows_with(self, marker: impl Into<String>) -> FaultRule {
        FaultRule { fault: self, calls_left: None, marker: Some(marker.into()) }
    }
}

/// A [`Fault`] and the calls it applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    fault: Fault,
    calls_left: Option<u32>,
    marker: Option<String>,
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, calls_left: None, marker: None }
    }
}

/// The rules in force, oldest first; the first that applies wins.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<FaultRule>>);

impl Faults {
    pub(super) fn replace(&self, rules: Vec<FaultRule>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = rules;
    }

    pub(super) fn add(&self, rule: FaultRule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// The fault for a call of which `part` is known so far, counted as used.
    pub(super) fn take(&self, part: Part<'_>) -> Option<Fault> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter_mut().find(|rule| {
            rule.calls_left != Some(0)
                && match (part, &rule.marker) {
                    (Part::Head, None) => true,
                    (Part::Body(body), Some(marker)) => contains(body, marker.as_bytes()),
                    (Part::Head, Some(_)) | (Part::Body(_), None) => false,
                }
        })?;
        if let Some(left) = &mut rule.calls_left {
            *left -= 1;
        }
        Some(rule.fault.clone())
    }
}

/// How much of a call has arrived: a rule without a marker applies at the head, one with a marker
/// when the inflated body is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    Head,
    Body(&'a [u8]),
}

fn contains(body: &[u8], marker: &[u8]) -> bool {
    marker.is_empty() || body.windows(marker.len()).any(|window| window == marker)
}
