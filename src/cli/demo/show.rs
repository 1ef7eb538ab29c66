//! The course of the demo: half of the story, an outage, the drain, the rest.

use std::slice;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::connector::Connector;
use super::folder::Folder;
use super::play::{Answer, CONNECTIONS, Delivery, Sender};
use crate::cli::output::{Printer, grouped};
use crate::emulator::{Fault, Platform, Workspace};
use crate::story::{Story, StoryEvent};

/// The share of the story that falls into the outage, in percent: from, to.
const OUTAGE: (usize, usize) = (50, 70);
/// The minimum length of the outage.
const OUTAGE_MOST: usize = 5_000;
/// How many deliveries are under way at once while events are spooled: each waits for others to share a write with.
const OUTAGE_CONNECTIONS: usize = 256;
/// Between the events that are sent one by one until the connector trusts the workspace again. Its circuit
/// breaker waits 5 s before it tries.
const FEEL: Duration = Duration::from_millis(250);
/// The maximum number of drains; after that many the spool must be empty.
const DRAINS: usize = 10;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) deliveries: Vec<Delivery>,
    /// How long it took to send what was sent at full speed while the workspace was up.
    pub(super) undisturbed: Duration,
    pub(super) undisturbed_events: usize,
    /// How long the workspace was down.
    pub(super) outage: Duration,
    /// How many events were sent meanwhile.
    pub(super) outage_events: usize,
    /// Rows that drains brought into the table.
    pub(super) drained: u64,
    /// Calls that drains needed for it.
    pub(super) drain_calls: u64,
}

pub(super) async fn show(
    story: &Story,
    (platform, workspace): (&Platform, &Workspace),
    connector: &Connector,
    folder: &Folder,
    printer: &Printer,
) -> Result<Shown> {
    let sender = &Sender::new(platform, connector)?;
    let total = story.events.len();
    let (before, rest) = story.events.split_at(total * OUTAGE.0 / 100);
    let (during, rest) = rest.split_at((total * (OUTAGE.1 - OUTAGE.0) / 100).min(OUTAGE_MOST));
    let mut shown = Shown::default();
    printer.begin(total);
    printer.doing("Playing", "");
    shown.send_undisturbed(before, sender, printer).await?;

    printer.say("Outage", "the workspace resets every connection from now on");
    printer.doing("Playing", "workspace down");
    workspace.set_fault(Fault::Reset);
    let began = Instant::now();
    let spooled = shown.send(during, OUTAGE_CONNECTIONS, sender, printer).await?;
    shown.outage_events = during.len();
    let (count, batches) = (grouped(spooled as u64), folder.spooled_batches());
    printer
        .say("Spooled", &format!("{count} events were answered 202; they are on disk, in {batches} batches"));
    let rows = shown.drain(workspace, connector).await?;
    printer
        .say("Drain", &format!("the timer fired: {} rows, since the workspace is still away", grouped(rows)));
    workspace.clear_fault();
    shown.outage = began.elapsed();

    printer.say("Back", "the workspace answers; one event at a time until that is noticed");
    printer.doing("Trying", "breaker open");
    let used = shown.feel(rest, sender, printer).await?;
    let rows = shown.drain(workspace, connector).await?;
    printer
        .say("Drain", &format!("the timer fired: {} rows went from the spool into the table", grouped(rows)));

    printer.doing("Playing", "");
    shown.send_undisturbed(rest.get(used..).unwrap_or_default(), sender, printer).await?;
    for _ in 0..DRAINS {
        if folder.spooled_batches() == 0 {
            break;
        }
        shown.drain(workspace, connector).await?;
    }
    printer.end();
    Ok(shown)
}

impl Shown {
    async fn send_undisturbed(
        &mut self,
        events: &[StoryEvent],
        sender: &Sender<'_>,
        printer: &Printer,
    ) -> Result<()> {
        let began = Instant::now();
        self.send(events, CONNECTIONS, sender, printer).await?;
        self.undisturbed += began.elapsed();
        self.undisturbed_events += events.len();
        Ok(())
    }

    /// Sends at full speed; returns how many were spooled.
    async fn send(
        &mut self,
        events: &[StoryEvent],
        connections: usize,
        sender: &Sender<'_>,
        printer: &Printer,
    ) -> Result<usize> {
        let deliveries = sender.play(events, connections, printer).await?;
        let spooled = deliveries.iter().filter(|delivery| delivery.answer == Answer::Spooled).count();
        self.deliveries.extend(deliveries);
        Ok(spooled)
    }

    /// Sends one by one until an event is stored at once again; returns how many that took.
    async fn feel(&mut self, events: &[StoryEvent], sender: &Sender<'_>, printer: &Printer) -> Result<usize> {
        for (index, event) in events.iter().enumerate() {
            self.send(slice::from_ref(event), 1, sender, printer).await?;
            if self.deliveries.last().is_some_and(|delivery| delivery.answer == Answer::Stored) {
                return Ok(index + 1);
            }
            tokio::time::sleep(FEEL).await;
        }
        Ok(events.len())
    }

    /// Calls the connector as the host's timer does; returns how many rows the table gained.
    async fn drain(&mut self, workspace: &Workspace, connector: &Connector) -> Result<u64> {
        let rows = workspace.row_count();
        let calls = workspace.calls().accepted;
        drain(connector).await?;
        let rows = workspace.row_count() - rows;
        self.drained += rows;
        self.drain_calls += workspace.calls().accepted - calls;
        Ok(rows)
    }
}

/// The call that the Functions host's timer makes.
pub(super) async fn drain(connector: &Connector) -> Result<()> {
    let now = OffsetDateTime::now_utc().format(&Rfc3339)?;
    let payload = json!({
        "Data": { "timer": {
            "Schedule": { "AdjustForDST": true },
            "ScheduleStatus": { "Last": "0001-01-01T00:00:00", "Next": now, "LastUpdated": now },
            "IsPastDue": false,
        } },
        "Metadata": { "sys": { "MethodName": "drain", "UtcNow": now, "RandGuid": uuid::Uuid::new_v4() } },
    });
    let request = connector
        .client()
        .post(connector.drain_url())
        .header("content-type", "application/json; charset=utf-8")
        .body(payload.to_string());
    let response = request.send().await.context("the connector did not answer the timer")?;
    ensure!(response.status().is_success(), "the connector answered the timer with {}", response.status());
    Ok(())
}
