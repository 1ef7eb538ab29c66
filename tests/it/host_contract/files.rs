//! `host.json` and the `function.json` files: what the host would do with ours, and what the checker finds in bad ones.

use crate::host::{ScriptRoot, check, http_in_and_out};

const HOST: &str = r#"{"version":"2.0","customHandler":{"enableProxyingHttpRequest":true,
    "description":{"defaultExecutablePath":"connector"}}}"#;
const HTTP: &str = r#"{"bindings":[
    {"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous","methods":["post"]},
    {"type":"http","direction":"out","name":"res"}]}"#;
const TIMER: &str =
    r#"{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"0 * * * * *"}]}"#;

fn good() -> ScriptRoot {
    ScriptRoot::empty()
        .script("connector", "exit 1")
        .file("host.json", HOST)
        .file("ingest/function.json", HTTP)
        .file("drain/function.json", TIMER)
}

/// Every problem that is found must contain `expected`, and there must be one.
#[track_caller]
fn finds(root: &ScriptRoot, expected: &str) {
    let problems = check(root.path());
    assert!(!problems.is_empty(), "nothing found, but {expected}");
    assert!(problems.iter().all(|problem| problem.contains(expected)), "{expected}: {problems:#?}");
}

#[test]
fn finds_nothing_in_the_packages_own_files() {
    let root = ScriptRoot::connector();
    assert_eq!(check(root.path()), Vec::<String>::new());
    for name in ["ingest", "health", "status"] {
        assert!(http_in_and_out(root.path(), name), "{name} would get JSON instead of the request");
    }
}

#[test]
fn accepts_a_good_root() {
    assert_eq!(check(good().path()), Vec::<String>::new());
    let timer = TIMER.replace("0 * * * * *", "%SCHEDULE%");
    assert_eq!(check(good().file("drain/function.json", &timer).path()), Vec::<String>::new());
}

#[test]
fn finds_functions_where_the_host_does_not_look() {
    finds(&good().file("function/ingest/function.json", HTTP), "only in folders directly below the root");
    finds(&good().file("function.json", HTTP), "only in folders directly below the root");
    finds(&ScriptRoot::empty().script("connector", "").file("host.json", HOST), "there is no function");
}

#[test]
fn finds_names_that_the_host_rejects() {
    for name in ["1st", "with space", "host", "über", &"a".repeat(129)] {
        finds(&good().file(&format!("{name}/function.json"), HTTP), "for a function's name");
    }
    finds(&good().file("INGEST/function.json", HTTP), "another function of this name");
    for name in ["a_b", "a-b", "", "1a"] {
        let text = HTTP.replace("\"req\"", &format!("\"{name}\""));
        finds(&good().file("ingest/function.json", &text), "a binding's name");
    }
    let text = HTTP.replace("\"res\"", "\"$return\"");
    assert_eq!(check(good().file("ingest/function.json", &text).path()), Vec::<String>::new());
}

#[test]
fn finds_a_host_json_that_changes_the_protocol() {
    for (from, to, expected) in [
        ("\"2.0\"", "\"1.0\"", "`version`"),
        ("\"version\"", "\"httpWorker\":{},\"version\"", "httpWorker"),
        ("\"version\"", "\"configurationProfile\":\"default\",\"version\"", "onfigurationProfile"),
        ("HttpRequest\":true", "HttpRequest\":false", "only proxied requests"),
        ("HttpRequest\":true", "HttpRequest\":true,\"enableForwardingHttpRequest\":true", "forwarding drops"),
        (
            "\"version\"",
            "\"extensions\":{\"http\":{\"routePrefix\":\"\"}},\"version\"",
            "address the functions by name",
        ),
        ("\"version\"", "\"functionTimeout\":\"5 min\",\"version\"", "no time span"),
        ("\"version\"", "\"extentions\":{},\"version\"", "ignores the key \"extentions\""),
        ("\"description\"", "\"http\":{\"routes\":[]},\"description\"", "customHandler"),
        ("\"connector\"", "\"elsewhere\"", "may not be executed"),
        ("\"connector\"", "\"ingest/function.json\"", "may not be executed"),
        ("{\"defaultExecutablePath\":\"connector\"}", "{}", "xecutable"),
        ("{\"version", "{version", "host.json: "),
    ] {
        assert!(HOST.contains(from), "{from}");
        finds(&good().file("host.json", &HOST.replace(from, to)), expected);
    }
}

#[test]
fn finds_function_json_files_that_do_not_do_what_they_say() {
    for (file, from, to, expected) in [
        ("ingest", "{\"bindings\"", "{bindings", "ingest/function.json: "),
        ("ingest", "{\"bindings\"", "{\"binding\":0,\"bindings\"", "ignores the key"),
        ("ingest", "\"httpTrigger\"", "\"http\"", "exactly one trigger"),
        ("ingest", "\"direction\":\"in\"", "\"direction\":\"out\"", "a trigger's `direction`"),
        ("ingest", "\"direction\":\"out\"", "\"direction\":\"to\"", "`direction` is in, out or inout"),
        (
            "ingest",
            "\"res\"}",
            "\"res\"},{\"type\":\"http\",\"direction\":\"out\",\"name\":\"b\"}",
            "is proxied",
        ),
        ("ingest", "\"res\"", "\"req\"", "same name"),
        ("ingest", "anonymous", "everyone", "`authLevel`"),
        ("ingest", "[\"post\"]", "[]", "`methods`"),
        ("ingest", "[\"post\"]", "[\"POST\"]", "`methods`"),
        ("ingest", "\"methods\"", "\"route\":\"/ingest\",\"methods\"", "slash"),
        ("ingest", "\"methods\"", "\"route\":\"admin/x\",\"methods\"", "the host's own"),
        ("drain", "0 * * * * *", "* * * * *", "six fields"),
        ("drain", "0 * * * * *", "00:01:00", "six fields"),
        ("drain", "\"schedule\"", "\"runOnStartup\":true,\"schedule\"", "runOnStartup"),
        ("drain", "\"timerTrigger\"", "\"queueTrigger\"", "extensionBundle"),
    ] {
        let text = if file == "ingest" { HTTP } else { TIMER };
        assert!(text.contains(from), "{from}");
        finds(&good().file(&format!("{file}/function.json"), &text.replacen(from, to, 1)), expected);
    }
}
