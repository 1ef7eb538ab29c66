//! `hb-sentinel sync`, run as a user runs it.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use humanbound_sentinel::{home, state};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::platform::{Behaviour, ORGANISATION, Platform, WEBHOOK};
use super::{NOW, events};
use crate::programs;
use crate::rig::Folder;

/// Far longer than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home folder; with a webhook if it is connected.
fn home(is_connected: bool) -> Folder {
    let home = Folder::new();
    if is_connected {
        let connection = serde_json::json!({ "webhook": { "id": WEBHOOK, "url": "https://x.example" } });
        let text = serde_json::json!({ "version": 2, "connections": { ORGANISATION: connection } });
        let folder = home::folder(home.path());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sentinel.json"), text.to_string()).unwrap();
    }
    home
}

fn remembered(home: &Path) -> state::Backfill {
    let state = state::read(&home::folder(home)).unwrap();
    state.get(ORGANISATION).unwrap().sync.clone().unwrap()
}

fn sync(home: &Folder, base_url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::from(programs::hb_sentinel(&["sync"]));
    command.args(arguments).env_clear();
    command.env("HOME", home.path()).env("USERPROFILE", home.path());
    command.env("HUMANBOUND_API_KEY", "key").env("HUMANBOUND_ORG_ID", ORGANISATION);
    command.env("HUMANBOUND_BASE_URL", base_url).kill_on_drop(true);
    command
}

async fn finish(mut command: Command) -> (Output, String, String) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap());
    (output, out, err)
}

#[tokio::test]
async fn dry_run_tells_the_plan_and_calls_nothing() {
    let platform = super::with(Vec::new()).await;
    let home = home(true);
    let range = ["--since", "2026-01-01", "--until", "2026-03-31", "--dry-run"];
    let (output, out, err) = finish(sync(&home, &platform.base_url(), &range)).await;
    assert!(output.status.success(), "{err}");
    for part in [
        "Range       2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z",
        "Windows     2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z",
        "Time        at least 6.0 s, and 50 s for every 1,000 events",
        "cannot be counted without delivering them",
    ] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    let more = ["--project", "Support Bot", "--event-type", "finding.crated", "--json"];
    let (_, out, err) = finish(sync(&home, &platform.base_url(), &[&range[..], &more[..]].concat())).await;
    let envelope: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(envelope["result"]["first_windows"].as_array().unwrap().len(), 5);
    assert_eq!(envelope["result"]["project_id"], "Support Bot");
    assert!(err.contains("did you mean `finding.created`?"), "{err}");
    assert!(platform.calls().is_empty());
}

#[tokio::test]
async fn what_is_missing_is_said_with_the_way_out() {
    let platform = super::with(Vec::new()).await;
    let cases: [(bool, &[&str], i32, &str); 5] = [
        (false, &["--since", "7d"], 1, "run `hb-sentinel connect --url URL`"),
        (true, &[], 2, "pass `--since`"),
        (true, &["--since", "yesterday"], 2, "write 2026-01-31"),
        (true, &["--since", "2026-02-01", "--until", "2026-01-01"], 2, "the range is empty"),
        (true, &["--since", "7d", "--project", "nobody"], 2, "no project `nobody`"),
    ];
    for (is_connected, arguments, code, part) in cases {
        let (output, _, err) = finish(sync(&home(is_connected), &platform.base_url(), arguments)).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
    assert!(platform.replays().is_empty());
}

/// A platform in the time of this machine, since the command's own clock is the real one.
async fn real(count: i32) -> Platform {
    let now = OffsetDateTime::now_utc();
    let past = events(count, now - time::Duration::hours(5), time::Duration::SECOND);
    let behaviour = Behaviour { per_second: 1e6, ..Behaviour::default() };
    Platform::start(now, past, behaviour).await
}

#[tokio::test]
async fn range_is_delivered_and_the_next_one_begins_where_it_ended() {
    let platform = real(30).await;
    let home = home(true);
    let (output, out, err) = finish(sync(&home, &platform.base_url(), &["--since", "12h", "--json"])).await;
    assert_eq!(output.status.code(), Some(0), "{err}");
    let envelope: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(envelope["steps"][0]["id"], "backfill");
    let result = &envelope["result"];
    assert_eq!((&result["queued"], &result["windows"]), (&30.into(), &1.into()));
    assert_eq!((&result["delivered"], &result["duplicates"]), (&30.into(), &0.into()));
    assert_eq!(result["incomplete"], Value::Array(Vec::new()));
    assert_eq!(result["through"], result["until"]);
    assert_eq!(platform.missing().len(), 0);
    let through = remembered(home.path()).through.unwrap();
    let (output, out, err) = finish(sync(&home, &platform.base_url(), &[])).await;
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.contains("Rules skip what happened over 24 h before its row"), "{out}");
    assert!(out.contains("Queued      0 events in 1 window"), "{out}");
    let last = platform.replays().pop().unwrap();
    let since = last.body["since"].as_str().unwrap().to_owned();
    assert_eq!(since, humanbound_sentinel::humanbound::backfill::timestamp(through));
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_keeps_the_place_and_says_how_to_go_on() {
    let platform = Platform::start(NOW, Vec::new(), Behaviour::default()).await;
    // The second window waits, as the platform asks for.
    platform.script([None, Some((429, Some("600"), ""))]);
    let home = home(true);
    let mut child = sync(&home, &platform.base_url(), &["--since", "2026-01-01", "--until", "2026-01-31"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut all = String::new();
    loop {
        let next = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it says something");
        let line = next.unwrap().unwrap_or_else(|| panic!("it ended: {all}"));
        all.push_str(&line);
        if line.contains("as the platform asks for") {
            break;
        }
    }
    programs::signal(&child, "INT").await;
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(130), "{all}");
    let mut rest = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        rest.push_str(&line);
    }
    assert!(rest.contains("interrupted by Ctrl-C"), "{rest}");
    assert!(rest.contains("run the same command again: it goes on at 2026-01-02T00:00:00Z"), "{rest}");
    let saved = remembered(home.path());
    assert_eq!(saved.next, Some(time::macros::datetime!(2026-01-02 0:00 UTC)));
    assert_eq!(saved.windows_done, 1);
}
