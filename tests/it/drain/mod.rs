//! The drain: what waits goes to the table, bad rows are set aside, and nothing is lost whatever happens.

mod age;
mod instances;
mod one_blob;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use humanbound_sentinel::delivery::spool::{PENDING, new_name};
use humanbound_sentinel::emulator::Fault;
use humanbound_sentinel::record;
use serde_json::Value;
use time::OffsetDateTime;

use crate::delivery::stored_ids;
use crate::host::{NEVER, Tick};
use crate::ingest::wait_until;
use crate::rig::{Rig, SOON, event, gunzip};

/// Writes one pending blob that holds `rows`, as an earlier process would have left it; answers its file name.
fn leave(spool: &Path, rows: &[Vec<u8>]) -> String {
    let name = new_name(PENDING, OffsetDateTime::now_utc());
    write_gzip(&spool.join(&name), &[b"[".to_vec(), rows.join(&b","[..]), b"]".to_vec()].concat());
    name
}

fn write_gzip(path: &Path, content: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap();
}

/// The row of `event(n)` and its EventId.
fn row(n: usize) -> (Vec<u8>, String) {
    let mapped = record::map(&event(n), OffsetDateTime::now_utc()).unwrap();
    (mapped.row, mapped.event_id.to_string())
}

/// Leaves the rows of `range` in blobs of `each` rows; answers their EventIds.
fn leave_rows(spool: &Path, range: std::ops::Range<usize>, each: usize) -> BTreeSet<String> {
    let (rows, ids): (Vec<_>, BTreeSet<_>) = range.map(row).unzip();
    for rows in rows.chunks(each) {
        leave(spool, rows);
    }
    ids
}

/// The EventIds in the dead letters.
fn dead(rig: &Rig) -> BTreeSet<String> {
    let ids = |path: &std::path::PathBuf| -> Vec<String> {
        let rows: Vec<Value> = serde_json::from_slice(&gunzip(path)).unwrap();
        rows.iter().map(|row| row["EventId"].as_str().unwrap().to_owned()).collect()
    };
    rig.spooled("deadletter").iter().flat_map(ids).collect()
}

/// Lets the timer fire until `done`. A run that looks for a bad row draws its way down, and ends when it met no good one:
/// the next run draws anew.
async fn drain_until(rig: &Rig, done: impl AsyncFn() -> bool) {
    for _ in 0..50 {
        rig.drain().await;
        if done().await {
            return;
        }
    }
    panic!("50 runs were not enough");
}

/// Lets the timer fire until nothing waits.
async fn drain_all(rig: &Rig) {
    drain_until(rig, async || rig.spooled("pending").is_empty()).await;
}

#[tokio::test]
async fn merges_small_blobs_into_full_calls() {
    let rig = Rig::start().await;
    let ids = leave_rows(rig.spool.path(), 0..1_200, 1);
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids);
    assert_eq!(rig.spooled("pending").len(), 0);
    let calls = rig.workspace.calls().accepted;
    assert!(calls <= 4, "1,200 blobs of about 1 kB took {calls} calls, one of them the heartbeat");
    assert_eq!(rig.rows().await.len(), 1_200, "none twice");
}

#[tokio::test]
async fn sets_a_bad_row_aside_and_stores_the_others() {
    let rig = Rig::start().await;
    let mut ids = leave_rows(rig.spool.path(), 0..300, 7);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 123\""));
    drain_all(&rig).await;
    let bad = row(123).1;
    assert!(ids.remove(&bad));
    assert_eq!(stored_ids(&rig).await, ids);
    assert_eq!(dead(&rig), BTreeSet::from([bad]));
    assert_eq!(rig.spooled("pending").len(), 0);
    let line = rig.host.wait_for_console(|line| line.text.contains("row_deadlettered"), SOON).await;
    assert_eq!(line.level, crate::host::Level::Error, "{}", line.text);
}

