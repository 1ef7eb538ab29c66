//! What stands in for Azure and for Humanbound, on loopback.
//!
//! [`Workspace`] answers like the two services that the connector calls in Azure: the App Service identity
//! endpoint, which hands out tokens, and the Logs Ingestion API, which takes rows. `demo` runs against it, and so
//! do the delivery tests and the benchmark, since it can also fail in the ways that Azure fails.
//!
//! It knows nothing of `server` and `delivery`: it only speaks the protocols on either side of them.

mod listener;

mod workspace;

pub use workspace::{
    Adjustments, Calls, Clock, Error, Fault, FaultRule, Recorded, Store, Throttle, Workspace,
    WorkspaceOptions,
};
