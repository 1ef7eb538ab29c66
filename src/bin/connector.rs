//! `connector`: the custom handler that the Azure Functions host starts.

use std::process::ExitCode;

use humanbound_sentinel::config::{self, Env};
use humanbound_sentinel::server;

fn main() -> ExitCode {
    server::main(config::connector(&Env::Process))
}
