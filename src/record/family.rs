//! What an event is about, by the prefix of its type.

/// The value of `EventFamily`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Finding,
    Posture,
    Drift,
    Campaign,
    Ascam,
    Quality,
    /// The connector's own rows. No webhook body gets this family.
    Connector,
    /// Pings, recognised by the first or the last word of the type, and bodies without a type.
    Test,
    /// Every other type.
    Other,
}

impl Family {
    /// The family of a webhook body with this `event_type`.
    ///
    /// Types are compared without regard to case. `connector.*` is `other`, because only the connector may write such rows.
    pub(super) fn of(event_type: &str) -> Self {
        let name = event_type.to_ascii_lowercase();
        let is_test = |word: &str| matches!(word, "ping" | "test");
        let first = name.split('.').next().unwrap_or_default();
        if is_test(first) || name.rsplit('.').next().is_some_and(is_test) {
            return Family::Test;
        }
        match first {
            "finding" => Family::Finding,
            "posture" => Family::Posture,
            "drift" => Family::Drift,
            "campaign" => Family::Campaign,
            "ascam" => Family::Ascam,
            "quality" => Family::Quality,
            _ => Family::Other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Family::Finding => "finding",
            Family::Posture => "posture",
            Family::Drift => "drift",
            Family::Campaign => "campaign",
            Family::Ascam => "ascam",
            Family::Quality => "quality",
            Family::Connector => "connector",
            Family::Test => "test",
            Family::Other => "other",
        }
    }
}
