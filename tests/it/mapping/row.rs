//! What holds for every row: it is one of the table's, within the limits, and nothing that came in is missing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use humanbound_sentinel::record::{self, Mapped};
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::tree::Tree;

/// When all bodies of these tests are received.
pub const RECEIVED: OffsetDateTime = datetime!(2026-08-06 08:00:00.1234567 UTC);

#[derive(Debug, Deserialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub description: String,
}

/// The table, as it is deployed.
pub static TABLE: LazyLock<Vec<Column>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../sentinel/tables/AISecurityEvents_CL.json")).unwrap()
});

/// Columns that every row has.
const ALWAYS: [&str; 9] = [
    "TimeGenerated",
    "EventTime",
    "ReceivedTime",
    "EventId",
    "EventType",
    "EventFamily",
    "SeverityRank",
    "Truncated",
    "ConnectorVersion",
];

/// Columns that hold lower case whatever was sent.
const LOWER_CASE: [&str; 8] = [
    "OrganisationId",
    "ProjectId",
    "Severity",
    "FindingSeverity",
    "FindingId",
    "FindingKey",
    "AssigneeId",
    "CampaignId",
];

pub type Row = BTreeMap<String, Tree>;

/// Maps `body` and checks all that must hold for its row; if nothing was truncated, also that nothing is missing.
pub fn of(body: impl AsRef<[u8]>) -> Row {
    let body = body.as_ref();
    let mapped =
        record::map(body, RECEIVED).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(body)));
    let row = valid(&mapped);
    if !mapped.truncated {
        let text = std::str::from_utf8(body).unwrap();
        holds_everything(&Tree::parse(text.trim_start_matches('\u{feff}')).unwrap(), &row);
    }
    row
}

/// The value of one column as JSON, `null` if the row leaves it out.
pub fn cell(row: &Row, column: &str) -> String {
    assert!(TABLE.iter().any(|known| known.name == column), "no column {column}");
    row.get(column).map_or("null".to_owned(), Tree::to_string)
}

/// Checks cells of the row of `body`: pairs of a column and its value as JSON.
pub fn check(body: &str, expected: &[(&str, &str)]) {
    let row = of(body);
    for (column, value) in expected {
        assert_eq!(cell(&row, column), *value, "{column} of {body}");
    }
}

/// Checks all that must hold for any row at all.
pub fn valid(mapped: &Mapped) -> Row {
    assert!(mapped.row.len() <= 500_000, "{} bytes", mapped.row.len());
    let text = std::str::from_utf8(&mapped.row).unwrap();
    let row = Tree::parse(text).unwrap();
    assert_eq!(
        row.to_string().len(),
        text.len(),
        "a name stands twice, or there are blanks or needless escapes: {text}"
    );
    let row = row.object().clone();
    for (name, value) in &row {
        let column =
            TABLE.iter().find(|column| column.name == *name).unwrap_or_else(|| panic!("no column {name}"));
        assert!(has_type(value, &column.kind), "{name} is no {}: {value}", column.kind);
    }
    for name in ALWAYS {
        assert!(row.contains_key(name), "no {name} in {text}");
    }
    assert_eq!(row["EventId"].text(), mapped.event_id.to_string());
    assert_eq!(mapped.event_id.to_string().len(), 32);
    assert_eq!(row["Truncated"], Tree::Bool(mapped.truncated));
    let [generated, received] =
        ["TimeGenerated", "ReceivedTime"].map(|name| instant(row[name].text()).unwrap());
    assert!(generated <= received && received - generated <= Duration::hours(46), "{generated}");
    row
}

fn has_type(value: &Tree, kind: &str) -> bool {
    match (kind, value) {
        ("string", Tree::Text(text)) => text.len() <= 60_000,
        ("bool", Tree::Bool(_)) => true,
        ("int", Tree::Number(number)) => number.parse::<i32>().is_ok(),
        ("real", Tree::Number(number)) => number.parse::<f64>().is_ok_and(f64::is_finite),
        ("datetime", Tree::Text(text)) => {
            let fraction = text.split_once('.').map_or("", |(_, rest)| rest.trim_end_matches('Z'));
            text.ends_with('Z') && fraction.len() <= 7 && OffsetDateTime::parse(text, &Rfc3339).is_ok()
        }
        ("dynamic", value) => value.to_string().len() <= 60_000 && is_finite(value) && *value != Tree::Null,
        _ => false,
    }
}

fn is_finite(value: &Tree) -> bool {
    match value {
        Tree::Number(number) => number.parse::<f64>().is_ok_and(f64::is_finite),
        Tree::Array(items) => items.iter().all(is_finite),
        Tree::Object(members) => members.values().all(is_finite),
        Tree::Null | Tree::Bool(_) | Tree::Text(_) => true,
    }
}

