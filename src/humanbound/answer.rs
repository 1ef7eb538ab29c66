//! Reads an answer: turns its status into an [`Error`], and reads its body tolerantly.

use reqwest::StatusCode;
use serde_json::{Map, Value};

use super::Error;
use super::wire::Answer;

/// The members of a JSON object.
pub(super) type Object = Map<String, Value>;

/// How much of a body is shown that is not JSON.
const SHOWN: usize = 200;

/// Turns a failed status into the error that a caller can act on.
/// `settles` says that a 5xx leaves no doubt: the call changes nothing, or can be made again.
pub(super) fn judge(answer: Answer, with_key: bool, settles: bool) -> Result<Answer, Error> {
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Ok(answer);
    }
    let text = text_of(&answer);
    Err(match status {
        300..400 => Error::Redirected { status },
        401 | 403 if with_key => Error::KeyNotAccepted { status, text },
        401 => Error::NotLoggedIn {
            reason: format!("the platform does not take the renewed session: {text}"),
            clock_off: None,
        },
        403 => Error::Forbidden { text },
        404 => Error::NotFound { text },
        409 | 422 if text.to_lowercase().contains("limit") => Error::LimitReached { text },
        409 => Error::Conflict { text },
        429 => Error::Throttled { retry_after: answer.retry_after, text },
        // The platform gave up waiting for the request, or what stands before it did.
        408 if !settles => Error::Unclear { status: Some(status), reason: text },
        400..500 => Error::Invalid { status, text },
        _ if settles => Error::Unavailable { status, text },
        _ => Error::Unclear { status: Some(status), reason: text },
    })
}

/// The answer's words: the first of `message`, `detail` and `error_description` that says something, with what `errors`
/// adds, since a 422 names the cause only there; else the beginning of the body, else the status.
pub(super) fn text_of(answer: &Answer) -> String {
    let said = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::Object(body)) => {
            let members = ["message", "detail", "error_description"];
            let general = members.iter().map(|name| words(body.get(*name))).find(|text| !text.is_empty());
            let particular = Some(words(body.get("errors"))).filter(|text| !text.is_empty());
            match (general, particular) {
                (Some(general), Some(particular)) => Some(format!("{general}: {particular}")),
                (general, particular) => general.or(particular),
            }
        }
        _ => None,
    };
    let said = said.unwrap_or_else(|| beginning(&answer.body));
    if said.is_empty() { reason(answer.status) } else { said }
}

fn reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("no reason given").to_owned()
}

/// Text, or the texts in a list joined; objects in it by their own message, as validators write them.
fn words(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => printable(text),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| words(Some(item))).filter(|text| !text.is_empty());
            texts.collect::<Vec<_>>().join("; ")
        }
        Some(Value::Object(item)) => {
            let own = ["message", "msg", "detail"].iter().map(|name| words(item.get(*name)));
            own.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// What can be shown of a text on one line of a terminal, cut to a maximum length.
fn printable(text: &str) -> String {
    let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
    spaced.chars().filter(|c| !c.is_control()).take(2000).collect()
}

fn beginning(body: &[u8]) -> String {
    // A few bytes more than can be shown, since one character can take four and white space goes.
    let start = body.get(..4096).unwrap_or(body);
    printable(&String::from_utf8_lossy(start)).chars().take(SHOWN).collect()
}

/// A body that is one JSON object, bare or as `{"data": {..}}`.
pub(super) fn object(body: &[u8]) -> Result<Object, Error> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut object)) => Ok(match object.remove("data") {
            Some(Value::Object(inner)) => inner,
            Some(other) => {
                object.insert("data".to_owned(), other);
                object
            }
            None => object,
        }),
        _ => Err(odd("an object", body)),
    }
}

/// A body that is a list, bare or in `data`, and the members beside it.
pub(super) fn list(body: &[u8]) -> Result<(Vec<Object>, Object), Error> {
    let (items, rest) = match serde_json::from_slice(body) {
        Ok(Value::Array(items)) => (items, Map::new()),
        Ok(Value::Object(mut object)) => match object.remove("data") {
            Some(Value::Array(items)) => (items, object),
            _ => return Err(odd("a list", body)),
        },
        _ => return Err(odd("a list", body)),
    };
    let objects = items.into_iter().map(|item| match item {
        Value::Object(item) => Ok(item),
        _ => Err(odd("a list of objects", body)),
    });
    Ok((objects.collect::<Result<_, _>>()?, rest))
}

/// The error for a body that is not `expected`.
pub(super) fn odd(expected: &str, body: &[u8]) -> Error {
    let start = beginning(body);
    let got = if start.is_empty() { "nothing".to_owned() } else { format!("`{start}`") };
    Error::OddBody { detail: format!("expected {expected}, got {got}") }
}
