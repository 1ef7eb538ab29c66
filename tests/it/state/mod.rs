//! What `hb-sentinel` remembers: written whole, for its owner alone, by one run at a time, and without a secret.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use humanbound_sentinel::state::{self, Error, Store, Window};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::rig::Folder;

const AT_ONCE: Duration = Duration::ZERO;

/// A folder that does not exist yet, below one that goes with the test.
fn place() -> (Folder, PathBuf) {
    let home = Folder::new();
    let folder = humanbound_sentinel::home::folder(home.path());
    (home, folder)
}

fn put(folder: &std::path::Path, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("sentinel.json"), text).unwrap();
}

fn get(folder: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("sentinel.json")).unwrap()).unwrap()
}

/// Every member that this version knows, and one more at every level.
fn whole() -> Value {
    json!({
        "version": 2,
        "later": 1,
        "connections": {"0a1b": {
            "organisation_name": "Acme",
            "base_url": "https://api.humanbound.ai/api",
            "webhook": {
                "id": "w1", "url": "https://x.example/api/ingest", "name": "Sentinel Connector",
                "created_at": "2026-11-28T12:00:00Z", "tested_at": "2026-11-28T12:01:00Z", "later": [1]
            },
            "pending": {"url": "u", "name": "n", "since": "2026-11-28T12:00:00Z", "later": {}},
            "orphans": ["w0"],
            "rotation": {"phase": 2, "old_webhook": "w0", "previous_uri": "https://v/s/1", "later": true},
            "azure": {
                "cloud": "AzureCloud", "tenant": "t", "subscription": "s", "resource_group": "rg-humanbound",
                "group_created": true, "workspace_created": false, "location": "northeurope",
                "deployment": "hb-sentinel-1a2b3c4d", "template_sha256": "a", "parameters_sha256": "b",
                "package_sha256": "c", "publisher": "az", "outputs": {"connectorUrl": "u", "n": 7}, "later": "x"
            },
            "sync": {
                "key": "k", "windows_done": 3, "next": "2026-01-04T00:00:00Z", "queued": 41,
                "duplicates": 5, "by_type": 1,
                "incomplete": [{
                    "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:01Z",
                    "event_type": "drift.detected", "project_id": "p1", "later": 0
                }],
                "through": "2026-01-03T00:00:00Z", "later": null
            },
            "watchlist_at": "2026-11-28T12:02:00Z",
            "later": {"deep": [{"number": 1, "big": 12_345_678_901_234_567_890_u64}]}
        }}
    })
}

#[tokio::test]
async fn every_member_stays_also_those_of_a_later_version() {
    let (_home, folder) = place();
    let text = whole().to_string().replace("\"later\":1,", "\"later\":1.10,");
    put(&folder, &text);
    let store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
    store.save().unwrap();
    assert_eq!(get(&folder), serde_json::from_str::<Value>(&text).unwrap());
}

#[tokio::test]
async fn what_one_run_learns_the_next_one_knows() {
    let (_home, folder) = place();
    let mut store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
    assert_eq!(store.state, state::State::default());
    let connection = store.state.connection("0A1B");
    connection.webhook = Some(state::Webhook { id: "w1".into(), ..state::Webhook::default() });
    connection.pending = Some(state::Pending { url: "u".into(), ..state::Pending::default() });
    connection.watchlist_at = Some(datetime!(2026-11-28 12:00 UTC));
    let window = Window::new(datetime!(2026-01-01 0:00 UTC), datetime!(2026-01-02 0:00 UTC));
    connection.sync = Some(state::Backfill { incomplete: vec![window], ..state::Backfill::default() });
    store.save().unwrap();
    let saved = store.state.clone();
    drop(store);
    assert_eq!(get(&folder)["connections"].as_object().unwrap().keys().collect::<Vec<_>>(), ["0a1b"]);
    let mut store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
    assert_eq!(store.state, saved);
    assert_eq!(store.state.get("0a1B").unwrap().webhook.as_ref().unwrap().id, "w1");
    assert!(store.state.forget("0A1b").is_some());
    assert_eq!(store.state.connections().count(), 0);
}

