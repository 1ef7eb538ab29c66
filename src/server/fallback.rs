//! The spool drains although its timer is dead: on Flex Consumption every timer may stop for good after a deployment
//! while HTTP works. Timers run on instances of their own there, so that this process never hears of them: what their runs
//! leave in the spool tells whether they live. <https://github.com/Azure/azure-functions-host/issues/11828>

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::warn;

use super::App;
use crate::delivery::drain::Trigger;

/// An instance that one request woke may not live for long, so that it looks soon,
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// and then this often.
const INTERVAL: Duration = Duration::from_secs(60);
/// With a timer that fires each minute nothing waits for so long, unless Azure Monitor does not take it either.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// Runs until the process ends.
pub(super) async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval_at(Instant::now() + FIRST_AFTER, INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if app.drain.is_overdue(MAX_AGE).await {
            let hint = "the spool is drained from here; if it lasts, deploy a new app beside this one";
            warn!(event = "timer_missing", hint);
            app.drain.run(OffsetDateTime::now_utc(), Trigger::Fallback).await;
        }
    }
}
