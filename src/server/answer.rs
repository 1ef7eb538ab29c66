//! Every answer to the sender, on one page. The texts are the same whatever the reason was: reasons are for the log.

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::delivery::dedup::Outcome;
use crate::record::EventId;

/// Seconds after which a sender may try again.
const TRY_AGAIN_S: HeaderValue = HeaderValue::from_static("5");

/// What became of an event that is now safe, or is not.
pub(super) fn outcome(outcome: Outcome, event_id: EventId) -> Response {
    match outcome {
        Outcome::Stored => event(StatusCode::OK, "stored", event_id),
        Outcome::Spooled => event(StatusCode::ACCEPTED, "spooled", event_id),
        Outcome::Unavailable => unavailable(),
    }
}

/// A duplicate of an event that was stored a short while ago.
pub(super) fn duplicate(event_id: EventId) -> Response {
    event(StatusCode::OK, "duplicate", event_id)
}

fn event(code: StatusCode, status: &'static str, event_id: EventId) -> Response {
    json(code, format!(r#"{{"event_id":"{event_id}","status":"{status}"}}"#))
}

/// Correctly signed, but not a JSON object.
pub(super) fn not_an_object() -> Response {
    plain(StatusCode::BAD_REQUEST, "bad_request")
}

/// The signature is missing, malformed or wrong: which of the three is not said.
pub(super) fn unauthorized() -> Response {
    plain(StatusCode::UNAUTHORIZED, "unauthorized")
}

/// The body is too large, as sent or inflated.
pub(super) fn too_large() -> Response {
    plain(StatusCode::PAYLOAD_TOO_LARGE, "too_large")
}

/// The body has an encoding that we do not accept.
pub(super) fn unsupported_encoding() -> Response {
    plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding")
}

/// Not now: the sender should try again.
pub(super) fn unavailable() -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    response.headers_mut().insert(RETRY_AFTER, TRY_AGAIN_S);
    response
}

fn plain(code: StatusCode, status: &'static str) -> Response {
    json(code, format!(r#"{{"status":"{status}"}}"#))
}

/// The words above need no escapes.
fn json(code: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Ends the connection after `response`: an answer that comes before the whole body must not leave the rest unread on
/// an open connection, or the host's proxy waits for it. How it ends is in `listen`.
pub(super) fn and_close(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
