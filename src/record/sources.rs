//! Where each column is read from, on one page: the names to try, best first.
//!
//! Only the envelope is documented. The shapes of `data` are not published, so these names come from what the public client
//! and its fixtures read, and the first one that holds a usable value wins. A wrong guess loses nothing, because `Data` has
//! every member of `data` as it was sent.
//!
//! Envelope: <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md>.
//! Records: `tests/unit/_contract/schemas.py` and `humanbound_cli/commands/` in the same repository.

use super::family::Family;

/// One name to try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) places: &'static [Place],
    pub(super) name: &'static str,
    pub(super) scope: Scope,
}

/// An object that fields are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The envelope.
    Top,
    /// `data`.
    Data,
    /// `data.finding`.
    Finding,
    /// `data.assessment`.
    Assessment,
    /// `data.campaign`, the older name of an assessment.
    Campaign,
    /// `data.posture`.
    Posture,
    /// `data.posture_before`, also in an assessment.
    Before,
    /// `data.posture_after`, also in an assessment.
    After,
    /// `data.retest`.
    Retest,
    /// `data.regression`, or `results.regression` in `data` or in `data.experiment`.
    Regression,
    /// `data.project`.
    Project,
    /// `data.assignee`.
    Assignee,
}

impl Place {
    pub(super) const COUNT: usize = Place::Assignee as usize + 1;
}

/// The events in which a name means what the column means: `status` is a finding's in one event, a campaign's in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Every,
    /// Events about a finding.
    Finding,
    /// Events whose `data` may be a finding's record itself.
    FindingRecord,
    Campaign,
    /// Events whose `data` may be a campaign's record itself.
    CampaignRecord,
    Ascam,
    Drift,
    /// Events that carry scores and grades.
    Score,
}

impl Scope {
    pub(super) fn covers(self, family: Family, event_type: &str) -> bool {
        match self {
            Scope::Every => true,
            Scope::Finding => matches!(family, Family::Finding | Family::Quality),
            Scope::FindingRecord => {
                family == Family::Finding || event_type.eq_ignore_ascii_case("quality.regression")
            }
            Scope::Campaign => family == Family::Campaign,
            Scope::CampaignRecord => matches!(family, Family::Campaign | Family::Ascam),
            Scope::Ascam => family == Family::Ascam,
            Scope::Drift => family == Family::Drift,
            Scope::Score => matches!(family, Family::Posture | Family::Campaign | Family::Quality),
        }
    }
}

/// A name that means the same in every place: flat in `data`, in a record nested in it, or beside it.
const fn any(name: &'static str) -> Source {
    use Place::{Assessment, Campaign, Data, Finding, Posture, Top};
    Source { places: &[Data, Finding, Assessment, Campaign, Posture, Top], name, scope: Scope::Every }
}

const fn top(name: &'static str) -> Source {
    Source { places: &[Place::Top], name, scope: Scope::Every }
}

const fn data(name: &'static str) -> Source {
    Source { places: &[Place::Data], name, scope: Scope::Every }
}

const fn finding(name: &'static str) -> Source {
    Source { places: &[Place::Finding], name, scope: Scope::Every }
}

const fn campaign(name: &'static str) -> Source {
    Source { places: &[Place::Assessment, Place::Campaign], name, scope: Scope::Every }
}

const fn posture(name: &'static str) -> Source {
    Source { places: &[Place::Posture], name, scope: Scope::Every }
}

const fn before(name: &'static str) -> Source {
    Source { places: &[Place::Before], name, scope: Scope::Every }
}

const fn after(name: &'static str) -> Source {
    Source { places: &[Place::After], name, scope: Scope::Every }
}

const fn retest(name: &'static str) -> Source {
    Source { places: &[Place::Retest, Place::Regression], name, scope: Scope::Every }
}

const fn project(name: &'static str) -> Source {
    Source { places: &[Place::Project], name, scope: Scope::Every }
}

const fn assignee(name: &'static str) -> Source {
    Source { places: &[Place::Assignee], name, scope: Scope::Every }
}

