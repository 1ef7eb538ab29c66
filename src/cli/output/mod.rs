//! The output of a command: data on stdout, messages on stderr.
//!
//! Everything goes through one [`Printer`], which handles `--json`, `--quiet`, `--verbose`, colors and terminals.
//! With `--json` stdout gets one object, on failure as well: the envelope that [`Printer::finish`] writes.

mod bar;
mod format;
mod log;
mod screen;
mod step;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use console::{Color, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

pub(crate) use format::{cut, duration, grouped, minute, wrap};
pub(crate) use log::{RunLog, heads};
pub(crate) use step::{Running, State, Step};

use super::error::{Exit, Failure, is_broken_pipe};

/// The width of the word before a line, as in cargo.
const LABEL: usize = 12;

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// The result as one JSON object.
    pub(crate) json: bool,
    /// 1: only errors; 2: not even these.
    pub(crate) quiet: u8,
    /// 1: also what runs underneath.
    pub(crate) verbose: u8,
    /// Also the heads of HTTP calls.
    pub(crate) debug: bool,
    /// No colors, on any terminal.
    pub(crate) no_color: bool,
}

/// Where words and data go.
#[derive(Debug, Clone, Default)]
pub enum Sink {
    /// The streams of this process.
    #[default]
    Process,
    /// Memory, for tests: what would be written to stdout and to stderr, without colors.
    Memory(Arc<Mutex<Captured>>),
}

/// What was written.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
    /// The width of the screen; `None` where there is none.
    pub columns: Option<usize>,
}

/// The output for messages and data.
pub(crate) struct Printer {
    command: &'static str,
    manner: Manner,
    sink: Sink,
    bar: ProgressBar,
    said: Mutex<Said>,
    log: OnceLock<RunLog>,
}

/// What goes into the envelope.
#[derive(Default)]
struct Said {
    steps: Vec<Step>,
    result: Option<Value>,
    /// The envelope is out: there is one.
    is_finished: bool,
}

impl Printer {
    pub(crate) fn new(command: &'static str, manner: Manner, sink: Sink) -> Self {
        if manner.no_color {
            console::set_colors_enabled(false);
            console::set_colors_enabled_stderr(false);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { command, manner, sink, bar, said: Mutex::default(), log: OnceLock::new() }
    }

    /// From here on, everything is also written to `log`.
    pub(crate) fn log_to(&self, log: RunLog, command: &str) {
        log.line("run", &format!("hb-sentinel {} {command}", env!("CARGO_PKG_VERSION")));
        self.log.set(log).ok();
    }

    fn log(&self, kind: &str, text: &str) {
        if let Some(log) = self.log.get() {
            log.line(kind, text);
        }
    }

    /// Whether heads of HTTP calls are shown or logged.
    pub(crate) fn wants_heads(&self) -> bool {
        self.manner.debug || self.log.get().is_some()
    }

    /// The head of an HTTP call.
    fn head(&self, line: &str) {
        self.log("http", line);
        if self.manner.debug {
            self.talk(&format!("{:>LABEL$} {line}", "http"));
        }
    }

    /// A program that has ended, for the log and for who asked for more with `--verbose`.
    pub(crate) fn ran(&self, text: &str) {
        self.log("program", text);
        self.verbose(text);
    }

    /// Is the result one JSON object?
    pub(crate) fn is_json(&self) -> bool {
        self.manner.json
    }

    /// One message, behind a word.
    pub(crate) fn say(&self, label: &str, text: &str) {
        if self.manner.quiet == 0 {
            self.line(label, Color::Green, text);
        }
    }

    /// One message that should not be missed.
    pub(crate) fn warn(&self, text: &str) {
        self.log("warning", text);
        if self.manner.quiet == 0 {
            self.message("warning", Color::Yellow, text);
        }
    }

    /// What the reader can do next.
    pub(crate) fn hint(&self, text: &str) {
        if self.manner.quiet == 0 {
            self.message("hint", Color::Cyan, text);
        }
    }

    /// One line that is shown with `--verbose`.
    pub(crate) fn verbose(&self, text: &str) {
        if self.manner.verbose > 0 {
            self.talk(&format!("{:>LABEL$} {text}", ""));
        }
    }

    /// The result: `text` to stdout right away, or `json` into the envelope.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(crate) fn publish(&self, json: Value, text: &str) -> Result<()> {
        self.said().result = Some(json);
        if !self.manner.json && !text.is_empty() {
            self.data(text)?;
        }
        Ok(())
    }

