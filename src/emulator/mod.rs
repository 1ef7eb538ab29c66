//! Simulates Azure and Humanbound on loopback.
//!
//! [`Workspace`] answers like the two services that the connector calls in Azure: the App Service identity
//! endpoint, which issues tokens, and the Logs Ingestion API, which accepts rows. `demo`, the delivery tests and the
//! benchmark run against it, since it can also fail in the ways that Azure fails.
//!
//! [`Platform`] answers like Humanbound's API as its own client `hb` calls it, and sends signed events as
//! Humanbound's webhooks do.
//!
//! They know nothing of `server` and `delivery`: they only speak the protocols on both sides of the connector.

mod listener;

mod platform;
mod workspace;

pub use platform::{
    Delivery, DispatchOptions, Login, Organisation, Outcome, Platform, PlatformCall, PlatformError,
    PlatformEvent, PlatformFault, PlatformFaultRule, PlatformOptions, Project, ReplayAnswer, ReplayOptions,
    TestAnswer, Webhook,
};
pub use workspace::{
    Adjustments, Calls, Clock, Error, Fault, FaultRule, Recorded, Store, Throttle, Workspace,
    WorkspaceOptions,
};
