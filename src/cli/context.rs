//! What a command runs in. A command is one function of its arguments and a [`Context`].

use std::io::{self, IsTerminal as _};

use super::output::{Manner, Printer, Sink};
use crate::config::Env;
use crate::humanbound::Timing;

/// Flags that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
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
    /// The organisation's id [default: `HUMANBOUND_ORG_ID`, else that of `hb`]
    #[arg(long, global = true, value_name = "ID", help_heading = "Global options")]
    pub(crate) org: Option<String>,
}

/// What surrounds a command: the process, or what a test puts in its place.
#[derive(Clone)]
pub struct Surroundings {
    /// Where settings come from.
    pub env: Env,
    /// The time, and how it passes.
    pub timing: Timing,
    /// Where words and data go.
    pub sink: Sink,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn process() -> Self {
        Self { env: Env::Process, timing: Timing::system(), sink: Sink::Process }
    }
}

/// What a command runs in.
pub(crate) struct Context {
    /// The way out for words and data.
    pub(crate) printer: Printer,
    /// Where settings come from.
    pub(crate) env: Env,
    /// The time, and how it passes.
    pub(crate) timing: Timing,
    /// The organisation that `--org` names.
    pub(crate) organisation: Option<String>,
    /// Questions are answered with yes.
    pub(crate) yes: bool,
    /// Somebody can be asked: stdin and stderr are terminals, and `--yes` is not there.
    pub(crate) is_interactive: bool,
}

impl Context {
    pub(crate) fn new(command: &'static str, global: Global, surroundings: Surroundings) -> Self {
        let manner = Manner {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            no_color: global.no_color,
        };
        let Surroundings { env, timing, sink } = surroundings;
        let is_terminal =
            matches!(sink, Sink::Process) && io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            printer: Printer::new(command, manner, sink),
            env,
            timing,
            organisation: global.org,
            yes: global.yes,
            is_interactive: is_terminal && !global.yes,
        }
    }
}
