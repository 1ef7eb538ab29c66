//! Two drains over one container: each row is sent once, whoever has the lease, and a lease never stays.

use std::io::{Read as _, Write as _};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use futures::StreamExt as _;
use humanbound_sentinel::delivery::spool::{PENDING, new_name};
use humanbound_sentinel::emulator::{Fault as WorkspaceFault, Store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::spool::{rig, started};
use super::{Azurite, Fault};
use crate::host::Invocation;
use crate::ingest::wait_until;
use crate::rig::Rig;

/// Rows of a blob. At about 900 bytes each they fill one call.
const ROWS: usize = 1_000;

/// Writes full blobs, whose rows are numbered from `first * ROWS` on.
async fn fill(azurite: &Azurite, first: usize, blobs: usize) {
    let now = OffsetDateTime::now_utc();
    let at = now.format(&Rfc3339).unwrap();
    let text = "x".repeat(820);
    let row = |n: usize| {
        format!(
            r#"{{"TimeGenerated":"{at}","EventId":"r{n:08}","EventFamily":"finding","Description":"{text}"}}"#
        )
    };
    let writing = (first..first + blobs).map(|blob| {
        let rows: Vec<String> = (blob * ROWS..(blob + 1) * ROWS).map(row).collect();
        let mut content = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        content.write_all(format!("[{}]", rows.join(",")).as_bytes()).unwrap();
        let content = content.finish().unwrap();
        async move { azurite.put(&new_name(PENDING, now), content).await }
    });
    futures::stream::iter(writing).buffer_unordered(4).collect::<Vec<()>>().await;
}

/// How often each of the first `count` rows was sent, by all `rigs` together.
fn sent(rigs: &[&Rig], count: usize) -> Vec<u32> {
    let mut sent = vec![0; count];
    for body in rigs.iter().flat_map(|rig| rig.workspace.bodies()) {
        let mut text = String::new();
        MultiGzDecoder::new(body.as_ref()).read_to_string(&mut text).unwrap();
        for row in text.split(r#""EventId":"r"#).skip(1) {
            let number = row.split('"').next().unwrap();
            sent[number.parse::<usize>().unwrap()] += 1;
        }
    }
    sent
}

/// A connector whose workspace takes so long for each call, and keeps what came.
async fn instance(azurite: &Azurite, latency_ms: u64) -> Rig {
    let builder = rig(azurite).workspace(|options| {
        options.store = Store::Bodies;
        options.latency = std::time::Duration::from_millis(latency_ms);
    });
    started(azurite, builder).await
}

/// Lets `one` drain, and `other` as soon as the first one has the lease.
async fn both(azurite: &Azurite, one: &Rig, other: &Rig) -> (Invocation, Invocation) {
    let leases = || azurite.requests().iter().filter(|request| is_lease(request)).count();
    let before = leases();
    let late = async {
        wait_until(async || leases() > before).await;
        other.drain().await
    };
    tokio::join!(one.drain(), late)
}

fn is_lease(request: &str) -> bool {
    request.starts_with("PUT") && request.replace("%2F", "/").contains("/lease/")
}

/// 100,000 rows, and runs that end early again and again, so that the lease goes from one to the other many times.
#[tokio::test]
async fn two_drains_over_one_container_send_no_row_twice() {
    let Some(azurite) = Azurite::start().await else { return };
    let rigs = [instance(&azurite, 20).await, instance(&azurite, 20).await];
    // The heartbeats are out of the way.
    tokio::join!(rigs[0].drain(), rigs[1].drain());
    fill(&azurite, 0, 100).await;
    for round in 0..30 {
        // The second call that is throttled ends a run.
        if round < 10 {
            let busy = WorkspaceFault::status(429).next(2);
            for rig in &rigs {
                rig.workspace.set_fault(busy.clone());
            }
        }
        both(&azurite, &rigs[round % 2], &rigs[1 - round % 2]).await;
        if azurite.list(PENDING).await.is_empty() {
            break;
        }
    }
    assert_eq!(azurite.list(PENDING).await, Vec::<String>::new());
    let sent = sent(&[&rigs[0], &rigs[1]], 100 * ROWS);
    let (missing, twice) =
        (sent.iter().filter(|times| **times == 0).count(), sent.iter().filter(|times| **times > 1).count());
    assert_eq!((missing, twice), (0, 0), "of 100,000 rows");
    for rig in &rigs {
        assert!(rig.workspace.calls().accepted > 5, "both had their turns: {:?}", rig.workspace.calls());
    }
}

/// A killed holder gives nothing back: its lease ends by the storage's clock, and at once should that clock be set back. What
/// was in flight when it died is sent again: four calls.
#[tokio::test]
async fn a_holder_that_died_is_replaced() {
    for jump in [63, -3_600] {
        let Some(azurite) = Azurite::start().await else { return };
        let (first, second) = (instance(&azurite, 1_000).await, instance(&azurite, 0).await);
        fill(&azurite, 0, 8).await;
        let dying = async {
            let read = |request: &&String| request.starts_with("GET") && request.contains(".json.gz");
            wait_until(async || azurite.requests().iter().filter(read).count() == 8).await;
            first.host.kill_worker().await;
        };
        tokio::join!(first.host.timer("drain"), dying);
        let told = second.drain().await.logs;
        assert!(told[0].contains("another instance drains the spool"), "{told:?}");
        azurite.advance(jump);
        second.drain().await;
        assert_eq!(azurite.list(PENDING).await, Vec::<String>::new(), "{jump} s");
        let sent = sent(&[&first, &second], 8 * ROWS);
        assert!(sent.iter().all(|times| *times > 0), "{jump} s: all are there");
        assert!(sent.iter().filter(|times| **times > 1).count() <= 4 * ROWS, "{jump} s: four calls");
    }
}

/// What was there is taken as one's own when the answer was lost, at the begin and at the end.
#[tokio::test]
async fn a_lost_answer_loses_no_lease() {
    let Some(azurite) = Azurite::start().await else { return };
    let (first, second) = (instance(&azurite, 0).await, instance(&azurite, 0).await);
    azurite.fail_on("PUT", "/lease/", Fault::LoseAnswer);
    for (n, rig) in [&first, &second, &first].into_iter().enumerate() {
        fill(&azurite, n, 1).await;
        rig.drain().await;
        assert_eq!(azurite.list(PENDING).await, Vec::<String>::new(), "run {n}");
    }
    assert_eq!(sent(&[&first, &second], 3 * ROWS), vec![1; 3 * ROWS]);
    assert_eq!(azurite.list("lease/").await.len(), 1, "one name is left, however many runs there were");
}

/// Somebody removes the lease while its holder waits for Azure Monitor: the next one begins, and the first one sends nothing
/// more once it finds out.
#[tokio::test]
async fn a_holder_whose_lease_was_removed_gives_up() {
    let Some(azurite) = Azurite::start().await else { return };
    let (first, second) = (instance(&azurite, 0).await, instance(&azurite, 0).await);
    // The heartbeat is out of the way.
    first.drain().await;
    fill(&azurite, 0, 1).await;
    let wait = WorkspaceFault::Status { code: 429, retry_after: Some("18".into()) };
    first.workspace.set_fault(wait.next(1));
    let usurping = async {
        wait_until(async || first.workspace.calls().by_status.contains_key(&429)).await;
        for name in azurite.list("lease/").await {
            azurite.delete(&name).await;
        }
        second.drain().await;
        assert_eq!(azurite.list(PENDING).await, Vec::<String>::new());
    };
    let (told, ()) = tokio::join!(first.drain(), usurping);
    assert!(told.logs[0].contains("the run's time is over"), "{:?}", told.logs);
    assert_eq!(sent(&[&first, &second], ROWS), vec![1; ROWS]);
}
