//! `hb-sentinel`: the operator's command line.
//!
//! Started with a hidden word it is the connector instead: that is how `demo` runs one without a second program.

use std::process::ExitCode;

use humanbound_sentinel::cli;
use humanbound_sentinel::config::{self, Env};
use humanbound_sentinel::server;

fn main() -> ExitCode {
    // Before any argument is parsed: what runs is what `bin/connector.rs` runs, and nothing else.
    if std::env::args_os().nth(1).is_some_and(|word| word == cli::AS_CONNECTOR) {
        return server::main(config::connector(&Env::Process));
    }
    cli::main()
}
