//! How fast windows follow each other: as fast as the platform delivers and the connector accepts them.

use std::time::Duration;

use futures::future::BoxFuture;
use time::OffsetDateTime;

use super::{Notice, Observer};
use crate::humanbound::{Client, Delivery, Timing};

/// The pause between any two requests to the platform.
const MIN_GAP: Duration = Duration::from_secs(1);
/// Deliveries a second that are assumed when the platform does not count them.
const PER_SECOND: u64 = 20;
/// The minimum wait, even for a single event.
const MIN_PAUSE: Duration = Duration::from_secs(5);
/// The pause between two polls of the deliveries.
const MAX_LOOK: u64 = 10;
/// How long to wait for a count that does not grow: the platform gave up on some deliveries, or its log is full.
const STALLED: Duration = Duration::from_secs(120);
/// The maximum factor by which a window is slowed down.
const MAX_SLOWNESS: u32 = 16;
/// How many of the latest deliveries are checked.
const PAGE: usize = 100;

/// Whether the connector keeps up, as far as that can be known.
pub trait Pressure {
    /// How much waits in the connector's spool; `None` when that cannot be known. Blobs or bytes: only growth counts.
    fn spooled(&mut self) -> BoxFuture<'_, Option<u64>>;
}

/// It cannot be known.
pub(super) struct Unknown;

impl Pressure for Unknown {
    fn spooled(&mut self) -> BoxFuture<'_, Option<u64>> {
        Box::pin(std::future::ready(None))
    }
}

/// The pace of one run.
pub(super) struct Pace<'a> {
    client: &'a Client,
    webhook: &'a str,
    timing: Timing,
    pressure: Box<dyn Pressure + 'a>,
    /// The factor by which windows are slowed down.
    slowness: u32,
    last_request: Option<OffsetDateTime>,
    /// The platform's count of deliveries at the last poll.
    total: Option<u64>,
    /// The count at the first poll.
    first_total: Option<u64>,
    has_stalled: bool,
    spooled: Option<u64>,
    /// The deliveries at the last poll; `None` before the first.
    page: Option<Vec<Delivery>>,
}

impl<'a> Pace<'a> {
    pub(super) fn new(
        client: &'a Client,
        webhook: &'a str,
        timing: Timing,
        pressure: Box<dyn Pressure + 'a>,
    ) -> Self {
        Self {
            client,
            webhook,
            timing,
            pressure,
            slowness: 1,
            last_request: None,
            total: None,
            first_total: None,
            has_stalled: false,
            spooled: None,
            page: None,
        }
    }

    /// Reads what was delivered and spooled before this run.
    pub(super) async fn begin(&mut self) {
        self.look().await;
        self.first_total = self.total;
        self.spooled = self.pressure.spooled().await;
    }

    /// Waits until a request may be made.
    pub(super) async fn gate(&mut self) {
        let now = self.timing.now();
        // A clock that was set back must not lengthen the wait.
        let gone = self.last_request.and_then(|last| Duration::try_from(now - last).ok());
        if let Some(rest) = gone.and_then(|gone| MIN_GAP.checked_sub(gone)).filter(|rest| !rest.is_zero()) {
            self.timing.sleep(rest).await;
        }
        self.last_request = Some(self.timing.now());
    }

    /// Waits until `queued` events are delivered, and longer when the connector has trouble with them.
    pub(super) async fn settle(&mut self, queued: u64, observer: &mut dyn Observer) {
        if queued == 0 {
            return;
        }
        let began = self.timing.now();
        let is_overloaded = if let Some(total) = self.total.filter(|_| !self.has_stalled) {
            self.delivered(total, queued, observer).await
        } else {
            self.timing.sleep(pause_for(queued)).await;
            self.look().await
        };
        let spooled = self.pressure.spooled().await;
        let grows = matches!((self.spooled, spooled), (Some(before), Some(now)) if now > before);
        self.spooled = spooled.or(self.spooled);
        let before = self.slowness;
        self.slowness =
            if is_overloaded || grows { (before * 2).min(MAX_SLOWNESS) } else { (before / 2).max(1) };
        if self.slowness > before {
            observer.notice(&Notice::Slower { times: self.slowness });
        }
        if self.slowness > 1 {
            let took = Duration::try_from(self.timing.now() - began).unwrap_or_default();
            self.timing.sleep(took * (self.slowness - 1)).await;
        }
    }

    /// How many deliveries the platform has counted in this run; `None` when it does not, or stopped to.
    pub(super) fn delivered_so_far(&self) -> Option<u64> {
        if self.has_stalled {
            return None;
        }
        self.total?.checked_sub(self.first_total?)
    }

    /// Waits until the count has grown by `queued`; whether the connector was overloaded meanwhile.
    async fn delivered(&mut self, from: u64, queued: u64, observer: &mut dyn Observer) -> bool {
        let (mut best, mut grew_at, mut is_overloaded) = (0, self.timing.now(), false);
        loop {
            let rest = queued.saturating_sub(best);
            let pause = (rest / PER_SECOND).clamp(1, MAX_LOOK);
            self.timing.sleep(Duration::from_secs(pause)).await;
            is_overloaded |= self.look().await;
            let Some(total) = self.total else {
                self.timing.sleep(pause_for(rest)).await;
                return is_overloaded;
            };
            let delivered = total.saturating_sub(from);
            observer.notice(&Notice::Delivering { delivered: delivered.min(queued), of: queued });
            if delivered >= queued {
                return is_overloaded;
            }
            if delivered > best {
                (best, grew_at) = (delivered, self.timing.now());
            } else if self.timing.now() - grew_at >= STALLED {
                self.has_stalled = true;
                observer.notice(&Notice::Stalled { delivered, of: queued });
                return is_overloaded;
            }
        }
    }

    /// Reads the latest deliveries; whether a new one met an overloaded connector. A failure is ignored, because the next
    /// replay reports what is wrong.
    async fn look(&mut self) -> bool {
        self.gate().await;
        let Ok(deliveries) = self.client.deliveries(self.webhook, 1, PAGE).await else {
            self.total = None;
            return false;
        };
        self.total = deliveries.total;
        let before = self.page.replace(deliveries.items.clone());
        let is_new = |item: &Delivery| before.as_ref().is_some_and(|before| !before.contains(item));
        deliveries.items.iter().any(|item| is_overload(item) && is_new(item))
    }
}

/// How long `queued` deliveries take where the platform does not count them.
pub(super) fn pause_for(queued: u64) -> Duration {
    Duration::from_secs(queued.div_ceil(PER_SECOND)).max(MIN_PAUSE)
}

/// Whether a delivery met a connector that is overloaded or unreachable.
fn is_overload(delivery: &Delivery) -> bool {
    matches!(delivery.status_code, None | Some(429 | 502..=504))
}
