//! Humanbound Sentinel Connector: signed webhooks in, rows of `AISecurityEvents_CL` out.
//!
//! # Reading order
//!
//! 1. [`signature`], [`event`], [`record`]: the core. Bytes in, one table row out; no IO, no clock, no environment.
//! 2. [`counters`]: counts what has happened.
//! 3. [`config`]: the only reader of the environment.
//! 4. `tls`, [`delivery`]: group commit, the Logs Ingestion client, the spool and its drain.
//! 5. [`server`]: the custom handler's routes behind the Azure Functions host.
//!
//! The rest is for the operator, behind the feature `operator` (on by default). The deployed `connector` is built without
//! it, so that it contains no code that runs other programs:
//!
//! 6. [`emulator`] and [`story`]: a simulated Azure and Humanbound, and the events of a made-up organisation.
//! 7. [`package`]: the zip that a Function App runs.
//! 8. [`home`]: the folder that `hb-sentinel` shares with `hb`, its files and locks.
//! 9. [`humanbound`]: the platform's REST API. [`state`]: what `hb-sentinel` remembers between two runs.
//! 10. [`azure`]: runs `az` and `func`, and holds a deployment as data.
//! 11. [`cli`]: the commands of `hb-sentinel`.
//!
//! `ARCHITECTURE.md` draws the flow and lists the invariants.

pub mod signature;

pub mod event;
pub mod record;

pub mod counters;

pub mod config;

mod tls;

pub mod delivery;

pub mod server;

#[cfg(feature = "operator")]
pub mod emulator;
#[cfg(feature = "operator")]
pub mod story;

#[cfg(feature = "operator")]
pub mod package;

#[cfg(feature = "operator")]
pub mod home;
#[cfg(feature = "operator")]
pub mod humanbound;
#[cfg(feature = "operator")]
pub mod state;

#[cfg(feature = "operator")]
pub mod azure;

#[cfg(feature = "operator")]
pub mod cli;
