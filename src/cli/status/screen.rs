//! The blocks as one screen.

use console::{Color, Style};

use super::judge::{Block, Level};
use crate::cli::output::wrap;

/// The columns before a block's text: its name and how it is.
const NAME: usize = 10;
const WORD: usize = 7;

/// Draws the blocks under their verdict, in lines of at most `width` characters.
pub(super) fn draw(
    organisation: &str,
    verdict: Level,
    blocks: &[Block],
    (width, has_colors): (usize, bool),
) -> String {
    let paint = |level: Level, text: String| {
        let style = Style::new().fg(color(level)).bold().force_styling(has_colors);
        style.apply_to(text).to_string()
    };
    let verdict = match verdict {
        Level::Ok | Level::Unknown => paint(Level::Ok, "ok".to_owned()),
        Level::Warning => paint(Level::Warning, "degraded".to_owned()),
        Level::Failed => paint(Level::Failed, "down".to_owned()),
    };
    let mut text = format!("{organisation}: {verdict}\n\n");
    for block in blocks {
        let mut head =
            format!("{:NAME$}  {}", block.id, paint(block.level, format!("{:WORD$}", block.level.word())));
        for line in block.lines.iter().flat_map(|line| wrap(line, width.saturating_sub(NAME + WORD + 4))) {
            text.push_str(format!("{head}  {line}").trim_end());
            text.push('\n');
            head = " ".repeat(NAME + WORD + 2);
        }
    }
    text
}

fn color(level: Level) -> Color {
    match level {
        Level::Ok => Color::Green,
        Level::Unknown => Color::Cyan,
        Level::Warning => Color::Yellow,
        Level::Failed => Color::Red,
    }
}
