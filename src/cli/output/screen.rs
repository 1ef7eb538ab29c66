//! Stdout as a screen: its width, its colors, and redrawing.

use std::io::{self, IsTerminal as _};
use std::sync::PoisonError;

use console::Term;

use super::{Printer, Sink};

/// The width of what has none: a pipe, a file.
const WIDTH: usize = 80;
/// Nothing is drawn narrower or wider.
const WIDTHS: (usize, usize) = (40, 160);

impl Printer {
    /// How wide what is written to stdout may be.
    pub(crate) fn width() -> usize {
        let (min, max) = WIDTHS;
        Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns).clamp(min, max))
    }

    /// How wide what this command writes to stdout may be.
    pub(crate) fn columns(&self) -> usize {
        match &self.sink {
            Sink::Process => Self::width(),
            Sink::Memory(captured) => {
                captured.lock().unwrap_or_else(PoisonError::into_inner).columns.unwrap_or(WIDTH)
            }
        }
    }

    /// Whether stdout is a screen that can be redrawn.
    pub(crate) fn is_screen(&self) -> bool {
        matches!(self.sink, Sink::Process) && io::stdout().is_terminal()
    }

    /// Whether stdout has colors.
    pub(crate) fn has_colors(&self) -> bool {
        matches!(self.sink, Sink::Process) && console::colors_enabled()
    }

    /// Writes `text` to stdout in place of the `lines` before it.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(crate) fn redraw(&self, text: &str, lines: usize) -> io::Result<()> {
        if self.is_screen() {
            Term::stdout().clear_last_lines(lines)?;
        }
        self.data(text)
    }
}
