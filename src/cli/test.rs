//! `hb-sentinel test`: sends a test event from Humanbound to the connector.

use anyhow::Result;
use serde_json::json;

use super::connect::activate;
use super::context::Context;
use super::error::Exit;
use super::platform::Platform;
use super::webhook::ping::{self, Arrival};

/// Sends a test event. Only its arrival is a success, not the status of the call.
///
/// # Errors
/// Nothing is connected, or the event did not arrive.
pub(super) async fn run(context: &Context) -> Result<Exit> {
    let mut platform = Platform::open(context, "test").await?;
    let live = platform.live(None).await?;
    let live = platform.needed(live, ": there is no webhook").await?;
    if !live.active {
        activate(context, &platform, &live).await?;
    }
    let arrival = ping::send(context, &platform, &live.id).await?;
    if let Some(ours) = &mut platform.connection().webhook
        && arrival == Arrival::Delivered
    {
        ours.tested_at = Some(context.timing.now());
    }
    platform.save()?;
    let result = json!({ "webhook": live, "test": arrival.name() });
    context.printer.publish(result, &format!("{}: {}.\n", live.url, arrival.text()))?;
    Ok(if arrival == Arrival::Delivered { Exit::Done } else { Exit::Pending })
}