/// Both halves of the first split are rejected, and still only the bad rows are to blame: further down a row is accepted.
#[tokio::test]
async fn sets_bad_rows_in_both_halves_aside() {
    let rig = Rig::start().await;
    let mut ids = leave_rows(rig.spool.path(), 0..100, 50);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 3\""));
    rig.workspace.add_fault(Fault::status(400).for_rows_with("number 97\""));
    drain_all(&rig).await;
    let bad = BTreeSet::from([row(3).1, row(97).1]);
    ids.retain(|id| !bad.contains(id));
    assert_eq!((stored_ids(&rig).await, dead(&rig)), (ids, bad));
    assert_eq!(rig.spooled("pending").len(), 0);
}

/// Nothing tells whether the row or the configuration is wrong, until another event is accepted.
#[tokio::test]
async fn a_bad_row_alone_waits_for_proof() {
    let rig = Rig::start().await;
    leave_rows(rig.spool.path(), 3..4, 1);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 3\""));
    for _ in 0..2 {
        rig.drain().await;
        assert_eq!((rig.spooled("deadletter").len(), rig.spooled("pending").len()), (0, 1));
    }
    rig.host.wait_for_console(|line| line.text.contains("row_rejected"), SOON).await;
    assert_eq!(rig.post(event(4)).await.status, 200);
    rig.drain().await;
    assert_eq!((dead(&rig), rig.spooled("pending").len()), (BTreeSet::from([row(3).1]), 0));
}

/// A stream that lacks a column of events takes our own rows all the same: they prove nothing.
#[tokio::test]
async fn our_own_rows_prove_nothing() {
    let rig = Rig::start().await;
    leave_rows(rig.spool.path(), 0..100, 10);
    let now = OffsetDateTime::now_utc();
    leave(rig.spool.path(), &[record::own_event("connector.stats", serde_json::json!({}), now).row]);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("finding.created"));
    let told = rig.drain().await.logs;
    assert!(told[0].contains("configuration error"), "{told:?}");
    assert_eq!(rig.spooled("deadletter").len(), 0);
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!((stored_ids(&rig).await.len(), rig.spooled("pending").len()), (100, 0));
}

/// One half is accepted, then the rule is deployed anew without a column: what was accepted before proves nothing now.
#[tokio::test]
async fn a_configuration_that_breaks_in_the_middle_dead_letters_nothing() {
    let rig = Rig::builder().workspace(|options| options.latency = Duration::from_millis(20)).start().await;
    let ids = leave_rows(rig.spool.path(), 0..64, 64);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 7\""));
    for _ in 0..50 {
        let mut run = std::pin::pin!(rig.drain());
        tokio::select! {
            biased;
            // The heartbeat, the whole call, and a half or two.
            () = wait_until(async || rig.rows().await.len() >= 16) => {}
            // Its way down met no good row.
            _ = &mut run => continue,
        }
        rig.workspace.set_fault(Fault::status(400));
        run.await;
        break;
    }
    assert_eq!(rig.spooled("deadletter").len(), 0);
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!((stored_ids(&rig).await, rig.spooled("pending").len()), (ids, 0));
}

/// What was settled of a blob is not sent again: the rest has a name of its own.
#[tokio::test]
async fn a_blob_that_is_settled_in_part_leaves_its_rest() {
    let rig = Rig::start().await;
    let mut ids = leave_rows(rig.spool.path(), 0..64, 64);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 7\""));
    // The second throttle ends the run before the bad row is found.
    rig.workspace
        .add_fault(Fault::Status { code: 429, retry_after: Some("0".into()) }.for_rows_with("number 6\""));
    drain_until(&rig, async || !stored_ids(&rig).await.is_empty()).await;
    let first = stored_ids(&rig).await.len();
    assert!((1..63).contains(&first), "{first} rows were accepted");
    let rest = rig.spooled("pending");
    assert_eq!(rest.len(), 1);
    assert!(rest[0].to_str().unwrap().contains("-rest"), "{rest:?}");
    let left: Vec<Value> = serde_json::from_slice(&gunzip(&rest[0])).unwrap();
    assert_eq!(left.len(), 64 - first);
    rig.workspace.set_fault(Fault::status(400).for_rows_with("number 7\""));
    drain_all(&rig).await;
    let bad = row(7).1;
    assert!(ids.remove(&bad));
    assert_eq!((stored_ids(&rig).await, dead(&rig)), (ids, BTreeSet::from([bad])));
}

