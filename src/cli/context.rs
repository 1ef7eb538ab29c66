//! The surroundings of a command, which is one function of its arguments and a [`Context`].

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::builder::NonEmptyStringValueParser;

use super::error::{Exit, Explain as _};
use super::interrupt::Patience;
use super::output::{Manner, Printer, RunLog, Sink, duration};
use crate::azure::{Az, Runner, System};
use crate::config::{self, Env};
use crate::home;
use crate::humanbound::Timing;

/// Flags that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
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
    /// Say which HTTP calls are made: method, URL and status
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) debug: bool,
    /// Write the run's log into FILE [default: one in ~/.humanbound/logs, where the last ten stay]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) log_file: Option<PathBuf>,
    /// Write without colors, as with the variable `NO_COLOR`
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Ask nothing: answer every question with yes
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,
    /// The organisation's id [default: `HUMANBOUND_ORG_ID`, else that of `hb`]
    #[arg(long, global = true, value_name = "ID", help_heading = "Global options", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) org: Option<String>,
}

/// The surroundings of a command: those of the process, or of a test.
#[derive(Clone)]
pub struct Surroundings {
    /// Where settings come from.
    pub env: Env,
    /// The time, and how it passes.
    pub timing: Timing,
    /// Where words and data go.
    pub sink: Sink,
    /// What runs `az` and `func`; `None` runs the programs of this machine.
    pub runner: Option<Arc<dyn Runner>>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn process() -> Self {
        Self { env: Env::Process, timing: Timing::system(), sink: Sink::Process, runner: None }
    }
}

/// What a command runs in.
pub(crate) struct Context {
    /// The way out for words and data.
    pub(crate) printer: Arc<Printer>,
    /// Where settings come from.
    pub(crate) env: Env,
    /// The time, and how it passes.
    pub(crate) timing: Timing,
    /// The Azure CLI, which may be missing.
    pub(crate) az: Az,
    /// The file that `--log-file` names.
    log_file: Option<PathBuf>,
    /// The organisation that `--org` names.
    pub(crate) organisation: Option<String>,
    /// Questions are answered with yes.
    pub(crate) yes: bool,
    /// Questions can be asked: stdin and stderr are terminals, and `--yes` is not given.
    pub(crate) is_interactive: bool,
    /// What an interrupted command asks for when it has a question.
    pub(crate) patience: Patience,
}

impl Context {
    pub(crate) fn new(command: &'static str, global: Global, surroundings: Surroundings) -> Self {
        let manner = Manner {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            debug: global.debug,
            no_color: global.no_color,
        };
        let Surroundings { env, timing, sink, runner } = surroundings;
        let is_terminal =
            matches!(sink, Sink::Process) && io::stdin().is_terminal() && io::stderr().is_terminal();
        let printer = Arc::new(Printer::new(command, manner, sink));
        let runner = runner.unwrap_or_else(|| programs(&printer));
        let sleeper = timing.clone();
        let az = Az::new(runner).sleeping(move |pause| {
            let timing = sleeper.clone();
            Box::pin(async move { timing.sleep(pause).await })
        });
        Self {
            printer,
            az,
            env,
            timing,
            log_file: global.log_file,
            organisation: global.org,
            yes: global.yes,
            is_interactive: is_terminal && !global.yes,
            patience: Patience::default(),
        }
    }

    /// Begins the log of the run: in the named file, or, where `is_kept`, beside those of earlier runs.
    ///
    /// # Errors
    /// The file that was named cannot be written.
    pub(crate) fn begin_log(&self, command: &str, is_kept: bool) -> Result<()> {
        let log = match &self.log_file {
            Some(path) => RunLog::at(path, self.timing.clone())
                .with_context(|| format!("`{}` cannot be written", path.display()))
                .hint("name another file with `--log-file`")
                .exit(Exit::Usage)?,
            None if is_kept => {
                let Some(home) = config::platform(&self.env).home else { return Ok(()) };
                let folder = home::folder(&home).join("logs");
                match RunLog::within(&folder, command, self.timing.clone()) {
                    Ok(log) => log,
                    Err(error) => {
                        let folder = folder.display();
                        self.printer
                            .warn(&format!("this run has no log: {folder} cannot be written: {error}"));
                        return Ok(());
                    }
                }
            }
            None => return Ok(()),
        };
        self.printer.log_to(log, command);
        Ok(())
    }
}

/// The programs of this machine; `--verbose` shows every call. No argument contains a secret.
fn programs(printer: &Arc<Printer>) -> Arc<dyn Runner> {
    let printer = Arc::clone(printer);
    Arc::new(System::new().observed(move |ended| {
        let (tool, arguments, time) = (ended.tool.name(), ended.args.join(" "), duration(ended.took));
        let code = ended.code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        printer.ran(&format!("{tool} {arguments} ({time}, {code})"));
    }))
}
