//! `hb-sentinel demo`: signed webhooks in, rows in a table, nothing lost, on a laptop.
//!
//! Everything real but Azure: the `connector` binary as a child process, a workspace on the loopback interface
//! ([`crate::emulator::Workspace`]), and a made-up organisation ([`crate::story::Story`]) whose events are sent as
//! the platform would send them. Half-way the workspace is taken down.
//!
//! Reading order: [`run`], then `show` (the course of events), `play` (the sender), `connector` (the child),
//! `check` (is every event there?), `report` (the end), `dashboard` (what a CISO sees of it).

mod check;
mod connector;
mod dashboard;
mod folder;
mod interrupt;
mod play;
mod report;
mod serve;
mod show;
mod ui;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::pin::{Pin, pin};

use anyhow::{Context as _, Result, bail};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::emulator::{Store, Workspace, WorkspaceOptions};
use crate::story::{MAX_EVENTS, MIN_EVENTS, Story, StoryOptions};
use check::Rows;
use connector::Connector;
use dashboard::{Painter, Place};
use folder::{Folder, Keep};
use report::Report;
use ui::Ui;

/// See events flow through the real connector into rows, without Azure
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// How many different events to send
    #[arg(long, value_name = "N", default_value_t = 3000, value_parser = events)]
    events: usize,
    /// Which story: the same seed, the same events
    #[arg(long, value_name = "N", default_value_t = 1)]
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
    /// Stay up and print the curl line that posts a signed event
    #[arg(long)]
    serve: bool,
    /// Print the summary as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

