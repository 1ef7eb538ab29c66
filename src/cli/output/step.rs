//! One step of a command: its title, its outcome, its duration.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Printer;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It did what it is for.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// It was not asked for.
    Skipped,
    /// It went wrong; the command ends or goes on, as its contract says.
    Failed,
    /// It is under way, or could not be proven.
    Pending,
    /// An earlier one kept it from running.
    NotRun,
}

impl State {
    /// The word in JSON.
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::NotRun => "not_run",
        }
    }

    /// The word on a line of its own.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Unchanged => "Unchanged",
            Self::Skipped => "Skipped",
            Self::Failed => "Failed",
            Self::Pending => "Pending",
            Self::NotRun => "Not run",
        }
    }
}

/// A step that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) state: State,
    pub(super) took: Duration,
    /// What came of it, or why it went wrong or was not done.
    pub(super) detail: String,
}

impl Step {
    /// As it stands in the log.
    pub(super) fn line(&self) -> String {
        let gap = if self.detail.is_empty() { "" } else { ": " };
        format!("{} {} in {} ms{gap}{}", self.state.name(), self.id, self.took.as_millis(), self.detail)
    }

    /// As it stands in the JSON envelope.
    pub(super) fn json(&self) -> Value {
        let is_good = matches!(self.state, State::Done | State::Unchanged);
        let text = (!self.detail.is_empty()).then_some(self.detail.as_str());
        json!({
            "id": self.id, "title": self.title, "state": self.state.name(),
            "ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "detail": text.filter(|_| is_good), "reason": text.filter(|_| !is_good),
        })
    }
}

/// A step under way. One that is dropped without an end has failed: the error that ends the command says why.
pub(crate) struct Running<'a> {
    pub(super) printer: &'a Printer,
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) began: Instant,
    pub(super) is_over: bool,
}

impl Running<'_> {
    /// It did what it is for.
    pub(crate) fn done(self, detail: impl Into<String>) {
        self.end(State::Done, detail);
    }

    /// It ended so.
    pub(crate) fn end(mut self, state: State, detail: impl Into<String>) {
        self.is_over = true;
        self.record(state, detail.into());
    }

    /// What it is doing right now: beside the spinner on a terminal, a line of its own elsewhere.
    pub(crate) fn progress(&self, text: &str) {
        self.printer.progress(self.id, text);
    }

    fn record(&self, state: State, detail: String) {
        let step = Step { id: self.id, title: self.title.clone(), state, took: self.began.elapsed(), detail };
        self.printer.record(step);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.record(State::Failed, String::new());
        }
    }
}