/// Columns, `Data` and `AdditionalFields` together hold every value of `body`.
pub fn holds_everything(body: &Tree, row: &Row) {
    let nothing = Tree::Object(BTreeMap::new());
    let additional = row.get("AdditionalFields").unwrap_or(&nothing).object();
    for (name, value) in body.object() {
        if name == "data" {
            let data = row.get("Data").unwrap_or(&Tree::Null);
            assert!(same(data, value), "data {value} became {data}");
        } else if let Some(kept) = additional.get(name) {
            assert!(same(kept, value), "{name} {value} became {kept}");
        } else if !matches!(value, Tree::Null) && *value != Tree::Text(String::new()) {
            let held = TABLE.iter().any(|column| {
                belongs(name, &column.name)
                    && row.get(&column.name).is_some_and(|cell| holds(column, cell, value))
            });
            assert!(held, "{name} {value} is lost in {row:?}");
        }
    }
    for (name, value) in additional {
        assert!(same(value, &body.object()[name]), "{name} is made up");
    }
}

/// Equal, but for numbers beyond `f64`, which are kept as text.
fn same(kept: &Tree, sent: &Tree) -> bool {
    match (kept, sent) {
        (Tree::Text(text), Tree::Number(number)) => {
            text == number && number.parse::<f64>().unwrap().is_infinite()
        }
        (Tree::Array(kept), Tree::Array(sent)) => {
            kept.len() == sent.len() && kept.iter().zip(sent).all(|(kept, sent)| same(kept, sent))
        }
        (Tree::Object(kept), Tree::Object(sent)) => {
            kept.len() == sent.len()
                && kept.iter().zip(sent).all(|((k, kept), (s, sent))| k == s && same(kept, sent))
        }
        _ => kept == sent,
    }
}

/// Whether the envelope's member `name` may be held by `column`: a documented one by its own alone.
fn belongs(name: &str, column: &str) -> bool {
    let own: &[&str] = match name {
        "event_type" => &["EventType"],
        "organisation_id" => &["OrganisationId"],
        "project_id" => &["ProjectId"],
        "timestamp" => &["EventTime", "OriginalTimestamp"],
        "severity" => &["Severity", "SeverityScore"],
        "title" => &["EventTitle"],
        "description" => &["Description"],
        "category" => &["Category"],
        "owasp_category" => &["OwaspCategory"],
        "id" | "event_id" => &["SourceEventId"],
        _ => return true,
    };
    own.contains(&column)
}

fn holds(column: &Column, cell: &Tree, sent: &Tree) -> bool {
    match (column.kind.as_str(), cell, sent) {
        ("datetime", Tree::Text(cell), Tree::Number(sent)) => {
            let nanos = instant(cell).unwrap().unix_timestamp_nanos();
            let nanos = decimal(&nanos.to_string()).unwrap();
            [9, 6].into_iter().any(|shift| decimal(sent).is_some_and(|(s, d, e)| (s, d, e + shift) == nanos))
        }
        ("datetime", Tree::Text(cell), Tree::Text(sent)) => {
            instant(sent).is_some_and(|sent| Some(sent) == instant(cell))
                || holds(column, &Tree::Text(cell.clone()), &Tree::Number(sent.trim().to_owned()))
        }
        ("int" | "real", Tree::Number(cell), Tree::Number(sent)) => decimal(cell) == decimal(sent),
        (_, Tree::Text(cell), Tree::Number(sent)) => column.name == "OriginalTimestamp" && cell == sent,
        (_, Tree::Text(cell), Tree::Text(sent)) if LOWER_CASE.contains(&column.name.as_str()) => {
            cell.eq_ignore_ascii_case(sent)
        }
        _ => cell == sent,
    }
}

pub fn instant(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim().replacen(' ', "T", 1);
    OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()
}

/// A number's sign, its digits without zeros at either end, and the power of ten of the last one: equal numbers have equal
/// ones, at any precision.
fn decimal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) =
        mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let length = |text: &str| i64::try_from(text.len()).unwrap();
    let exponent = exponent.parse::<i64>().ok()? - length(fraction) + length(&digits) - length(significant);
    let significant = significant.trim_start_matches('0').to_owned();
    if !significant.bytes().all(|byte| byte.is_ascii_digit()) || digits.is_empty() {
        return None;
    }
    if significant.is_empty() {
        return Some((false, significant, 0));
    }
    Some((number.starts_with('-'), significant, exponent))
}
