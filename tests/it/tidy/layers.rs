//! Dependencies point down only, and each layer keeps to its trade.

use std::collections::{BTreeMap, BTreeSet};

use super::{none, sources, tokens};

/// What each module of the library, and each binary, may use: the picture of ARCHITECTURE.md. A module is listed below
/// all that it uses, so nothing can go round in circles.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("signature", &[]),
    ("event", &[]),
    ("record", &["event", "signature"]),
    ("counters", &[]),
    ("config", &["signature"]),
    ("tls", &[]),
    ("delivery", &["counters", "record", "tls"]),
    ("server", &["config", "counters", "delivery", "record", "signature"]),
    ("emulator", &["signature", "tls"]),
    ("story", &[]),
    ("package", &[]),
    ("home", &[]),
    ("state", &["home"]),
    ("humanbound", &["config", "delivery", "home", "signature", "state", "tls"]),
    ("azure", &["config", "signature"]),
    (
        "cli",
        &[
            "azure",
            "config",
            "emulator",
            "home",
            "humanbound",
            "package",
            "record",
            "signature",
            "state",
            "story",
        ],
    ),
    ("bin/connector", &["config", "server"]),
    ("bin/hb-sentinel", &["cli", "config", "server"]),
];

/// The core: bytes in, a row out.
const CORE: [&str; 3] = ["signature", "event", "record"];

/// What runs inside the Function App.
const CONNECTOR: [&str; 9] =
    ["signature", "event", "record", "counters", "config", "tls", "delivery", "server", "bin/connector"];

/// The module, or binary, that a file of `src` belongs to.
fn module(path: &str) -> String {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    match path.strip_prefix("bin/") {
        Some(_) => path.to_owned(),
        None => path.split('/').next().unwrap().to_owned(),
    }
}

/// Every use of another module: the module that uses, the one that is used, and the files.
fn uses() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for file in sources() {
        let from = module(&file.path);
        for path in tokens::paths(&file) {
            let Some(rest) = path.strip_prefix("crate::").or(path.strip_prefix("humanbound_sentinel::"))
            else {
                continue;
            };
            let to = rest.split("::").next().unwrap().to_owned();
            if to != from {
                found.entry((from.clone(), to)).or_default().insert(file.path.clone());
            }
        }
    }
    found
}

#[test]
fn every_module_is_in_the_picture() {
    let modules: BTreeSet<_> =
        sources().iter().map(|file| module(&file.path)).filter(|name| name != "lib").collect();
    assert_eq!(modules, MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn picture_has_no_arrow_up() {
    for (index, (name, used)) in MAY_USE.iter().enumerate() {
        for below in *used {
            let known = MAY_USE[..index].iter().any(|(other, _)| other == below);
            assert!(known, "{name} may use {below}, which is not listed above it");
        }
    }
}

#[test]
fn modules_use_only_what_is_below_them() {
    let allowed: BTreeMap<_, _> = MAY_USE.into_iter().collect();
    let uses = uses();
    assert!(uses.len() > 10, "the parser found too little to be right: {uses:?}");
    let offences: Vec<_> = uses
        .iter()
        .filter(|((user, used), _)| {
            !allowed.get(user.as_str()).is_some_and(|below| below.contains(&used.as_str()))
        })
        .map(|((user, used), files)| format!("`{user}` must not use `{used}`: {files:?}"))
        .collect();
    none(&offences);
}

#[test]
fn picture_has_no_arrow_that_nothing_takes() {
    let uses = uses();
    let offences: Vec<_> = MAY_USE
        .iter()
        .flat_map(|(user, below)| below.iter().map(move |used| ((*user).to_owned(), (*used).to_owned())))
        .filter(|edge| !uses.contains_key(edge))
        .map(|(user, used)| format!("`{user}` no longer uses `{used}`: take it out of the picture"))
        .collect();
    none(&offences);
}

/// The files of `modules` in which one of `forbidden` occurs as a part of a path.
fn occurrences(modules: &[&str], forbidden: &[&str]) -> Vec<String> {
    let mut offences = Vec::new();
    for file in sources() {
        if !modules.contains(&module(&file.path).as_str()) {
            continue;
        }
        for path in tokens::paths(&file) {
            let path = format!("{path}::");
            for part in forbidden {
                if path.starts_with(&format!("{part}::")) || path.contains(&format!("::{part}::")) {
                    offences.push(format!("{} must not use `{part}`: {path}", file.path));
                }
            }
        }
    }
    offences
}

#[test]
fn core_has_no_io_no_clock_no_environment_and_no_async() {
    let forbidden = [
        "async",
        "await",
        "tokio",
        "futures",
        "reqwest",
        "axum",
        "hyper",
        "tracing",
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::time",
        "now_utc",
        "now_local",
        "now_v7",
        "new_v4",
        "println",
        "eprintln",
    ];
    none(&occurrences(&CORE, &forbidden));
}

#[test]
fn connector_runs_no_other_program() {
    none(&occurrences(&CONNECTOR, &["Command", "tokio::process"]));
}

#[test]
fn anyhow_stays_where_errors_are_only_shown() {
    let modules: Vec<_> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let inner: Vec<_> =
        modules.into_iter().filter(|name| !name.starts_with("bin/") && *name != "cli").collect();
    none(&occurrences(&inner, &["anyhow"]));
}
