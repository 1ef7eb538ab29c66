//! What can happen, before it is written as a webhook.

use uuid::Uuid;

use super::posture::{Load, Score};

/// One thing that happens to an agent.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) at: i64,
    pub(super) agent: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// A moment in a finding's life, both by index.
    Finding {
        finding: usize,
        moment: usize,
    },
    Grade {
        dimension: &'static str,
        from: Score,
        to: Score,
        load: Load,
    },
    /// The number is in hundredths.
    Drift {
        score: i64,
        campaign: Uuid,
        classes: [&'static str; 2],
    },
    Campaign(Campaign),
    Activity {
        from: &'static str,
        to: &'static str,
        trigger: &'static str,
        campaign: Uuid,
        /// Sent as `ascam.phase_changed`.
        legacy: bool,
    },
    Paused {
        by: usize,
        reason: &'static str,
    },
    Resumed {
        by: usize,
    },
    QualityDegraded {
        from: Score,
        to: Score,
        campaign: Uuid,
    },
    /// A behavioural finding that came back; `quality` is an index into the cast's list.
    QualityRegression {
        id: Uuid,
        quality: usize,
        first_seen: i64,
        fixed: i64,
        occurrences: i64,
    },
    Capabilities {
        added: &'static str,
    },
    Ping,
}

/// A finished campaign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Campaign {
    pub(super) id: Uuid,
    pub(super) activity: &'static str,
    pub(super) status: &'static str,
    pub(super) tests: i64,
    pub(super) started: i64,
    pub(super) before: Score,
    pub(super) after: Score,
    pub(super) discovered: i64,
    /// In hundredths.
    pub(super) drift: i64,
}