impl Source {
    const fn only(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

type Sources = &'static [Source];

// The envelope, which takes precedence over `data`.
pub(super) const SOURCE_EVENT_ID: Sources = &[top("event_id"), top("id")];
pub(super) const EVENT_TYPE: Sources = &[top("event_type")];
pub(super) const TIMESTAMP: Sources = &[top("timestamp")];
pub(super) const ORGANISATION_ID: Sources = &[top("organisation_id"), data("organisation_id")];
pub(super) const PROJECT_ID: Sources = &[top("project_id"), any("project_id"), project("id")];
pub(super) const PROJECT_NAME: Sources = &[any("project_name"), project("name")];
pub(super) const SEVERITY: Sources = &[top("severity_label"), top("severity")];
pub(super) const SEVERITY_SCORE: Sources = &[top("severity"), top("severity_score")];
pub(super) const EVENT_TITLE: Sources = &[top("title"), data("title"), finding("title")];
pub(super) const DESCRIPTION: Sources = &[top("description"), data("description"), finding("description")];
pub(super) const CATEGORY: Sources = &[top("category"), data("category"), finding("category")];
pub(super) const OWASP_CATEGORY: Sources = &[top("owasp_category"), any("owasp_category")];

// A finding.
pub(super) const FINDING_ID: Sources =
    &[any("finding_id"), finding("id"), data("id").only(Scope::FindingRecord)];
pub(super) const FINDING_TITLE: Sources =
    &[any("finding_title"), finding("title"), data("title").only(Scope::Finding)];
pub(super) const FINDING_SEVERITY: Sources = &[
    finding("severity_label"),
    finding("severity"),
    data("severity_label").only(Scope::Finding),
    data("severity").only(Scope::Finding),
];
pub(super) const FINDING_SCORE: Sources = &[finding("severity"), data("severity").only(Scope::Finding)];
pub(super) const FINDING_STATUS: Sources = &[
    any("finding_status"),
    finding("status"),
    data("new_status").only(Scope::Finding),
    data("status").only(Scope::Finding),
];
pub(super) const PREVIOUS_STATUS: Sources = &[
    finding("previous_status"),
    data("previous_status").only(Scope::Finding),
    data("old_status").only(Scope::Finding),
];
pub(super) const THREAT_CLASS: Sources = &[any("threat_class")];
pub(super) const FIRST_SEEN: Sources = &[any("first_seen_at")];
pub(super) const FIXED: Sources = &[any("fixed_at")];
pub(super) const OCCURRENCES: Sources =
    &[any("occurrence_count"), finding("occurrences"), data("occurrences").only(Scope::Finding)];
pub(super) const ASSIGNEE_ID: Sources = &[any("assignee_id"), assignee("id")];
pub(super) const ASSIGNEE_NAME: Sources = &[
    any("assignee_email"),
    assignee("email"),
    any("assignee_name"),
    assignee("name"),
    assignee("username"),
    data("assignee"),
    finding("assignee"),
];
pub(super) const DELEGATION_STATUS: Sources = &[any("delegation_status")];
pub(super) const RETEST_OUTCOME: Sources =
    &[retest("outcome"), any("retest_outcome"), data("outcome").only(Scope::Finding)];

// Who did it.
pub(super) const ACTOR: Sources = &[
    any("assigned_by"),
    any("acknowledged_by"),
    any("verified_by"),
    any("paused_by"),
    any("resumed_by"),
    any("actor"),
    any("user"),
    any("user_email"),
    any("triggered_by"),
];

// Posture, quality, drift.
pub(super) const PREVIOUS_GRADE: Sources =
    &[any("previous_grade"), any("old_grade"), any("from_grade"), any("grade_before"), before("grade")];
pub(super) const CURRENT_GRADE: Sources = &[
    any("grade"),
    any("new_grade"),
    any("to_grade"),
    any("current_grade"),
    any("grade_after"),
    after("grade"),
];
pub(super) const PREVIOUS_SCORE: Sources = &[
    any("previous_score"),
    any("old_score"),
    any("score_before"),
    before("posture"),
    before("score"),
    any("previous_posture"),
];
pub(super) const CURRENT_SCORE: Sources = &[
    posture("overall_score"),
    posture("posture"),
    posture("score"),
    data("overall_score"),
    data("posture"),
    data("score").only(Scope::Score),
    any("new_score"),
    any("current_score"),
    any("score_after"),
    after("posture"),
    after("score"),
];
pub(super) const DIMENSION: Sources = &[any("dimension"), any("domain")];
pub(super) const DRIFT_SCORE: Sources = &[
    any("drift_score"),
    any("drift"),
    data("score").only(Scope::Drift),
    data("magnitude").only(Scope::Drift),
];
pub(super) const THRESHOLD: Sources = &[any("threshold")];

// A campaign, which newer clients call an assessment, and what starts and stops it.
pub(super) const CAMPAIGN_ID: Sources =
    &[any("campaign_id"), any("assessment_id"), campaign("id"), data("id").only(Scope::CampaignRecord)];
pub(super) const CAMPAIGN_STATUS: Sources =
    &[any("campaign_status"), campaign("status"), data("status").only(Scope::Campaign)];
pub(super) const ACTIVITY: Sources = &[
    any("new_activity"),
    any("to_activity"),
    any("activity"),
    any("ascam_activity"),
    any("new_phase"),
    any("to_phase"),
    any("phase"),
    any("ascam_phase"),
    data("to").only(Scope::Ascam),
];
pub(super) const PREVIOUS_ACTIVITY: Sources = &[
    any("previous_activity"),
    any("old_activity"),
    any("from_activity"),
    any("previous_phase"),
    any("old_phase"),
    any("from_phase"),
    data("from").only(Scope::Ascam),
];
pub(super) const TEST_COUNT: Sources = &[any("test_count")];
pub(super) const FINDINGS_DISCOVERED: Sources = &[any("findings_discovered")];
pub(super) const STARTED: Sources = &[any("started_at")];
pub(super) const COMPLETED: Sources = &[any("completed_at")];
