//! The log of a run: what is in it, what never is, which commands leave one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{Desk, SECRET};

fn logs(desk: &Desk) -> Vec<PathBuf> {
    let folder = desk.home.path().join(".humanbound/logs");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn has_steps_and_heads_of_calls_and_no_secret() {
    let desk = Desk::start().await;
    let ran = desk.connect(&["--debug"]).await.ends(0);
    let head = format!("GET {}/organisations 200", desk.platform.base_url());
    assert!(ran.stderr.contains(&format!("http {head}")), "{ran:?}");
    let [log] = logs(&desk).try_into().unwrap();
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&log).unwrap();
    let health = desk.url().replace("ingest", "health");
    let lines =
        ["run      hb-sentinel", &head, &format!("GET {health} 200"), "step     done webhook", "exit code 0"];
    for line in lines {
        assert!(text.contains(line), "`{line}` is not in the log:\n{text}");
    }
    let credentials = std::fs::read_to_string(desk.home.path().join(".humanbound/credentials.json")).unwrap();
    let credentials: serde_json::Value = serde_json::from_str(&credentials).unwrap();
    for secret in [SECRET, credentials["api_token"].as_str().unwrap(), "Bearer", "webhook.test"] {
        assert!(!text.contains(secret) && !ran.stderr.contains(secret), "`{secret}` is told:\n{text}");
    }
}

#[tokio::test]
async fn a_secret_that_is_shown_is_not_logged() {
    let desk = Desk::start().await;
    let ran = desk.run(&["connect", "--url", &desk.url(), "--print-secret", "--yes"]).await.ends(1);
    let shown = ran.stderr.split_whitespace().find(|word| word.len() == 64).unwrap();
    let [log] = logs(&desk).try_into().unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("error    probe: ") && !text.contains(shown), "{text}");
    assert!(ran.stderr.contains(&format!("log: {}", log.display())), "{ran:?}");
}

#[tokio::test]
async fn is_left_by_what_changes_something_and_where_it_is_asked_for() {
    let desk = Desk::start().await;
    desk.run(&["status"]).await.ends(1);
    desk.run(&[]).await.ends(0);
    assert!(logs(&desk).is_empty());
    let file = desk.home.path().join("run.log");
    std::fs::write(&file, "older").unwrap();
    let named = ["--log-file", file.to_str().unwrap()];
    let failed = desk.run(&[&["test", "--json"], &named[..]].concat()).await.ends(1).json();
    assert_eq!(failed["error"]["log"].as_str(), file.to_str());
    assert!(std::fs::read_to_string(&file).unwrap().contains("error    nothing is connected"));
    desk.run(&[&["status"], &named[..]].concat()).await.ends(1);
    assert!(std::fs::read_to_string(&file).unwrap().contains("step     failed webhook"));
    assert!(logs(&desk).is_empty());
    let nowhere = desk.home.path().join("no/such/folder/run.log");
    desk.run(&["test", "--log-file", nowhere.to_str().unwrap()]).await.ends(2).says(&["`--log-file`"]);
}
