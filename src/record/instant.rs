//! Points in time as senders write them: seconds or milliseconds since 1970, or ISO 8601.

use time::format_description::well_known::Iso8601;
use time::macros::datetime;
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::event::Value;

/// No event happened before this. A smaller number (0, a negative one, a counter) is not a time.
const EARLIEST: OffsetDateTime = datetime!(2000-01-01 00:00 UTC);

/// Numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds it is 1973.
const FIRST_MILLISECONDS: i128 = 100_000_000_000;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// An instant, and whether it is exactly what was sent: a `datetime` column holds steps of 100 ns.
/// Source: <https://learn.microsoft.com/azure/data-explorer/kusto/query/scalar-data-types/datetime>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    pub(super) time: OffsetDateTime,
    pub(super) exact: bool,
}

/// Reads a number, a string of digits, or ISO 8601; a time without an offset is UTC, a date alone its midnight.
pub(super) fn read(value: &Value<'_>) -> Option<Instant> {
    let instant = match value {
        Value::Number(number) => from_epoch(number),
        Value::Text(text) => from_epoch(text.trim()).or_else(|| from_iso(text.trim())),
        _ => None,
    }?;
    (instant.time >= EARLIEST).then_some(instant)
}

/// `time` in UTC, without what a `datetime` column cannot hold.
pub(super) fn in_column_steps(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    time.replace_nanosecond(time.nanosecond() / 100 * 100).unwrap_or(time)
}

fn from_epoch(number: &str) -> Option<Instant> {
    let (nanos, remainder) = nanoseconds(number)?;
    let (nanos, remainder) = if nanos >= FIRST_MILLISECONDS * NANOS_PER_SECOND {
        (nanos / 1000, remainder || nanos % 1000 != 0)
    } else {
        (nanos, remainder)
    };
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    Some(Instant { time: in_column_steps(time), exact: !remainder && nanos % 100 == 0 })
}

/// The seconds in `number`, a JSON number that is not negative, as whole nanoseconds, and whether there was a smaller
/// part. The arithmetic is decimal, because an `f64` would be off by 200 ns.
fn nanoseconds(number: &str) -> Option<(i128, bool)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || whole.len() + fraction.len() > 38 || whole.starts_with('+') {
        return None;
    }
    let mut digits: i128 = 0;
    for digit in whole.chars().chain(fraction.chars()) {
        digits = digits * 10 + i128::from(digit.to_digit(10)?);
    }
    let shift = exponent.checked_add(9)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let factor = 10_i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 {
        Some((digits.checked_mul(factor)?, false))
    } else {
        Some((digits / factor, digits % factor != 0))
    }
}

fn from_iso(text: &str) -> Option<Instant> {
    let sent = text.to_ascii_uppercase().replacen(' ', "T", 1);
    let before_leap = before_leap_second(&sent);
    let text = before_leap.as_deref().unwrap_or(&sent);
    let time = OffsetDateTime::parse(text, &Iso8601::PARSING)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::PARSING).map(PrimitiveDateTime::assume_utc));
    let time = match time {
        Ok(time) => time,
        // An invalid time of day must not be read as midnight.
        Err(_) if text.contains('T') => return None,
        Err(_) => Date::parse(text, &Iso8601::PARSING).ok()?.midnight().assume_utc(),
    };
    let leap = if before_leap.is_some() { Duration::SECOND } else { Duration::ZERO };
    let time = time.checked_add(leap)?.checked_to_offset(UtcOffset::UTC)?;
    let digits = text
        .split_once(['.', ','])
        .map_or(0, |(_, fraction)| fraction.bytes().take_while(u8::is_ascii_digit).count());
    Some(Instant {
        time: in_column_steps(time),
        exact: before_leap.is_none() && digits <= 9 && time.nanosecond() % 100 == 0,
    })
}

