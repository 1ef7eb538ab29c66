//! The integration tests: one crate, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    clippy::missing_panics_doc,
    clippy::doc_markdown,
    clippy::let_underscore_must_use,
    clippy::must_use_candidate,
    unreachable_pub,
    reason = "a test may stop at the first surprise, say so, and look at its machine"
)]

mod azurite;
mod host;
mod programs;
mod rig;
mod tls;
mod tools;

mod azure_cli;
mod backfill;
mod backlog;
mod budget;
mod cli;
mod content;
mod delivery;
mod demo;
mod deploy;
mod drain;
mod host_contract;
mod humanbound;
mod infra;
mod ingest;
mod log;
mod mapping;
mod outage;
mod package;
mod platform;
mod server;
mod settings;
mod setup;
mod state;
mod tables;
mod tidy;
mod workspace;
