//! The sender: what Humanbound's webhook dispatcher does, as fast as it goes.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::StreamExt as _;
use reqwest::StatusCode;
use serde::Deserialize;

use super::connector::Connector;
use crate::cli::output::Printer;
use crate::signature;
use crate::story::StoryEvent;

/// How many deliveries are under way at once.
pub(super) const CONNECTIONS: usize = 64;
/// The platform tries again three times, waiting longer each time.
const RETRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(250);
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
    /// How many attempts were in vain before.
    pub(super) retries: u32,
}

/// Delivers `events`, up to `connections` at a time and in order otherwise; stops at the first that cannot be
/// delivered.
pub(super) async fn play(
    events: &[StoryEvent],
    connections: usize,
    connector: &Connector,
    printer: &Printer,
) -> Result<Vec<Delivery>> {
    let mut deliveries = Vec::with_capacity(events.len());
    let mut answers =
        futures::stream::iter(events).map(|event| deliver(event, connector)).buffer_unordered(connections);
    while let Some(delivery) = answers.next().await {
        deliveries.push(delivery?);
        printer.advance();
    }
    Ok(deliveries)
}

/// Delivers one event, trying again as the platform does.
pub(super) async fn deliver(event: &StoryEvent, connector: &Connector) -> Result<Delivery> {
    let signature = signature::sign(connector.secret(), &event.body);
    for retries in 0..=RETRIES {
        if retries > 0 {
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(retries - 1)).await;
        }
        let began = Instant::now();
        match attempt(event, &signature, connector).await {
            Ok(Some(answer)) => return Ok(Delivery { answer, latency: began.elapsed(), retries }),
            // Not now, or no answer at all: the platform would come back.
            Ok(None) => {}
            Err(error) if error.downcast_ref::<reqwest::Error>().is_some() && retries < RETRIES => {}
            Err(error) => return Err(error),
        }
    }
    bail!("a {} event was refused {} times in a row", event.event_type, RETRIES + 1)
}

#[derive(Deserialize)]
struct Said {
    status: String,
}

/// The answer, or `None` for a 503.
async fn attempt(event: &StoryEvent, signature: &str, connector: &Connector) -> Result<Option<Answer>> {
    let request = connector
        .client()
        .post(connector.url())
        .header("content-type", "application/json")
        .header("user-agent", "Humanbound-Webhook-Demo")
        .header(signature::HEADER, signature)
        .body(event.body.clone());
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return Ok(None);
    }
    let said = serde_json::from_slice::<Said>(&body).map(|said| said.status).unwrap_or_default();
    match (status.as_u16(), said.as_str()) {
        (200, "stored") => Ok(Some(Answer::Stored)),
        (200, "duplicate") => Ok(Some(Answer::Duplicate)),
        (202, "spooled") => Ok(Some(Answer::Spooled)),
        _ => bail!("a {} event was answered {status} `{said}`", event.event_type),
    }
}
