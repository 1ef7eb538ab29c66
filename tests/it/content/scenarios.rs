//! Every scenario of `tests/content/scenarios`, and the one that `make scenario` asks for.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use futures::{StreamExt as _, stream};
use tokio::process::Command;

use super::feed::{self, Plan};
use crate::rig::Folder;
use crate::tools;

/// So many connectors run at once.
const AT_ONCE: usize = 2;

/// Where `make scenario` keeps the plans to play; rows go beside them.
const PLANS: &str = "CONTENT_PLANS";

fn python(skipped: &str) -> Option<PathBuf> {
    tools::find("venv/bin/python", skipped)
}

/// Plays every plan in `folder`, each into a file of rows beside it.
async fn play_all(folder: &Path, preload: &Path) {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut plans: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "plan")).collect();
    plans.sort();
    assert!(!plans.is_empty(), "no plan in {}", folder.display());
    let connectors = plans.iter().map(async |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let plan: Plan =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        feed::play(&plan, preload, &path.with_extension("rows")).await;
    });
    stream::iter(connectors).buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Runs the harness and returns what it printed; panics with it when it did not succeed.
async fn harness(python: &Path, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/content/run.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).args(arguments);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "\n{text}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_gives_what_it_expects() {
    let skipped = "the scenarios of tests/content";
    let folder = Folder::new();
    let (Some(python), Some(preload)) = (python(skipped), feed::preload(&folder, skipped)) else { return };
    let place = folder.path().to_str().unwrap();
    harness(&python, &["plan", place]).await;
    play_all(folder.path(), &preload).await;
    let report = harness(&python, &["check", place]).await;
    // Only a harness that can fail proves anything.
    let noticed = harness(&python, &["selftest", place]).await;
    eprintln!("{report}{noticed}");
}

/// What `make scenario` runs. On its own it plays one event, whose row must have the time of the plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plays_the_plans_that_it_is_given() {
    let folder = Folder::new();
    let Some(preload) = feed::preload(&folder, "playing plans to the connector") else { return };
    if let Some(plans) = std::env::var_os(PLANS) {
        return play_all(Path::new(&plans), &preload).await;
    }
    let plan = r#"{"steps": [{"at": "2031-05-06T07:08:09Z", "do": "post", "bodies": ["{\"timestamp\": 1935900000}"]}]}"#;
    std::fs::write(folder.path().join("one.plan"), plan).unwrap();
    play_all(folder.path(), &preload).await;
    let rows = std::fs::read_to_string(folder.path().join("one.rows")).unwrap();
    let step: serde_json::Value = serde_json::from_str(rows.trim()).unwrap();
    assert_eq!(step["answers"][0][1], "stored");
    assert_eq!(step["accepted"], "2031-05-06T07:08:09Z");
    let received = step["rows"][0]["ReceivedTime"].as_str().unwrap();
    assert!(received.starts_with("2031-05-06T07:08:09"), "{received}");
}
