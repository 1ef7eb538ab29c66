//! Makes a row fit: cuts openly what Azure Monitor would cut silently.

use std::ops::Range;

use super::columns::prefix;
use crate::event::{Numbers, Object, TRUNCATED_KEY, Value, write_string, write_value};

/// The maximum size of one column in bytes. Azure Monitor silently cuts a field at 64 KB:
/// <https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api>.
pub(super) const FIELD_BYTES: usize = 60_000;

/// The maximum size of one row in bytes, so that at least two fit in a call of the Logs Ingestion API, which takes 1 MB.
pub(super) const ROW_BYTES: usize = 500_000;

/// The limits that strings are cut to, one after the other, until the row fits. With the last one it always does: 35
/// strings of 1,000 bytes, each of which can take six bytes of JSON, and two dynamic columns are 330,000 bytes.
pub(super) const STRING_LIMITS: [usize; 3] = [FIELD_BYTES, 8_000, 1_000];

/// An object's canonical text, and where its members are in it.
pub(super) struct Canonical {
    pub(super) text: String,
    members: Vec<Member>,
}

struct Member {
    /// Key and value.
    whole: Range<usize>,
    value: Range<usize>,
}

impl Canonical {
    pub(super) fn of(object: &Object<'_>, numbers: Numbers, capacity: usize) -> Self {
        let mut text = String::with_capacity(capacity);
        let mut members = Vec::with_capacity(object.len());
        text.push('{');
        for (key, value) in object.iter() {
            if text.len() > 1 {
                text.push(',');
            }
            let start = text.len();
            write_string(&mut text, key);
            text.push(':');
            let value_start = text.len();
            write_value(&mut text, value, numbers);
            members.push(Member { whole: start..text.len(), value: value_start..text.len() });
        }
        text.push('}');
        Self { text, members }
    }

    /// The text of the value of the member at `at`.
    pub(super) fn value(&self, at: usize) -> &str {
        self.members.get(at).and_then(|member| self.text.get(member.value.clone())).unwrap_or_default()
    }

    /// An object of the members that `wanted` picks, cut to [`FIELD_BYTES`], and whether it had to be cut. `None` if there
    /// are none.
    pub(super) fn pick(&self, wanted: impl Fn(usize) -> bool) -> Option<(String, bool)> {
        let picked: Vec<&str> = self
            .members
            .iter()
            .enumerate()
            .filter(|(at, _)| wanted(*at))
            .filter_map(|(_, member)| self.text.get(member.whole.clone()))
            .collect();
        (!picked.is_empty()).then(|| object_of(&picked))
    }
}

/// `value` in at most [`FIELD_BYTES`] of JSON, for a value that needs more: an object keeps the members that fit, an array
/// its first items, text its beginning. Any other value of that length is replaced as a whole.
pub(super) fn shorten(value: &Value<'_>) -> String {
    match value {
        Value::Object(object) => {
            Canonical::of(object, Numbers::Finite, 0).pick(|_| true).map(|(text, _)| text).unwrap_or_default()
        }
        Value::Array(items) => {
            let mut out = String::from("[");
            for item in items {
                let before = out.len();
                if before > 1 {
                    out.push(',');
                }
                write_value(&mut out, item, Numbers::Finite);
                if out.len() >= FIELD_BYTES {
                    out.truncate(before);
                    break;
                }
            }
            out.push(']');
            out
        }
        Value::Text(text) => {
            let mut out = String::new();
            write_string(&mut out, prefix(text, FIELD_BYTES - 2));
            if out.len() > FIELD_BYTES {
                out.clear();
                write_string(&mut out, prefix(text, (FIELD_BYTES - 2) / 6));
            }
            out
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => format!("{{\"{TRUNCATED_KEY}\":true}}"),
    }
}

/// Joins members, each the text of key and value, to an object. If they do not fit, the largest are left out first, so
/// that most of them are kept, and `_truncated` says so.
fn object_of(members: &[&str]) -> (String, bool) {
    let bytes = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>() + 1;
    if bytes(members) <= FIELD_BYTES {
        return (format!("{{{}}}", members.join(",")), false);
    }
    let marker = format!("\"{TRUNCATED_KEY}\":true");
    let own = format!("\"{TRUNCATED_KEY}\":");
    let mut smallest_first: Vec<usize> = (0..members.len()).collect();
    smallest_first.sort_by_key(|at| members.get(*at).map_or(0, |member| member.len()));
    let mut kept = vec![false; members.len()];
    let mut room = FIELD_BYTES - bytes(&[&marker]);
    for at in smallest_first {
        let Some(member) = members.get(at).filter(|member| !member.starts_with(&own)) else { continue };
        let Some(left) = room.checked_sub(member.len() + 1) else { break };
        room = left;
        if let Some(keep) = kept.get_mut(at) {
            *keep = true;
        }
    }
    let mut chosen: Vec<&str> =
        members.iter().zip(kept).filter(|(_, keep)| *keep).map(|(member, _)| *member).collect();
    chosen.push(&marker);
    (format!("{{{}}}", chosen.join(",")), true)
}
