//! `hb-sentinel demo`: signed webhooks in, rows in a table, nothing lost, on a laptop.
//!
//! Everything is real except Azure and Humanbound: the connector is a child process (this program, or the binary that
//! `--connector` names), while workspace and platform are simulated on loopback ([`crate::emulator`]). The platform sends
//! the events of a made-up organisation ([`crate::story::Story`]). Halfway through, the workspace goes down.
//!
//! Reading order: [`run`], then `show` (the course of the demo), `platform` and `play` (the sender), `connector` (the
//! child process), `check` (is every event there?), `report` (the summary), `dashboard` (what a CISO sees), `serve` and
//! `visit` (for `--serve`).

mod check;
mod connector;
mod dashboard;
mod folder;
mod platform;
mod play;
mod report;
mod serve;
mod show;
mod visit;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::{Pin, pin};

use anyhow::{Context as _, Result};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::error::{self, Exit};
use super::interrupt;
use super::output::{Printer, minute};
use crate::config::Env;
use crate::emulator::{Platform, Store, Workspace, WorkspaceOptions};
use crate::story::{MAX_EVENTS, MIN_EVENTS, Story, StoryOptions};
use check::Rows;
use connector::{Connector, Executable};
use dashboard::{Artist, Place};
use folder::{Folder, Keep};
use report::Report;
use serve::Offer;
use visit::Visit;

/// See events flow through the real connector into rows, without Azure
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How many different events to send
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = events, allow_negative_numbers = true)]
    events: usize,
    /// Seed of the events: the same seed gives the same events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed, allow_negative_numbers = true)]
    seed: u64,
    /// When its 90 days end [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = instant)]
    until: Option<OffsetDateTime>,
    /// Keep rows, spool and log: in DIR, or in a new folder
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "", value_parser = keep)]
    keep: Option<Keep>,
    /// Draw the CISO Dashboard over the rows and open it (needs Python)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", value_parser = place)]
    dashboard: Option<Place>,
    /// Run this `connector` instead of the one inside this program
    #[arg(long, value_name = "PATH")]
    connector: Option<PathBuf>,
    /// Keep running, and print commands to try every other command and to post an event
    #[arg(long)]
    serve: bool,
}

fn events(text: &str) -> Result<usize, String> {
    let range = MIN_EVENTS..=MAX_EVENTS;
    let count = text.parse().ok().filter(|count| range.contains(count));
    count.ok_or_else(|| format!("a story has {MIN_EVENTS} to {MAX_EVENTS} events"))
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

#[expect(clippy::unnecessary_wraps, reason = "a value parser of clap can fail")]
fn keep(text: &str) -> Result<Keep, Infallible> {
    Ok(if text.is_empty() { Keep::Somewhere } else { Keep::In(text.into()) })
}

#[expect(clippy::unnecessary_wraps, reason = "a value parser of clap can fail")]
fn place(text: &str) -> Result<Place, Infallible> {
    Ok(if text.is_empty() { Place::Somewhere } else { Place::File(text.into()) })
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "a time looks like 2026-10-01T12:00:00Z or 2026-10-01T14:00:00+02:00".to_owned())
}

/// Runs the demo.
///
/// # Errors
///
/// Something did not start, an event was rejected, or an event is not in the table.
pub(super) async fn run(args: &DemoArgs, context: &Context) -> Result<Exit> {
    let printer = &context.printer;
    let mut interrupted = pin!(interrupt::any());
    let mut stage = tokio::select! {
        stage = Stage::set(args, printer) => stage?,
        signal = &mut interrupted => return Err(error::interrupted(signal?)),
    };
    let outcome = show_and_serve(&mut stage, args, context, interrupted).await;
    // It always ends before its folder is removed.
    stage.connector.stop().await?;
    outcome.map(|()| Exit::Done)
}

async fn show_and_serve(
    stage: &mut Stage,
    args: &DemoArgs,
    context: &Context,
    mut interrupted: Pin<&mut impl Future<Output = Result<&'static str>>>,
) -> Result<()> {
    let printer = &context.printer;
    let (report, rows) = tokio::select! {
        played = stage.perform(args, printer) => played.map_err(|error| stage.connector.explain(error))?,
        signal = &mut interrupted => return Err(error::interrupted(signal?)),
    };
    let offer = args.serve.then(|| stage.offer(&context.env)).transpose()?;
    let report = tokio::select! {
        report = stage.tell(report, &rows, offer.as_ref(), printer) => report?,
        signal = &mut interrupted => return Err(error::interrupted(signal?)),
    };
    if let Some(offer) = offer {
        // A script needs the result now, not only when the demo ends.
        printer.envelope(if report.is_complete() { Exit::Done } else { Exit::Failed }, None)?;
        printer.say("Serving", "until Ctrl-C; in another shell, without an account:");
        for line in offer.commands() {
            printer.say("", line);
        }
        tokio::select! {
            ended = serve::serve(&mut stage.connector, &stage.workspace, printer) => ended?,
            signal = interrupted => printer.say("Stopped", &format!("by {}", signal?)),
        }
    }
    report.verdict()
}

