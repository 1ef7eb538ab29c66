//! The three times of a row, and the timestamp that could not be used.

use super::row;

const RECEIVED: &str = r#""2026-08-06T08:00:00.1234567Z""#;

/// Checks what becomes of `timestamp`, a JSON value: `EventTime`, `TimeGenerated` and `OriginalTimestamp`.
fn check(timestamp: &str, event_time: &str, time_generated: &str, original: &str) {
    row::check(
        &format!(r#"{{"event_type":"ascam.paused","timestamp":{timestamp}}}"#),
        &[
            ("EventTime", event_time),
            ("TimeGenerated", time_generated),
            ("OriginalTimestamp", original),
            ("ReceivedTime", RECEIVED),
        ],
    );
}

#[test]
fn a_fresh_event_keeps_its_time() {
    let time = r#""2026-08-06T07:59:00Z""#;
    for timestamp in [
        "1786003140",
        "1786003140.0",
        "1786003140000",
        "\"1786003140\"",
        time,
        r#""2026-08-06T09:59:00+02:00""#,
    ] {
        check(timestamp, time, time, "null");
    }
    check(RECEIVED, RECEIVED, RECEIVED, "null");
}

#[test]
fn time_generated_reaches_46_hours_back() {
    let oldest = r#""2026-08-04T10:00:00.1234567Z""#;
    check(oldest, oldest, oldest, "null");
    let older = r#""2026-08-04T10:00:00.1234566Z""#;
    check(older, older, RECEIVED, "null");
    let oldest_of_all = r#""2000-01-01T00:00:00Z""#;
    check(oldest_of_all, oldest_of_all, RECEIVED, "null");
}

#[test]
fn time_generated_is_never_in_the_future() {
    let ahead = r#""2026-08-06T08:00:00.1234568Z""#;
    check(ahead, ahead, RECEIVED, "null");
}

#[test]
fn event_time_may_be_a_day_ahead_and_no_more() {
    let day = r#""2026-08-07T08:00:00.1234567Z""#;
    check(day, day, RECEIVED, "null");
    let more = r#""2026-08-07T08:00:00.1234568Z""#;
    check(more, RECEIVED, RECEIVED, more);
}

#[test]
fn an_unusable_timestamp_is_kept_as_it_was_sent() {
    for timestamp in ["0", "-1", "1e400", "10413792000", "1785981600000000", "12.50", "99999999999999999999"]
    {
        check(timestamp, RECEIVED, RECEIVED, &format!("\"{timestamp}\""));
    }
    for timestamp in [r#""soon""#, r#"" ""#, r#""1999-12-31T23:59:59Z""#, r#""2300-01-01T00:00:00Z""#] {
        check(timestamp, RECEIVED, RECEIVED, timestamp);
    }
}

#[test]
fn a_timestamp_of_another_type_goes_to_the_additional_fields() {
    for timestamp in ["true", "[1785981600]", r#"{"s":1785981600}"#] {
        check(timestamp, RECEIVED, RECEIVED, "null");
        row::check(
            &format!(r#"{{"timestamp":{timestamp}}}"#),
            &[("AdditionalFields", &format!(r#"{{"timestamp":{timestamp}}}"#))],
        );
    }
    check("null", RECEIVED, RECEIVED, "null");
}
