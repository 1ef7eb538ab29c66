//! `Retry-After` in both forms, and the pauses between attempts.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Pauses before the second and third attempt of a push; a Retry-After that is longer wins.
pub(crate) const PAUSES: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(600)];

/// A wait that a server asks for is believed up to here.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Reads a `Retry-After` value: seconds, or an HTTP date relative to `now`; `None` when it is neither.
/// <https://www.rfc-editor.org/rfc/rfc9110#name-retry-after>
#[must_use]
pub fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER));
    }
    // An IMF-fixdate is an RFC 2822 date whose zone is spelled GMT.
    let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or(Duration::ZERO).min(MAX_RETRY_AFTER))
}
