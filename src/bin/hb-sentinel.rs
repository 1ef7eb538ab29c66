//! `hb-sentinel`: the operator's command line.
//!
//! With a hidden argument it runs as the connector instead, so that `demo` needs no second program.

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