fn events(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    let range = MIN_EVENTS..=MAX_EVENTS;
    if range.contains(&count) {
        Ok(count)
    } else {
        Err(format!("a story has {MIN_EVENTS} to {MAX_EVENTS} events"))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a value parser of clap can fail")]
fn keep(text: &str) -> Result<Keep, Infallible> {
    Ok(if text.is_empty() { Keep::Somewhere } else { Keep::In(text.into()) })
}

#[expect(clippy::unnecessary_wraps, reason = "a value parser of clap can fail")]
fn place(text: &str) -> Result<Place, Infallible> {
    Ok(if text.is_empty() { Place::Somewhere } else { Place::File(text.into()) })
}

fn instant(text: &str) -> Result<OffsetDateTime, time::error::Parse> {
    OffsetDateTime::parse(text, &Rfc3339)
}

/// Runs the demo.
///
/// # Errors
///
/// Something did not start, an event was refused, or an event is not in the table.
pub fn run(args: &DemoArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(demo(args));
    // A story that is still being told has lost its listener.
    runtime.shutdown_background();
    outcome
}

async fn demo(args: &DemoArgs) -> Result<()> {
    let ui = Ui::new();
    let mut interrupted = pin!(interrupt::any());
    let mut stage = tokio::select! {
        stage = Stage::set(args, &ui) => stage?,
        signal = &mut interrupted => bail!("interrupted by {}", signal?),
    };
    let outcome = show_and_serve(&mut stage, args, &ui, interrupted).await;
    // On every way out it ends before its folder goes.
    stage.connector.stop().await?;
    outcome
}

async fn show_and_serve(
    stage: &mut Stage,
    args: &DemoArgs,
    ui: &Ui,
    mut interrupted: Pin<&mut impl Future<Output = Result<&'static str>>>,
) -> Result<()> {
    let (report, rows) = tokio::select! {
        played = stage.perform(args, ui) => played.map_err(|error| stage.connector.explain(error))?,
        signal = &mut interrupted => bail!("interrupted by {}", signal?),
    };
    let report = tokio::select! {
        report = stage.tell(report, &rows, args, ui) => report?,
        signal = &mut interrupted => bail!("interrupted by {}", signal?),
    };
    if args.serve {
        ui.say("Serving", "until Ctrl-C");
        tokio::select! {
            ended = serve::serve(&mut stage.connector, &stage.workspace, ui) => ended?,
            signal = interrupted => ui.say("Stopped", &format!("by {}", signal?)),
        }
    }
    report.verdict()
}

/// All that a demo needs. Fields go in this order: the connector first, its folder last.
struct Stage {
    connector: Connector,
    workspace: Workspace,
    story: Story,
    until: OffsetDateTime,
    /// Who draws the dashboard, and where to.
    painter: Option<(Painter, PathBuf)>,
    folder: Folder,
}

impl Stage {
    async fn set(args: &DemoArgs, ui: &Ui) -> Result<Self> {
        // What is missing is better said before than after.
        let painter = if args.dashboard.is_some() { Some(Painter::find().await?) } else { None };
        let executable = connector::find(ui).await?;
        let folder = Folder::new(args.keep.as_ref())?;
        let page = args.dashboard.as_ref().map(|place| dashboard::page(place, &folder)).transpose()?;
        let rows = Store::Dir(folder.path().to_owned());
        let workspace =
            Workspace::start(WorkspaceOptions { store: rows, ..WorkspaceOptions::default() }).await?;
        ui.say("Folder", &folder.path().display().to_string());
        ui.say("Workspace", &workspace.endpoint());
        let connector = Connector::start(&executable, &workspace, &folder).await?;
        let ready_after = connector.ready_after().as_millis();
        ui.say("Connector", &format!("{}, ready after {ready_after} ms", connector.url()));
        let until = args.until.unwrap_or_else(OffsetDateTime::now_utc);
        let options = StoryOptions { seed: args.seed, until, events: args.events };
        let story = tokio::task::spawn_blocking(move || Story::generate(options)).await?;
        let (organisation, agents) = (story.organisation, story.projects.len());
        let end = ui::minute(until);
        ui.say("Story", &format!("{organisation}: {agents} AI agents, 90 days to {end}, seed {}", args.seed));
        Ok(Self { connector, workspace, story, until, painter: painter.zip(page), folder })
    }

    /// Plays the story and checks the table.
    async fn perform(&self, args: &DemoArgs, ui: &Ui) -> Result<(Report, Rows)> {
        let Self { connector, workspace, story, until, folder, .. } = self;
        let shown = show::show(story, workspace, connector, folder, ui).await?;
        let rows = check::read(workspace, story).context("the rows cannot be read back")?;
        Ok((Report::new(story, (args.seed, *until), &shown, &rows, workspace, folder), rows))
    }

    /// Writes the summary to stdout, and draws the dashboard if that was asked for.
    async fn tell(&self, mut report: Report, rows: &Rows, args: &DemoArgs, ui: &Ui) -> Result<Report> {
        let Self { connector, workspace, story, folder, .. } = self;
        let offer = if args.serve { Some(serve::offer(connector, story, folder)?) } else { None };
        let mut out = io::stdout();
        if args.json {
            // It says where the page is; a script that reads it wants no browser.
            let drawn = self.draw(ui).await;
            report.set_dashboard(drawn.as_ref().ok().and_then(Option::as_deref));
            writeln!(out, "{}", report.json(offer.as_ref())?)?;
            drawn?;
        } else {
            write!(out, "{}", report.text(rows, workspace.rows_path().filter(|_| args.serve))?)?;
            out.flush()?;
            if let Some(page) = self.draw(ui).await? {
                dashboard::show(&page, ui);
            }
            if let Some(offer) = offer {
                writeln!(out, "\nPost an event by hand:\n\n{}\n", offer.curl())?;
            }
        }
        out.flush()?;
        Ok(report)
    }

    /// Draws the dashboard, if that was asked for; returns where it is.
    async fn draw(&self, ui: &Ui) -> Result<Option<PathBuf>> {
        let Some((painter, page)) = &self.painter else { return Ok(None) };
        let rows = self.workspace.rows_path().context("the workspace keeps no file")?;
        painter.draw(page, (&self.story, self.until), rows, &self.folder, ui).await?;
        Ok(Some(page.clone()))
    }
}
