//! The Humanbound platform: its REST API, and the login that its own command line `hb` keeps.
//!
//! A command opens a [`Client`] once and calls it; retries, session renewals and unexpected answers are handled below:
//!
//! ```no_run
//! # async fn command() -> Result<(), humanbound_sentinel::humanbound::Error> {
//! use humanbound_sentinel::config::{self, Env};
//! use humanbound_sentinel::humanbound::{Client, Error, NewWebhook, Timing, same_connector};
//!
//! let settings = config::platform(&Env::Process);
//! let client = Client::open(&settings, None, Timing::system())?;
//! let before = client.webhooks().await?;
//! let url = "https://func-hb-connector.azurewebsites.net/api/ingest";
//! let new = NewWebhook { url, secret: "..", name: "Sentinel Connector", event_types: &[] };
//! let webhook = match client.create_webhook(&new).await {
//!     // It may have been made: what is ours now and was not there before is it.
//!     Err(Error::Unclear { .. }) => {
//!         let now = client.webhooks().await?;
//!         now.into_iter().find(|hook| same_connector(&hook.url, url) && !before.contains(hook))
//!     }
//!     other => Some(other?),
//! };
//! # let _ = webhook;
//! # Ok(())
//! # }
//! ```
//!
//! The variant of an [`Error`] says what to do next, [`Error::hint`] what to tell the reader, and [`Error::exit_code`] how
//! the command ends. None of them holds a secret, and the debug log has only method, URL and status of each call.
//!
//! What this module must not do: follow a redirect, send a credential over plain http to another machine, repeat a POST
//! by itself, read the environment, print.
//!
//! Reading order: [`Client`], then `wire` (one exchange), `credentials` (the login), `answer` (how it is read).

mod client;
mod connector;
mod error;
mod event_types;
mod models;

pub mod backfill;

mod wire;

mod credentials;

mod answer;
mod base_url;
mod fault;

pub use base_url::same_connector;
pub use client::{Client, LoginMode};
pub use connector::{Connector, Health, INGEST, Probe};
pub use error::Error;
pub use event_types::EVENT_TYPES;
pub use fault::Fault;
pub use models::{
    Deletion, Deliveries, Delivery, NewWebhook, Organisation, Project, Replay, Replayed, Tested, Webhook,
    same_id,
};
pub use wire::Timing;
