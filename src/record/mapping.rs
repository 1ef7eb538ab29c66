//! From an event to the values of the columns: first the plain copies, then what is derived from them.

use std::borrow::Cow;

use time::{Duration, OffsetDateTime};

use super::columns::{Record, Text};
use super::family::Family;
use super::fields::Fields;
use super::freshness::MAX_TIME_GENERATED_AGE;
use super::{grade, owasp, severity, sources};

/// How far the sender's clock may be ahead of this machine's.
const CLOCK_SKEW: Duration = Duration::days(1);

/// All columns but those about the row itself (`EventId`, `Data`, `AdditionalFields`, `Truncated`, `ConnectorVersion`).
pub(super) fn record<'e>(fields: &mut Fields<'e>, received: OffsetDateTime) -> Record<'e> {
    let mut record = plain(fields);
    times(&mut record, fields, received);
    severities(&mut record, fields);
    record.EventType = fields.word(sources::EVENT_TYPE).or(Some(Cow::Borrowed("unknown")));
    record.EventFamily = Some(Cow::Borrowed(fields.family.name()));
    record.OwaspId = record.OwaspCategory.as_deref().and_then(owasp::id).map(Cow::Owned);
    if matches!(fields.family, Family::Posture | Family::Campaign | Family::Quality) {
        grades_from_text(&mut record);
    }
    if fields.family == Family::Quality && record.Dimension.is_none() {
        record.Dimension = Some(Cow::Borrowed("quality"));
    }
    if matches!(fields.family, Family::Finding | Family::Quality) {
        record.FindingTitle = record.FindingTitle.take().or_else(|| title_after_prefix(&record));
        record.FindingKey = finding_key(&record);
    }
    record
}

fn plain<'e>(fields: &mut Fields<'e>) -> Record<'e> {
    Record {
        SourceEventId: fields.word(sources::SOURCE_EVENT_ID),
        OrganisationId: fields.id(sources::ORGANISATION_ID),
        ProjectId: fields.id(sources::PROJECT_ID),
        ProjectName: fields.word(sources::PROJECT_NAME),
        EventTitle: fields.prose(sources::EVENT_TITLE),
        Description: fields.prose(sources::DESCRIPTION),
        FindingTitle: fields.prose(sources::FINDING_TITLE),
        Category: fields.word(sources::CATEGORY),
        ThreatClass: fields.word(sources::THREAT_CLASS),
        OwaspCategory: fields.word(sources::OWASP_CATEGORY),
        FindingId: fields.id(sources::FINDING_ID),
        FindingStatus: fields.word(sources::FINDING_STATUS),
        PreviousStatus: fields.word(sources::PREVIOUS_STATUS),
        FirstSeenTime: fields.time(sources::FIRST_SEEN),
        FixedTime: fields.time(sources::FIXED),
        OccurrenceCount: fields.int(sources::OCCURRENCES),
        AssigneeId: fields.id(sources::ASSIGNEE_ID),
        AssigneeName: fields.word(sources::ASSIGNEE_NAME),
        DelegationStatus: fields.word(sources::DELEGATION_STATUS),
        Actor: fields.person(sources::ACTOR),
        RetestOutcome: fields.word(sources::RETEST_OUTCOME),
        PreviousGrade: fields.letter(sources::PREVIOUS_GRADE).map(grade::normalize),
        CurrentGrade: fields.letter(sources::CURRENT_GRADE).map(grade::normalize),
        PreviousScore: fields.real(sources::PREVIOUS_SCORE),
        CurrentScore: fields.real(sources::CURRENT_SCORE),
        Dimension: fields.only_word(sources::DIMENSION),
        DriftScore: fields.real(sources::DRIFT_SCORE),
        Threshold: fields.real(sources::THRESHOLD),
        CampaignId: fields.id(sources::CAMPAIGN_ID),
        CampaignStatus: fields.word(sources::CAMPAIGN_STATUS),
        Activity: fields.word(sources::ACTIVITY),
        PreviousActivity: fields.word(sources::PREVIOUS_ACTIVITY),
        TestCount: fields.int(sources::TEST_COUNT),
        FindingsDiscovered: fields.int(sources::FINDINGS_DISCOVERED),
        StartedTime: fields.time(sources::STARTED),
        CompletedTime: fields.time(sources::COMPLETED),
        ..Record::default()
    }
}

fn times<'e>(record: &mut Record<'e>, fields: &mut Fields<'e>, received: OffsetDateTime) {
    let event_time = fields.time_until(sources::TIMESTAMP, Some(received.saturating_add(CLOCK_SKEW)));
    if event_time.is_none() {
        record.OriginalTimestamp = fields.scalar(sources::TIMESTAMP);
    }
    let event_time = event_time.unwrap_or(received);
    let fresh = event_time <= received && received - event_time <= MAX_TIME_GENERATED_AGE;
    record.TimeGenerated = Some(if fresh { event_time } else { received });
    record.EventTime = Some(event_time);
    record.ReceivedTime = Some(received);
}

/// The event's severity, and the finding's own. They differ: `finding.regressed` is always sent as high.
fn severities<'e>(record: &mut Record<'e>, fields: &mut Fields<'e>) {
    let label = fields.label(sources::SEVERITY);
    let score = fields.score(sources::SEVERITY_SCORE);
    let finding_label = fields.label(sources::FINDING_SEVERITY);
    let finding_score = fields.score(sources::FINDING_SCORE);
    let by_number = |score: Option<(f64, bool)>| severity::label(score?.0).map(Cow::Borrowed);
    let finding = finding_label.or_else(|| by_number(finding_score));
    let event = label.or_else(|| by_number(score)).or_else(|| finding.clone());
    let created = fields.event_type.is_some_and(|name| name.eq_ignore_ascii_case("finding.created"));
    record.FindingSeverity = finding.or_else(|| event.clone().filter(|_| created));
    record.SeverityRank = Some(event.as_deref().map_or(-1, severity::rank));
    record.SeverityScore = score.or(finding_score).filter(|(_, exact)| *exact).map(|(score, _)| score);
    record.Severity = event;
}

fn grades_from_text(record: &mut Record<'_>) {
    if record.PreviousGrade.is_some() && record.CurrentGrade.is_some() {
        return;
    }
    let texts = [&record.EventTitle, &record.Description];
    let Some((previous, current)) = texts.into_iter().flatten().find_map(|text| grade::change_in(text))
    else {
        return;
    };
    record.PreviousGrade.get_or_insert_with(|| Cow::Owned(previous.to_string()));
    record.CurrentGrade.get_or_insert_with(|| Cow::Owned(current.to_string()));
}

/// `New critical finding: Prompt Injection` is about `Prompt Injection`.
fn title_after_prefix<'e>(record: &Record<'e>) -> Option<Text<'e>> {
    let title = record.EventTitle.as_ref()?;
    let Some((_, rest)) = title.split_once(": ") else { return Some(title.clone()) };
    Some(Cow::Owned(rest.to_owned()))
}

/// The key that all events of one finding share. The platform merges findings by threat class within a project, so that
/// pair replaces a missing id.
fn finding_key<'e>(record: &Record<'e>) -> Option<Text<'e>> {
    if record.FindingId.is_some() {
        return record.FindingId.clone();
    }
    let project = record.ProjectId.as_deref().unwrap_or_default();
    if let Some(threat_class) = &record.ThreatClass {
        return Some(Cow::Owned(format!("{project}:{threat_class}")));
    }
    let category = record.Category.as_deref().unwrap_or_default();
    record.FindingTitle.as_deref().map(|title| Cow::Owned(format!("{project}:{category}:{title}")))
}