/// Two instances at once, as after a retried timer call: repeats at worst.
#[tokio::test]
async fn two_drains_at_once_lose_nothing() {
    let rig = Rig::start().await;
    let ids = leave_rows(rig.spool.path(), 0..600, 2);
    let spool = rig.spool.path().to_str().unwrap().to_owned();
    let other = Rig::builder().set("SPOOL_DIR", spool).start().await;
    let (first, second) = tokio::join!(rig.host.timer("drain"), other.host.timer("drain"));
    first.assert_succeeded();
    second.assert_succeeded();
    let mut stored = stored_ids(&rig).await;
    stored.extend(stored_ids(&other).await);
    assert_eq!((stored, rig.spooled("pending").len()), (ids, 0));
}

#[tokio::test]
async fn never_dead_letters_a_backlog_for_a_configuration_error() {
    let rig = Rig::start().await;
    let ids = leave_rows(rig.spool.path(), 0..200, 3);
    let before = rig.spooled("pending");
    for code in [400, 401, 403, 404, 413, 429, 500, 503] {
        rig.workspace.set_fault(Fault::status(code));
        let told = rig.drain().await.logs;
        assert!(told[0].contains("stopped"), "{code}: {told:?}");
        assert_eq!(rig.spooled("pending"), before, "{code}");
        assert_eq!(rig.spooled("deadletter").len(), 0, "{code}");
    }
    let line = rig.host.wait_for_console(|line| line.text.contains("drain_stopped"), SOON).await;
    assert!(line.text.contains("hint"), "{}", line.text);
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids);
}

#[tokio::test]
async fn ends_at_the_second_throttle() {
    let rig = Rig::start().await;
    leave_rows(rig.spool.path(), 0..10, 5);
    rig.workspace.set_fault(Fault::Status { code: 429, retry_after: Some("0".into()) });
    let told = rig.drain().await.logs;
    assert!(told[0].contains("throttled twice"), "{told:?}");
    rig.workspace.set_fault(Fault::Status { code: 429, retry_after: Some("0".into()) }.next(1));
    rig.drain().await;
    assert_eq!(rig.spooled("pending").len(), 0, "one throttle is waited for");
}

#[tokio::test]
async fn moves_what_it_cannot_read_aside_whole() {
    let rig = Rig::start().await;
    let ids = leave_rows(rig.spool.path(), 0..10, 5);
    let folder = rig.spool.path().join("pending/2026/01/01");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.json.gz"), b"no gzip at all").unwrap();
    std::fs::write(folder.join("empty.json.gz"), b"").unwrap();
    write_gzip(&folder.join("b.json.gz"), b"{\"not\":\"an array\"}");
    write_gzip(&folder.join("c.json.gz"), b"[1,2,3]");
    write_gzip(&folder.join("d.json.gz"), &vec![b' '; 20_000_000]);
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids);
    assert_eq!((rig.spooled("pending").len(), rig.spooled("deadletter").len()), (0, 5));
    assert_eq!(
        std::fs::read(rig.spool.path().join("deadletter/2026/01/01/a.json.gz")).unwrap(),
        b"no gzip at all"
    );
}

#[tokio::test]
async fn an_oversize_body_is_left_alone() {
    let rig = Rig::start().await;
    let path = rig.spool.path().join("oversize/0123.json.gz");
    write_gzip(&path, b"{}");
    rig.drain().await;
    assert!(path.exists());
}

/// SIGKILL at many moments of a run: afterwards every row is in the table at least once, and the spool is empty.
#[tokio::test]
async fn survives_being_killed_at_any_moment() {
    for (round, pause) in [0_u64, 2, 5, 10, 20, 40, 80, 150].into_iter().enumerate() {
        let rig =
            Rig::builder().workspace(|options| options.latency = Duration::from_millis(5)).start().await;
        let mut ids = leave_rows(rig.spool.path(), 0..600, 2);
        let bad = row(333).1;
        assert!(ids.remove(&bad));
        rig.workspace.set_fault(Fault::status(400).for_rows_with("number 333\""));
        {
            let run = rig.host.timer("drain");
            let killed = async {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                rig.host.kill_worker().await;
            };
            tokio::join!(run, killed);
        }
        rig.host.ready().await;
        drain_all(&rig).await;
        assert_eq!(stored_ids(&rig).await, ids, "round {round}");
        assert_eq!(dead(&rig), BTreeSet::from([bad]), "round {round}");
        assert_eq!((rig.spooled("pending").len(), rig.spooled("deadletter").len()), (0, 1), "round {round}");
    }
}

