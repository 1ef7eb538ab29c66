//! What stands in for Azure and for Humanbound on a laptop.
//!
//! [`Workspace`] answers like the two services that the connector calls in Azure: the App Service identity
//! endpoint, which hands out tokens, and the Logs Ingestion API, which takes rows. `demo` runs against it, and so
//! do the delivery tests and the benchmark, since it can also fail in the ways that Azure fails.
//! [`Story`] makes up what happens at a bank with six AI agents, as the webhooks that the platform would send.
//!
//! Neither knows of `server` and `delivery`: they only speak the protocols on either side of them.

mod workspace;

mod story;

pub use story::{MAX_EVENTS, MIN_EVENTS, ProjectState, Story, StoryEvent, StoryOptions, Truths};
pub use workspace::{
    Adjustments, Calls, Clock, Error, Fault, FaultRule, Recorded, Store, Throttle, Workspace,
    WorkspaceOptions,
};
