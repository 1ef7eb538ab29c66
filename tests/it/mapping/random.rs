//! Random bodies: whatever comes in, a row comes out that fits, or the body is no object.

use humanbound_sentinel::record;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::de::IgnoredAny;

use super::row::{self, RECEIVED};
use super::tree::Tree;

const KEYS: [&str; 40] = [
    "event_type",
    "organisation_id",
    "project_id",
    "timestamp",
    "severity",
    "severity_label",
    "title",
    "description",
    "category",
    "owasp_category",
    "data",
    "data",
    "data",
    "id",
    "event_id",
    "finding",
    "finding_id",
    "assessment",
    "campaign",
    "posture",
    "posture_before",
    "posture_after",
    "status",
    "score",
    "grade",
    "threat_class",
    "first_seen_at",
    "test_count",
    "occurrence_count",
    "retest",
    "outcome",
    "actor",
    "assignee",
    "dimension",
    "domain",
    "project_name",
    "_truncated",
    "",
    "$serde_json::private::Number",
    "$serde_json::private::RawValue",
];

const TEXTS: [&str; 26] = [
    "",
    " ",
    "finding.created",
    "posture.grade_changed",
    "campaign.completed",
    "quality.regression",
    "drift.detected",
    "ping",
    "connector.stats",
    "High",
    "critical",
    "88",
    "LLM01",
    "asi07 - x",
    "B -> D",
    "New: thing",
    "2026-08-06T02:00:00.5+01:00",
    "1785981600",
    "6F0C2E5E-3D1B-4B55-9E33-6C0A7B1B0A11",
    "é€😀\u{301}\u{202e}",
    "\0\u{1f}\u{7f}\"\\/\n",
    "a@x.example",
    "NaN",
    "{}",
    "\u{ffff}\u{10000}",
    " padded ",
];

const NUMBERS: [&str; 24] = [
    "0",
    "-0",
    "1",
    "-1",
    "75",
    "74.99",
    "1e2",
    "1E+2",
    "1e400",
    "-1e400",
    "1e-400",
    "0.1",
    "0.30000000000000004",
    "2147483647",
    "2147483648",
    "9223372036854775808",
    "1785981600",
    "1785981600123",
    "1785981600.1234567",
    "10413792000",
    "1000000000000000000000000000000",
    "-0.0",
    "88.12345678901234567",
    "5e-324",
];

struct Bodies(ChaCha8Rng);

impl Bodies {
    fn value(&mut self, depth: usize) -> Tree {
        match self.0.random_range(0..if depth < 5 { 10 } else { 6 }) {
            0 => Tree::Null,
            1 => Tree::Bool(self.0.random_bool(0.5)),
            2 | 3 => Tree::Number((*NUMBERS.choose(&mut self.0).unwrap()).to_owned()),
            4 | 5 => {
                let text = TEXTS.choose(&mut self.0).unwrap();
                let long = self.0.random_bool(0.003);
                Tree::Text(text.repeat(if long {
                    65_000 / text.len().max(1)
                } else {
                    self.0.random_range(1..3)
                }))
            }
            6 => {
                let items = self.0.random_range(0..5);
                Tree::Array((0..items).map(|_| self.value(depth + 1)).collect())
            }
            _ => self.object(depth + 1),
        }
    }

    fn object(&mut self, depth: usize) -> Tree {
        let members = self.0.random_range(0..12);
        Tree::Object(
            (0..members)
                .map(|_| ((*KEYS.choose(&mut self.0).unwrap()).to_owned(), self.value(depth)))
                .collect(),
        )
    }

