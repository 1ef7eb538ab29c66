//! The log: one JSON object a line, each with `event`. `sentinel/connector/log-events.json` lists them.

use tracing::{error, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

use crate::config::Problem;

/// Starts the log: information on stdout, faults on stderr. The host makes every line of stderr an error unless it
/// contains `warn`, which the level of such a line does. A panic tells where it was, but not its text, which may hold
/// a part of an event.
pub(super) fn start(filter: &str) {
    let writer = std::io::stderr.with_max_level(tracing::Level::WARN).or_else(std::io::stdout);
    let parsed = EnvFilter::try_new(filter);
    let unusable = parsed.as_ref().err().map(ToString::to_string);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(parsed.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(writer)
        // It would be told on stderr, and a stderr that is closed would end the process at the first warning.
        .log_internal_errors(false)
        .init();
    if let Some(problem) = unusable {
        warn!(event = "config_note", setting = "RUST_LOG", problem, hint = "use for example `info`");
    }
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        error!(event = "panicked", at, "this is a bug; please report it");
    }));
}

/// What keeps the connector from taking events.
pub(super) fn problems(problems: &[Problem]) {
    for Problem { setting, message, hint } in problems {
        error!(event = "config_invalid", setting, problem = message, hint);
    }
}

/// What an operator should know besides.
pub(super) fn notes(notes: &[Problem]) {
    for Problem { setting, message, hint } in notes {
        warn!(event = "config_note", setting, problem = message, hint);
    }
}