/// All that a demo needs. Fields go in this order: the connector first, its folder last.
struct Stage {
    connector: Connector,
    workspace: Workspace,
    platform: Platform,
    story: Story,
    until: OffsetDateTime,
    /// Who draws the dashboard, and where to.
    artist: Option<(Artist, PathBuf)>,
    folder: Folder,
}

impl Stage {
    async fn set(args: &DemoArgs, printer: &Printer) -> Result<Self> {
        // Missing programs are reported before the demo, not after it.
        let artist = if args.dashboard.is_some() { Some(Artist::find().await?) } else { None };
        let executable = Executable::find(args.connector.as_deref())?;
        let folder = Folder::new(args.keep.as_ref())?;
        let page = args.dashboard.as_ref().map(|place| dashboard::page(place, &folder)).transpose()?;
        let rows = Store::Dir(folder.path().to_owned());
        let workspace =
            Workspace::start(WorkspaceOptions { store: rows, ..WorkspaceOptions::default() }).await?;
        connector::reach(&workspace).await?;
        printer.say("Folder", &folder.path().display().to_string());
        printer.say("Workspace", &workspace.endpoint());
        let connector = Connector::start(&executable, &workspace, &folder).await?;
        let ready_after = connector.ready_after().as_millis();
        printer.say("Connector", &format!("{}, ready after {ready_after} ms", connector.url()));
        let until = args.until.unwrap_or_else(OffsetDateTime::now_utc);
        let options = StoryOptions { seed: args.seed, until, events: args.events };
        let story = tokio::task::spawn_blocking(move || Story::generate(options)).await?;
        let (organisation, agents) = (story.organisation, story.projects.len());
        let end = minute(until);
        printer.say(
            "Story",
            &format!("{organisation}: {agents} AI agents, 90 days to {end}, seed {}", args.seed),
        );
        let platform = platform::start(&story).await?;
        Ok(Self { connector, workspace, platform, story, until, artist: artist.zip(page), folder })
    }

    /// Plays the story and checks the table.
    async fn perform(&self, args: &DemoArgs, printer: &Printer) -> Result<(Report, Rows)> {
        let Self { connector, workspace, platform, story, until, folder, .. } = self;
        let shown = show::show(story, (platform, workspace), connector, folder, printer).await?;
        let rows = check::read(workspace, story).context("the rows cannot be read back")?;
        Ok((Report::new(story, (args.seed, *until), &shown, &rows, workspace, folder), rows))
    }

    /// Makes the story the platform's past, and prepares everything for visitors.
    fn offer(&self, env: &Env) -> Result<Offer> {
        let Self { connector, platform, story, until, folder, .. } = self;
        platform::remember(story, platform)?;
        let visit = Visit::prepare((story, *until), platform, connector, folder, env)?;
        serve::offer(connector, story, folder, visit)
    }

    /// Writes the summary to stdout, and draws the dashboard if that was asked for.
    async fn tell(
        &self,
        mut report: Report,
        rows: &Rows,
        offer: Option<&Offer>,
        printer: &Printer,
    ) -> Result<Report> {
        let served = self.workspace.rows_path().filter(|_| offer.is_some());
        let mut text = report.text(rows, served, Printer::width())?;
        if let Some(offer) = offer {
            write!(text, "\nPost an event by hand:\n\n{}\n\n", offer.curl())?;
        }
        if !printer.is_json() {
            // The page takes a minute; the summary is there now.
            printer.publish(Value::Null, &text)?;
        }
        let drawn = self.draw(printer).await;
        report.set_dashboard(drawn.as_ref().ok().and_then(Option::as_deref));
        printer.publish(report.json(offer)?, "")?;
        // A script that reads where the page is wants no browser.
        if let Some(page) = drawn?.filter(|_| !printer.is_json()) {
            dashboard::show(&page, printer);
        }
        Ok(report)
    }

    /// Draws the dashboard, if that was asked for; returns where it is.
    async fn draw(&self, printer: &Printer) -> Result<Option<PathBuf>> {
        let Some((artist, page)) = &self.artist else { return Ok(None) };
        let rows = self.workspace.rows_path().context("the workspace keeps no file")?;
        artist.draw(page, (&self.story, self.until), rows, &self.folder, printer).await?;
        Ok(Some(page.clone()))
    }
}
