//! The end: the summary and its verdict, as text or as JSON.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, LineStyle, Table};
use console::style;
use serde::Serialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

use super::check::{Row, Rows};
use super::folder::Folder;
use super::play::{Answer, CONNECTIONS, Delivery};
use super::serve::Offer;
use super::show::Shown;
use crate::cli::output::{cut, grouped};
use crate::emulator::{Calls, Workspace};
use crate::story::Story;

/// Everything that was counted.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Every event is in the table, nothing else is, and the spool is empty.
    complete: bool,
    story: Value,
    sent: Sent,
    spool: Spool,
    table: Contents,
    calls: CallCount,
    speed: Speed,
    outage: Outage,
    /// The page, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    dashboard: Option<String>,
}

#[derive(Debug, Serialize)]
struct Sent {
    deliveries: usize,
    /// Different events among them.
    events: usize,
    /// Deliveries of a body that was sent before.
    again: usize,
    stored: usize,
    duplicates: usize,
    spooled: usize,
    /// Attempts that were answered 503, or not at all, and made again.
    retries: u32,
}

#[derive(Debug, Serialize)]
struct Spool {
    drained_rows: u64,
    drain_calls: u64,
    batches_left: usize,
}

#[derive(Debug, Serialize)]
struct Contents {
    rows: usize,
    /// Rows that the connector pushed at once. Deliveries of one event that meet share a row, so that they can be fewer
    /// than the deliveries that were answered `stored`.
    pushed: u64,
    /// Rows of different events of the story.
    events: usize,
    /// Rows of the connector's own: heartbeats and statistics.
    own: usize,
    /// Rows of an event that has one already.
    duplicates: usize,
    missing: usize,
    strangers: usize,
    /// Values that Azure Monitor would have dropped, cut or made null.
    adjusted: bool,
    /// The file of rows, if it is kept.
    file: Option<String>,
}

#[derive(Debug, Serialize)]
struct CallCount {
    accepted: u64,
    failed: u64,
    rows_per_call: f64,
}

#[derive(Debug, Serialize)]
struct Speed {
    connections: usize,
    seconds: f64,
    events_per_second: f64,
    stored_ms: Latency,
    spooled_ms: Latency,
}

#[derive(Debug, Serialize)]
struct Outage {
    events: usize,
    seconds: f64,
}

/// Milliseconds from sending an event to its answer.
#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

impl Latency {
    fn of(deliveries: &[Delivery], is_meant: impl Fn(Answer) -> bool) -> Self {
        let meant = deliveries.iter().filter(|delivery| is_meant(delivery.answer));
        let mut times: Vec<Duration> = meant.map(|delivery| delivery.latency).collect();
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
            let time = times.get(index).copied().unwrap_or_default();
            (time.as_secs_f64() * 10_000.0).round() / 10.0
        };
        Self { p50: at(50), p99: at(99) }
    }
}

impl Report {
    pub(super) fn new(
        story: &Story,
        (seed, until): (u64, OffsetDateTime),
        shown: &Shown,
        rows: &Rows,
        workspace: &Workspace,
        folder: &Folder,
    ) -> Self {
        let count = |answer| shown.deliveries.iter().filter(|delivery| delivery.answer == answer).count();
        let Calls { accepted, rejected, unanswered, .. } = workspace.calls();
        let seconds = shown.undisturbed.as_secs_f64();
        let left = folder.spooled_batches();
        Self {
            complete: rows.missing == 0 && rows.strangers == 0 && left == 0,
            story: json!({
                "organisation": story.organisation, "seed": seed, "until": until.format(&Rfc3339).unwrap_or_default(),
                "by_type": story.truths.by_type, "findings": story.truths.findings,
                "open": story.truths.open, "overdue": story.truths.overdue, "unowned": story.truths.unowned,
            }),
            sent: Sent {
                deliveries: shown.deliveries.len(),
                events: story.distinct(),
                again: story.events.len() - story.distinct(),
                stored: count(Answer::Stored),
                duplicates: count(Answer::Duplicate),
                spooled: count(Answer::Spooled),
                retries: shown.deliveries.iter().map(|delivery| delivery.retries).sum(),
            },
            // A drain writes the connector's heartbeat too, which came from no spool.
            spool: Spool {
                drained_rows: shown.drained.saturating_sub(rows.heartbeats),
                drain_calls: shown.drain_calls,
                batches_left: left,
            },
            table: Contents {
                rows: rows.count,
                pushed: (workspace.row_count() + rows.heartbeats)
                    .saturating_sub(shown.drained + rows.own as u64),
                events: rows.count - rows.own - rows.duplicates - rows.strangers,
                own: rows.own,
                duplicates: rows.duplicates,
                missing: rows.missing,
                strangers: rows.strangers,
                adjusted: !workspace.adjustments().is_empty(),
                file: workspace
                    .rows_path()
                    .filter(|_| folder.is_kept())
                    .map(|path| path.display().to_string()),
            },
            calls: CallCount {
                accepted,
                failed: rejected + unanswered,
                rows_per_call: (number(rows.count) / number(accepted.max(1)) * 10.0).round() / 10.0,
            },
            speed: Speed {
                connections: CONNECTIONS,
                seconds: (seconds * 1000.0).round() / 1000.0,
                events_per_second: (number(shown.undisturbed_events) / seconds.max(0.001)).round(),
                stored_ms: Latency::of(&shown.deliveries, |answer| answer != Answer::Spooled),
                spooled_ms: Latency::of(&shown.deliveries, |answer| answer == Answer::Spooled),
            },
            outage: Outage {
                events: shown.outage_events,
                seconds: (shown.outage.as_secs_f64() * 1000.0).round() / 1000.0,
            },
            dashboard: None,
        }
    }

