//! How old `TimeGenerated` may be, in a new row and in a row that has waited in the spool.
//!
//! Azure Monitor replaces a `TimeGenerated` only when it is over 48 h old. Our analytic rules see rows whose
//! `TimeGenerated` is at most 47 h old (`queryPeriod`), and look at an event 10 to 15 minutes after it was stored. They
//! would never see a row that is sent at an age between the two, so such a row gets the time of sending first.

use std::ops::Range;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

/// The maximum age of a row that is sent: 47 h less an hour, for ingestion and for the rule's own delay.
/// Sources: <https://learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns#timegenerated>,
/// <https://learn.microsoft.com/azure/sentinel/scheduled-rules-overview>.
pub(super) const MAX_TIME_GENERATED_AGE: Duration = Duration::hours(46);

/// The beginning of every row: `TimeGenerated` is its first column and never null.
const BEFORE: &[u8] = br#"{"TimeGenerated":""#;
/// `yyyy-MM-ddTHH:mm:ss`, which is as wide in every row.
const SECONDS: usize = 19;

/// Sets `TimeGenerated` of a row that leaves the spool to `now`, to the second, when it is over 46 h older; returns whether
/// it was.
///
/// The bytes are changed in place, so that neither the row nor what follows it moves. Bytes that are no row of ours stay
/// as they are.
pub fn renew_time_generated(row: &mut [u8], now: OffsetDateTime) -> bool {
    let Some((place, time)) = time_generated(row) else { return false };
    if now - time <= MAX_TIME_GENERATED_AGE {
        return false;
    }
    let Ok(fresh) = now.to_offset(UtcOffset::UTC).format(&Rfc3339) else { return false };
    let (Some(stamp), Some(fresh)) = (row.get_mut(place), fresh.as_bytes().get(..SECONDS)) else {
        return false;
    };
    let (seconds, fraction) = stamp.split_at_mut(SECONDS.min(stamp.len()));
    for (old, new) in seconds.iter_mut().zip(fresh) {
        *old = *new;
    }
    for digit in fraction.iter_mut().filter(|byte| byte.is_ascii_digit()) {
        *digit = b'0';
    }
    true
}

/// The place of the text of `TimeGenerated`, and its value.
fn time_generated(row: &[u8]) -> Option<(Range<usize>, OffsetDateTime)> {
    let rest = row.strip_prefix(BEFORE)?;
    let length = rest.iter().position(|byte| *byte == b'"')?;
    let text = std::str::from_utf8(rest.get(..length)?).ok().filter(|text| text.ends_with('Z'))?;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some((BEFORE.len()..BEFORE.len() + length, time))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::record;

    const NOW: OffsetDateTime = datetime!(2026-08-06 08:00:00.1234567 UTC);

    fn check(row: &str, expected: &str) {
        let mut bytes = row.as_bytes().to_vec();
        assert_eq!(renew_time_generated(&mut bytes, NOW), row != expected, "{row}");
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), expected);
    }

    #[test]
    fn renews_what_is_over_46_hours_old() {
        let rest = r#""EventTime":"2026-08-04T09:00:00Z","EventTitle":"{\"TimeGenerated\":\"2000-01-01T00:00:00Z\""}"#;
        for (before, after) in [
            ("2026-08-04T10:00:00.1234567Z", "2026-08-04T10:00:00.1234567Z"),
            ("2026-08-04T10:00:00.1234566Z", "2026-08-06T08:00:00.0000000Z"),
            ("2026-08-04T10:00:00.12Z", "2026-08-06T08:00:00.00Z"),
            ("2026-08-04T10:00:00Z", "2026-08-06T08:00:00Z"),
            ("2000-01-01T00:00:00Z", "2026-08-06T08:00:00Z"),
            ("2026-08-06T08:00:00Z", "2026-08-06T08:00:00Z"),
            ("2026-08-07T08:00:00Z", "2026-08-07T08:00:00Z"),
        ] {
            let row = |time: &str| format!(r#"{{"TimeGenerated":"{time}",{rest}"#);
            check(&row(before), &row(after));
        }
    }

    #[test]
    fn leaves_alone_what_is_no_row_of_ours() {
        for row in [
            "",
            "{}",
            r#"{"TimeGenerated":""#,
            r#"{"TimeGenerated":""}"#,
            r#"{"TimeGenerated":null}"#,
            r#"{"TimeGenerated":"2026"}"#,
            r#"{"TimeGenerated":"2000-01-01T00:00:00+00:00"}"#,
            r#"{ "TimeGenerated":"2000-01-01T00:00:00Z"}"#,
            r#"{"EventTime":"2000-01-01T00:00:00Z","TimeGenerated":"2000-01-01T00:00:00Z"}"#,
        ] {
            check(row, row);
        }
    }

    /// The first column of the list is `TimeGenerated`, and every row has it.
    #[test]
    fn finds_it_in_every_row() {
        let time = NOW - Duration::hours(40);
        let later = NOW + Duration::hours(7);
        let sent = format!(
            r#"{{"timestamp":"{}","data":{{"TimeGenerated":"x","$serde_json::private::RawValue":"["}}}}"#,
            time.format(&Rfc3339).unwrap()
        );
        let own = record::own_event("connector.stats", serde_json::json!({}), time).row;
        for mut row in
            [record::map(b"{}", time).unwrap().row, record::map(sent.as_bytes(), NOW).unwrap().row, own]
        {
            assert_eq!(time_generated(&row).map(|(_, found)| found), Some(time));
            let before = row.clone();
            assert!(renew_time_generated(&mut row, later));
            assert_eq!(time_generated(&row).map(|(_, found)| found), Some(datetime!(2026-08-06 15:00 UTC)));
            assert_eq!(row[46..], before[46..], "nothing else has changed");
        }
    }
}
