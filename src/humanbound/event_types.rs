//! The event types that are known. The list grows on the platform's side, so an unknown one is never an error.

/// The 14 of Humanbound's documentation, then `ascam.phase_changed`, which its own client still subscribes to, and
/// `capabilities.changed`, seen in that client.
/// Source: <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md>,
/// `humanbound` 2.13.0 on PyPI, `humanbound_cli/commands/webhooks.py`.
pub const EVENT_TYPES: [&str; 16] = [
    "finding.created",
    "finding.assigned",
    "finding.acknowledged",
    "finding.resolution_verified",
    "finding.resolution_failed",
    "finding.regressed",
    "posture.grade_changed",
    "drift.detected",
    "campaign.completed",
    "ascam.activity_started",
    "ascam.paused",
    "ascam.resumed",
    "quality.degraded",
    "quality.regression",
    "ascam.phase_changed",
    "capabilities.changed",
];
