//! Reads a webhook body: from bytes to a tree that borrows from them, and to the canonical text behind `EventId`.
//!
//! `serde_json` checks the grammar ([`serde::de::IgnoredAny`]: iterative, builds nothing), and `reader` then cuts the
//! checked text into pieces. `serde_json` does not build the tree, for three reasons. Numbers must keep the text that was
//! sent. An object must not change its meaning when one of its keys is a private name that `serde_json` uses for numbers
//! and raw values. And what its decoder rejects (deep nesting, a lone surrogate) must still become a row.
//!
//! This module knows no field of an event and no column; [`crate::record`] does.

mod reader;
mod value;
mod writer;

use serde::de::IgnoredAny;

pub(crate) use value::{Object, Value};
pub(crate) use writer::{Numbers, write_string, write_value};

/// Written in place of what was left out.
pub(crate) const TRUNCATED_KEY: &str = "_truncated";

/// One webhook body, read.
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    /// The body's members.
    pub(crate) members: Object<'a>,
    /// A part of the body is not in `members` as it was sent: a container nested too deep was left out, or a lone
    /// surrogate was replaced with U+FFFD.
    pub(crate) lossy: bool,
    /// An object has a duplicate key with different values, of which `members` holds the last.
    pub(crate) duplicate_keys: bool,
    /// A number is too large for `f64`, so `members` must be written with [`Numbers::Finite`] for other readers.
    pub(crate) beyond_f64: bool,
}

/// Reads `body`, which must be one JSON object of RFC 8259 in UTF-8; `None` otherwise.
///
/// A byte order mark before it is ignored, as RFC 8259 section 8.1 allows: <https://www.rfc-editor.org/rfc/rfc8259#section-8.1>.
/// Of duplicate keys the last one wins, as in every common parser.
pub(crate) fn read(body: &[u8]) -> Option<Event<'_>> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    reader::parse(text)
}
