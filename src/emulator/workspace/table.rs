//! What Azure Monitor makes of a row: it drops columns that the stream lacks, sets values of a wrong type to null, cuts long
//! values, and replaces a `TimeGenerated` that is too old or too new. It reports none of this to the caller.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Duration, OffsetDateTime};

/// 64 KB a field. <https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api>
const FIELD_LIMIT: usize = 65_536;
/// Outside of these `TimeGenerated` becomes the time of receipt.
/// <https://learn.microsoft.com/azure/azure-monitor/logs/data-ingestion-time>
const MAX_AGE: Duration = Duration::days(2);
const MAX_LEAD: Duration = Duration::days(1);

const TIME_GENERATED: &str = "TimeGenerated";

/// What was changed in accepted rows; the maps count by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adjustments {
    /// Members that the stream does not declare: dropped.
    pub dropped: BTreeMap<String, u64>,
    /// Values of a wrong type: null. (That Azure does this, rather than convert some of them, is an assumption; a strict
    /// fake is the safer one.)
    pub nulled: BTreeMap<String, u64>,
    /// Values over 64 KB of UTF-8: cut.
    pub truncated: BTreeMap<String, u64>,
    /// Rows whose `TimeGenerated` was over 2 days old or over 1 day ahead: now the time of receipt.
    pub restamped: u64,
    /// Rows without a usable `TimeGenerated`: now the time of receipt.
    pub stamped: u64,
}

impl Adjustments {
    /// Whether every row was stored as it was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The stream's columns, from the one column list.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Int,
    Long,
    Real,
    Bool,
    Datetime,
    Dynamic,
}

impl Columns {
    /// Reads the list that is compiled in.
    pub(super) fn load() -> Result<Self, serde_json::Error> {
        serde_json::from_str(include_str!("../../../sentinel/tables/AISecurityEvents_CL.json")).map(Self)
    }

    /// The stored form of `row`, its members in the order of the table's columns, nulls left out.
    pub(super) fn shape(
        &self,
        mut row: Map<String, Value>,
        now: OffsetDateTime,
        seen: &mut Adjustments,
    ) -> String {
        let mut line = String::from("{");
        for column in &self.0 {
            let sent = row.remove(&column.name).unwrap_or(Value::Null);
            let mut value = column.kind.take(&column.name, sent, seen);
            if column.name == TIME_GENERATED {
                value = Some(stamp(value, now, seen));
            }
            if let Some(value) = value {
                let comma = if line.len() > 1 { "," } else { "" };
                line.extend([comma, "\"", column.name.as_str(), "\":", value.to_string().as_str()]);
            }
        }
        line.push('}');
        for name in row.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name) {
            *seen.dropped.entry(name).or_default() += 1;
        }
        line
    }
}

impl Kind {
    fn take(self, name: &str, value: Value, seen: &mut Adjustments) -> Option<Value> {
        let count = |counts: &mut BTreeMap<String, u64>| *counts.entry(name.to_owned()).or_default() += 1;
        if value.is_null() {
            return None;
        }
        if !self.fits(&value) {
            count(&mut seen.nulled);
            return None;
        }
        match value {
            Value::String(text) if text.len() > FIELD_LIMIT => {
                count(&mut seen.truncated);
                Some(Value::String(cut(text)))
            }
            Value::Object(_) | Value::Array(_) => {
                let text = value.to_string();
                if text.len() <= FIELD_LIMIT {
                    return Some(value);
                }
                // Cut JSON is not JSON any more, so a cut dynamic value is stored as text.
                count(&mut seen.truncated);
                Some(Value::String(cut(text)))
            }
            value => Some(value),
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Int => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            Self::Long => value.is_i64(),
            Self::Real => value.as_f64().is_some_and(f64::is_finite),
            Self::Bool => value.is_boolean(),
            Self::Datetime => value.as_str().is_some_and(|text| parse(text).is_some()),
            Self::Dynamic => true,
        }
    }
}

fn cut(mut text: String) -> String {
    let end = (0..=FIELD_LIMIT.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    text.truncate(end.unwrap_or_default());
    text
}

fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, &Iso8601::DEFAULT)).ok()
}

fn stamp(value: Option<Value>, now: OffsetDateTime, seen: &mut Adjustments) -> Value {
    match value.as_ref().and_then(Value::as_str).and_then(parse) {
        None => seen.stamped += 1,
        Some(time) if time < now - MAX_AGE || time > now + MAX_LEAD => seen.restamped += 1,
        Some(_) => return value.unwrap_or_default(),
    }
    now.format(&Rfc3339).map_or(Value::Null, Value::String)
}
