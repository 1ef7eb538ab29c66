//! What a run leaves on a real terminal: the lines of its steps, and nothing of what moved meanwhile.

use std::process::{Command, Stdio};
use std::time::Duration;

use humanbound_sentinel::emulator::PlatformFault;

use super::Desk;
use crate::tools;

const COLUMNS: usize = 80;

/// The lines of a screen after a program wrote `bytes` to it: as far as ours moves about.
fn screen(text: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        match char {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                let mut code = String::new();
                let letter = loop {
                    match rest.next().unwrap() {
                        '[' => {}
                        letter if letter.is_ascii_alphabetic() => break letter,
                        other => code.push(other),
                    }
                };
                let count = code.parse().unwrap_or(1);
                match letter {
                    'A' => row = row.saturating_sub(count),
                    'B' => row += count,
                    'K' => lines[row].truncate(if code == "2" { 0 } else { column }),
                    _ => {}
                }
            }
            char => {
                if column == COLUMNS {
                    (row, column) = (row + 1, 0);
                    lines.resize(lines.len().max(row + 1), Vec::new());
                }
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = char;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_keeps_the_steps_and_nothing_that_moved() {
    let skipped = "a run on a terminal";
    let found = tools::on_path(&["script"]);
    let Some(script) = tools::or_skip(found, skipped, "there is no `script`, of util-linux") else { return };
    let desk = Desk::start().await;
    // What ends at once is not drawn.
    desk.platform.add_fault(PlatformFault::Slow(Duration::from_millis(300)).on("*", "/**"));
    let home = desk.home.path().to_owned();
    let words = [crate::programs::HB_SENTINEL, "connect", "--url", &desk.url(), "--secret-file"];
    let line =
        format!("stty cols {COLUMNS} rows 40 && {} '{}'", words.join(" "), home.join("secret").display());
    let run = move || {
        let mut command = Command::new(script);
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null());
        command.env("HOME", &home).env("TERM", "xterm").env_remove("NO_COLOR");
        command.output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let lines = screen(&text);
    let steps: Vec<_> = lines.iter().filter(|line| line.trim_start().starts_with("Done ")).collect();
    assert_eq!(steps.len(), 5, "{lines:#?}");
    let spinner = |c: char| ('\u{2800}'..='\u{28ff}').contains(&c);
    let left: Vec<_> = lines.iter().filter(|line| line.contains(spinner)).collect();
    assert!(text.contains(spinner) && left.is_empty(), "{lines:#?}");
}
