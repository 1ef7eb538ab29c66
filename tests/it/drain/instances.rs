//! More than one process over one spool, and a process whose timer is dead.

use std::path::PathBuf;
use std::time::Duration;

use humanbound_sentinel::delivery::push::MAX_CALL_BYTES;
use humanbound_sentinel::delivery::spool::PENDING;
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use super::{drain_all, leave_rows, row, write_gzip};
use crate::delivery::stored_ids;
use crate::ingest::wait_until;
use crate::rig::{Rig, SOON};

/// Nobody fires the timer: what has waited for long is drained all the same, soon after a cold start.
#[tokio::test]
async fn an_old_spool_drains_though_its_timer_is_dead() {
    let rig = Rig::start().await;
    let old = OffsetDateTime::now_utc() - Duration::from_secs(3_600);
    let seconds = u64::try_from(old.unix_timestamp()).unwrap();
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0));
    let (content, event_id) = row(1);
    let name = rig.spool.path().join(format!("{PENDING}2026/01/01/{id}.json.gz"));
    write_gzip(&name, &[b"[".to_vec(), content, b"]".to_vec()].concat());
    wait_until(async || stored_ids(&rig).await.contains(&event_id)).await;
    rig.host.wait_for_console(|line| line.text.contains("timer_missing"), SOON).await;
}

/// The second of two finds the lease taken, and sends nothing that the first one sends.
#[tokio::test]
async fn two_runs_over_one_spool_send_nothing_twice() {
    let slow = |options: &mut humanbound_sentinel::emulator::WorkspaceOptions| {
        options.latency = Duration::from_millis(300);
    };
    let rig = Rig::builder().workspace(slow).start().await;
    let spool = rig.spool.path().to_str().unwrap().to_owned();
    let other = Rig::builder().workspace(slow).set("SPOOL_DIR", spool).start().await;
    let ids = leave_rows(rig.spool.path(), 0..3_000, 20);
    let (first, second) = tokio::join!(rig.host.timer("drain"), other.host.timer("drain"));
    first.assert_succeeded();
    second.assert_succeeded();
    let sent = rig.rows().await.len() + other.rows().await.len();
    assert_eq!(sent, ids.len(), "each row once");
    assert_eq!(
        (rig.spooled("pending").len(), rig.spooled("lease").len()),
        (0, 1),
        "the sign of the last run stays"
    );
}

/// What Azure Monitor was sent and the spool does not know yet is sent again, and that is one call at most. Blobs of one row,
/// and of as many as a call takes.
#[tokio::test]
async fn a_killed_holder_leaves_one_call_to_be_sent_twice() {
    let in_a_call = MAX_CALL_BYTES / row(1).0.len();
    for each in [1, in_a_call * 9 / 10] {
        let slow = Duration::from_millis(300);
        let rig = Rig::builder().workspace(|options| options.latency = slow).start().await;
        let ids = leave_rows(rig.spool.path(), 0..in_a_call * 4, each);
        // The heartbeat is a call too.
        let killed = async {
            wait_until(async || rig.workspace.calls().accepted >= 3).await;
            rig.host.kill_worker().await;
        };
        tokio::join!(rig.host.timer("drain"), killed);
        assert!(!rig.spooled("pending").is_empty(), "{each}: it was killed too late");
        rig.host.ready().await;
        drain_all(&rig).await;
        assert_eq!(stored_ids(&rig).await, ids, "{each}");
        let twice = rig.rows().await.len() - ids.len();
        assert!((1..=in_a_call).contains(&twice), "{each}: {twice} rows twice, a call takes {in_a_call}");
        assert_eq!(rig.spooled("settled"), Vec::<PathBuf>::new(), "{each}");
    }
}

/// The status reads one page a request, and says as of when its count is.
#[tokio::test]
async fn a_backlog_costs_the_status_one_page() {
    let rig = Rig::start().await;
    for n in 0..5_100 {
        write_gzip(&rig.spool.path().join(format!("pending/{n:05}.json.gz")), b"[]");
    }
    let spool = rig.status().await["spool"].clone();
    assert_eq!((&spool["blobs"], &spool["more"]), (&5_000.into(), &true.into()), "{spool}");
    let spool = rig.status().await["spool"].clone();
    assert_eq!((&spool["blobs"], &spool["more"]), (&5_100.into(), &false.into()), "{spool}");
    assert!(spool["as_of"].as_str().unwrap().ends_with('Z'), "{spool}");
}
