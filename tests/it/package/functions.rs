//! `host.json` and the functions: what the host would make of them.
//!
//! The rules are those of <https://learn.microsoft.com/azure/azure-functions/functions-host-json> and
//! <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.

use std::collections::BTreeMap;

use humanbound_sentinel::package::FILES;
use serde_json::{Value, json};

fn file(name: &str) -> Value {
    let (_, text) = FILES.iter().find(|(entry, _)| *entry == name).unwrap();
    serde_json::from_str(text).unwrap()
}

pub(super) fn host() -> Value {
    file("host.json")
}

/// The bindings of every function, by the function's name.
fn functions() -> BTreeMap<&'static str, Vec<Value>> {
    FILES
        .iter()
        .filter_map(|(entry, _)| Some((entry.strip_suffix("/function.json")?, entry)))
        .map(|(name, entry)| (name, file(entry)["bindings"].as_array().unwrap().clone()))
        .collect()
}

#[test]
fn http_functions_have_the_agreed_faces() {
    let mut faces = BTreeMap::new();
    for (name, bindings) in functions() {
        if bindings[0]["type"] != "httpTrigger" {
            continue;
        }
        // The host proxies raw bytes only for exactly one HTTP trigger and one HTTP output; else it wraps the body in
        // JSON, and no signature could be verified.
        assert_eq!(bindings.len(), 2, "{name}");
        assert_eq!(
            (&bindings[0]["direction"], &bindings[1]["direction"]),
            (&json!("in"), &json!("out")),
            "{name}"
        );
        assert_eq!(bindings[1]["type"], "http", "{name}");
        faces.insert(name, ["methods", "route", "authLevel"].map(|member| bindings[0][member].clone()));
    }
    let expected = [
        ("health", [json!(["get"]), json!("health"), json!("anonymous")]),
        ("ingest", [json!(["post"]), json!("ingest"), json!("anonymous")]),
        ("status", [json!(["get"]), json!("status"), json!("function")]),
    ];
    assert_eq!(faces, BTreeMap::from(expected));
}

#[test]
fn drain_is_called_every_minute() {
    let bindings = &functions()["drain"];
    assert_eq!(bindings.len(), 1);
    assert_eq!(bindings[0]["type"], "timerTrigger");
    assert_eq!(bindings[0]["schedule"], "0 * * * * *");
    assert_eq!(
        bindings[0].get("runOnStartup"),
        None,
        "each new instance would drain at once, all of them together"
    );
}

#[test]
fn names_follow_the_rules_of_the_host() {
    let word = |text: &str, more: &[char]| {
        text.len() <= 128
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    for (name, bindings) in functions() {
        assert!(word(name, &['_', '-']) && name != "host", "{name}");
        for binding in &bindings {
            assert!(word(binding["name"].as_str().unwrap(), &[]), "{name}: {binding}");
        }
    }
}

#[test]
fn host_proxies_raw_requests_under_the_prefix_api() {
    let host = host();
    assert_eq!(host["version"], "2.0");
    assert_eq!(host["customHandler"]["enableProxyingHttpRequest"], true);
    // With an empty prefix an outsider could address the timer function as `POST /drain`.
    assert_eq!(host["extensions"]["http"]["routePrefix"], "api");
    // Function folders and these do not go together.
    assert_eq!(host["customHandler"].get("http"), None);
    assert_eq!(host.get("configurationProfile"), None);
}

#[test]
fn host_needs_no_extension_bundle() {
    // HTTP and timer are built into the host; a bundle would be downloaded at each cold start.
    let built_in = ["httpTrigger", "http", "timerTrigger"];
    for (name, bindings) in functions() {
        assert!(
            bindings.iter().all(|binding| built_in.contains(&binding["type"].as_str().unwrap())),
            "{name}"
        );
    }
    assert_eq!(host().get("extensionBundle"), None);
}

#[test]
fn host_keeps_the_lines_of_the_log_contract_out_of_sampling() {
    let logging = &host()["logging"];
    // Console lines of a custom handler are traces of this category.
    assert_eq!(logging["logLevel"]["Host.Function.Console"], "Information");
    let excluded = logging["applicationInsights"]["samplingSettings"]["excludedTypes"].as_str().unwrap();
    assert!(excluded.split(';').any(|kind| kind == "Trace"), "{excluded}");
    // Unsampled traces make the host's own two lines per call as expensive as the calls are many.
    for (name, bindings) in functions() {
        if bindings[0]["authLevel"] == "anonymous" {
            assert_eq!(logging["logLevel"][format!("Function.{name}")], "Warning", "{name}");
        }
    }
}

#[test]
fn function_time_out_leaves_room_for_the_longest_run() {
    // `drain` ends after 50 s; a call that outlives this limit costs the whole process.
    assert_eq!(host()["functionTimeout"], "00:05:00");
}
