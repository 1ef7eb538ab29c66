//! Lists that stand in two places say the same in both.

use std::{collections::BTreeSet, fs};

use humanbound_sentinel::{config::SETTINGS, emulator::PlatformOptions, humanbound::EVENT_TYPES, package};
use proc_macro2::TokenTree;

use super::commands::words;
use super::{files, is_document, is_rust, none, read, root, sources, tokens};

/// The lines of the section of `text` whose heading contains `heading`.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let is_heading = |line: &&str| line.starts_with('#');
    let lines =
        text.lines().skip_while(|line| !is_heading(line) || !line.to_lowercase().contains(heading)).skip(1);
    lines.take_while(|line| !is_heading(line)).collect()
}

/// The cells of the rows of a Markdown table, without the head.
fn rows(lines: &[&str]) -> Vec<Vec<String>> {
    let row = |line: &&str| {
        let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some(cells.split('|').map(|cell| cell.trim().replace('`', "")).collect())
    };
    lines.iter().filter_map(row).skip(2).collect()
}

#[test]
fn settings_of_the_readme_are_those_of_the_code() {
    let readme = read("README.md");
    let rows = rows(&section(&readme, "settings"));
    let documented: Vec<_> = rows.iter().map(|row| [&row[0], &row[1], &row[2]].map(String::as_str)).collect();
    let actual = SETTINGS.iter().map(|setting| {
        [setting.name, setting.default.unwrap_or("required"), setting.description]
            .map(|text| text.replace('`', ""))
    });
    assert_eq!(documented, actual.collect::<Vec<_>>());
}

