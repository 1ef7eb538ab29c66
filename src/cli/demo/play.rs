//! Delivers the story: [`Platform`] sends the events, and this module reads the answers.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures::StreamExt as _;
use serde::Deserialize;
use uuid::Uuid;

use super::connector::Connector;
use crate::cli::output::Printer;
use crate::emulator::{Outcome, Platform};
use crate::story::StoryEvent;

/// How many deliveries are in flight at once.
pub(super) const CONNECTIONS: usize = 64;

/// How a delivery was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stored,
    Duplicate,
    Spooled,
}

/// One delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub(super) answer: Answer,
    /// From sending it to the whole answer, of the attempt that succeeded.
    pub(super) latency: Duration,
    /// How many attempts failed before.
    pub(super) retries: u32,
}

/// A webhook from the platform to the connector, for as long as the story is played.
pub(super) struct Sender<'a> {
    platform: &'a Platform,
    webhook: Uuid,
}

impl<'a> Sender<'a> {
    pub(super) fn new(platform: &'a Platform, connector: &Connector) -> Result<Self> {
        let webhook = platform.add_webhook(&connector.url(), connector.secret().expose())?.id;
        Ok(Self { platform, webhook })
    }

    /// Delivers `events`, up to `connections` at a time and in order otherwise; stops at the first that cannot be
    /// delivered.
    pub(super) async fn play(
        &self,
        events: &[StoryEvent],
        connections: usize,
        printer: &Printer,
    ) -> Result<Vec<Delivery>> {
        let mut deliveries = Vec::with_capacity(events.len());
        let bodies = events.iter().map(|event| Bytes::copy_from_slice(&event.body));
        let mut outcomes = self.platform.deliver_all(self.webhook, bodies, connections)?;
        while let Some(outcome) = outcomes.next().await {
            let event = events.get(outcome.index).context("the platform delivered what it was not given")?;
            deliveries.push(delivery(&outcome, event.event_type)?);
            printer.advance();
        }
        Ok(deliveries)
    }
}

impl Drop for Sender<'_> {
    fn drop(&mut self) {
        self.platform.remove_webhook(self.webhook);
    }
}

#[derive(Deserialize)]
struct Said {
    status: String,
}

fn delivery(outcome: &Outcome, event_type: &str) -> Result<Delivery> {
    let Outcome { status, latency, attempts, .. } = *outcome;
    let said = serde_json::from_slice::<Said>(&outcome.answer).map(|said| said.status).unwrap_or_default();
    let answer = match (status, said.as_str()) {
        (Some(200), "stored") => Answer::Stored,
        (Some(200), "duplicate") => Answer::Duplicate,
        (Some(202), "spooled") => Answer::Spooled,
        (Some(status), said) => {
            bail!("a {event_type} event was answered {status} `{said}`, at the last of {attempts} attempts")
        }
        (None, _) => {
            let error = outcome.error.as_deref().unwrap_or_default();
            bail!("a {event_type} event could not be delivered in {attempts} attempts: {error}")
        }
    };
    Ok(Delivery { answer, latency, retries: attempts.saturating_sub(1) })
}
