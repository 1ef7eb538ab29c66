//! How the platform behaves. Where the public sources leave a behaviour open, an option offers each reading.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::super::workspace::Clock;

/// The event types of Humanbound's documentation, and `ascam.phase_changed`, which its client still subscribes to.
/// <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md>
const EVENT_TYPES: [&str; 15] = [
    "finding.created",
    "finding.regressed",
    "finding.assigned",
    "finding.acknowledged",
    "finding.resolution_verified",
    "finding.resolution_failed",
    "posture.grade_changed",
    "drift.detected",
    "campaign.completed",
    "ascam.activity_started",
    "ascam.paused",
    "ascam.resumed",
    "quality.degraded",
    "quality.regression",
    "ascam.phase_changed",
];

/// An organisation of the user who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its id. Paths may give it in either case.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// A project: one AI agent under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: Uuid,
    /// The organisation it belongs to.
    pub organisation_id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether it is archived.
    pub archived: bool,
}

/// What the route that tests a webhook answers. Its real answer is unknown; `hb` shows success on any 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestAnswer {
    /// `{"status":"ok"}` when the ping arrived, else 502 "Delivery failed" \[client's tests\].
    Status,
    /// 200 with `{"delivered":..,"status_code":..}`, whether it arrived or not.
    Delivered,
    /// 200 with `{"status":"ok"}`, whether it arrived or not.
    AlwaysOk,
}

/// What the route that replays events answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayAnswer {
    /// `{"events_queued":N}` \[client 2.13.0\].
    Number,
    /// `{"status":"accepted"}`: a 2xx that does not say how many.
    NoNumber,
}

/// How events are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayOptions {
    /// The maximum number of events that one request queues; 1,000 \[client 2.13.0\].
    pub limit: usize,
    /// Whether the newest events of a range are queued when there are more than the limit; else the oldest.
    pub newest_first: bool,
    /// Whether `until` is exclusive.
    pub until_is_exclusive: bool,
    /// Whether only dates are accepted for `since` and `until`, and a time of day is a 422.
    pub whole_days_only: bool,
    /// The answer.
    pub answer: ReplayAnswer,
}

/// How events are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DispatchOptions {
    /// How often a failed delivery is tried again; 3 is documented.
    pub retries: u32,
    /// How often a failed test ping is tried again, while its caller waits.
    pub ping_retries: u32,
    /// The wait before the first retry; it doubles each time. The documentation only says "exponential backoff".
    pub first_wait: Duration,
    /// What every wait is multiplied by, so that tests need not wait: 1 for real waits, 0 for none.
    pub wait_scale: f64,
    /// How long the receiver has for its whole answer.
    pub time_out: Duration,
    /// How many deliveries of published and replayed events are in flight at once.
    pub concurrency: usize,
}

/// What to start; the default has one organisation without projects, and behaves as Humanbound's documentation and
/// client say.
#[derive(Clone)]
pub struct PlatformOptions {
    /// The organisations; the first is the default of the user who logs in.
    pub organisations: Vec<Organisation>,
    /// The projects of all organisations.
    pub projects: Vec<Project>,
    /// The valid API keys.
    pub api_keys: Vec<String>,
    /// Whether the webhook routes accept an API key: Humanbound's list of routes that do does not name them.
    /// <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/management/api-keys.md>
    pub api_keys_reach_webhooks: bool,
    /// How long a token of `/oauth/token` is valid: its `expires_in`.
    pub auth0_lifetime: Duration,
    /// How long a session token of `/api/auth` is valid, which the client does not learn.
    pub session_lifetime: Duration,
    /// How many webhooks an organisation may have; 10 is documented.
    pub webhook_limit: usize,
    /// The event types that a webhook may ask for.
    pub event_types: Vec<String>,
    /// Whether a webhook may ask for no event type in particular, which means all; else that is a 422.
    pub takes_no_event_types: bool,
    /// What the test of a webhook answers.
    pub test_answer: TestAnswer,
    /// How events are replayed.
    pub replay: ReplayOptions,
    /// How events are sent.
    pub dispatch: DispatchOptions,
    /// Who sends them; by default a client that reaches every host directly and trusts the system's authorities. Another
    /// one must not follow redirects.
    pub client: Option<reqwest::Client>,
    /// Whether the list of deliveries says how many there are, as other lists do.
    pub deliveries_have_total: bool,
    /// How many of the latest requests [`Platform::calls`](super::Platform::calls) remembers.
    pub recorded_limit: usize,
    /// The clock of tokens and pings.
    pub clock: Clock,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            limit: 1000,
            newest_first: false,
            until_is_exclusive: false,
            whole_days_only: false,
            answer: ReplayAnswer::Number,
        }
    }
}

impl Default for DispatchOptions {
    fn default() -> Self {
        Self {
            retries: 3,
            ping_retries: 0,
            first_wait: Duration::from_secs(1),
            wait_scale: 1.0,
            time_out: Duration::from_secs(10),
            concurrency: 16,
        }
    }
}

impl Default for PlatformOptions {
    fn default() -> Self {
        Self {
            organisations: vec![Organisation { id: Uuid::new_v4(), name: "Acme Bank".to_owned() }],
            projects: Vec::new(),
            api_keys: Vec::new(),
            api_keys_reach_webhooks: true,
            auth0_lifetime: Duration::from_secs(24 * 60 * 60),
            session_lifetime: Duration::from_secs(24 * 60 * 60),
            webhook_limit: 10,
            event_types: EVENT_TYPES.map(str::to_owned).to_vec(),
            takes_no_event_types: true,
            test_answer: TestAnswer::Status,
            replay: ReplayOptions::default(),
            dispatch: DispatchOptions::default(),
            client: None,
            deliveries_have_total: true,
            recorded_limit: 10_000,
            clock: Arc::new(OffsetDateTime::now_utc),
        }
    }
}

impl std::fmt::Debug for PlatformOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlatformOptions")
            .field("organisations", &self.organisations)
            .field("webhook_limit", &self.webhook_limit)
            .field("test_answer", &self.test_answer)
            .field("replay", &self.replay)
            .field("dispatch", &self.dispatch)
            .finish_non_exhaustive()
    }
}