#[tokio::test]
async fn the_old_file_gives_its_webhook_and_loses_its_secret() {
    let (_home, folder) = place();
    let old = r#"{"webhook_id":"w1","webhook_secret":"s3cret","connector_url":"https://x.example/api/ingest",
        "connected_at":"2026-02-14T10:00:00","organisation_name":"Acme"}"#;
    put(&folder, old);
    let store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
    let legacy = store.state.legacy.clone().unwrap();
    assert_eq!(legacy.webhook_id, "w1");
    assert_eq!(legacy.connector_url.as_deref(), Some("https://x.example/api/ingest"));
    assert_eq!(legacy.connected_at.as_deref(), Some("2026-02-14T10:00:00"));
    assert_eq!(legacy.organisation_name.as_deref(), Some("Acme"));
    assert!(!format!("{store:?}").contains("s3cret"));
    // Reading alone changes nothing.
    assert_eq!(fs::read_to_string(folder.join("sentinel.json")).unwrap(), old);
    store.save().unwrap();
    drop(store);
    assert!(!fs::read_to_string(folder.join("sentinel.json")).unwrap().contains("s3cret"));
    // A run that ended before it decided has not forgotten the webhook.
    let mut store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
    assert_eq!(store.state.legacy, Some(legacy));
    store.state.legacy = None;
    store.save().unwrap();
    assert_eq!(get(&folder), json!({"version": 2, "connections": {}}));
}

#[tokio::test]
async fn the_old_file_needs_no_more_than_its_id() {
    let (_home, folder) = place();
    put(&folder, r#"{"webhook_id":"w1","webhook_secret":"s"}"#);
    assert_eq!(state::read(&folder).unwrap().legacy.unwrap().webhook_id, "w1");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_moved_away_and_told() {
    let (_home, folder) = place();
    for (index, text) in
        ["", "{", "[]", "{}", r#"{"version":1}"#, r#"{"version":"2"}"#, r#"{"version":2,"connections":[]}"#]
            .into_iter()
            .enumerate()
    {
        put(&folder, text);
        assert!(matches!(state::read(&folder), Err(Error::Unreadable { .. })), "{text}");
        let store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
        let name = if index == 0 { ".bad".to_owned() } else { format!(".bad-{}", index + 1) };
        let aside = folder.join(format!("sentinel.json{name}"));
        assert_eq!(store.set_aside.as_ref(), Some(&aside));
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
        assert_eq!(store.state, state::State::default());
    }
}

#[tokio::test]
async fn an_unreadable_file_is_not_quoted() {
    let (_home, folder) = place();
    put(&folder, r#"{"version":2,"connections":{"o":"s3cret"}}"#);
    let error = state::read(&folder).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_later_format_is_left_alone() {
    let (_home, folder) = place();
    put(&folder, r#"{"version":3}"#);
    for error in [state::read(&folder).unwrap_err(), Store::open(&folder, "t", AT_ONCE).await.unwrap_err()] {
        assert!(error.to_string().ends_with("has format 3; this program knows 2"), "{error}");
        assert!(error.hint().contains("newer"));
    }
    assert_eq!(get(&folder), json!({"version": 3}));
}

#[tokio::test]
async fn a_second_run_is_told_who_holds_the_state() {
    let (_home, folder) = place();
    let first = Store::open(&folder, "deploy", AT_ONCE).await.unwrap();
    let error = Store::open(&folder, "connect", Duration::from_millis(120)).await.unwrap_err();
    assert_eq!(error.to_string(), "the state cannot be locked");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.hint().contains("other run"));
    if cfg!(unix) {
        let holder = format!("held by process {} (deploy)", std::process::id());
        assert!(cause.ends_with(&holder), "{cause}");
    }
    // Looking is always possible, and a save replaces the state's file and not the lock's.
    first.save().unwrap();
    state::read(&folder).unwrap();
    assert!(Store::open(&folder, "connect", AT_ONCE).await.is_err());
    drop(first);
    Store::open(&folder, "connect", AT_ONCE).await.unwrap();
}

#[tokio::test]
async fn a_run_waits_for_one_that_is_about_to_end() {
    let (_home, folder) = place();
    let first = Store::open(&folder, "deploy", AT_ONCE).await.unwrap();
    let (second, ()) = tokio::join!(Store::open(&folder, "connect", Duration::from_secs(20)), async {
        tokio::task::yield_now().await;
        drop(first);
    });
    second.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_alone_and_replaced_whole() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, folder) = place();
    let store = Store::open(&folder, "test", AT_ONCE).await.unwrap();
    put(&folder, "old");
    fs::set_permissions(folder.join("sentinel.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::File::open(folder.join("sentinel.json")).unwrap();
    store.save().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("sentinel.json")), 0o600);
    assert_eq!(mode(&folder.join("sentinel.lock")), 0o600);
    assert_eq!(std::io::read_to_string(before).unwrap(), "old");
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["sentinel.json", "sentinel.lock"]);
}
