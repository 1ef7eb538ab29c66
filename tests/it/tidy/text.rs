//! What any file may hold, and how long it may be.

use std::path::Path;

use super::{files, is_rust, none, read, sources};

/// The longest file of any language. The length of a function is Clippy's to watch.
const MAX_LINES: usize = 400;

/// The endings of files that somebody writes to be run.
const CODE: [&str; 10] = ["bicep", "css", "html", "js", "kql", "mjs", "py", "rs", "sh", "yaml"];

/// The longest program: what it does is in the library, where it can be tested.
const MAX_LINES_OF_A_BINARY: usize = 40;

/// Files that others wrote: a lock file is what its tool makes of it.
const GENERATED: [&str; 3] = ["Cargo.lock", "LICENSE", "tests/tools/package-lock.json"];

#[test]
fn files_are_short_enough_to_read() {
    let is_code = |path: &str| {
        let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
        ending.is_none_or(|ending| CODE.contains(&ending))
    };
    let offences: Vec<_> = files()
        .iter()
        .filter(|file| is_code(&file.path) && !GENERATED.contains(&file.path.as_str()))
        .map(|file| (&file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path} has {lines} lines, over {MAX_LINES}: split it by idea"))
        .collect();
    none(&offences);
}

#[test]
fn binaries_only_begin_what_the_library_does() {
    let sources = sources();
    let binaries: Vec<_> = sources.iter().filter(|file| file.path.starts_with("src/bin/")).collect();
    assert!(binaries.len() >= 2, "the rule no longer finds programs");
    let offences: Vec<_> = binaries
        .iter()
        .map(|file| (&file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES_OF_A_BINARY)
        .map(|(path, lines)| format!("{path} has {lines} lines, over {MAX_LINES_OF_A_BINARY}"))
        .collect();
    none(&offences);
}

#[test]
fn clippy_watches_the_length_of_functions() {
    assert!(read("clippy.toml").lines().any(|line| line == "too-many-lines-threshold = 60"));
}

#[test]
fn modules_say_what_they_are_for() {
    let rust: Vec<_> = files().into_iter().filter(|file| is_rust(&file.path)).collect();
    let offences: Vec<_> = rust
        .iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| format!("{} does not open with `//!`", file.path))
        .collect();
    none(&offences);
}

#[test]
fn nothing_is_left_to_do() {
    // Put together here, so that this file does not find itself.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    none(&lines_with(|line| {
        words.into_iter().find(|word| line.split(|c: char| !c.is_alphanumeric()).any(|part| part == *word))
    }));
}

#[test]
fn no_file_tells_whose_machine_it_was_on() {
    let homes = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];
    none(&lines_with(|line| {
        homes.into_iter().find(|home| {
            line.match_indices(home).filter_map(|(at, _)| line.split_at_checked(at)).any(|(before, from)| {
                let inside_a_longer_path =
                    before.ends_with(|c: char| c.is_alphanumeric() || "._-~}".contains(c));
                // The content root of a Function App, the same for everybody.
                !inside_a_longer_path && !from.starts_with("/home/site/")
            })
        })
    }));
}

#[test]
fn no_file_names_a_mirror_of_a_registry() {
    let mirrors = [concat!("arti", "factory"), concat!("index", "-url"), concat!("\"resol", "ved\": \"http")];
    none(&lines_with(|line| mirrors.into_iter().find(|mirror| line.contains(mirror))));
    let lock = read("Cargo.lock");
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    for source in sources {
        assert_eq!(source, "\"registry+https://github.com/rust-lang/crates.io-index\"");
    }
}

#[test]
fn lines_end_in_newlines_and_nothing_else() {
    let mut offences = Vec::new();
    for file in files().iter().filter(|file| !GENERATED.contains(&file.path.as_str())) {
        let whole = file.text.is_empty() || file.text.ends_with('\n') && !file.text.ends_with("\n\n");
        // Fixtures are bytes that came from outside.
        if !file.path.starts_with("tests/fixtures/") && (!whole || file.text.contains('\r')) {
            offences.push(format!("{} must end in one newline and have no carriage return", file.path));
        }
    }
    none(&offences);
}

/// What a program under test needs is said once.
#[test]
fn tests_start_programs_in_one_way() {
    // Assembled, because this file is one of those that are looked at.
    let binary = ["CARGO_BIN", "EXE"].join("_");
    let of_tests = files().into_iter().filter(|file| file.path.starts_with("tests/it/"));
    let naming: Vec<_> = of_tests.filter(|file| file.text.contains(&binary)).map(|file| file.path).collect();
    assert_eq!(naming, ["tests/it/programs.rs"], "only this file names the programs under test");
}

#[test]
fn tls_is_rustls_alone() {
    let lock = read("Cargo.lock");
    for name in ["openssl", "openssl-sys", "native-tls", "aws-lc-sys"] {
        assert!(
            !lock.contains(&format!("name = \"{name}\"\n")),
            "{name} is in Cargo.lock: `cargo tree -i {name}`"
        );
    }
    assert!(lock.contains("name = \"rustls\"\n"));
}

/// The lines in which `found` finds something, over all files that somebody wrote.
fn lines_with(found: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    let mut offences = Vec::new();
    for file in files() {
        if file.path == "LICENSE" || file.path == "Cargo.lock" {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if let Some(what) = found(line) {
                offences.push(format!("{}:{}: {what}", file.path, number + 1));
            }
        }
    }
    offences
}
