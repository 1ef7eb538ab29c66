//! [`Platform`]: Humanbound's platform on loopback: its API as its client `hb` calls it, the part of Auth0 that the client
//! needs, and the sender of webhooks.
//!
//! Reading order: `options` (including each unknown behaviour), `route` (the API on one page), `session`, `webhook`,
//! `history` and `dispatcher` (what is sent), `delivery` (the log of it), `answer`, `fault`, `call`.
//!
//! # Where each fact comes from
//!
//! | fact | source |
//! |---|---|
//! | routes, bodies and headers of webhooks, organisations, projects, `auth`, `logout`, `/oauth/token` | `hb` \[client 2.13.0\], driven in `tests/it/platform` |
//! | members of a delivery in the log; `page` and `size` | `hb sentinel status` \[client 2.0.3\] |
//! | at most 10 webhooks, https, HMAC-SHA256, any 2xx is success, 3 retries with exponential backoff, the event types | [documentation](https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md) |
//! | at most 1,000 events a replay, delivered asynchronously | help of `hb webhooks sync` \[client 2.13.0\] |
//! | no event types means all | `hb webhooks` and its MCP server say so \[client 2.13.0\]; whether the API takes them is [an option](PlatformOptions::takes_no_event_types) |
//! | lists are `{data,total,page,size,has_next_page}`; errors `{message}`, with `errors` on a 422 | the client's tests |
//! | the webhook test is a 502 "Delivery failed" when nothing arrives | the client's tests; other readings are [options](TestAnswer) |
//! | a refresh token that is used twice ends its family | [Auth0](https://auth0.com/docs/secure/tokens/refresh-tokens/refresh-token-rotation) |
//! | the ping's body, waits between retries, time-outs, order and edges of a replay, what an inactive webhook does | unknown: invented here, with options where it matters |

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

mod answer;
mod call;
mod delivery;
mod dispatcher;
mod fault;
mod history;
mod options;
mod route;
mod session;
mod webhook;

pub use call::PlatformCall;
pub use delivery::Delivery;
pub use dispatcher::Outcome;
pub use fault::{PlatformFault, PlatformFaultRule};
pub use history::PlatformEvent;
pub use options::{
    DispatchOptions, Organisation, PlatformOptions, Project, ReplayAnswer, ReplayOptions, TestAnswer,
};
pub use session::Login;
pub use webhook::Webhook;

use super::listener::{self, Listener};
use crate::signature::Secret;
use call::Calls;
use dispatcher::Dispatcher;
use fault::Faults;
use history::History;
use session::Sessions;
use webhook::Webhooks;

/// Why the platform could not start, or rejects its input.
#[derive(Debug, Error)]
pub enum PlatformError {
    /// No port on the loopback interface.
    #[error("the local platform cannot listen on 127.0.0.1")]
    Bind(#[source] io::Error),
    /// The sender has no HTTP client.
    #[error("the local platform cannot send events")]
    Client(#[source] reqwest::Error),
    /// A body that is no event.
    #[error("the body is not an event")]
    Event(#[source] serde_json::Error),
    /// There is no webhook with this id.
    #[error("there is no webhook `{0}`")]
    UnknownWebhook(Uuid),
    /// A webhook needs an organisation and a secret that is not empty.
    #[error("the webhook needs an organisation and a secret")]
    Webhook,
}

/// What the routes share.
struct Service {
    options: PlatformOptions,
    sessions: Sessions,
    webhooks: Webhooks,
    history: History,
    dispatcher: Dispatcher,
    faults: Faults,
    calls: Calls,
}

impl Service {
    fn now(&self) -> OffsetDateTime {
        (self.options.clock)()
    }
}

/// A running platform. Dropping it stops everything: the port, connections, deliveries.
pub struct Platform {
    service: Arc<Service>,
    listener: Listener,
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("address", &self.listener.address).finish_non_exhaustive()
    }
}

impl Platform {
    /// Starts the platform on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`PlatformError::Bind`] and [`PlatformError::Client`].
    pub async fn start(options: PlatformOptions) -> Result<Self, PlatformError> {
        let service = Arc::new(Service {
            sessions: Sessions::new(&options),
            webhooks: Webhooks::default(),
            history: History::default(),
            dispatcher: Dispatcher::new(options.dispatch, options.client.clone())?,
            faults: Faults::default(),
            calls: Calls::new(options.recorded_limit),
            options,
        });
        let listener = listener::serve(route::router(service.clone())).await.map_err(PlatformError::Bind)?;
        Ok(Self { service, listener })
    }

    /// The port, for what ends TLS in front of it: the client always calls `https://DOMAIN/oauth/token`.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.address.port()
    }

    /// The API's base, `http://127.0.0.1:PORT/api` (variable `HUMANBOUND_BASE_URL`).
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/api", self.listener.address)
    }

