//! Every scenario of `tests/content/scenarios`, and the command that plays them.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::rig::Folder;
use crate::tools;

/// The exit code of the harness for what cannot be done on this machine.
const SKIPPED: i32 = 77;

fn python(skipped: &str) -> Option<PathBuf> {
    tools::find("venv/bin/python", skipped)
}

async fn output(python: &Path, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/content/run.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).args(arguments);
    command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs the harness and returns what it printed; panics with it when it did not succeed.
async fn harness(python: &Path, arguments: &[&str]) -> String {
    let output = output(python, arguments).await;
    let text = text(&output);
    assert!(output.status.success(), "\n{text}");
    text
}

/// Plays the plans in `place`; `None` after a line that says what is skipped, where the connector can have no clock.
async fn play(python: &Path, place: &str, skipped: &str) -> Option<()> {
    let program = env!("CARGO_BIN_EXE_hb-sentinel");
    let output = output(python, &["play", place, "--program", program]).await;
    let text = text(&output);
    let played = (output.status.code() != Some(SKIPPED)).then_some(());
    tools::or_skip(played, skipped, &text)?;
    assert!(output.status.success(), "\n{text}");
    Some(())
}

#[tokio::test]
async fn every_scenario_gives_what_it_expects() {
    let skipped = "the scenarios of tests/content";
    let folder = Folder::new();
    let Some(python) = python(skipped) else { return };
    let place = folder.path().to_str().unwrap();
    harness(&python, &["plan", place]).await;
    if play(&python, place, skipped).await.is_none() {
        return;
    }
    let report = harness(&python, &["check", place]).await;
    // Only a harness that can fail proves anything.
    let noticed = harness(&python, &["selftest", place]).await;
    eprintln!("{report}{noticed}");
}

/// One event, whose row must have the time of the plan.
#[tokio::test]
async fn a_plan_is_played_under_its_own_clock() {
    let skipped = "playing plans to the connector";
    let folder = Folder::new();
    let Some(python) = python(skipped) else { return };
    let plan = r#"{"steps": [{"at": "2031-05-06T07:08:09Z", "do": "post", "bodies": ["{\"timestamp\": 1935900000}"]}]}"#;
    std::fs::write(folder.path().join("one.plan"), plan).unwrap();
    if play(&python, folder.path().to_str().unwrap(), skipped).await.is_none() {
        return;
    }
    let rows = std::fs::read_to_string(folder.path().join("one.rows")).unwrap();
    let step: serde_json::Value = serde_json::from_str(rows.trim()).unwrap();
    assert_eq!(step["answers"][0][1], "stored");
    assert_eq!(step["accepted"], "2031-05-06T07:08:09Z");
    let received = step["rows"][0]["ReceivedTime"].as_str().unwrap();
    assert!(received.starts_with("2031-05-06T07:08:09"), "{received}");
}

/// An answer that the plan does not allow is no row that a scenario could be proved with.
#[tokio::test]
async fn an_unexpected_answer_fails_the_play() {
    let skipped = "playing plans to the connector";
    let folder = Folder::new();
    let Some(python) = python(skipped) else { return };
    let plan = r#"{"steps": [{"at": "2031-05-06T07:08:09Z", "do": "post", "bodies": ["no JSON"]}]}"#;
    std::fs::write(folder.path().join("odd.plan"), plan).unwrap();
    let program = env!("CARGO_BIN_EXE_hb-sentinel");
    let place = folder.path().to_str().unwrap();
    let output = output(&python, &["play", place, "--program", program]).await;
    let text = text(&output);
    let is_skipped = output.status.code() == Some(SKIPPED);
    assert!(is_skipped || output.status.code() == Some(1) && text.contains("400"), "\n{text}");
}
