//! The log contract: what `connector` logs and `sentinel/connector/log-events.json` are the same list.
//!
//! Azure alerts query these names, and TROUBLESHOOTING.md explains them.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenTree;
use serde::Deserialize;

use super::{none, read, sources, tokens};

const CONTRACT: &str = "sentinel/connector/log-events.json";

/// One line of the log, as the list describes it. An event that comes at two levels has two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    event: String,
    level: String,
    stream: String,
    fields: BTreeSet<String>,
    description: String,
}

fn contract() -> Vec<Line> {
    serde_json::from_str(&read(CONTRACT)).unwrap()
}

/// Every line that the source can log: event and level, and the fields of all places together. Lines for developers
/// (`debug`, `trace`) are off in Azure and no part of the contract.
fn logged() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for file in sources() {
        for (level, call) in tokens::macros(&file, &["error", "warn", "info"]) {
            let fields: Vec<_> = tokens::arguments(call).iter().map(|argument| field(argument)).collect();
            let event = fields.iter().find(|(name, _)| name == "event").map(|(_, value)| value.clone());
            let event =
                event.unwrap_or_else(|| panic!("{}: {level}! without an event: {fields:?}", file.path));
            let names = fields.into_iter().map(|(name, _)| name).filter(|name| name != "event");
            found.entry((event, level)).or_default().extend(names);
        }
    }
    found
}

/// The name of a field of a log macro, and its value if that is a literal: `a = "x"`, `%a`, `?a`, `a`, or the message.
fn field(argument: &[TokenTree]) -> (String, String) {
    match argument {
        [TokenTree::Literal(_), ..] => ("message".to_owned(), String::new()),
        [TokenTree::Ident(name), TokenTree::Punct(equals), value, ..] if equals.as_char() == '=' => {
            (name.to_string(), value.to_string().trim_matches('"').to_owned())
        }
        [TokenTree::Punct(sigil), TokenTree::Ident(name)] if "%?".contains(sigil.as_char()) => {
            (name.to_string(), String::new())
        }
        [TokenTree::Ident(name)] => (name.to_string(), String::new()),
        other => panic!("this rule cannot read the field {other:?}"),
    }
}

#[test]
fn contract_lists_every_line_and_no_other() {
    let listed: BTreeMap<_, _> =
        contract().into_iter().map(|line| ((line.event, line.level), line.fields)).collect();
    let logged = logged();
    assert!(logged.len() > 10, "the parser found too little to be right: {logged:?}");
    let keys: BTreeSet<_> = listed.keys().chain(logged.keys()).collect();
    let offences: Vec<_> = keys
        .into_iter()
        .filter(|key| listed.get(key) != logged.get(key))
        .map(|key| {
            format!("{key:?}: {CONTRACT} has {:?}, the code has {:?}", listed.get(key), logged.get(key))
        })
        .collect();
    none(&offences);
}

#[test]
fn contract_reads_well() {
    let lines = contract();
    let order: Vec<_> = lines.iter().map(|line| (&line.event, &line.level)).collect();
    assert!(
        order.is_sorted() && order.windows(2).all(|pair| pair[0] != pair[1]),
        "{CONTRACT} is not sorted: {order:?}"
    );
    let offences: Vec<_> = lines
        .iter()
        .filter(|line| {
            let snake = line.event.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            !snake || line.description.len() < 10 || !line.description.ends_with('.')
        })
        .map(|line| format!("{}: wants a snake_case name and a sentence", line.event))
        .collect();
    none(&offences);
}

#[test]
fn faults_go_to_stderr_and_information_to_stdout() {
    for line in contract() {
        let stream = if ["error", "warn"].contains(&line.level.as_str()) { "stderr" } else { "stdout" };
        assert_eq!(line.stream, stream, "{}", line.event);
    }
}

#[test]
fn errors_do_not_read_as_warnings() {
    // The host makes a line of stderr an error unless it contains `warn`: an error's fixed part must not.
    for line in contract().iter().filter(|line| line.level == "error") {
        let fixed = format!("{}{:?}", line.event, line.fields);
        assert!(!fixed.contains("warn"), "{fixed}");
    }
}

#[test]
fn troubleshooting_explains_every_fault() {
    let text = read("TROUBLESHOOTING.md");
    let faults: BTreeSet<_> =
        contract().into_iter().filter(|line| line.stream == "stderr").map(|line| line.event).collect();
    let offences: Vec<_> = faults
        .iter()
        .filter(|event| !text.contains(&format!("`{event}`")))
        .map(|event| format!("TROUBLESHOOTING.md does not explain `{event}`"))
        .collect();
    none(&offences);
}
