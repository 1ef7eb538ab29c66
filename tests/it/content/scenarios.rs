//! Every scenario of `content/scenarios`, and the command that plays them.

use std::process::Output;

use tokio::process::Command;

use crate::programs;
use crate::rig::Folder;
use crate::tools;

/// The exit code of the harness for what cannot be done on this machine.
const SKIPPED: i32 = 77;

const HARNESS: &str = "hb_content.scenario";

/// The end of a module of `content/`; `None` after a line that says what is skipped.
async fn output(module: &str, arguments: &[&str], skipped: &str) -> Option<Output> {
    let mut command = Command::from(tools::module(module, skipped)?);
    Some(command.args(arguments).kill_on_drop(true).output().await.unwrap())
}

/// Runs a module and returns what it printed; panics with it when it did not succeed.
async fn printed(module: &str, arguments: &[&str], skipped: &str) -> Option<String> {
    let output = output(module, arguments, skipped).await?;
    let text = tools::said(&output);
    assert!(output.status.success(), "\n{text}");
    Some(text)
}

/// Plays the plans in `place`; `None` after a line that says what is skipped, where the connector can have no clock.
async fn play(place: &str, skipped: &str) -> Option<()> {
    let program = programs::HB_SENTINEL;
    let output = output(HARNESS, &["play", place, "--program", program], skipped).await?;
    let text = tools::said(&output);
    let played = (output.status.code() != Some(SKIPPED)).then_some(());
    tools::or_skip(played, skipped, &text)?;
    assert!(output.status.success(), "\n{text}");
    Some(())
}

#[tokio::test]
async fn every_scenario_gives_what_it_expects() {
    let skipped = "the scenarios of content/";
    let folder = Folder::new();
    let place = folder.path().to_str().unwrap();
    if printed(HARNESS, &["plan", place], skipped).await.is_none() || play(place, skipped).await.is_none() {
        return;
    }
    let report = printed(HARNESS, &["check", place], skipped).await;
    // Only a harness that can fail proves anything.
    let noticed = printed("tests.scenario_cases", &[place], skipped).await;
    eprintln!("{}{}", report.unwrap(), noticed.unwrap());
}

#[tokio::test]
async fn a_text_that_changed_is_translated_anew() {
    printed("tests.translation_cases", &[], "the proof that no translation is out of date").await;
}

#[tokio::test]
async fn a_statement_that_asks_no_types_gives_the_same_rows() {
    printed("tests.typed_cases", &[], "the proof that types change no row").await;
}

/// One event, whose row must have the time of the plan.
#[tokio::test]
async fn a_plan_is_played_under_its_own_clock() {
    let skipped = "playing plans to the connector";
    let folder = Folder::new();
    let plan = r#"{"steps": [{"at": "2031-05-06T07:08:09Z", "do": "post", "bodies": ["{\"timestamp\": 1935900000}"]}]}"#;
    std::fs::write(folder.path().join("one.plan"), plan).unwrap();
    if play(folder.path().to_str().unwrap(), skipped).await.is_none() {
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
    let plan = r#"{"steps": [{"at": "2031-05-06T07:08:09Z", "do": "post", "bodies": ["no JSON"]}]}"#;
    std::fs::write(folder.path().join("odd.plan"), plan).unwrap();
    let program = programs::HB_SENTINEL;
    let place = folder.path().to_str().unwrap();
    let arguments = ["play", place, "--program", program];
    let Some(output) = output(HARNESS, &arguments, skipped).await else { return };
    let text = tools::said(&output);
    let is_skipped = output.status.code() == Some(SKIPPED);
    assert!(is_skipped || output.status.code() == Some(1) && text.contains("400"), "\n{text}");
}
