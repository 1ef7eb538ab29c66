//! Writes JSON text: the canonical form, which is also the form of the dynamic columns.
//!
//! No blanks, the members of an object in the order of their keys' UTF-8 bytes (that of [`Object`]), the shortest escapes:
//! only `"`, `\` and the control characters, as in RFC 8785, section 3.2.2.2 (<https://www.rfc-editor.org/rfc/rfc8785>).
//! Unlike there, numbers keep the text that was sent: through `f64` two different ids could become one.
//!
//! [`Object`]: super::Object

use std::fmt::Write;

use super::Value;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// With the text that was sent.
    AsSent,
    /// With the text that was sent, but in quotes where it is too large for `f64` (`1e400`), which many readers turn into
    /// infinity, which is no JSON, or for which they reject the whole batch.
    Finite,
}

/// Appends `value`.
pub(crate) fn write_value(out: &mut String, value: &Value<'_>, numbers: Numbers) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(text)
            if numbers == Numbers::Finite && !text.parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            write_string(out, text);
        }
        Value::Number(text) => out.push_str(text),
        Value::Text(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(out, item, numbers);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (at, (key, member)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_value(out, member, numbers);
            }
            out.push('}');
        }
    }
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // Nearly every string needs no escape; without an early exit the compiler checks 16 bytes at a time.
    let clean = !text.bytes().fold(false, |escaped, byte| escaped | needs_escape(byte));
    while !clean && let Some(at) = rest.bytes().position(needs_escape) {
        let Some((plain, tail)) = rest.split_at_checked(at) else { break };
        out.push_str(plain);
        let mut chars = tail.chars();
        if let Some(special) = chars.next() {
            write_escape(out, special);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, 0..b' ' | b'"' | b'\\')
}

fn write_escape(out: &mut String, special: char) {
    match special {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control => {
            // Writing to a string cannot fail.
            write!(out, "\\u{:04x}", u32::from(control)).unwrap_or_default();
        }
    }
}
