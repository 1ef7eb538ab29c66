//! The row itself: one field for each column of `sentinel/tables/AISecurityEvents_CL.json`, which says what they mean.
//!
//! A test compares the fields and their types with that file, in both directions.

use std::borrow::Cow;
use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::write_string;

/// A `string` column.
pub(super) type Text<'a> = Cow<'a, str>;

/// A `dynamic` column: JSON text.
#[derive(Debug, Default)]
pub(super) struct Dynamic<'a>(pub(super) Cow<'a, str>);

macro_rules! columns {
    ($($column:ident: $kind:ty,)*) => {
        /// One row of the table. A field that is `None` is left out, which Azure Monitor stores as null.
        #[expect(non_snake_case, reason = "a field has the name of its column, so that one search finds both")]
        #[derive(Debug, Default)]
        pub(super) struct Record<'a> {
            $(pub(super) $column: Option<$kind>,)*
        }

        impl Record<'_> {
            /// Cuts every string to at most `limit` bytes of UTF-8; returns whether one was longer.
            pub(super) fn cut_strings(&mut self, limit: usize) -> bool {
                let mut cut = false;
                $(cut |= self.$column.as_mut().is_some_and(|value| value.cut(limit));)*
                cut
            }

            /// The row as one JSON object.
            pub(super) fn to_json(&self) -> String {
                let mut out = String::with_capacity(2048);
                $(if let Some(value) = &self.$column {
                    out.push_str(if out.is_empty() { "{" } else { "," });
                    out.push_str(concat!("\"", stringify!($column), "\":"));
                    value.write(&mut out);
                })*
                out.push_str(if out.is_empty() { "{}" } else { "}" });
                out
            }
        }
    };
}

columns! {
    TimeGenerated: OffsetDateTime,
    EventTime: OffsetDateTime,
    OriginalTimestamp: Text<'a>,
    ReceivedTime: OffsetDateTime,
    EventId: Text<'a>,
    SourceEventId: Text<'a>,
    EventType: Text<'a>,
    EventFamily: Text<'a>,
    OrganisationId: Text<'a>,
    ProjectId: Text<'a>,
    ProjectName: Text<'a>,
    Severity: Text<'a>,
    SeverityRank: i32,
    SeverityScore: f64,
    EventTitle: Text<'a>,
    Description: Text<'a>,
    FindingSeverity: Text<'a>,
    FindingTitle: Text<'a>,
    Category: Text<'a>,
    ThreatClass: Text<'a>,
    OwaspCategory: Text<'a>,
    OwaspId: Text<'a>,
    FindingId: Text<'a>,
    FindingStatus: Text<'a>,
    PreviousStatus: Text<'a>,
    FindingKey: Text<'a>,
    FirstSeenTime: OffsetDateTime,
    FixedTime: OffsetDateTime,
    OccurrenceCount: i32,
    AssigneeId: Text<'a>,
    AssigneeName: Text<'a>,
    DelegationStatus: Text<'a>,
    Actor: Text<'a>,
    RetestOutcome: Text<'a>,
    PreviousGrade: Text<'a>,
    CurrentGrade: Text<'a>,
    PreviousScore: f64,
    CurrentScore: f64,
    Dimension: Text<'a>,
    DriftScore: f64,
    Threshold: f64,
    CampaignId: Text<'a>,
    CampaignStatus: Text<'a>,
    Activity: Text<'a>,
    PreviousActivity: Text<'a>,
    TestCount: i32,
    FindingsDiscovered: i32,
    StartedTime: OffsetDateTime,
    CompletedTime: OffsetDateTime,
    Data: Dynamic<'a>,
    AdditionalFields: Dynamic<'a>,
    Truncated: bool,
    ConnectorVersion: Text<'a>,
}

/// What every column's value can do.
trait Cell {
    fn write(&self, out: &mut String);

    fn cut(&mut self, _limit: usize) -> bool {
        false
    }
}

impl Cell for Text<'_> {
    fn write(&self, out: &mut String) {
        write_string(out, self);
    }

    fn cut(&mut self, limit: usize) -> bool {
        if self.len() <= limit {
            return false;
        }
        *self = Cow::Owned(prefix(self, limit).to_owned());
        true
    }
}

impl Cell for Dynamic<'_> {
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Cell for OffsetDateTime {
    /// RFC 3339 in UTC. Every time here is in a year that RFC 3339 can write; any other would become null.
    fn write(&self, out: &mut String) {
        match self.format(&Rfc3339) {
            Ok(text) => write_string(out, &text),
            Err(_) => out.push_str("null"),
        }
    }
}

impl Cell for bool {
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Cell for i32 {
    fn write(&self, out: &mut String) {
        // Writing to a string cannot fail.
        write!(out, "{self}").unwrap_or_default();
    }
}

impl Cell for f64 {
    /// Every number here is finite; any other would become null, since JSON has no form for it.
    fn write(&self, out: &mut String) {
        match serde_json::to_string(self) {
            Ok(text) => out.push_str(&text),
            Err(_) => out.push_str("null"),
        }
    }
}

/// The longest prefix of `text` that has at most `limit` bytes and ends between two characters.
pub(super) fn prefix(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
