//! Signed events of 1,024 bytes, each different from every other.

use anyhow::Context as _;
use ring::hmac;
use serde_json::json;

/// The webhook's secret.
pub(crate) const SECRET: &str = "the secret of the benchmark";
/// The size of an event in bytes.
pub(crate) const BYTES: usize = 1024;

/// Stands for the number of an event until it has one.
const NUMBER: &str = "################";
/// Stands for the signature until there is one: 64 hex digits.
const SIGNATURE: &str = "????????????????????????????????????????????????????????????????";
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What descriptions are made of, so that no two senders' texts are alike: the price of compression depends on it.
const WORDS: [&str; 48] = [
    "agent",
    "prompt",
    "injection",
    "through",
    "retrieved",
    "document",
    "discloses",
    "another",
    "customer",
    "balance",
    "tool",
    "call",
    "without",
    "confirmation",
    "the",
    "system",
    "instructions",
    "were",
    "repeated",
    "after",
    "three",
    "turns",
    "of",
    "role",
    "play",
    "refund",
    "limit",
    "ignored",
    "when",
    "asked",
    "in",
    "French",
    "session",
    "token",
    "appears",
    "verbatim",
    "policy",
    "guard",
    "bypassed",
    "by",
    "base64",
    "encoded",
    "text",
    "memory",
    "poisoned",
    "across",
    "sessions",
    "escalation",
];

/// A request that is written again and again, each time with another event in it.
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// The length of the head; the places below are those in all the bytes.
    head: usize,
    /// Where number and signature go; `None` in a request that is always the same.
    places: Option<(usize, usize)>,
    key: hmac::Key,
}

impl Request {
    /// The request of sender `sender`, whose events share all but their number.
    pub(crate) fn new(sender: u64) -> anyhow::Result<Self> {
        let body = body(sender)?;
        let mut bytes = format!(
            "POST /api/ingest HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             user-agent: throughput\r\ncontent-length: {}\r\nx-humanbound-signature: sha256={SIGNATURE}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        let head = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        let text = String::from_utf8_lossy(&bytes);
        let number = text.find(NUMBER).context("the event has no place for its number")?;
        let signature = text.find(SIGNATURE).context("the head has no place for the signature")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Ok(Self { bytes, head, places: Some((number, signature)), key })
    }

    /// A request that is always the same.
    pub(crate) fn fixed(bytes: Vec<u8>) -> Self {
        Self { bytes, head: 0, places: None, key: hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()) }
    }

    /// The request with event `number` in it, signed.
    pub(crate) fn event(&mut self, number: u64) -> &[u8] {
        let Some((place, signature)) = self.places else { return &self.bytes };
        let hex = &mut [0; NUMBER.len()];
        write_hex(&number.to_be_bytes(), hex);
        overwrite(&mut self.bytes, place, hex);
        let mac = hmac::sign(&self.key, self.body());
        let hex = &mut [0; SIGNATURE.len()];
        write_hex(mac.as_ref(), hex);
        overwrite(&mut self.bytes, signature, hex);
        &self.bytes
    }

    /// The event that is in it.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }
}

/// The number of the event whose `finding_id` this is.
pub(crate) fn number(finding_id: &str) -> Option<u64> {
    u64::from_str_radix(finding_id.strip_prefix("bench-")?, 16).ok()
}

/// A `finding.created` event of [`BYTES`] bytes with a place for its number.
fn body(sender: u64) -> anyhow::Result<String> {
    let mut dice = Dice(sender);
    let mut text = |length: usize| -> String {
        let mut text = String::new();
        while text.len() < length {
            text.push_str(WORDS.get(dice.roll(WORDS.len())).copied().unwrap_or_default());
            text.push(' ');
        }
        text.truncate(length);
        text
    };
    let mut event = json!({
        "event_type": "finding.created",
        "organisation_id": "6f1c1b52-8f0a-4a55-9a3e-1c9a7c1d2e3f",
        "project_id": format!("0b7f2f9e-2f43-4a7b-8a3a-{sender:012x}"),
        "timestamp": 1_785_729_600,
        "severity": "high",
        "title": format!("New high finding: {}", text(40)),
        "description": "",
        "category": "security",
        "data": {
            "finding_id": format!("bench-{NUMBER}"),
            "title": text(40),
            "threat_class": "prompt_injection",
            "owasp_category": "LLM01: Prompt Injection",
            "severity": 78.5,
            "severity_label": "high",
            "status": "open",
            "first_seen_at": "2026-08-03T04:00:00Z",
            "occurrence_count": 3,
            "assignee_id": null,
            "delegation_status": "unassigned",
        }
    });
    let missing = BYTES.checked_sub(event.to_string().len()).context("the event is too long")?;
    if let Some(description) = event.get_mut("description") {
        *description = text(missing).into();
    }
    Ok(event.to_string())
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(with) {
        *to = *from;
    }
}

fn write_hex(bytes: &[u8], to: &mut [u8]) {
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    for (byte, pair) in bytes.iter().zip(to.chunks_exact_mut(2)) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
    }
}

/// `SplitMix64`: the same texts in every run. <https://prng.di.unimi.it/splitmix64.c>
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number above 0 and up to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        let parts = 1_u32 << 30;
        let part = u32::try_from(self.roll(1 << 30)).unwrap_or(0);
        (f64::from(part) + 1.0) / f64::from(parts)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides.max(1) as u64).unwrap_or(0)
    }
}
