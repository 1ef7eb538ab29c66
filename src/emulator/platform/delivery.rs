//! The log of deliveries that each webhook has.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use uuid::Uuid;

/// How many of the latest attempts a webhook's log keeps.
const KEPT: usize = 100_000;

/// One attempt to deliver one event, with the members that the platform's log shows \[client 2.0.3, `hb sentinel status`\].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The event's id; the event's body does not have it.
    pub event_id: Uuid,
    /// The status of the answer, or `None` when there was none.
    pub status_code: Option<u16>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// What went wrong.
    pub error: Option<String>,
}

/// The attempts, oldest first.
#[derive(Debug, Default)]
pub(super) struct DeliveryLog(Mutex<VecDeque<Delivery>>);

impl DeliveryLog {
    pub(super) fn add(&self, delivery: Delivery) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_back(delivery);
        if log.len() > KEPT {
            log.pop_front();
        }
    }

    /// Up to `size` attempts after the newest `skip`, newest first, and how many there are in all.
    pub(super) fn page(&self, skip: usize, size: usize) -> (Vec<Delivery>, usize) {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (log.iter().rev().skip(skip).take(size).cloned().collect(), log.len())
    }
}
