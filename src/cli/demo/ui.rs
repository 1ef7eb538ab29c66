//! What the demo says while it runs: on stderr, in lines like cargo's, with a progress bar on a terminal.

use std::io::{self, Write as _};

use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;
use time::macros::format_description;

/// How wide the words before a line are, as cargo has it.
const LABEL: usize = 12;

pub(super) struct Ui {
    bar: ProgressBar,
}

impl Ui {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { bar }
    }

    /// One line.
    pub(super) fn say(&self, label: &str, text: &str) {
        self.bar.suspend(|| {
            // Nobody is left to tell when stderr is closed.
            drop(writeln!(
                io::stderr(),
                "{} {text}",
                style(format!("{label:>LABEL$}")).for_stderr().green().bold()
            ));
        });
    }

    /// Begins to show the way to `total`; a terminal is needed for that.
    pub(super) fn begin(&self, total: usize) {
        // It may have ended before.
        self.bar.reset();
        let template = "{prefix:>12.cyan.bold} [{bar:32}] {human_pos}/{human_len} {msg}";
        if let Ok(look) = ProgressStyle::with_template(template) {
            self.bar.set_style(look.progress_chars("=> "));
        }
        self.bar.set_length(total as u64);
        self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(12));
    }

    /// What is being done.
    pub(super) fn doing(&self, prefix: &'static str, message: &str) {
        self.bar.set_prefix(prefix);
        self.bar.set_message(message.to_owned());
    }

    /// How far something is that tells so itself.
    pub(super) fn reach(&self, done: usize, of: usize) {
        if done == 0 {
            self.begin(of);
        }
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
    }

    pub(super) fn advance(&self) {
        self.bar.inc(1);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// `12,345`.
pub(super) fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `2026-11-23 10:00`, in UTC.
pub(super) fn minute(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    at.to_offset(time::UtcOffset::UTC).format(&format).unwrap_or_default()
}
