//! The mapping of one event to one row of `AISecurityEvents_CL`.
//!
//! Any JSON object becomes a row. A value that a column cannot hold without loss is not converted: the column stays
//! empty, and the value is in `Data` or `AdditionalFields`, which together with the columns hold every value of every
//! event.
//!
//! Reading order: `columns` (the row), `sources` (where each column is read from), `mapping` (how), `fields` (tolerant
//! access), then the vocabularies `family`, `severity`, `owasp`, `grade`, `instant`, `number`, and the limits `fit` and
//! `freshness`.

mod columns;
mod sources;

mod mapping;

mod fields;

mod family;
mod grade;
mod instant;
mod number;
mod owasp;
mod severity;

mod fit;
mod freshness;

use std::borrow::Cow;
use std::fmt;

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::{self, Event, Numbers};
use crate::signature::lower_hex;
use columns::{Dynamic, Record};
use family::Family;
use fields::Fields;
use fit::Canonical;

pub use freshness::renew_time_generated;

/// The first half of SHA-256 over the canonical text of an event; equal for duplicates of one event.
///
/// The canonical text has its members sorted by the UTF-8 bytes of their keys, the last of duplicate keys, no blanks, the
/// shortest escapes, and numbers by the text that was sent. A body that cannot be read in full (nesting over 64, a lone
/// surrogate) is taken as it is. Test vectors: `tests/fixtures/event_id.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId([u8; 16]);

impl EventId {
    fn of(bytes: &[u8]) -> Self {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
            *to = *from;
        }
        Self(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lower_hex(&self.0))
    }
}

/// One event, ready to be sent.
#[derive(Debug)]
pub struct Mapped {
    /// The value of the column `EventId`.
    pub event_id: EventId,
    /// One JSON object whose members are columns; a column without a value is left out. At most 500,000 bytes.
    pub row: Vec<u8>,
    /// Something did not fit: the whole body must be stored before this row may be sent.
    pub truncated: bool,
}

/// The body is not a JSON object in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a JSON object")]
pub struct NotAnObject;

/// Maps a verified, inflated body, received at `received`, to its row. Takes about 8 µs for an event of 1 kB.
///
/// # Errors
///
/// [`NotAnObject`] if `body` is anything but one JSON object.
pub fn map(body: &[u8], received: OffsetDateTime) -> Result<Mapped, NotAnObject> {
    let event = event::read(body).ok_or(NotAnObject)?;
    let fields = Fields::new(&event.members);
    Ok(map_event(&event, fields, body, received))
}

/// A row of the connector itself, with the family `connector`: `event_type` is `connector.…`, `data` its content at `now`.
///
/// Its `EventId` covers `now` and `data`, so two rows are equal only if they say the same at the same instant.
#[must_use]
pub fn own_event(event_type: &str, data: serde_json::Value, now: OffsetDateTime) -> Mapped {
    let envelope = serde_json::Map::from_iter([
        ("event_type".to_owned(), event_type.into()),
        ("timestamp".to_owned(), now.format(&Rfc3339).unwrap_or_default().into()),
        ("severity".to_owned(), "info".into()),
        ("data".to_owned(), data),
    ]);
    let body = serde_json::Value::Object(envelope).to_string();
    // What serde_json wrote is an object.
    let event = event::read(body.as_bytes()).unwrap_or_default();
    let mut fields = Fields::new(&event.members);
    fields.family = Family::Connector;
    map_event(&event, fields, body.as_bytes(), now)
}

fn map_event(event: &Event<'_>, mut fields: Fields<'_>, body: &[u8], received: OffsetDateTime) -> Mapped {
    let mut text = Canonical::of(&event.members, Numbers::AsSent, body.len());
    // The canonical text of an event that cannot be read in full lacks a part, so two events could share it.
    let event_id = EventId::of(if event.lossy { body } else { text.text.as_bytes() });
    if event.beyond_f64 {
        text = Canonical::of(&event.members, Numbers::Finite, body.len());
    }
    let mut record = mapping::record(&mut fields, instant::in_column_steps(received));
    record.EventId = Some(Cow::Owned(event_id.to_string()));
    let mut truncated = event.lossy || event.duplicate_keys;
    if let Some((at, value)) = event.members.find("data") {
        fields.consume(at);
        let json = Some(text.value(at)).filter(|json| *json != "null");
        record.Data = json.map(|json| {
            let fits = json.len() <= fit::FIELD_BYTES;
            truncated |= !fits;
            Dynamic(if fits { Cow::Borrowed(json) } else { Cow::Owned(fit::shorten(value)) })
        });
    }
    record.AdditionalFields = text.pick(|at| !fields.is_consumed(at)).map(|(json, cut)| {
        truncated |= cut;
        Dynamic(Cow::Owned(json))
    });
    record.ConnectorVersion = Some(Cow::Borrowed(env!("CARGO_PKG_VERSION")));
    let row = fitted(&mut record, &mut truncated);
    Mapped { event_id, row: row.into_bytes(), truncated }
}

/// The row, its strings cut as far as its size requires.
fn fitted(record: &mut Record<'_>, truncated: &mut bool) -> String {
    let mut row = String::new();
    for limit in fit::STRING_LIMITS {
        *truncated |= record.cut_strings(limit);
        record.Truncated = Some(*truncated);
        row = record.to_json();
        if row.len() <= fit::ROW_BYTES {
            break;
        }
    }
    row
}
