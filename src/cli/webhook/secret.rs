//! The webhook's secret: from a file, from standard input, from a person, or made here. It is in memory only.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use dialoguer::{Password, Select};
use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::cli::error::{Exit, Explain as _, usage};
use crate::config::Confidential;

/// A secret must be as long, in characters of printable ASCII.
const MIN_LENGTH: usize = 32;
/// Nobody's secret is longer; a wrong file may be.
const MAX_LENGTH: usize = 4_096;

/// Where a secret came from.
pub(crate) enum Origin {
    /// The operator says that the connector already has it.
    Given,
    /// It was made here; the connector gets it from the operator.
    Made,
}

/// Reads `file`, or standard input for `-`. One end of line at the end does not belong to it.
pub(crate) fn read(file: &Path) -> Result<Confidential> {
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = MAX_LENGTH as u64 + 3;
    if file == Path::new("-") {
        io::stdin().take(limit).read_to_end(&mut bytes).context("standard input cannot be read")?;
    } else {
        let opened = fs::File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes));
        opened
            .with_context(|| format!("`{}` cannot be read", file.display()))
            .hint("name the file that holds the connector's secret, or `-` for standard input")
            .exit(Exit::Usage)?;
    }
    let text = std::str::from_utf8(&bytes).unwrap_or("\u{fffd}");
    let text = text.strip_suffix('\n').unwrap_or(text);
    check(text.strip_suffix('\r').unwrap_or(text)).map_err(|problem| {
        usage(
            format!("the secret in `{}` {problem}", file.display()),
            "use a text like that of `openssl rand -hex 32`",
        )
    })
}

fn check(text: &str) -> Result<Confidential, String> {
    if text.len() < MIN_LENGTH {
        return Err(format!("has {} characters; it takes at least {MIN_LENGTH}", text.chars().count()));
    }
    if text.len() > MAX_LENGTH {
        return Err(format!("is longer than {MAX_LENGTH} characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a blank, an end of line or a character that is not printable ASCII".to_owned());
    }
    Ok(Confidential::new(text))
}

/// A new secret: 32 random bytes in hex.
pub(crate) fn generate() -> Result<Confidential> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(bytes.as_mut_slice()).map_err(|_| anyhow!("the system has no random numbers"))?;
    Ok(Confidential::new(crate::signature::lower_hex(bytes.as_slice())))
}

/// Asks the operator for the connector's secret, or to give a new one to the connector.
pub(crate) fn ask(context: &Context) -> Result<(Confidential, Origin)> {
    if !context.is_interactive {
        return Err(usage(
            "the connector's secret is needed",
            "name a file with `--secret-file FILE`, or `--secret-file -` for standard input",
        ));
    }
    let choices = ["Enter the secret that the connector has", "Make a new one and show it once"];
    let choice = Select::new().with_prompt("The webhook's secret").items(choices).default(0).interact()?;
    if choice == 1 {
        return Ok((generate()?, Origin::Made));
    }
    let entered = Password::new()
        .with_prompt("Secret (is not shown)")
        .validate_with(|text: &String| check(text).map(drop))
        .interact()
        .map(Zeroizing::new)?;
    let secret = check(&entered).map_err(|problem| anyhow!("the secret {problem}"));
    Ok((secret.hint("use a text like that of `openssl rand -hex 32`")?, Origin::Given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_printable() {
        let long = "a".repeat(32);
        assert_eq!(check(&long).unwrap().expose(), long);
        for (text, problem) in [
            ("a".repeat(31), "has 31 characters"),
            ("a".repeat(4_097), "longer than 4096"),
            (format!("{long} "), "holds a blank"),
            (format!("{long}\n"), "end of line"),
            (format!("{long}é"), "not printable ASCII"),
        ] {
            assert!(check(&text).unwrap_err().contains(problem), "{text}");
        }
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.expose().len(), 64);
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn one_end_of_line_does_not_belong_to_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let text = "0123456789abcdef0123456789abcdef";
        for end in ["", "\n", "\r\n"] {
            fs::write(&file, format!("{text}{end}")).unwrap();
            assert_eq!(read(&file).unwrap().expose(), text);
        }
        fs::write(&file, format!("{text}\n\n")).unwrap();
        assert!(read(&file).is_err());
    }
}