    /// Begins a step; what it returns says how it ended.
    pub(crate) fn step(&self, id: &'static str, title: impl Into<String>) -> Running<'_> {
        let title = title.into();
        if self.manner.quiet == 0 {
            let style = ProgressStyle::with_template("{spinner:>12.cyan} {prefix} {msg:.dim}");
            if let Ok(style) = style {
                self.bar.set_style(style);
            }
            self.bar.reset();
            self.bar.set_prefix(title.clone());
            self.bar.set_message("");
            self.show_bar();
            self.bar.enable_steady_tick(Duration::from_millis(120));
        }
        Running { printer: self, id, title, began: Instant::now(), is_over: false }
    }

    fn progress(&self, id: &str, text: &str) {
        self.log("progress", &format!("{id}: {text}"));
        if self.manner.quiet > 0 {
        } else if io::stderr().is_terminal() {
            self.bar.set_message(cut(text, Self::width().saturating_sub(LABEL + 2)));
        } else {
            self.line(id, Color::Cyan, text);
        }
    }

    fn record(&self, step: Step) {
        self.log("step", &step.line());
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        let color = match step.state {
            State::Done | State::Unchanged => Color::Green,
            State::Skipped | State::Pending | State::NotRun => Color::Yellow,
            State::Failed => Color::Red,
        };
        let mut text = step.title.clone();
        if !step.detail.is_empty() {
            text = format!("{text}: {}", step.detail);
        }
        if step.took >= Duration::from_secs(1) {
            text = format!("{text} ({})", duration(step.took));
        }
        if self.manner.quiet == 0 {
            self.line(step.state.label(), color, &text);
        }
        self.said().steps.push(step);
    }

    /// Ends the command: the error on stderr, with `--json` the envelope on stdout, and the exit code.
    pub(crate) fn finish(&self, outcome: &Result<Exit>) -> u8 {
        let (exit, failure) = match outcome {
            Ok(exit) => (*exit, None),
            // The reader of the output is gone, so there is nothing to report.
            Err(error) if is_broken_pipe(error) => return Exit::Done.code(),
            Err(error) => {
                let failure = Failure::of(error);
                (failure.exit, Some(failure))
            }
        };
        self.end();
        if let Some(failure) = &failure {
            self.fail(failure);
        }
        self.log("end", &format!("exit code {}", exit.code()));
        match self.envelope(exit, failure.as_ref()) {
            Ok(()) => exit.code(),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit.code(),
            Err(error) => {
                self.message("error", Color::Red, &format!("stdout cannot be written: {error}"));
                Exit::Failed.code()
            }
        }
    }

    /// Shows the error that ended the command, and where its log is.
    fn fail(&self, failure: &Failure) {
        let step = self.failed_step().map_or_else(String::new, |step| format!("{step}: "));
        let hints = failure.hints.iter().map(|hint| ("hint", Color::Cyan, hint.clone()));
        let log = self.log.get().map(|log| log.path().display().to_string());
        let error = ("error", Color::Red, format!("{step}{}", failure.message));
        for (kind, color, text) in std::iter::once(error).chain(hints) {
            self.log(kind, &text);
            if self.manner.quiet < 2 {
                self.message(kind, color, &text);
            }
        }
        if let Some(log) = log.filter(|_| self.manner.quiet < 2) {
            self.message("log", Color::Cyan, &log);
        }
    }

    /// Writes the envelope now, for a command that goes on after its result. There is one, with `--json` only.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(crate) fn envelope(&self, exit: Exit, failure: Option<&Failure>) -> io::Result<()> {
        let mut said = self.said();
        if !self.manner.json || said.is_finished {
            return Ok(());
        }
        said.is_finished = true;
        let failed = said.steps.iter().rev().find(|step| step.state == State::Failed).map(|step| step.id);
        let error = failure.map(|failure| {
            json!({
                "step": failed, "code": failure.code, "message": failure.message,
                "hint": (!failure.hints.is_empty()).then(|| failure.hints.join("\n")),
                "log": self.log.get().map(RunLog::path),
            })
        });
        let steps: Vec<Value> = said.steps.iter().map(Step::json).collect();
        let envelope = json!({
            "schema": 1, "command": self.command, "ok": matches!(exit, Exit::Done), "exit": exit.code(),
            "steps": steps, "result": said.result.take(), "error": error,
        });
        self.data(&envelope.to_string())
    }

    fn failed_step(&self) -> Option<&'static str> {
        self.said().steps.iter().rev().find(|step| step.state == State::Failed).map(|step| step.id)
    }

    /// A step that is not told but in the envelope and the log: its result stands on stdout.
    pub(crate) fn settle(&self, id: &'static str, title: &str, state: State, detail: String) {
        let step = Step { id, title: title.to_owned(), state, took: Duration::ZERO, detail };
        self.log("step", &step.line());
        self.said().steps.push(step);
    }

    fn line(&self, label: &str, color: Color, text: &str) {
        let label = self.style(color).apply_to(format!("{label:>LABEL$}"));
        self.talk(&format!("{label} {text}"));
    }

    fn message(&self, kind: &str, color: Color, text: &str) {
        let kind = self.style(color).apply_to(format!("{kind}:"));
        self.talk(&format!("{kind} {text}"));
    }

    fn style(&self, color: Color) -> Style {
        let style = Style::new().for_stderr().fg(color).bold();
        if matches!(self.sink, Sink::Process) { style } else { style.force_styling(false) }
    }

    /// One line to stderr; a closed stderr is ignored.
    fn talk(&self, line: &str) {
        match &self.sink {
            Sink::Process => self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}"))),
            Sink::Memory(captured) => {
                let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
                captured.stderr.push_str(line);
                captured.stderr.push('\n');
            }
        }
    }

    /// Text to stdout, with an end of its last line.
    fn data(&self, text: &str) -> io::Result<()> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        match &self.sink {
            Sink::Process => self.bar.suspend(|| {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.write_all(end.as_bytes())?;
                out.flush()
            }),
            Sink::Memory(captured) => {
                let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
                captured.stdout.push_str(text);
                captured.stdout.push_str(end);
                Ok(())
            }
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
