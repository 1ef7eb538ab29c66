//! Writes all findings into a file for somebody who helps. It contains no secret and names no person.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Patient;
use crate::home;

/// Members whose value is always left out.
const HIDDEN: [&str; 6] = ["secret", "token", "password", "api_key", "signature", "connectionstring"];
/// A run of letters and digits as long may be a key; ids of Azure and of Humanbound have dashes in them.
const KEY_LENGTH: usize = 32;

pub(super) fn write(file: &Path, result: &Value, patient: &Patient<'_>) -> Result<()> {
    let state = serde_json::to_value(&patient.connection).unwrap_or_default();
    let all = json!({
        "made_by": concat!("hb-sentinel ", env!("CARGO_PKG_VERSION")),
        "system": std::env::consts::OS, "architecture": std::env::consts::ARCH,
        "doctor": result, "state": state,
    });
    let mut text = serde_json::to_vec_pretty(&redacted(all))?;
    text.push(b'\n');
    home::write(file, &text).with_context(|| format!("{} cannot be written", file.display()))
}

fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let lower = name.to_lowercase();
                let is_hidden = HIDDEN.iter().any(|hidden| lower.contains(hidden)) && value.is_string();
                (name, if is_hidden { Value::from("redacted") } else { redacted(value) })
            })
            .collect(),
        other => other,
    }
}

/// Without what looks like an e-mail address, a token or a key.
fn clean(text: &str) -> String {
    let clean_word = |word: &str| {
        let core = word.trim();
        let is_address =
            core.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
        if is_address {
            return word.replace(core, "redacted-address");
        }
        if core.contains("eyJ")
            || core.to_lowercase().contains("sig=")
            || core.to_lowercase().contains("code=")
        {
            return word.replace(core, "redacted-token");
        }
        let mut out = String::new();
        let mut run = String::new();
        for character in word.chars().chain(['\u{0}']) {
            if character.is_ascii_alphanumeric() {
                run.push(character);
                continue;
            }
            out.push_str(if run.len() >= KEY_LENGTH { "redacted-key" } else { &run });
            run.clear();
            if character != '\u{0}' {
                out.push(character);
            }
        }
        out
    };
    text.split_inclusive(' ').map(clean_word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_opens_or_names_is_left() {
        let value = json!({
            "webhook_secret": "short", "note": ["write to alice@contoso.com now", "Bearer eyJhbGciOi.x.y"],
            "url": "https://x/api?code=abc", "key": format!("is {}", "0a".repeat(32)),
            "id": "0b7f2f9e-2f43-4a7b-8a3a-5d0d1c2b3a4f", "count": 3,
        });
        assert_eq!(
            redacted(value),
            json!({
                "webhook_secret": "redacted", "note": ["write to redacted-address now", "Bearer redacted-token"],
                "url": "redacted-token", "key": "is redacted-key",
                "id": "0b7f2f9e-2f43-4a7b-8a3a-5d0d1c2b3a4f", "count": 3,
            })
        );
    }
}