/// `text` a second earlier, when its seconds are 60: a leap second, which POSIX time represents by the instant after it.
/// <https://www.rfc-editor.org/rfc/rfc3339#section-5.7>
fn before_leap_second(text: &str) -> Option<String> {
    let (date, time) = text.split_once('T')?;
    let end = time.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(time.len());
    let (clock, rest) = time.split_at_checked(end)?;
    let clock = clock.strip_suffix("60").filter(|minutes| matches!(minutes.len(), 4 | 6))?;
    Some(format!("{date}T{clock}59{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: &str, expected: Option<(OffsetDateTime, bool)>) {
        let number = serde_json::from_str::<serde_json::Number>(sent).is_ok();
        let value = if number { Value::Number(sent) } else { Value::Text(sent.into()) };
        assert_eq!(read(&value).map(|instant| (instant.time, instant.exact)), expected, "{sent}");
        if number {
            assert_eq!(read(&Value::Text(sent.into())), read(&value), "{sent} in quotes");
        }
    }

    #[test]
    fn reads_seconds_and_milliseconds() {
        let august = datetime!(2026-08-03 04:00 UTC);
        for sent in
            ["1785729600", "1785729600.0", "1785729600000", "1.7857296e9", "1.7857296E+12", "17857296000e-1"]
        {
            check(sent, Some((august, true)));
        }
        check("1785729600.1234567", Some((datetime!(2026-08-03 04:00:00.1234567 UTC), true)));
        check("1785729600123.4567", Some((datetime!(2026-08-03 04:00:00.1234567 UTC), true)));
        check("1785729600.12345678", Some((datetime!(2026-08-03 04:00:00.1234567 UTC), false)));
        check("1785729600.0000000000001", Some((august, false)));
        check("10413792000", Some((datetime!(2300-01-01 00:00 UTC), true)));
        check("99999999999", Some((datetime!(5138-11-16 09:46:39 UTC), true)));
        check("946684800", Some((EARLIEST, true)));
        check("946684800000", Some((EARLIEST, true)));
    }

    #[test]
    fn takes_no_number_for_a_time_that_is_none() {
        for sent in [
            "0",
            "-0",
            "1",
            "-1",
            "-1785729600",
            "946684799",
            "100000000000",
            "1e400",
            "1e-400",
            "1e99999999999",
            "1785729600000000",
            "99999999999999999999999999999999999999999",
        ] {
            check(sent, None);
        }
        for sent in
            ["", " ", "+1785729600", "yesterday", "12:00", "NaN", "1785729600s", "0x6a6f", "２０２６-08-03"]
        {
            check(sent, None);
        }
        for value in [Value::Null, Value::Bool(true), Value::Array(vec![Value::Number("1785729600")])] {
            assert_eq!(read(&value), None);
        }
    }

    #[test]
    fn reads_the_ways_iso_8601_is_written() {
        let august = datetime!(2026-08-03 04:00 UTC);
        for sent in [
            "2026-08-03T04:00:00Z",
            "2026-08-03t04:00:00z",
            "2026-08-03 04:00:00Z",
            "2026-08-03T04:00:00",
            "2026-08-03T04:00Z",
            "2026-08-03T06:00:00+02:00",
            "2026-08-03T06:00:00+0200",
            "2026-08-03T06:00:00+02",
            "2026-08-02T23:00:00.000-05:00",
            "20260803T040000Z",
            " 2026-08-03T04:00:00Z ",
            "2026-08-03 04:00:00+00:00",
        ] {
            check(sent, Some((august, true)));
        }
        check("2026-11-28T03:00:60Z", Some((datetime!(2026-11-28 03:01 UTC), false)));
        check("20261128T030060.5Z", Some((datetime!(2026-11-28 03:01:00.5 UTC), false)));
        check("2026-12-31T23:59:60+00:00", Some((datetime!(2027-01-01 00:00 UTC), false)));
        for sent in ["2026-08-03T25:00:00Z", "2026-08-03T04:61:00Z", "2026-08-03T04:00:61Z", "2026-08-03T"] {
            check(sent, None);
        }
        check("2026-08-03", Some((datetime!(2026-08-03 00:00 UTC), true)));
        check("2026-08-03T04:00:00.1234567Z", Some((datetime!(2026-08-03 04:00:00.1234567 UTC), true)));
        check("2026-08-03T04:00:00.123456789Z", Some((datetime!(2026-08-03 04:00:00.1234567 UTC), false)));
        check("2026-08-03T04:00:00.12345670001Z", Some((datetime!(2026-08-03 04:00:00.1234567 UTC), false)));
        for sent in [
            "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "0001-01-01",
            "2026-13-01",
            "2026-02-30",
            "9999-12-31T23:59:59-05:00",
        ] {
            check(sent, None);
        }
    }
}