#[test]
fn settings_are_all_that_the_code_reads() {
    // Set by the platform, where it says that this is an instance in Azure, whose disk vanishes; by cargo; and by a desktop.
    let set_by_others = [
        "WEBSITE_INSTANCE_ID",
        "WEBSITE_POD_NAME",
        "WEBSITE_SITE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_PKG_NAME",
        "WAYLAND_DISPLAY",
    ];
    // What `hb-sentinel` reads of `hb`'s variables, and of those that every HTTP client knows.
    let of_the_operator = [
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HUMANBOUND_API_KEY",
        "HUMANBOUND_AUTH0_AUDIENCE",
        "HUMANBOUND_AUTH0_CLIENT_ID",
        "HUMANBOUND_AUTH0_DOMAIN",
        "HUMANBOUND_BASE_URL",
        "HUMANBOUND_ORG_ID",
        "NO_PROXY",
        "SSL_CERT_FILE",
    ];
    let mut known = BTreeSet::from(set_by_others.map(str::to_owned));
    known.extend(of_the_operator.map(str::to_owned));
    known.extend(SETTINGS.iter().map(|setting| setting.name.to_owned()));
    let mut asked = BTreeSet::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/config/")) {
        let mut streams = vec![tokens::of(file)];
        while let Some(stream) = streams.pop() {
            for token in stream {
                match token {
                    TokenTree::Group(group) => streams.push(group.stream()),
                    TokenTree::Literal(literal) => {
                        let text = literal.to_string().trim_matches('"').to_owned();
                        let is_name =
                            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
                        if text.contains('_')
                            && text.bytes().all(is_name)
                            && !text.as_bytes()[0].is_ascii_digit()
                        {
                            asked.insert(text);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    assert_eq!(asked, known);
}

/// The targets of the Makefile that `make help` lists.
fn targets() -> BTreeSet<String> {
    let makefile = read("Makefile");
    let documented = makefile.lines().filter(|line| line.contains(':') && line.contains(" ## "));
    documented.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_of_the_makefile_is_in_its_help() {
    let makefile = read("Makefile");
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap();
    assert_eq!(phony.split(' ').map(str::to_owned).collect::<BTreeSet<_>>(), targets());
}

#[test]
fn commands_of_the_documents_exist() {
    let targets = targets();
    let mut found = 0;
    let mut offences = Vec::new();
    for file in files().iter().filter(|file| is_document(&file.path) || file.path == ".ci/run") {
        for after in file.text.split("`make ").skip(1).chain(file.text.split("\nmake ").skip(1)) {
            let target: String = after.chars().take_while(char::is_ascii_lowercase).collect();
            found += 1;
            if !targets.contains(&target) {
                offences.push(format!("{}: `make {target}` does not exist", file.path));
            }
        }
    }
    assert!(found >= 3, "the rule no longer finds commands");
    none(&offences);
}

#[test]
fn options_of_demo_in_the_readme_are_those_of_the_command() {
    let readme = read("README.md");
    let lines: Vec<_> = readme.lines().skip_while(|line| !line.starts_with("| option of `demo`")).collect();
    let table: Vec<_> = lines.into_iter().take_while(|line| line.starts_with('|')).collect();
    let documented = rows(&table).iter().map(|row| row[0].split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(words(&["demo"], "Options:"), documented);
}

#[test]
fn glibc_of_the_build_is_the_one_that_packaging_lets_pass() {
    let makefile = read("Makefile");
    let built_for = makefile.lines().find_map(|line| line.strip_prefix("GLIBC := ")).unwrap();
    assert_eq!(built_for, package::elf::MAX_GLIBC.to_string());
}

#[test]
fn changelog_has_a_place_for_the_next_change() {
    let text = read("CHANGELOG.md");
    assert!(
        text.lines()
            .any(|line| line.trim_matches(['#', ' ', '[', ']']) == "Unreleased" && line.starts_with("## "))
    );
}

#[test]
fn every_fixture_is_used() {
    let users: Vec<_> = files().into_iter().filter(|file| is_rust(&file.path)).collect();
    let is_named = |name: &str| users.iter().any(|user| user.text.contains(name));
    // A test that reads a whole folder uses every file in it.
    let is_read = |folder: &str| {
        let literal = format!("\"{folder}\"");
        users.iter().any(|user| user.text.contains("\"tests/fixtures\"") && user.text.contains(&literal))
    };
    let offences: Vec<_> = files()
        .iter()
        .filter_map(|file| file.path.strip_prefix("tests/fixtures/"))
        .filter(|name| !is_document(name) && !name.starts_with('.'))
        .filter(|name| !is_named(&format!("fixtures/{name}")))
        .filter(|name| !name.split_once('/').is_some_and(|(folder, _)| is_read(folder)))
        .map(|name| format!("tests/fixtures/{name} is used by no test"))
        .collect();
    none(&offences);
}

#[test]
fn scripts_are_checked_and_executable() {
    let lint = read("tests/tools/lint");
    for file in files().iter().filter(|file| file.text.starts_with("#!")) {
        let (folder, _) = file.path.rsplit_once('/').unwrap_or_default();
        let is_given = lint.contains(&file.path) || lint.contains(&format!(" {folder}/*.sh"));
        assert!(is_given, "{} is not given to shellcheck by `make lint`", file.path);
        assert!(
            file.text.contains("\nset -euo pipefail\n"),
            "{} does not stop at the first failure",
            file.path
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(root().join(&file.path)).unwrap().permissions().mode();
            assert!(mode & 0o100 != 0, "{} is not executable", file.path);
        }
    }
}

/// Client and platform have a list each, so that a mistake in one is seen in the tests of both.
#[test]
fn client_and_platform_know_the_same_event_types() {
    // Seen in Humanbound's own client only, so that a platform may not know it.
    const OF_THE_CLIENT: &str = "capabilities.changed";
    let platform: BTreeSet<_> = PlatformOptions::default().event_types.into_iter().collect();
    let client: BTreeSet<_> = EVENT_TYPES.iter().map(|name| (*name).to_owned()).collect();
    assert!(client.contains(OF_THE_CLIENT) && !platform.contains(OF_THE_CLIENT));
    let without = client.iter().filter(|name| *name != OF_THE_CLIENT);
    assert_eq!(platform.iter().collect::<Vec<_>>(), without.collect::<Vec<_>>());
    assert_eq!(client.len(), EVENT_TYPES.len(), "a type stands there twice");
}
