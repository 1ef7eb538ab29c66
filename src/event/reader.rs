//! Cuts JSON text, whose grammar has been checked, into a tree.
//!
//! Because the grammar was checked, nothing here can fail: commas and colons carry no information and are skipped like
//! blanks, and a literal is known by its first letter. Every loop ends on any input, since each step moves forward.

use std::borrow::Cow;

use super::value::Member;
use super::{Event, Object, TRUNCATED_KEY, Value};

/// How deep containers may nest, the body itself being the first. Deeper ones are left out; the recursion below is bounded
/// by it, so no input can overflow the stack.
pub(crate) const MAX_NESTING: usize = 64;

/// The longest text of digits alone that is certainly finite as an `f64`, which reaches to 10^308.
const FINITE_DIGITS: usize = 300;

/// More members than the objects of most events have that are being read at once.
const USUAL_MEMBERS: usize = 32;

/// `None` if `text`, which must be JSON, is not an object.
pub(super) fn parse(text: &str) -> Option<Event<'_>> {
    let members = Vec::with_capacity(USUAL_MEMBERS);
    let mut reader = Reader { text, at: 0, event: Event::default(), members };
    match reader.value(1) {
        Value::Object(members) => Some(Event { members, ..reader.event }),
        _ => None,
    }
}

/// Where the next quote or backslash is. Sixteen bytes at a time, without an early exit, is what the compiler makes one step of.
fn string_stop(text: &[u8]) -> Option<usize> {
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\');
    let (chunks, _) = text.as_chunks::<16>();
    let is_clean = |chunk: &&[u8; 16]| !chunk.iter().fold(false, |found, byte| found | is_stop(byte));
    let clean = 16 * chunks.iter().take_while(is_clean).count();
    let stop = text.get(clean..)?.iter().position(is_stop)?;
    Some(clean + stop)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The result so far; its members are filled in last.
    event: Event<'a>,
    /// Those of all objects that are being read, the innermost last: each is then cut off to its size, and none grows.
    members: Vec<Member<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads a value; `depth` is the depth that a container here would have.
    fn value(&mut self, depth: usize) -> Value<'a> {
        match self.token() {
            b'{' | b'[' if depth > MAX_NESTING => self.too_deep(),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => Value::Text(self.string()),
            b't' => self.literal(4, Value::Bool(true)),
            b'f' => self.literal(5, Value::Bool(false)),
            b'n' => self.literal(4, Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Value<'a> {
        self.at += 1;
        let outer = self.members.len();
        while self.token() == b'"' {
            let key = self.string();
            let value = self.value(depth + 1);
            self.members.push((key, value));
        }
        self.at += 1;
        let (object, has_duplicates) = Object::new(self.members.split_off(outer));
        self.event.duplicate_keys |= has_duplicates;
        Value::Object(object)
    }

    fn array(&mut self, depth: usize) -> Value<'a> {
        self.at += 1;
        let mut items = Vec::new();
        while !matches!(self.token(), b']' | 0) {
            items.push(self.value(depth + 1));
        }
        self.at += 1;
        Value::Array(items)
    }

    /// Skips a container, and returns a placeholder for it.
    fn too_deep(&mut self) -> Value<'a> {
        self.event.lossy = true;
        let mut open = 0_usize;
        loop {
            match self.token() {
                b'"' => drop(self.string()),
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    open -= 1;
                    self.at += 1;
                }
                0 => break,
                _ => self.at += 1,
            }
            if open == 0 {
                break;
            }
        }
        Value::Object(Object::new(vec![(Cow::Borrowed(TRUNCATED_KEY), Value::Bool(true))]).0)
    }

    fn literal(&mut self, length: usize, value: Value<'a>) -> Value<'a> {
        self.at += length;
        value
    }

    fn number(&mut self) -> Value<'a> {
        let rest = self.rest();
        let length =
            rest.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let number = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
        self.at += number.len().max(1);
        if (number.len() > FINITE_DIGITS || number.contains(['e', 'E']))
            && !number.parse::<f64>().is_ok_and(f64::is_finite)
        {
            self.event.beyond_f64 = true;
        }
        Value::Number(number)
    }

    /// The string whose opening quote is next.
    fn string(&mut self) -> Cow<'a, str> {
        self.at += 1;
        let rest = self.rest();
        let mut escaped = false;
        let mut end = 0;
        loop {
            let tail = rest.as_bytes().get(end..).unwrap_or_default();
            match string_stop(tail) {
                Some(stop) if tail.get(stop) == Some(&b'\\') => {
                    escaped = true;
                    end += stop + 2;
                }
                Some(stop) => {
                    end += stop;
                    break;
                }
                None => {
                    end = rest.len();
                    break;
                }
            }
        }
        self.at += end + 1;
        let text = rest.get(..end).unwrap_or_default();
        if escaped { Cow::Owned(self.unescape(text)) } else { Cow::Borrowed(text) }
    }

    fn unescape(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((plain, tail)) = rest.split_once('\\') {
            out.push_str(plain);
            let mut escape = tail.chars();
            match escape.next() {
                Some('u') => {
                    rest = self.unescape_utf16(tail, &mut out);
                    continue;
                }
                Some('b') => out.push('\u{8}'),
                Some('f') => out.push('\u{c}'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(itself) => out.push(itself),
                None => {}
            }
            rest = escape.as_str();
        }
        out.push_str(rest);
        out
    }

    /// Decodes the run of `\uXXXX` that starts at the `u` of `tail`, since two of them may make one character, and returns
    /// what follows the run. A lone surrogate is no character, so U+FFFD takes its place.
    fn unescape_utf16<'t>(&mut self, tail: &'t str, out: &mut String) -> &'t str {
        let mut units = Vec::new();
        let mut rest = tail;
        let mut next = Some(tail);
        while let Some((digits, after)) = next.and_then(|run| run.strip_prefix('u')?.split_at_checked(4)) {
            let Ok(unit) = u16::from_str_radix(digits, 16) else { break };
            units.push(unit);
            rest = after;
            next = after.strip_prefix('\\');
        }
        for decoded in char::decode_utf16(units) {
            self.event.lossy |= decoded.is_err();
            out.push(decoded.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        rest
    }

    /// The byte that the next token starts with, which becomes the next byte; 0 at the end.
    fn token(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') => self.at += 1,
                Some(byte) => return *byte,
                None => return 0,
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }
}
