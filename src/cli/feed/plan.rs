//! The steps to play and their results: the two files that `content/hb_content/scenario` writes and reads.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// The steps to play.
#[derive(Deserialize)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

#[derive(Deserialize)]
pub(super) struct Step {
    #[serde(with = "time::serde::rfc3339")]
    pub(super) at: OffsetDateTime,
    #[serde(flatten)]
    pub(super) act: Act,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(super) enum Act {
    /// Posts bodies; each must be answered with `status`, or 2xx without one.
    Post { bodies: Vec<String>, status: Option<u16> },
    /// The workspace takes nothing from now on.
    Outage,
    /// The workspace is back. The connector is a new one, so that no breaker is open.
    Restore,
    /// The timer fires.
    Drain,
    /// Another instance takes over: nothing is remembered.
    Restart,
    /// A row that the connector writes of itself, at a time that its monotonic clock would not reach here.
    Own { event_type: String, data: Value },
}

/// The result of a step: one line of the file of rows.
#[derive(Serialize)]
pub(super) struct Outcome {
    #[serde(with = "time::serde::rfc3339")]
    pub(super) accepted: OffsetDateTime,
    /// The event id of every body and what became of it, in the order of the plan.
    pub(super) answers: Vec<(String, String)>,
    pub(super) rows: Vec<Value>,
}
