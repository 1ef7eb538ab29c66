//! Spans of time on the command line.

use std::time::Duration;

/// Reads a span such as `10s`, `5m` or `1h30m`.
///
/// # Errors
/// It is none.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "a span looks like 10s, 5m or 1h30m".to_owned())
}

/// Reads the span between two looks: a shorter one would do nothing but look.
///
/// # Errors
/// It is none, or under a second.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = span(text)?;
    if interval < Duration::from_secs(1) { Err("the shortest is 1s".to_owned()) } else { Ok(interval) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_unit_and_an_interval_a_second() {
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5_400)));
        for text in ["", "soon", "10", "-1s"] {
            assert!(span(text).unwrap_err().contains("looks like 10s"), "{text}");
        }
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        for text in ["0s", "999ms"] {
            assert!(interval(text).unwrap_err().contains("1s"), "{text}");
        }
    }
}
