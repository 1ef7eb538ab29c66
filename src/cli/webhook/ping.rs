//! Sends a test event and follows it. Only its arrival is a success, not the status of the call.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::cli::context::Context;
use crate::cli::error::Explain as _;
use crate::cli::platform::{Platform, Told as _};
use crate::humanbound::{Delivery, Error};

/// The waits before the tries after the first: a cold start takes some seconds.
const WAITS: [u64; 3] = [5, 15, 30];
/// How often the deliveries are looked at, and how long between.
const LOOKS: usize = 10;
const LOOK: Duration = Duration::from_secs(2);
const PAGE: usize = 25;

/// How a test event is known to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The platform says that the connector accepted it.
    Delivered,
    /// The platform accepted the request and says no more.
    Unproven,
}

impl Arrival {
    /// The word in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Unproven => "unproven",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Delivered => "the connector took a test event",
            Self::Unproven => "a test event was sent; the platform does not say whether it arrived",
        }
    }
}

/// Why it did not.
struct Undelivered {
    status_code: Option<u16>,
    reason: String,
}

/// Sends test events until one arrives, four at most.
///
/// # Errors
/// None arrived: with the reason that the platform's deliveries give.
pub(crate) async fn until_it_arrives(context: &Context, platform: &Platform, id: &str) -> Result<Arrival> {
    let step = context.printer.step("ping", "A test event arrives");
    let mut waits = WAITS.iter();
    loop {
        let failed = match once(context, platform, id).await? {
            Ok(arrival) => {
                step.done(arrival.text());
                return Ok(arrival);
            }
            Err(failed) => failed,
        };
        let Some(wait) = waits.next() else { return Err(explain(&failed)) };
        step.progress(&format!("{}; again in {wait} s", failed.reason));
        context.timing.sleep(Duration::from_secs(*wait)).await;
    }
}

/// Sends one test event.
///
/// # Errors
/// It did not arrive, or could not be sent.
pub(crate) async fn send(context: &Context, platform: &Platform, id: &str) -> Result<Arrival> {
    let step = context.printer.step("ping", "A test event arrives");
    match once(context, platform, id).await? {
        Ok(arrival) => {
            step.done(arrival.text());
            Ok(arrival)
        }
        Err(failed) => Err(explain(&failed)),
    }
}

fn explain(failed: &Undelivered) -> anyhow::Error {
    let hint = match failed.status_code {
        Some(401) => {
            "the connector has another secret than the webhook: run `hb-sentinel rotate-secret`, \
             or without a deployment `hb-sentinel disconnect` and `hb-sentinel connect`"
        }
        Some(404) => "check that the URL ends in /api/ingest and that the function app runs the connector",
        Some(413 | 415) => "report this: the platform sends what the connector does not take",
        Some(503) => "the connector is up and cannot take events: look at its `/api/status`",
        _ => "check that the connector's URL can be reached from the internet",
    };
    let error: Result<()> = Err(anyhow!("the test event did not arrive: {}", failed.reason));
    error.hint(hint).code("NotDelivered").err().unwrap_or_else(|| anyhow!("not delivered"))
}

async fn once(context: &Context, platform: &Platform, id: &str) -> Result<Result<Arrival, Undelivered>> {
    let seen: HashSet<_> = latest(platform, id).await.into_iter().map(|delivery| key(&delivery)).collect();
    let tested = match platform.client.test_webhook(id).await {
        Ok(tested) => tested,
        // The platform reports a failed delivery as a fault of its own too: the deliveries tell.
        Err(Error::Unclear { reason, .. }) => {
            return Ok(match look(context, platform, id, &seen).await {
                Some(outcome) => outcome,
                None => Err(Undelivered { status_code: None, reason }),
            });
        }
        Err(error) => return Err(error).told(),
    };
    let told = match (tested.delivered, tested.status_code) {
        (Some(true), _) => return Ok(Ok(Arrival::Delivered)),
        (Some(false), code) => {
            let answer = code.map(|code| format!("the connector answered {code}"));
            let reason = tested.message.or(answer).unwrap_or_else(|| "the platform says no more".to_owned());
            Some(Undelivered { status_code: code, reason })
        }
        (None, _) => None,
    };
    if let Some(failed) = told {
        return Ok(Err(failed));
    }
    Ok(look(context, platform, id, &seen).await.unwrap_or(Ok(Arrival::Unproven)))
}

/// Polls for a new delivery, until one has an outcome.
async fn look(
    context: &Context,
    platform: &Platform,
    id: &str,
    seen: &HashSet<String>,
) -> Option<Result<Arrival, Undelivered>> {
    for look in 0..LOOKS {
        if look > 0 {
            context.timing.sleep(LOOK).await;
        }
        let deliveries = latest(platform, id).await;
        let new = deliveries.iter().find(|delivery| !seen.contains(&key(delivery)));
        let Some(new) = new else { continue };
        return Some(match new.status_code {
            Some(200..=299) => Ok(Arrival::Delivered),
            code => {
                let answer = code.map(|code| format!("the connector answered {code}"));
                let reason = answer.or_else(|| new.error.clone()).unwrap_or_else(|| "no answer".to_owned());
                Err(Undelivered { status_code: code, reason })
            }
        });
    }
    None
}

/// The newest deliveries. Failing to read them is no error, because they only explain.
async fn latest(platform: &Platform, id: &str) -> Vec<Delivery> {
    platform.client.deliveries(id, 1, PAGE).await.map(|page| page.items).unwrap_or_default()
}

fn key(delivery: &Delivery) -> String {
    format!("{:?}/{:?}", delivery.event_id, delivery.attempt)
}
