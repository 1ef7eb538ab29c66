//! The content of `sentinel/`, proved: every KQL text is executed over events that went through the real connector.
//!
//! Python in `tests/content` reads scenarios, runs KQL and compares; here is what only Rust has: the connector behind
//! the simulated host. `feed` plays a plan of events to it under a clock of its own, `scenarios` runs all scenarios.

mod analyzer;
mod coverage;
mod dashboard;
mod feed;
mod lint;
mod literal;
mod package;
mod preview;
mod scenarios;
