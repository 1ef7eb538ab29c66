//! How the worker is started: environment, folder, command line, port and id.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{PATIENCE, stand_in};
use crate::host::{self, Category, Host, ScriptRoot};

async fn about(host: &Host) -> Value {
    let answer = host::client().get(host.url("/api/health")).send().await.unwrap();
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn gives_the_worker_the_settings_and_the_hosts_variables_and_nothing_else() {
    let host = stand_in::host().env("WEBHOOK_SECRET", "s").start().await;
    let about = about(&host).await;
    let environment = about["environment"].as_object().unwrap();
    let names: BTreeSet<&str> = environment.keys().map(String::as_str).collect();
    let expected = [
        "FUNCTIONS_APP_ROOT_PATH",
        "FUNCTIONS_CUSTOMHANDLER_PORT",
        "FUNCTIONS_CUSTOMHANDLER_WORKER_ID",
        "FUNCTIONS_HTTPWORKER_ID",
        "FUNCTIONS_HTTPWORKER_PORT",
        "PATH",
        "STAND_IN",
        "WEBHOOK_SECRET",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(environment["FUNCTIONS_APP_ROOT_PATH"], about["folder"], "the folder is the script root");
    assert_eq!(environment["FUNCTIONS_CUSTOMHANDLER_PORT"], host.worker_port().to_string());
    assert_eq!(environment["FUNCTIONS_HTTPWORKER_PORT"], host.worker_port().to_string());
    let id = environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok());
    assert_eq!(environment["FUNCTIONS_HTTPWORKER_ID"], id);
    assert_eq!(about["pid"], host.pid().unwrap());
}

#[tokio::test]
async fn starts_again_with_the_same_port_and_a_new_id() {
    let host = stand_in::host().start().await;
    let before = about(&host).await;
    host.kill_worker().await;
    host.ready().await;
    let after = about(&host).await;
    assert_eq!(host.restarts(), 1);
    let of = |about: &Value, name: &str| about["environment"][name].clone();
    assert_ne!(before["pid"], after["pid"]);
    let (port, id) = ("FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_CUSTOMHANDLER_WORKER_ID");
    assert_eq!(of(&before, port), of(&after, port));
    assert_ne!(of(&before, id), of(&after, id));
    assert_ne!(of(&before, "FUNCTIONS_HTTPWORKER_ID"), of(&after, "FUNCTIONS_HTTPWORKER_ID"));
}

/// A script root whose worker prints how it was started and ends.
fn printing(description: &str) -> ScriptRoot {
    let host = format!(
        r#"{{"version":"2.0","customHandler":{{"enableProxyingHttpRequest":true,"description":{description}}}}}"#
    );
    ScriptRoot::connector().file("host.json", &host).script(
        "bin/show",
        "echo \"I am $0 in $(pwd)\"; for one in \"$@\"; do echo \"<$one>\"; done; exec sleep 60",
    )
}

/// The script root's path, and the lines of its worker up to the one that contains `last`.
async fn lines(root: ScriptRoot, last: &str) -> (String, Vec<String>) {
    let shown = root.path().display().to_string();
    let host = Host::builder(root).env("WORD", "from the settings").launch().await;
    host.wait_for_console(|line| line.text.contains(last), PATIENCE).await;
    let worker = host.console().into_iter().filter(|line| line.category == Category::Worker);
    (shown, worker.map(|line| line.text).collect())
}

#[tokio::test]
async fn finds_the_executable_below_the_script_root_first() {
    let (root, lines) = lines(printing(r#"{"defaultExecutablePath":"bin/show"}"#), "I am").await;
    assert_eq!(lines, [format!("I am {root}/bin/show in {root}")]);
}

#[tokio::test]
async fn looks_for_any_other_executable_in_the_path() {
    let description = r#"{"defaultExecutablePath":"sh","arguments":["bin/show"],"workingDirectory":"drain"}"#;
    let root = printing(description).script("drain/bin/show", "echo \"from $(pwd)\"");
    let (root, lines) = lines(root, "from").await;
    assert_eq!(lines, [format!("from {root}/drain")]);
}

#[tokio::test]
async fn joins_the_arguments_with_blanks_and_splits_them_again() {
    let description = r#"{"defaultExecutablePath":"bin/show","arguments":["one two","\"three four\"","%WORD%","%NONE%"],
        "defaultWorkerPath":"a b","workerArguments":["port=%FUNCTIONS_CUSTOMHANDLER_PORT%","last"]}"#;
    let (_, lines) = lines(printing(description), "<last>").await;
    let port = lines.iter().find_map(|line| line.strip_prefix("<port=")).unwrap().trim_end_matches('>');
    assert!(port.parse::<u16>().is_ok());
    let arguments: Vec<&str> =
        lines.iter().skip(1).map(String::as_str).filter(|line| !line.contains("port=")).collect();
    assert_eq!(
        arguments,
        ["<one>", "<two>", "<three four>", "<from>", "<the>", "<settings>", "<a b>", "<last>"]
    );
}
