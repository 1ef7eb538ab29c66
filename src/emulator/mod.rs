//! What stands in for Azure and for Humanbound, on loopback.
//!
//! [`Workspace`] answers like the two services that the connector calls in Azure: the App Service identity
//! endpoint, which hands out tokens, and the Logs Ingestion API, which takes rows. `demo` runs against it, and so
//! do the delivery tests and the benchmark, since it can also fail in the ways that Azure fails.
//!
//! [`Platform`] answers like Humanbound's API as its own client `hb` calls it, and sends signed events as
//! Humanbound's webhooks do.
//!
//! They know nothing of `server` and `delivery`: they only speak the protocols on either side of them.

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
