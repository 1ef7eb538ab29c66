//! A fault of one name in the spool never holds up the others.

use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use super::{drain_all, leave_rows, write_gzip};
use crate::delivery::stored_ids;
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
