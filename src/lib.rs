//! Humanbound Sentinel Connector: signed webhooks in, rows of `AISecurityEvents_CL` out.
//!
//! # Reading order
//!
//! 1. [`signature`], [`event`], [`record`]: the core. Bytes in, one table row out; no IO, no clock, no environment.
//! 2. [`config`]: the only reader of the environment.
//! 3. [`delivery`]: group commit, the Logs Ingestion client, the spool and its drain.
//! 4. [`server`]: the custom handler's routes behind the Azure Functions host.
//! 5. [`local`]: an embedded workspace and a story of events, for `demo` and the tests.
//! 6. [`package`]: the zip that a Function App runs.
//! 7. [`cli`]: the commands of `hb-sentinel`.
//!
//! `ARCHITECTURE.md` draws the flow and lists the invariants.

pub mod signature;

pub mod event;
pub mod record;

pub mod config;

pub mod delivery;

pub mod server;

pub mod local;

pub mod package;

pub mod cli;
