//! What a command runs in. A command is one function of its arguments and a [`Context`].

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use time::OffsetDateTime;

use super::output::{Manner, Printer};
use crate::config::Env;

/// Flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Print the result as one JSON object, on failure too
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Say less: once only errors, twice not even these
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) quiet: u8,
    /// Say more: what runs underneath, with times
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Write without colors, as with the variable `NO_COLOR`
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Ask nothing: answer every question with yes
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,
}

/// Where a command takes the time from.
pub(crate) type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// What a command runs in.
pub(crate) struct Context {
    /// The way out for words and data.
    pub(crate) printer: Printer,
    /// Where settings come from.
    pub(crate) env: Env,
    /// The time.
    pub(crate) clock: Clock,
    /// Somebody can be asked: stdin and stderr are terminals, and `--yes` is not there.
    pub(crate) is_interactive: bool,
}

impl Context {
    /// The context of a process of its own.
    pub(crate) fn of_process(command: &'static str, global: &Global) -> Self {
        let manner = Manner {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            no_color: global.no_color,
        };
        Self {
            printer: Printer::new(command, manner),
            env: Env::Process,
            clock: Arc::new(OffsetDateTime::now_utc),
            is_interactive: !global.yes && io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }
}
