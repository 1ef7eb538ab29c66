//! Plays the steps of a plan.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use time::OffsetDateTime;

use super::clock::Clock;
use super::connector::{Answer, Connector};
use super::plan::{Act, Outcome, Plan, Step};
use crate::emulator::{Fault, Store, Workspace, WorkspaceOptions};
use crate::record;

/// Posts of one instant that are under way at once.
const MAX_POSTS: usize = 32;

/// Plays `plan` and writes one line of JSON for each step into `output`.
///
/// # Errors
/// When a process, a file or a port fails, or the plan does not allow an answer.
pub(super) async fn play(plan: &Plan, library: &Path, output: &Path) -> Result<()> {
    let mut lines = BufWriter::new(File::create(output)?);
    let Some(first) = plan.steps.first() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let mut stage = Stage::set(folder.path(), library, first.at).await?;
    for step in &plan.steps {
        let outcome = stage.step(step).await;
        let outcome = outcome.with_context(|| format!("at {}{}", step.at, stage.last_fault()))?;
        serde_json::to_writer(&mut lines, &outcome)?;
        lines.write_all(b"\n")?;
    }
    // It ends before its folder is removed.
    stage.connector.stop().await?;
    Ok(lines.flush()?)
}

/// The connector and all around it.
struct Stage<'a> {
    folder: &'a Path,
    clock: Clock,
    workspace: Workspace,
    connector: Connector,
    /// So many bytes of the file of rows were read.
    read: u64,
}

impl<'a> Stage<'a> {
    async fn set(folder: &'a Path, library: &Path, start: OffsetDateTime) -> Result<Self> {
        let clock = Clock::new(folder.join("clock"), library, start)?;
        let options = WorkspaceOptions {
            store: Store::Dir(folder.join("rows")),
            throttle: None,
            clock: clock.for_workspace(),
            ..WorkspaceOptions::default()
        };
        let workspace = Workspace::start(options).await?;
        let connector = Connector::start(&workspace, &clock, folder).await?;
        Ok(Self { folder, clock, workspace, connector, read: 0 })
    }

    async fn step(&mut self, step: &Step) -> Result<Outcome> {
        self.clock.set(step.at)?;
        let mut outcome = Outcome { accepted: step.at, answers: Vec::new(), rows: Vec::new() };
        match &step.act {
            Act::Post { bodies, status } => outcome.answers = self.post(bodies, *status).await?,
            Act::Outage => self.workspace.set_fault(Fault::status(403)),
            Act::Restore => {
                self.workspace.clear_fault();
                self.replace_instance().await?;
            }
            Act::Drain => self.connector.drain().await?,
            Act::Restart => self.replace_instance().await?,
            Act::Own { event_type, data } => {
                let row = record::own_event(event_type, data.clone(), step.at).row;
                outcome.rows.push(serde_json::from_slice(&row)?);
            }
        }
        outcome.rows.extend(self.new_rows()?);
        Ok(outcome)
    }

    async fn post(&self, bodies: &[String], status: Option<u16>) -> Result<Vec<(String, String)>> {
        let posts = stream::iter(bodies).map(|body| self.connector.post(body)).buffered(MAX_POSTS);
        let answers: Vec<Answer> = posts.try_collect().await?;
        for (answer, body) in answers.iter().zip(bodies) {
            let is_expected =
                status.map_or((200..300).contains(&answer.status), |status| status == answer.status);
            if !is_expected {
                bail!("{answer:?} to {body}");
            }
        }
        Ok(answers.iter().map(|answer| (answer.member("event_id"), answer.member("status"))).collect())
    }

    /// Another instance takes over, which remembers nothing; workspace and spool stay.
    async fn replace_instance(&mut self) -> Result<()> {
        self.connector.stop().await?;
        self.connector = Connector::start(&self.workspace, &self.clock, self.folder).await?;
        Ok(())
    }

    /// The rows that were added since the last call.
    fn new_rows(&mut self) -> Result<Vec<Value>> {
        let mut file = File::open(self.workspace.rows_path().context("the workspace keeps no file")?)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        let lines = text.get(..whole).unwrap_or_default().lines();
        Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// The last fault that the connector logged.
    fn last_fault(&self) -> String {
        let log = fs::read_to_string(self.folder.join("connector.log")).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.contains("\"level\":\"INFO\""));
        last.map(|line| format!(", after {line}")).unwrap_or_default()
    }
}