async fn heartbeats(rig: &Rig) -> usize {
    let rows = rig.workspace.rows().await.unwrap();
    rows.iter().filter(|row| row["EventType"] == "connector.heartbeat").count()
}

#[tokio::test]
async fn writes_one_heartbeat_an_hour_whatever_process_finds_the_timer() {
    let rig = Rig::start().await;
    let now = OffsetDateTime::now_utc();
    let at = |time: OffsetDateTime| {
        let last = time.format(&time::format_description::well_known::Rfc3339).unwrap();
        Tick { last: Some(last), past_due: false }
    };
    rig.host
        .timer_with("drain", &Tick { last: Some(NEVER.to_owned()), past_due: true })
        .await
        .assert_succeeded();
    assert_eq!(heartbeats(&rig).await, 1, "the first run");
    rig.drain().await;
    assert_eq!(heartbeats(&rig).await, 1, "the same process in the same hour");
    rig.host.kill_worker().await;
    rig.host.ready().await;
    rig.host.timer_with("drain", &at(now)).await.assert_succeeded();
    // The hour may have changed since `now` was read, in which case one more is right.
    let same_hour = OffsetDateTime::now_utc().hour() == now.hour();
    assert_eq!(heartbeats(&rig).await == 1, same_hour, "another process, told of the last run");
    rig.host.kill_worker().await;
    rig.host.ready().await;
    let before = heartbeats(&rig).await;
    rig.host.timer_with("drain", &at(now - Duration::from_secs(3_600))).await.assert_succeeded();
    assert_eq!(heartbeats(&rig).await, before + 1, "a new hour");
}

#[tokio::test]
async fn a_heartbeat_tells_how_the_spool_is_and_belongs_to_no_project() {
    let rig = Rig::start().await;
    leave_rows(rig.spool.path(), 0..6, 2);
    rig.drain().await;
    let rows = rig.workspace.rows().await.unwrap();
    let heartbeat = rows.iter().find(|row| row["EventType"] == "connector.heartbeat").unwrap();
    assert_eq!(heartbeat["EventFamily"], "connector");
    assert_eq!(heartbeat["Data"]["spool_blobs"], 3);
    assert_eq!(heartbeat["Data"]["dead_letters"], 0);
    assert!(heartbeat["ProjectId"].is_null() || heartbeat["ProjectId"] == "");
}

#[tokio::test]
async fn a_heartbeat_that_failed_is_owed() {
    let rig = Rig::start().await;
    rig.workspace.set_fault(Fault::status(403));
    rig.drain().await;
    assert_eq!(heartbeats(&rig).await, 0);
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!(heartbeats(&rig).await, 1);
}

#[tokio::test]
async fn no_outsider_reaches_the_drain() {
    let rig = Rig::start().await;
    for path in ["/drain", "/api/drain", "/api/../drain", "/admin/functions/drain"] {
        let answer = rig.client.post(rig.host.url(path)).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let direct = format!("http://127.0.0.1:{}/drain", rig.host.worker_port());
    let forwarded = rig.client.post(direct).header("x-forwarded-for", "1.2.3.4").body("{}");
    assert_eq!(forwarded.send().await.unwrap().status(), 404, "should a host ever forward it");
}

#[tokio::test]
async fn the_depth_of_the_spool_is_in_the_status_and_the_log() {
    let rig = Rig::start().await;
    leave_rows(rig.spool.path(), 0..6, 2);
    assert_eq!(rig.status().await["spool"]["blobs"], 3);
    rig.drain().await;
    let line = rig.host.wait_for_console(|line| line.text.contains("spool_state"), SOON).await;
    assert!(line.text.contains(r#""blobs":0"#), "{}", line.text);
    assert_eq!(line.level, crate::host::Level::Information);
}
