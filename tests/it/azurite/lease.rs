//! What is below `lease/` keeps nobody from the spool for good, and tells whether a timer runs somewhere.

use std::time::Duration;

use humanbound_sentinel::delivery::spool::PENDING;
use humanbound_sentinel::emulator::Fault as WorkspaceFault;
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use super::Azurite;
use super::spool::{rig, started};
use crate::ingest::{gzip, wait_until};
use crate::rig::SOON;

/// Leaves one row that has waited for an hour.
async fn leave_old_row(azurite: &Azurite) {
    let old = OffsetDateTime::now_utc() - Duration::from_secs(3_600);
    let seconds = u64::try_from(old.unix_timestamp()).unwrap();
    let id = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0));
    let name = format!("{PENDING}2026/01/01/{id}.json.gz");
    azurite.put(&name, gzip(br#"[{"EventId":"old","EventFamily":"finding"}]"#)).await;
}

/// Contents that no connector of today writes: of an instance whose clock was a year ahead, of somebody else, the last
/// number there is, and more of them than a page holds.
#[tokio::test]
async fn no_name_below_lease_keeps_the_spool_for_good() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    let in_a_year = (OffsetDateTime::now_utc() + time::Duration::days(365)).unix_timestamp().to_string();
    let names = ["lease/00000000000000000041", "lease/18446744073709551615", "lease/note.txt", "lease/x/1"];
    for name in names {
        azurite.put(name, in_a_year.clone()).await;
    }
    leave_old_row(&azurite).await;
    azurite.advance(63);
    rig.drain().await;
    assert_eq!(azurite.list(PENDING).await, Vec::<String>::new());
    assert_eq!(rig.rows().await.len(), 1);
}

/// On Flex Consumption timers run on instances of their own: the process that takes requests never hears of them. While
/// Azure Monitor takes nothing, rows wait for long though the timer fires each minute.
#[tokio::test]
async fn a_timer_that_runs_on_another_instance_is_not_missing() {
    let Some(azurite) = Azurite::start().await else { return };
    let timers = started(&azurite, rig(&azurite)).await;
    timers.workspace.set_fault(WorkspaceFault::status(503));
    leave_old_row(&azurite).await;
    let told = timers.drain().await.logs;
    assert!(told[0].contains("1 blobs wait"), "{told:?}");
    let requests = rig(&azurite).start().await;
    requests.workspace.set_fault(WorkspaceFault::status(503));
    let looks = || {
        let asked = azurite.requests();
        asked.iter().filter(|request| request.starts_with("GET") && request.contains("lease%2F0")).count()
    };
    let before = looks();
    wait_until(async || looks() > before).await;
    // When no timer was heard of for long, the next one to look drains.
    azurite.advance(11 * 60);
    let cold = rig(&azurite).start().await;
    cold.host.wait_for_console(|line| line.text.contains("timer_missing"), SOON).await;
    wait_until(async || cold.rows().await.len() == 1).await;
    assert!(!requests.host.console().iter().any(|line| line.text.contains("timer_missing")));
}
