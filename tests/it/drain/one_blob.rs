//! A fault of one name in the spool never holds up the others.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::{drain_all, leave_rows, row, write_gzip};
use crate::delivery::stored_ids;
use crate::host::{ConsoleLine, Level};
use crate::rig::{Rig, SOON};

/// What is no blob at all: each would hang or fail whoever reads it.
#[tokio::test]
async fn what_is_no_file_holds_up_nothing() {
    let rig = Rig::start().await;
    let ids = leave_rows(rig.spool.path(), 0..10, 5);
    let folder = rig.spool.path().join("pending/2026/01/01");
    std::fs::create_dir_all(&folder).unwrap();
    let elsewhere = rig.spool.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.join("a-folder.json.gz")).unwrap();
    std::os::unix::fs::symlink("no-such-file", folder.join("nowhere.json.gz")).unwrap();
    std::os::unix::fs::symlink("round.json.gz", folder.join("round.json.gz")).unwrap();
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"no-\xff-text.json.gz")), b"").unwrap();
    let made = Command::new("mkfifo").arg(folder.join("pipe.json.gz")).status().unwrap();
    assert!(made.success());
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids);
    for name in ["a-folder", "nowhere", "round", "no-", "pipe"] {
        let told =
            |line: &crate::host::ConsoleLine| line.text.contains("blob_skipped") && line.text.contains(name);
        rig.host.wait_for_console(told, SOON).await;
    }
    assert_eq!(rig.status().await["spool"]["blobs"], 0, "none of them is a blob that waits");
}

/// The dead letter of the second must not count as written because the first one's is there.
#[tokio::test]
async fn two_unreadable_blobs_of_one_name_are_both_kept() {
    let rig = Rig::start().await;
    let note = rig.spool.path().join("pending/note.json.gz");
    for content in [b"the first".as_slice(), b"the second"] {
        std::fs::create_dir_all(note.parent().unwrap()).unwrap();
        std::fs::write(&note, content).unwrap();
        drain_all(&rig).await;
    }
    let kept: Vec<_> = rig.spooled("deadletter").iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&b"the first".to_vec()) && kept.contains(&b"the second".to_vec()), "{kept:?}");
}

/// A page ends anywhere among names of which some are folders, and the next one begins right there.
#[tokio::test]
async fn pages_of_a_directory_lose_no_name() {
    let rig = Rig::start().await;
    let root = rig.spool.path().join("pending");
    for n in 0..5_100 {
        let folder = if n % 2 == 0 { root.join("a") } else { root.clone() };
        write_gzip(&folder.join(format!("a.{n}.json.gz")), b"[]");
    }
    rig.drain().await;
    assert_eq!(rig.spooled("pending").len(), 0);
}

/// The kernel fails a read of its start, whoever asks: permissions would not stop a test that runs as root.
#[tokio::test]
async fn a_file_that_cannot_be_read_holds_up_nothing() {
    let rig = Rig::start().await;
    let mut ids = leave_rows(rig.spool.path(), 0..10, 5);
    let bad = rig.spool.path().join("pending/2026/01/01/bad.json.gz");
    std::fs::create_dir_all(bad.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", &bad).unwrap();
    let told = rig.drain().await.logs;
    assert!(told[0].contains("1 blobs wait") && !told[0].contains("stopped"), "{told:?}");
    let skipped =
        |line: &ConsoleLine| line.text.contains("blob_skipped") && line.text.contains("bad.json.gz");
    let line = rig.host.wait_for_console(skipped, SOON).await;
    assert!(line.level == Level::Error && line.text.contains("the spool directory"), "{}", line.text);
    assert_eq!(rig.status().await["spool"]["blobs"], 1, "it waits, and the status says so");
    ids.extend(leave_rows(rig.spool.path(), 10..20, 5));
    rig.drain().await;
    assert_eq!(stored_ids(&rig).await, ids);
    assert_eq!(rig.rows().await.len(), 20, "none twice");
}

/// Nothing can be had at all: that is no fault of a blob.
#[tokio::test]
async fn a_spool_that_cannot_be_listed_is_told_as_such() {
    let rig = Rig::start().await;
    std::fs::write(rig.spool.path().join("pending"), "a file where a folder should be").unwrap();
    let told = rig.drain().await.logs;
    assert!(told[0].contains("stopped: the spool directory"), "{told:?}");
    for event in ["drain_stopped", "spool_unreadable"] {
        let line = rig.host.wait_for_console(|line| line.text.contains(event), SOON).await;
        assert_eq!(line.level, Level::Error, "{}", line.text);
    }
    let spool = rig.status().await["spool"].clone();
    assert!(spool["error"].as_str().unwrap().contains("the spool directory"), "{spool}");
    assert!(spool["hint"].as_str().unwrap().contains("SPOOL_DIR"), "{spool}");
}

/// Root may do everything: this one says nothing there.
#[tokio::test]
async fn what_is_not_permitted_holds_up_nothing() {
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        return;
    }
    let rig = Rig::start().await;
    let root = rig.spool.path().join("pending");
    let elsewhere = leave_rows(rig.spool.path(), 0..10, 5);
    let day = |name: &str| root.join(format!("2020/01/{name}"));
    for (n, name) in ["unreadable", "unlisted", "kept"].into_iter().enumerate() {
        write_gzip(&day(name).join("a.json.gz"), &[b"[".to_vec(), row(100 + n).0, b"]".to_vec()].concat());
    }
    let permit = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    permit(&day("unreadable").join("a.json.gz"), 0o000);
    permit(&day("unlisted"), 0o000);
    permit(&day("kept"), 0o555);
    for _ in 0..2 {
        rig.drain().await;
        let expected: BTreeSet<_> = elsewhere.iter().cloned().chain([row(102).1]).collect();
        assert_eq!(stored_ids(&rig).await, expected);
        assert_eq!(rig.rows().await.len(), 11, "none twice, though one cannot be deleted");
    }
    for name in ["unreadable", "unlisted", "kept"] {
        let told = |line: &ConsoleLine| line.text.contains("blob_skipped") && line.text.contains(name);
        rig.host.wait_for_console(told, SOON).await;
    }
    let spool = rig.status().await["spool"].clone();
    assert_eq!((&spool["blobs"], &spool["foreign"]), (&2.into(), &1.into()), "{spool}");
    permit(&day("unlisted"), 0o755);
    permit(&day("kept"), 0o755);
}
