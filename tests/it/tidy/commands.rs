//! Texts that name a command of `hb-sentinel` name one that there is, with flags that it takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, none};
use crate::programs::help;

/// What follows the program's name in a sentence, and is no command.
const PROSE: [&str; 4] = ["hb-sentinel", "is", "of", "runs"];

/// What `hb-sentinel` with these arguments says of itself: the first words of the lines under `heading`.
pub(super) fn words(arguments: &[&str], heading: &str) -> BTreeSet<String> {
    let text = help(arguments);
    let lines =
        text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.ends_with(':'));
    let words = lines.filter_map(|line| {
        let mut words =
            line.trim_start().trim_start_matches("-h, ").trim_start_matches("-V, ").split([' ', ',']);
        words.next().filter(|word| !word.is_empty() && line.len() - line.trim_start().len() <= 6)
    });
    words.filter(|word| !["--help", "--version", "help"].contains(word)).map(str::to_owned).collect()
}

/// The flags of a text, without their values.
fn flags(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = text.split(|c: char| c.is_whitespace() || "=[],".contains(c));
    let flags = words.filter_map(|word| word.strip_prefix("--").filter(|name| name.starts_with(is_name)));
    flags.map(|name| name.chars().take_while(|c| is_name(*c)).collect()).collect()
}

/// Every mention of a command: the word behind the program's name, and what follows up to the end of the line, of the
/// quotation or of the command.
fn mentions(text: &str) -> Vec<(String, String)> {
    // What follows a path of the program is another word of the shell.
    let is_name = |at: &usize| !text.get(..*at).is_some_and(|before| before.ends_with('/'));
    let names = text.match_indices("hb-sentinel ").filter(|(at, _)| is_name(at));
    let after = names.chain(text.match_indices("cargo run -- "));
    let after = after.map(|(at, name)| text.get(at + name.len()..).unwrap_or_default());
    let mention = |after: &str| {
        let word: String = after.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        let is_end = |c: char| "\n`\"';|()\\".contains(c);
        (word, after.split(is_end).next().unwrap_or_default().to_owned())
    };
    after.map(mention).filter(|(word, _)| word.starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

#[test]
fn commands_of_every_text_exist_with_their_flags() {
    let commands = words(&[], "Commands:");
    assert!(commands.contains("package"), "{commands:?}");
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut offences = Vec::new();
    for file in files() {
        for (command, line) in mentions(&file.text) {
            if PROSE.contains(&command.as_str()) {
                continue;
            }
            if !commands.contains(&command) {
                offences.push(format!("{}: `hb-sentinel {command}` does not exist", file.path));
                continue;
            }
            let takes = known.entry(command.clone()).or_insert_with(|| flags(&help(&[&command])));
            for flag in flags(&line).iter().filter(|flag| !takes.contains(*flag)) {
                offences.push(format!("{}: `hb-sentinel {command}` takes no `--{flag}`", file.path));
            }
        }
    }
    assert!(known.len() > 5, "the rule no longer finds commands: {known:?}");
    none(&offences);
}

#[test]
fn mentions_are_found_in_every_kind_of_text() {
    let text =
        "run `hb-sentinel connect --url URL`, or \"hb-sentinel sync --since=7d\" and hb-sentinel __feed";
    assert_eq!(
        mentions(text),
        [("connect", "connect --url URL"), ("sync", "sync --since=7d")]
            .map(|(word, line)| (word.to_owned(), line.to_owned()))
    );
    assert_eq!(flags("sync --since=7d [--dry-run], -- x"), ["dry-run", "since"].map(str::to_owned).into());
}
