//! The sender: signs an event, posts it, tries again, and keeps a log.
//!
//! The documentation names HMAC-SHA256 over the raw body, any 2xx as success, and three retries with exponential backoff.
//! <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md>.
//! It does not say whether a 4xx is tried again; here everything other than a 2xx is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use reqwest::Client;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::PlatformError;
use super::delivery::Delivery;
use super::history::Stored;
use super::options::DispatchOptions;
use super::webhook::Webhook;
use crate::{signature, tls};

/// How the delivery of one event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which of the given events it was, from 0.
    pub index: usize,
    /// The id in the log of deliveries.
    pub event_id: Uuid,
    /// The status of the last answer, or `None` when the last attempt had none.
    pub status: Option<u16>,
    /// The body of the last answer.
    pub answer: Bytes,
    /// From sending to the whole answer, of the last attempt.
    pub latency: Duration,
    /// How many attempts there were.
    pub attempts: u32,
    /// What went wrong with the last attempt.
    pub error: Option<String>,
}

impl Outcome {
    /// Whether the receiver took the event.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(is_success)
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Sends published and replayed events in the background. Dropping it ends all deliveries.
#[derive(Debug)]
pub(super) struct Dispatcher {
    courier: Arc<Courier>,
    tasks: Mutex<JoinSet<()>>,
}

impl Dispatcher {
    pub(super) fn new(options: DispatchOptions, client: Option<Client>) -> Result<Self, PlatformError> {
        let client = client.map_or_else(direct, Ok).map_err(PlatformError::Client)?;
        let courier = Arc::new(Courier {
            client,
            options,
            slots: Semaphore::new(options.concurrency.max(1)),
            queued: watch::Sender::new(0),
        });
        Ok(Self { courier, tasks: Mutex::default() })
    }

    /// Delivers `events` in the background. Must be called within a Tokio runtime.
    pub(super) fn queue(&self, webhook: Webhook, events: Vec<Stored>) {
        let courier = self.courier.clone();
        courier.queued.send_modify(|queued| *queued += events.len());
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Finished tasks would otherwise be kept for ever.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let (courier, webhook) = (&*courier, &webhook);
            let all = futures::stream::iter(events);
            all.for_each_concurrent(courier.options.concurrency, async |stored| {
                // The semaphore is never closed.
                let slot = courier.slots.acquire().await;
                let event = Numbered { index: 0, id: stored.id, body: stored.event.body };
                courier.deliver(webhook, event, courier.options.retries).await;
                drop(slot);
                courier.queued.send_modify(|queued| *queued -= 1);
            })
            .await;
        });
    }

    /// Waits until nothing is queued or in flight in the background.
    pub(super) async fn settled(&self) {
        let mut queued = self.courier.queued.subscribe();
        // The sender lives as long as `self`.
        drop(queued.wait_for(|queued| *queued == 0).await);
    }

    /// Delivers one event while the caller waits.
    pub(super) async fn ping(&self, webhook: &Webhook, body: Bytes) -> Outcome {
        let event = Numbered { index: 0, id: Uuid::new_v4(), body };
        self.courier.deliver(webhook, event, self.courier.options.ping_retries).await
    }

    /// Delivers `bodies` as the stream is read, up to `connections` at a time; the outcomes come as they are known.
    pub(super) fn deliver_all(
        &self,
        webhook: Webhook,
        bodies: impl IntoIterator<Item = Bytes>,
        connections: usize,
    ) -> impl Stream<Item = Outcome> {
        let webhook = Arc::new(webhook);
        let all = futures::stream::iter(bodies.into_iter().enumerate());
        all.map(move |(index, body)| {
            let (courier, webhook) = (self.courier.clone(), webhook.clone());
            let event = Numbered { index, id: Uuid::new_v4(), body };
            async move { courier.deliver(&webhook, event, courier.options.retries).await }
        })
        .buffer_unordered(connections.max(1))
    }
}

fn direct() -> reqwest::Result<Client> {
    tls::install_provider();
    let none = reqwest::redirect::Policy::none();
    Client::builder().no_proxy().redirect(none).tcp_nodelay(true).build()
}

/// An event under way.
struct Numbered {
    index: usize,
    id: Uuid,
    body: Bytes,
}

/// The outcome of one attempt: a status with the answer's body, or why there is none.
type Attempt = Result<(u16, Bytes), String>;

#[derive(Debug)]
struct Courier {
    client: Client,
    options: DispatchOptions,
    slots: Semaphore,
    queued: watch::Sender<usize>,
}

impl Courier {
    async fn deliver(&self, webhook: &Webhook, event: Numbered, retries: u32) -> Outcome {
        let signature = signature::sign(&webhook.secret, &event.body);
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            let result = self.attempt(webhook, &signature, event.body.clone()).await;
            let latency = began.elapsed();
            let (status, answer, error) = match result {
                Ok((status, answer)) if is_success(status) => (Some(status), answer, None),
                Ok((status, answer)) => (Some(status), answer, Some(format!("HTTP {status}"))),
                Err(error) => (None, Bytes::new(), Some(error)),
            };
            webhook.log.add(Delivery {
                event_id: event.id,
                status_code: status,
                attempt,
                error: error.clone(),
            });
            if error.is_none() || attempt > retries {
                let (index, event_id) = (event.index, event.id);
                return Outcome { index, event_id, status, answer, latency, attempts: attempt, error };
            }
            tokio::time::sleep(self.wait(attempt)).await;
            attempt += 1;
        }
    }

    /// The wait after the attempt of this number.
    fn wait(&self, attempt: u32) -> Duration {
        let doubled = self.options.first_wait.saturating_mul(2_u32.saturating_pow(attempt - 1));
        doubled.mul_f64(self.options.wait_scale.clamp(0.0, 1e3))
    }

    async fn attempt(&self, webhook: &Webhook, signature: &str, body: Bytes) -> Attempt {
        let request = self
            .client
            .post(&webhook.url)
            .timeout(self.options.time_out)
            .header("content-type", "application/json")
            .header("user-agent", "Humanbound-Webhook-Emulator")
            .header(signature::HEADER, signature)
            .body(body);
        let response = request.send().await.map_err(|error| described(&error))?;
        let status = response.status().as_u16();
        let answer = response.bytes().await.map_err(|error| described(&error))?;
        Ok((status, answer))
    }
}

/// An error without its URL, which may hold a key.
fn described(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    what.to_owned()
}
