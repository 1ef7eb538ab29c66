//! The runner of this machine's programs, with shell scripts for programs.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use humanbound_sentinel::azure::{
    Runner as _, System, Tool,
    process::{Invocation, Output, RunError, Stdin},
};

use crate::rig::Folder;

/// A system on which `az` and `func` are this script.
fn system(script: &str) -> (Folder, System) {
    let folder = Folder::new();
    for name in ["az", "func"] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let system = System::new().searching(folder.path());
    (folder, system)
}

fn call(tool: Tool, args: &[&str], stdin: Stdin) -> Invocation {
    let args = args.iter().map(ToString::to_string).collect();
    Invocation { tool, args, stdin, folder: None, timeout: Duration::from_secs(30) }
}

async fn run(script: &str, tool: Tool, args: &[&str], stdin: Stdin) -> Output {
    let (_folder, system) = system(script);
    system.run(call(tool, args, stdin)).await.unwrap()
}

fn bytes(text: &str) -> Stdin {
    Stdin::Bytes(text.as_bytes().to_vec().into())
}

#[tokio::test]
async fn arguments_arrive_one_by_one_whatever_they_hold() {
    let hostile = ["a b", "a'b$(touch x)\"; #", "", "*", "-x", "é\n", "%PATH%"];
    let output = run("printf '%s\\0' \"$@\"", Tool::Az, &hostile, Stdin::Closed).await;
    let arrived: Vec<_> = output.stdout.trim_end_matches('\0').split('\0').collect();
    assert_eq!(arrived, hostile);
}

#[tokio::test]
async fn environment_is_without_telemetry_and_without_our_key() {
    let (_folder, system) = system("env");
    let system = system.with("HUMANBOUND_API_KEY", "the-key").with("HTTPS_PROXY", "http://127.0.0.1:9");
    let az = system.run(call(Tool::Az, &[], Stdin::Closed)).await.unwrap();
    let lines: Vec<_> = az.stdout.lines().collect();
    for expected in [
        "AZURE_CORE_COLLECT_TELEMETRY=0",
        "AZURE_CORE_SURVEY_MESSAGE=0",
        "AZURE_CORE_NO_COLOR=1",
        "AZURE_AUTO_UPGRADE_ENABLE=no",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no",
        "HTTPS_PROXY=http://127.0.0.1:9",
    ] {
        assert!(lines.contains(&expected), "{expected}");
    }
    assert!(!az.stdout.contains("the-key"));
    let func = system.run(call(Tool::Func, &[], Stdin::Closed)).await.unwrap();
    assert!(func.stdout.contains("FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT=1"));
    assert!(func.stdout.contains("FUNCTIONS_WORKER_RUNTIME=custom"));
}

#[tokio::test]
async fn standard_input_is_closed_or_given_to_its_end() {
    let closed = run("wc -c", Tool::Az, &[], Stdin::Closed).await;
    assert_eq!(closed.stdout.trim(), "0");
    let given = run("cat", Tool::Az, &[], bytes("{\"a\":1}")).await;
    assert_eq!(*given.stdout, "{\"a\":1}");
    // A program that does not read what it is given has not failed for that.
    let ignored = run("exec 0<&-; exit 3", Tool::Az, &[], bytes(&"x".repeat(1 << 20))).await;
    assert_eq!(ignored.code, Some(3));
}

#[tokio::test]
async fn both_outputs_are_drained_together() {
    // More than a pipe holds, on each, one after the other, while as much comes in.
    let script =
        "head -c 300000 /dev/zero | tr '\\0' e >&2; cat; head -c 300000 /dev/zero | tr '\\0' o; exit 7";
    let output = run(script, Tool::Az, &[], bytes(&"i".repeat(300_000))).await;
    assert_eq!((output.code, output.stderr.len(), output.stdout.len()), (Some(7), 300_000, 600_000));
}

#[tokio::test]
async fn missing_program_is_named() {
    let folder = Folder::new();
    let error =
        System::new().searching(folder.path()).run(call(Tool::Az, &[], Stdin::Closed)).await.unwrap_err();
    assert!(matches!(error, RunError::Missing(Tool::Az)), "{error:?}");
    assert_eq!(error.to_string(), "`az` is not installed");
}

/// Whether the process with the id in this file is still there.
fn lives(file: &std::path::Path) -> bool {
    let id = fs::read_to_string(file).unwrap();
    // A process that nobody has waited for yet is as good as gone.
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// A launcher that does not become the program that it starts, as some packages of `az` are.
const LAUNCHER: &str = "sleep 600 & echo $! > \"$1\"; wait";

#[tokio::test]
async fn what_takes_too_long_is_ended_with_all_that_it_started() {
    let (folder, system) = system(LAUNCHER);
    let file = folder.path().join("id");
    let mut slow = call(Tool::Az, &[file.to_str().unwrap()], Stdin::Closed);
    slow.timeout = Duration::from_secs(1);
    let error = system.run(slow).await.unwrap_err();
    assert_eq!(error.to_string(), "`az` did not answer within 1 s");
    if cfg!(target_os = "linux") {
        wait_until("the program lives on", || !lives(&file));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_ended() {
    let (folder, system) = system(LAUNCHER);
    let file = folder.path().join("id");
    let args = file.to_str().unwrap().to_owned();
    let task =
        tokio::spawn(async move { system.run(call(Tool::Az, &[&args], Stdin::Closed)).await.map(drop) });
    wait_until("the program did not start", || fs::read_to_string(&file).is_ok_and(|id| id.ends_with('\n')));
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    if cfg!(target_os = "linux") {
        wait_until("the program lives on", || !lives(&file));
    }
}

#[tokio::test]
async fn observer_sees_every_call_and_no_input() {
    let (_folder, system) = system("exit 3");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let system = system.observed(move |ended| log.lock().unwrap().push(format!("{ended:?}")));
    system.run(call(Tool::Az, &["group", "show"], bytes("s3cret"))).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains("Az") && seen[0].contains("group") && seen[0].contains("Some(3)"), "{seen:?}");
    assert!(!seen[0].contains("s3cret"));
}

#[tokio::test]
async fn runs_in_the_folder_that_is_named() {
    let (folder, system) = system("pwd -P");
    let mut invocation = call(Tool::Func, &[], Stdin::Closed);
    invocation.folder = Some(folder.path().to_owned());
    let output = system.run(invocation).await.unwrap();
    assert_eq!(output.stdout.trim(), folder.path().canonicalize().unwrap().to_str().unwrap());
}
