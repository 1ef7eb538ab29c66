//! What the commands say of themselves.

use super::Desk;
use crate::programs::{hb_sentinel, help, help_in};

/// The commands of `--help` with their lines.
fn commands() -> Vec<(String, String)> {
    let help = help(&[]);
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<_> = lines
        .map(|line| line.trim().split_once("  ").unwrap())
        .map(|(name, line)| (name.to_owned(), line.trim().to_owned()))
        .filter(|(name, _)| name != "help")
        .collect();
    assert!(commands.len() > 5, "{help}");
    commands
}

#[test]
fn every_line_of_the_help_is_an_imperative_without_a_period() {
    for (name, line) in commands() {
        let first = line.split(' ').next().unwrap();
        let is_imperative = first.starts_with(char::is_uppercase) && !first.ends_with('s');
        assert!(is_imperative && !line.ends_with('.') && line.len() <= 90, "{name}: {line}");
        for option in help(&[&name]).lines().filter(|line| line.trim_start().starts_with('-')) {
            assert!(!option.trim_end_matches("...").ends_with('.'), "{name}: {option}");
        }
    }
}

/// A terminal that breaks lines itself breaks them within words, and below the options' names.
#[test]
fn the_help_fits_a_narrow_terminal() {
    let names: Vec<_> = commands().into_iter().map(|(name, _)| name).collect();
    for command in std::iter::once(None).chain(names.iter().map(Some)) {
        let arguments: Vec<_> = command.into_iter().map(String::as_str).collect();
        let help = help_in(&arguments, 60);
        let wide = help.lines().find(|line| line.chars().count() > 60 && !line.contains("://"));
        assert_eq!(wide, None, "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_rejected_with_what_can() {
    for (arguments, words) in [
        (&["status", "--watch", "soon"][..], "a span looks like 10s, 5m or 1h30m"),
        (&["status", "--watch", "0s"], "the shortest is 1s"),
        (&["rotate-secret", "--grace", "15"], "a span looks like"),
        (&["deploy", "--rg", "x", "--wait-row", "5 minuets"], "a span looks like"),
        (&["test", "--org", ""], "a value is required for '--org <ID>'"),
    ] {
        let output = hb_sentinel(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn commands_of_the_platform_show_examples() {
    for (name, example) in [
        ("connect", "hb-sentinel connect --url https://func-"),
        ("test", "hb-sentinel test"),
        ("status", "hb-sentinel status"),
        ("sync", "hb-sentinel sync --since 2025-01-01"),
        ("disconnect", "hb-sentinel disconnect"),
    ] {
        let help = help(&[name]);
        let examples = help.split("Example").nth(1).unwrap_or_default();
        assert!(examples.contains(example), "{name} shows no `{example}`:\n{help}");
    }
}

#[test]
fn the_readme_has_every_command_as_the_help_has_it() {
    let readme = include_str!("../../../README.md");
    let table = readme.lines().skip_while(|line| *line != "| command | what it does |").skip(2);
    let rows: Vec<_> = table.take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<_> = commands().iter().map(|(name, line)| format!("| `{name}` | {line} |")).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_readme_shows_a_run_that_took_place() {
    let readme = include_str!("../../../README.md");
    let run = super::transcripts::read("connect");
    let shown: Vec<_> = run.lines().filter(|line| !line.starts_with("--- ")).collect();
    assert!(readme.contains(&format!("```\n{}\n```", shown.join("\n"))), "{run}");
}

#[tokio::test]
async fn shells_and_man_learn_every_command() {
    let desk = Desk::start().await;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = desk.run(&["completions", shell]).await.ends(0);
        assert!(ran.stdout.contains("disconnect") && !ran.stdout.contains("__feed"), "{shell}");
    }
    let folder = desk.home.path().join("man");
    desk.run(&["man", folder.to_str().unwrap()]).await.ends(0);
    for page in ["hb-sentinel.1", "hb-sentinel-connect.1", "hb-sentinel-disconnect.1"] {
        assert!(std::fs::read_to_string(folder.join(page)).unwrap().contains(".TH"), "{page}");
    }
}
