//! `hb-sentinel`: the operator's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    humanbound_sentinel::cli::main()
}
