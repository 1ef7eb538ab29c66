//! `--serve`: everything keeps running, for commands and for events that are posted by hand.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::check::Row;
use super::connector::Connector;
use super::folder::Folder;
use super::show;
use super::visit::{Visit, quoted, quoted_path};
use crate::cli::output::Printer;
use crate::emulator::Workspace;
use crate::signature::{self, Secret};
use crate::story::Story;

/// How often the file of rows is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// The host's timer.
const DRAIN: Duration = Duration::from_secs(60);

/// What it takes to call the platform, and to post an event by hand.
#[derive(Debug, Serialize)]
pub(super) struct Offer {
    url: String,
    body_file: PathBuf,
    signature: String,
    curl: String,
    #[serde(flatten)]
    visit: Visit,
}

impl Offer {
    pub(super) fn curl(&self) -> &str {
        &self.curl
    }

    /// The lines that call the platform.
    pub(super) fn commands(&self) -> [&str; 5] {
        self.visit.lines()
    }
}

/// Writes a sample event into the folder and signs it.
pub(super) fn offer(connector: &Connector, story: &Story, folder: &Folder, visit: Visit) -> Result<Offer> {
    let (project, agent) = story.projects.get(2).copied().context("the story has no projects")?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let event = json!({
        "event_type": "finding.created",
        "organisation_id": story.organisation_id,
        "project_id": project,
        "timestamp": now,
        "severity": "critical",
        "title": "New critical finding: Transfer approved by the text of a letter",
        "description": format!("{agent}: posted by hand."),
        "category": "prompt_injection",
        "owasp_category": "LLM01",
        "data": {
            "finding_id": uuid::Uuid::new_v4(), "title": "Transfer approved by the text of a letter", "status": "open",
            "severity": 93.0, "severity_label": "critical", "threat_class": "goal_hijacking", "first_seen_at": now,
        },
    });
    let body = serde_json::to_vec_pretty(&event)?;
    let body_file = folder.path().join("event.json");
    std::fs::write(&body_file, &body)
        .with_context(|| format!("`{}` cannot be written", body_file.display()))?;
    let secret = Secret::new(connector.secret().expose()).context("the secret is empty")?;
    let (url, signature) = (connector.url(), signature::sign(&secret, &body));
    let curl = format!(
        "curl -i {} \\\n  -H 'Content-Type: application/json' \\\n  -H '{}: {signature}' \\\n  --data-binary @{}",
        quoted(&url),
        signature::HEADER,
        quoted_path(&body_file)
    );
    Ok(Offer { url, body_file, signature, curl, visit })
}

/// Reports every row that arrives and acts as the host's timer, until the connector or the caller ends.
pub(super) async fn serve(connector: &mut Connector, workspace: &Workspace, printer: &Printer) -> Result<()> {
    let path = workspace.rows_path().context("the workspace keeps no file")?;
    let mut rows = BufReader::new(File::open(path)?);
    rows.seek(SeekFrom::End(0))?;
    let mut drain = Instant::now() + DRAIN;
    let mut line = String::new();
    loop {
        // A line without its end is being written right now: the rest comes with the next look.
        while rows.read_line(&mut line)? > 0 && line.ends_with('\n') {
            if let Ok(row) = serde_json::from_str::<Row>(&line) {
                printer.say("Row", &format!("{}: {}", row.event_type, row.event_title.unwrap_or_default()));
            }
            line.clear();
        }
        tokio::select! {
            ended = connector.ended() => return ended,
            () = tokio::time::sleep(LOOK) => {}
        }
        if Instant::now() >= drain {
            show::drain(connector).await?;
            drain = Instant::now() + DRAIN;
        }
    }
}
