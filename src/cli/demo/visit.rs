//! `--serve` for every other command: a home folder with a login to the demo's platform, and the commands that use it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::connector::Connector;
use super::folder::Folder;
use crate::config::{self, Env};
use crate::emulator::Platform;
use crate::home;
use crate::story::Story;

/// This program, as somebody calls it who has it in the `PATH`.
const NAME: &str = "hb-sentinel";
/// The part of the story that is offered for a backfill; more would take too long.
const LAST_DAYS: Duration = Duration::days(7);

/// What it takes to call the demo's platform, without an account at Humanbound.
#[derive(Debug, Serialize)]
pub(super) struct Visit {
    /// What `HOME` is to be.
    home: PathBuf,
    base_url: String,
    /// The file that has the secret of the running connector.
    secret_file: PathBuf,
    commands: Commands,
}

/// Lines for a POSIX shell.
#[derive(Debug, Serialize)]
struct Commands {
    connect: String,
    test: String,
    status: String,
    sync: String,
    disconnect: String,
}

impl Visit {
    /// Logs in to `platform` and writes what the login leaves behind into `folder`.
    pub(super) fn prepare(
        (story, until): (&Story, OffsetDateTime),
        platform: &Platform,
        connector: &Connector,
        folder: &Folder,
        env: &Env,
    ) -> Result<Self> {
        let home = folder.home();
        let base_url = platform.base_url();
        let login = platform.log_in();
        // The members that `hb` 2.13.0 writes: `humanbound_cli/client.py`, `_save_credentials`.
        let credentials = json!({
            "api_token": login.api_token,
            "expires_at": login.expires_at.unix_timestamp(),
            "refresh_token": login.refresh_token,
            "organisation_id": story.organisation_id,
            "project_id": null,
            "base_url": base_url,
        });
        write(&home::folder(&home).join("credentials.json"), credentials.to_string().as_bytes())?;
        let secret_file = home.join("webhook-secret");
        write(&secret_file, connector.secret().expose().as_bytes())?;

        let caller = caller(&home, env)?;
        let (url, secret) = (quoted(&connector.url()), quoted_path(&secret_file));
        let commands = Commands {
            connect: format!("{caller} connect --url {url} --secret-file {secret}"),
            test: format!("{caller} test"),
            status: format!("{caller} status"),
            sync: format!("{caller} sync --since {}", (until - LAST_DAYS).to_offset(UtcOffset::UTC).date()),
            disconnect: format!("{caller} disconnect"),
        };
        Ok(Self { home, base_url, secret_file, commands })
    }

    /// The lines, in the order in which they make sense.
    pub(super) fn lines(&self) -> [&str; 5] {
        let Commands { connect, test, status, sync, disconnect } = &self.commands;
        [connect, test, status, sync, disconnect]
    }
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    home::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
}

/// What every line begins with: the home folder, and this program.
fn caller(home: &Path, env: &Env) -> Result<String> {
    let mut words = vec![format!("HOME={}", quoted_path(home))];
    // What is set for Humanbound itself would win over the login; set to nothing it is unset.
    let settings = config::platform(env);
    let others = [
        ("HUMANBOUND_API_KEY", settings.api_key.is_some()),
        ("HUMANBOUND_ORG_ID", settings.organisation.is_some()),
        ("HUMANBOUND_BASE_URL", settings.base_url.is_some()),
    ];
    words.extend(others.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| format!("{name}=")));
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    let found = which::which(NAME).ok().and_then(|path| fs::canonicalize(path).ok());
    let is_in_path = found.is_some() && found == fs::canonicalize(&this).ok();
    words.push(if is_in_path { NAME.to_owned() } else { quoted_path(&this) });
    Ok(words.join(" "))
}

pub(super) fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// `text` as one word of a POSIX shell.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02>
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |symbol: char| symbol.is_ascii_alphanumeric() || "/.:_-=@%+,".contains(symbol);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_read_otherwise_is_quoted() {
        for (text, word) in [
            ("/tmp/a-b_c/event.json", "/tmp/a-b_c/event.json"),
            ("http://127.0.0.1:1/api/ingest", "http://127.0.0.1:1/api/ingest"),
            ("", "''"),
            ("My Files", "'My Files'"),
            ("it's", r"'it'\''s'"),
            ("~/$HOME;`x`", "'~/$HOME;`x`'"),
            ("Müller", "'Müller'"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }

    #[test]
    fn settings_for_humanbound_itself_are_taken_away() {
        let home = Path::new("/h");
        let plain = caller(home, &Env::from([])).unwrap();
        assert!(plain.starts_with("HOME=/h /"), "{plain}");
        let env = Env::from([("HUMANBOUND_API_KEY", "k"), ("HUMANBOUND_BASE_URL", "https://example.com")]);
        let line = caller(home, &env).unwrap();
        assert!(line.starts_with("HOME=/h HUMANBOUND_API_KEY= HUMANBOUND_BASE_URL= /"), "{line}");
    }
}
