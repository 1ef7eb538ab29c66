//! Spinners and progress bars on a terminal. Elsewhere long work writes a line at each tenth, and the rest nothing.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use console::Color;
use indicatif::{ProgressDrawTarget, ProgressStyle};

use super::Printer;

impl Printer {
    /// Shows the bar from here on. A new place to draw at would leave what was drawn at the old one on the screen.
    pub(super) fn show_bar(&self) {
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(12));
        }
    }

    /// Shows a spinner, for work without a known end; [`Self::end`] removes it.
    pub(crate) fn busy(&self, text: &str) {
        if self.manner.quiet > 0 {
            return;
        }
        if let Ok(look) = ProgressStyle::with_template("{spinner:>12.cyan} {prefix}") {
            self.bar.set_style(look);
        }
        self.bar.reset();
        self.bar.set_prefix(text.to_owned());
        self.show_bar();
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// Shows a progress bar up to `total`; only on a terminal.
    pub(crate) fn begin(&self, total: usize) {
        if self.manner.quiet > 0 {
            return;
        }
        // It may have ended before.
        self.bar.reset();
        let template = "{prefix:>12.cyan.bold} [{bar:32}] {human_pos}/{human_len} {msg}";
        if let Ok(look) = ProgressStyle::with_template(template) {
            self.bar.set_style(look.progress_chars("=> "));
        }
        self.bar.set_length(total as u64);
        self.show_bar();
    }

    /// What is being done.
    pub(crate) fn doing(&self, prefix: &'static str, message: &str) {
        self.bar.set_prefix(prefix);
        self.bar.set_message(message.to_owned());
    }

    /// Progress that is reported as a text; without a terminal a line at each tenth of it.
    pub(crate) fn reach(&self, done: usize, of: usize) {
        if done == 0 {
            self.begin(of);
        }
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
        let tenth = |done: usize| done * 10 / of.max(1);
        let is_next = done > 0 && tenth(done) > tenth(done - 1);
        if is_next && self.manner.quiet == 0 && !io::stderr().is_terminal() {
            self.line(&self.bar.prefix(), Color::Cyan, &format!("{done} of {of}"));
        }
    }

    /// One more.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Removes the bar.
    pub(crate) fn end(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}