    /// The page was drawn here.
    pub(super) fn set_dashboard(&mut self, page: Option<&Path>) {
        self.dashboard = page.map(|page| page.display().to_string());
    }

    /// Every event is in the table, nothing else is, and the spool is empty.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The result as JSON.
    pub(super) fn json(&self, offer: Option<&Offer>) -> Result<Value> {
        let mut object = serde_json::to_value(self)?;
        if let Some(offer) = offer {
            object["serve"] = serde_json::to_value(offer)?;
        }
        Ok(object)
    }

    /// The summary, the latest rows, and where all of them are, in lines of at most `width` characters but for paths.
    /// `served` is the file of rows while it is there for somebody to look at.
    pub(super) fn text(
        &self,
        rows: &Rows,
        served: Option<&Path>,
        width: usize,
    ) -> Result<String, fmt::Error> {
        let mut out = String::from("\n");
        for (name, value, remark) in self.lines() {
            writeln!(out, "{:<8}{value:>9}  {}", style(name).bold(), style(remark).dim())?;
        }
        writeln!(out, "\n{}\n\n{}\n", self.sentence(), latest(&rows.latest, width))?;
        let place = match (&self.table.file, served) {
            (Some(file), _) => format!("All rows, one JSON object a line:\n{file}"),
            (None, Some(file)) => {
                format!("All rows, one JSON object a line, until this ends:\n{}", file.display())
            }
            (None, None) => "The rows were in a temporary folder; `--keep` keeps them.".to_owned(),
        };
        writeln!(out, "{place}")?;
        Ok(out)
    }

    /// Name, value and remark, together at most 60 characters. What was sent, and what is in the table, each add up in
    /// one line.
    fn lines(&self) -> [(&'static str, String, String); 8] {
        let Self { sent, spool, table, calls, speed, outage, .. } = self;
        let n = |count: usize| grouped(count as u64);
        let ms = |time: f64| if time < 100.0 { format!("{time:.1} ms") } else { format!("{time:.0} ms") };
        let median = |latency: &Latency| format!("median, 99 % within {}", ms(latency.p99));
        [
            ("Events", n(sent.events), format!("of a story, {} of them sent twice", n(sent.again))),
            (
                "Sent",
                n(sent.deliveries),
                format!(
                    "{} stored + {} spooled + {} duplicate",
                    n(sent.stored),
                    n(sent.spooled),
                    n(sent.duplicates)
                ),
            ),
            (
                "Rows",
                n(table.rows),
                format!(
                    "{} pushed + {} drained + {} own",
                    grouped(table.pushed),
                    grouped(spool.drained_rows),
                    n(table.own)
                ),
            ),
            (
                "Calls",
                grouped(calls.accepted),
                format!("{} rows each; {} failed in the outage", calls.rows_per_call, calls.failed),
            ),
            (
                "Outage",
                format!("{:.1} s", outage.seconds),
                format!("{} events came meanwhile", n(outage.events)),
            ),
            (
                "Speed",
                format!("{:.0} /s", speed.events_per_second),
                format!("over {} connections, outage aside", speed.connections),
            ),
            ("Stored", ms(speed.stored_ms.p50), median(&speed.stored_ms)),
            ("Spooled", ms(speed.spooled_ms.p50), median(&speed.spooled_ms)),
        ]
    }
}

impl Report {
    fn sentence(&self) -> String {
        let Contents { missing, strangers, .. } = self.table;
        if self.complete {
            let all = grouped(self.sent.events as u64);
            return style(format!("Nothing was lost: each of the {all} events is in the table."))
                .green()
                .bold()
                .to_string();
        }
        let left = self.spool.batches_left;
        let problem = format!(
            "Not all is well: {missing} events are missing,\n{strangers} rows are of no event that was sent, {left} batches are in the spool."
        );
        style(problem).red().bold().to_string()
    }

    /// # Errors
    /// Something is missing, or there is something that was not sent.
    pub(super) fn verdict(&self) -> Result<()> {
        if self.complete {
            return Ok(());
        }
        bail!("the table does not hold what was sent")
    }
}

/// The latest rows; a name or title that is too long is cut.
fn latest(rows: &[Row], width: usize) -> String {
    let time = format_description!("[month]-[day] [hour]:[minute]");
    let cells: Vec<[String; 3]> = rows
        .iter()
        .map(|row| {
            let at = row.event_time.to_offset(UtcOffset::UTC).format(&time).unwrap_or_default();
            let severity = row.severity.clone().unwrap_or_default();
            [at, severity, cut(row.agent.as_deref().unwrap_or_default(), width / 4)]
        })
        .collect();
    let head = ["EventTime", "Severity", "Agent"];
    let widest = |(column, name): (usize, &str)| {
        let texts = cells.iter().filter_map(|row| row.get(column));
        texts.map(|text| text.chars().count()).max().unwrap_or(0).max(name.len())
    };
    // Four columns have a blank on either side, and there are three seams.
    let room = width.saturating_sub(head.into_iter().enumerate().map(widest).sum::<usize>() + 2 * 4 + 3);
    let mut table = Table::new();
    table
        .load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.into_iter().chain(["EventTitle"]));
    for (row, cells) in rows.iter().zip(cells) {
        let title = cut(row.event_title.as_deref().unwrap_or_default(), room);
        table.add_row(cells.into_iter().chain([title]));
    }
    table.trim_fmt()
}

/// Counts of a demo are far below the point where a number is no longer exact.
fn number(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::MAX, f64::from)
}
