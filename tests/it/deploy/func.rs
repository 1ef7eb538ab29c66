//! `--publisher func`: what Core Tools are handed, as a program in their place sees it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use humanbound_sentinel::azure::{System, Tool};
use humanbound_sentinel::package::{EXECUTABLE, FILES};

use super::Stage;

/// Says its version; else keeps what it was given, as it was, and ends as the file `code` says.
const FUNC: &str = r#"#!/bin/bash
here="$(dirname "$0")"
if [ "$1" = --version ]; then echo 4.0.7030; exit; fi
rm -rf "$here/seen"
cp -Rp . "$here/seen"
printf '%s\0' "$@" >"$here/arguments"
env >"$here/environment"
[ -e "$here/code" ] || exit 0
echo "Can't find app with name \"$4\"" >&2
exit "$(cat "$here/code")"
"#;

fn stand_in(stage: &Stage) -> std::path::PathBuf {
    let folder = stage.desk().home.path().join("core-tools");
    fs::create_dir(&folder).unwrap();
    let func = folder.join("func");
    fs::write(&func, FUNC).unwrap();
    fs::set_permissions(&func, fs::Permissions::from_mode(0o755)).unwrap();
    *stage.azure.func.lock().unwrap() = Some(System::new().searching(&folder));
    folder
}

/// Every file below a folder by its name, with its mode and content.
fn files(folder: &Path, below: &str) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(files(&path, &format!("{name}/")));
        } else {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            found.insert(name, (mode, fs::read(&path).unwrap()));
        }
    }
    found
}

#[tokio::test]
async fn core_tools_get_the_package_unpacked() {
    let stage = Stage::start().await;
    let folder = stand_in(&stage);
    let ran = stage.deploy(&["--yes", "--publisher", "func", "--json"]).await.ends(0);
    assert_eq!(ran.json()["result"]["row"], "seen");
    assert_eq!(stage.desk().state()["azure"]["publisher"], "func");

    let arguments = fs::read_to_string(folder.join("arguments")).unwrap();
    let subscription = crate::azure_cli::recorded::SUBSCRIPTION;
    let expected = [
        "azure",
        "functionapp",
        "publish",
        "func-humanbound-x",
        "--no-build",
        "--subscription",
        subscription,
    ];
    assert_eq!(arguments.trim_end_matches('\0').split('\0').collect::<Vec<_>>(), expected);
    let environment = fs::read_to_string(folder.join("environment")).unwrap();
    assert!(environment.lines().any(|line| line == "FUNCTIONS_WORKER_RUNTIME=custom"), "{environment}");

    let seen = files(&folder.join("seen"), "");
    let names: Vec<_> = seen.keys().map(String::as_str).collect();
    let mut expected: Vec<_> = FILES.iter().map(|(name, _)| *name).chain([EXECUTABLE]).collect();
    expected.sort_unstable();
    assert_eq!(names, expected, "no file of ours is published, and none is missing");
    for (name, text) in FILES {
        assert_eq!(seen[name].1, text.as_bytes(), "{name}");
    }
    assert_eq!(seen[EXECUTABLE].0 & 0o111, 0o111, "the handler can be run");
    let host: serde_json::Value = serde_json::from_slice(&seen["host.json"].1).unwrap();
    assert_eq!(host["customHandler"]["description"]["defaultExecutablePath"], EXECUTABLE);

    for secret in stage.azure.secrets() {
        let told = format!("{arguments}{environment}");
        assert!(!told.contains(&secret), "the secret is told to Core Tools: {told}");
        let is_in = |content: &Vec<u8>| String::from_utf8_lossy(content).contains(&secret);
        assert!(!seen.values().any(|(_, content)| is_in(content)), "the secret is published");
    }
    // What is published is known by its tag, whoever has published it.
    stage.azure.forget_calls();
    stage.deploy(&["--publisher", "func"]).await.ends(0);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_core_tools_say_is_shown_and_the_next_run_publishes() {
    let stage = Stage::start().await;
    let folder = stand_in(&stage);
    fs::write(folder.join("code"), "1").unwrap();
    let ran = stage.deploy(&["--yes", "--publisher", "func"]).await.ends(1);
    ran.says(&["error: publish: Can't find app with name \"func-humanbound-x\""]);
    fs::remove_file(folder.join("code")).unwrap();
    stage.deploy(&["--yes", "--publisher", "func"]).await.ends(0);
    let calls = stage.azure.calls.lock().unwrap();
    let published = calls.iter().filter(|(tool, call)| *tool == Tool::Func && call.args.len() > 1);
    assert_eq!(published.count(), 2);
}