    /// The options it was started with.
    #[must_use]
    pub fn options(&self) -> &PlatformOptions {
        &self.service.options
    }

    /// The tokens that a login through the browser brings.
    #[must_use]
    pub fn log_in(&self) -> Login {
        self.service.sessions.log_in()
    }

    /// Ends every session, as `hb logout` on another machine does.
    pub fn revoke_sessions(&self) {
        self.service.sessions.revoke();
    }

    /// Adds an active webhook of the first organisation for all event types, without the API, its rules and its limit.
    ///
    /// # Errors
    /// [`PlatformError::Webhook`] when the secret is empty, or there is no organisation.
    pub fn add_webhook(&self, url: &str, secret: &str) -> Result<Webhook, PlatformError> {
        let organisation = self.service.options.organisations.first().ok_or(PlatformError::Webhook)?;
        let webhook = Webhook {
            id: Uuid::new_v4(),
            organisation_id: organisation.id,
            name: "Sentinel Connector".to_owned(),
            url: url.to_owned(),
            is_active: true,
            event_types: Vec::new(),
            secret: Secret::new(secret).ok_or(PlatformError::Webhook)?,
            log: Arc::default(),
        };
        self.service.webhooks.add(webhook.clone(), usize::MAX).map_err(|_| PlatformError::Webhook)?;
        Ok(webhook)
    }

    /// Removes a webhook, as its owner would; one that is already gone is no error.
    pub fn remove_webhook(&self, webhook: Uuid) {
        self.service.webhooks.remove(webhook);
    }

    /// All webhooks, in the order of their creation.
    #[must_use]
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.service.webhooks.all()
    }

    /// Every attempt to deliver to a webhook, oldest first; none when there is no such webhook.
    #[must_use]
    pub fn deliveries(&self, webhook: Uuid) -> Vec<Delivery> {
        let found = self.service.webhooks.all().into_iter().find(|other| other.id == webhook);
        let mut all = found.map(|webhook| webhook.log.page(0, usize::MAX).0).unwrap_or_default();
        all.reverse();
        all
    }

    /// Keeps events that have happened, for replays, and delivers none. Returns how many are kept now.
    pub fn load(&self, events: impl IntoIterator<Item = PlatformEvent>) -> usize {
        self.service.history.load(events)
    }

    /// How many events are kept.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.service.history.count()
    }

    /// Lets an event happen: it is kept, and delivered in the background to every active webhook that wants its type.
    /// Returns its id in the logs of deliveries. Must be called within a Tokio runtime.
    pub fn publish(&self, event: PlatformEvent) -> Uuid {
        let stored = self.service.history.add(event);
        for webhook in self.service.webhooks.all() {
            let is_its = stored.event.organisation_id.is_none_or(|id| id == webhook.organisation_id);
            if is_its && webhook.wants(&stored.event.event_type) {
                self.service.dispatcher.queue(webhook, vec![stored.clone()]);
            }
        }
        stored.id
    }

    /// Waits until everything that was published or replayed is delivered or given up.
    pub async fn settled(&self) {
        self.service.dispatcher.settled().await;
    }

    /// Delivers `bodies` to one webhook as fast as it accepts them, with the usual retries, up to `connections` at a time,
    /// while the stream is read. The outcomes come in the order in which they are known. The events are not kept for replays.
    ///
    /// # Errors
    /// [`PlatformError::UnknownWebhook`].
    pub fn deliver_all<'a>(
        &'a self,
        webhook: Uuid,
        bodies: impl IntoIterator<Item = Bytes> + 'a,
        connections: usize,
    ) -> Result<impl Stream<Item = Outcome> + 'a, PlatformError> {
        let found = self.service.webhooks.all().into_iter().find(|other| other.id == webhook);
        let found = found.ok_or(PlatformError::UnknownWebhook(webhook))?;
        Ok(self.service.dispatcher.deliver_all(found, bodies, connections))
    }

    /// Adds a fault behind those in force; the first that applies to a request wins.
    pub fn add_fault(&self, rule: PlatformFaultRule) {
        self.service.faults.add(rule);
    }

    /// Ends every fault. A request that already hangs stays so.
    pub fn clear_faults(&self) {
        self.service.faults.clear();
    }

    /// The latest requests, in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<PlatformCall> {
        self.service.calls.all()
    }

    /// The latest requests of `method` whose path fits `pattern`; see [`PlatformFault::on`].
    #[must_use]
    pub fn calls_to(&self, method: &str, pattern: &str) -> Vec<PlatformCall> {
        self.service.calls.all().into_iter().filter(|call| call.is(method, pattern)).collect()
    }

    /// Forgets the requests so far.
    pub fn forget_calls(&self) {
        self.service.calls.forget();
    }
}