    /// The same value, written another way each time.
    fn write(&mut self, value: &Tree, out: &mut String) {
        self.blank(out);
        match value {
            Tree::Null => out.push_str("null"),
            Tree::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Tree::Number(number) => out.push_str(number),
            Tree::Text(text) => self.write_text(text, out),
            Tree::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.write(item, out);
                }
                self.blank(out);
                out.push(']');
            }
            Tree::Object(members) => {
                out.push('{');
                let mut members: Vec<_> = members.iter().collect();
                members.shuffle(&mut self.0);
                for (at, (key, member)) in members.into_iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.blank(out);
                    self.write_text(key, out);
                    self.blank(out);
                    out.push(':');
                    self.write(member, out);
                }
                self.blank(out);
                out.push('}');
            }
        }
        self.blank(out);
    }

    fn write_text(&mut self, text: &str, out: &mut String) {
        // Which characters are escaped, and how: drawn once a text, since drawing is what takes the time here.
        let (escaped, upper): (u32, u32) = (self.0.random(), self.0.random());
        let escaped = if self.0.random_bool(0.7) { 0 } else { escaped };
        out.push('"');
        for (at, c) in text.chars().enumerate() {
            let chosen = |bits: u32| bits >> (at % 32) & 1 == 1;
            if c < ' ' || c == '"' || c == '\\' || chosen(escaped) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let escape = format!("\\u{unit:04x}");
                    out.push_str(&if chosen(upper) {
                        escape.to_uppercase().replace('U', "u")
                    } else {
                        escape
                    });
                }
            } else {
                out.push(c);
            }
        }
        out.push('"');
    }

    fn blank(&mut self, out: &mut String) {
        if self.0.random_bool(0.2) {
            out.push(*[' ', '\t', '\r', '\n'].choose(&mut self.0).unwrap());
        }
    }
}

#[test]
fn every_random_object_becomes_a_valid_row_that_holds_it_all() {
    let mut bodies = Bodies(ChaCha8Rng::seed_from_u64(1));
    let mut truncated = 0;
    for _ in 0..500 {
        let object = bodies.object(0);
        let [mut once, mut again] = [String::new(), String::new()];
        bodies.write(&object, &mut once);
        bodies.write(&object, &mut again);
        // Checks each row and, if nothing was truncated, that nothing is missing. Equal rows have equal ids.
        let row = row::of(&once);
        assert_eq!(row, row::of(&again), "{once}\nand\n{again}");
        truncated += u32::from(row["Truncated"] == Tree::Bool(true));
    }
    assert!((10..250).contains(&truncated), "{truncated} rows were truncated: no fair sample");
}

#[test]
fn a_damaged_body_is_rejected_or_becomes_a_valid_row() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let whole = [
        &include_bytes!("../../fixtures/events/finding.created.json")[..],
        include_bytes!("../../fixtures/events/campaign.completed.json"),
        include_bytes!("../../fixtures/hostile/lone_surrogates.json"),
        include_bytes!("../../fixtures/hostile/nesting_65.json"),
        include_bytes!("../../fixtures/hostile/controls_and_nul.json"),
        include_bytes!("../../fixtures/hostile/numbers_beyond_f64.json"),
    ];
    let [mut rejected, mut mapped] = [0, 0];
    for _ in 0..6_000 {
        let mut body = whole.choose(&mut random).unwrap().to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..body.len());
            match random.random_range(0..4) {
                0 => body[at] = random.random_range(0..=255),
                1 => drop(body.remove(at)),
                2 => body.insert(at, *b"\"\\{}[]:,0ued-. \x00".choose(&mut random).unwrap()),
                _ => body[at] = *b"\"\\{}[]:,0ued-. \x00".choose(&mut random).unwrap(),
            }
        }
        let is_object = std::str::from_utf8(&body).is_ok_and(|text| {
            text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
        });
        let row = record::map(&body, RECEIVED);
        assert_eq!(row.is_ok(), is_object, "{}", String::from_utf8_lossy(&body));
        if let Ok(row) = row {
            row::valid(&row);
            mapped += 1;
        } else {
            rejected += 1;
        }
    }
    assert!(rejected > 500 && mapped > 500, "{rejected} rejected, {mapped} mapped: no fair sample");
}

#[test]
fn noise_is_rejected() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for length in 0..300 {
        let noise: Vec<u8> = (0..length).map(|_| random.random_range(0..=255)).collect();
        assert!(record::map(&noise, RECEIVED).is_err());
    }
}
