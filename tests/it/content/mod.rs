//! The content of `sentinel/`, proved: every KQL text is executed over events that went through the real connector.
//!
//! Python in `content/` reads scenarios, has them played by the hidden command `__feed`, runs KQL and compares; the tests
//! here run it.

mod analyzer;
mod coverage;
mod dashboard;
mod lint;
mod literal;
mod package;
mod preview;
mod scenarios;
