//! The only reader of the environment.
//!
//! Every problem is found in one pass and kept as a [`Problem`] with its hint, because a customer who fixes settings in
//! the portal, one restart at a time, wants the whole list. Only an unusable port is fatal: the Functions host restarts
//! a dead handler at once and gives up the third time. With any other problem the connector starts, answers 503 and says
//! why.
//!
//! Read [`mod@connector`] first, then [`SETTINGS`].

mod connector;
#[cfg(feature = "operator")]
mod demo;
mod env;
#[cfg(feature = "operator")]
mod humanbound;
mod settings;

pub(crate) use connector::SpoolLocation;
pub use connector::{ConnectorConfig, IngestionTarget, PortUnusable, Problem, connector};
#[cfg(feature = "operator")]
pub(crate) use demo::{checkout, has_display};
pub use env::Env;
#[cfg(feature = "operator")]
pub use humanbound::{Auth0, Confidential, PlatformSettings, ProxySettings, platform};
pub use settings::{SETTINGS, Setting};
