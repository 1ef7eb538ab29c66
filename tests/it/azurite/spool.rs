//! The connector with its spool in Azurite: what it promises must hold over the Azure SDK too, and when storage fails.

use std::time::Instant;

use humanbound_sentinel::emulator::Fault as WorkspaceFault;

use super::{Azurite, Fault};
use crate::host::ConsoleLine;
use crate::ingest::{gzip, wait_until};
use crate::rig::{Builder, Folder, Rig, SOON, event};
use crate::tls::Tls;

/// A connector whose spool is `azurite`.
pub fn rig(azurite: &Azurite) -> Builder {
    Rig::builder()
        .set("SPOOL_DIR", "")
        .set("SPOOL_CONTAINER_URL", azurite.container_url())
        .set("SSL_CERT_FILE", azurite.ca_file().to_str().unwrap())
        .set("ACK_DEADLINE_MS", "3000")
}

/// The connector, once it has tried its spool: no fault is spent on that.
pub async fn started(azurite: &Azurite, builder: Builder) -> Rig {
    let rig = builder.start().await;
    wait_until(async || azurite.requests().iter().any(|request| request.contains("DELETE"))).await;
    rig
}

/// What is in the container besides the sign of the last run.
async fn left(azurite: &Azurite) -> Vec<String> {
    let names = azurite.list("").await;
    names.into_iter().filter(|name| !name.starts_with("lease/")).collect()
}

#[tokio::test]
async fn keeps_events_in_the_container_over_an_outage_and_a_crash() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    for n in 0..3 {
        assert_eq!(rig.post(event(n)).await.told(), (202, "spooled".into()));
    }
    rig.host.kill_worker().await;
    rig.host.ready().await;
    let names = azurite.list("pending/").await;
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(azurite.get(&names[0]).await.unwrap().starts_with(b"\x1f\x8b"));
    rig.workspace.clear_fault();
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), 3);
    assert_eq!(left(&azurite).await, Vec::<String>::new());
}

#[tokio::test]
async fn acknowledges_nothing_while_storage_fails_as_well() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    for (n, fault) in [Fault::Refuse, Fault::Reset, Fault::Hang, Fault::Status(503), Fault::Status(403)]
        .into_iter()
        .enumerate()
    {
        azurite.set_fault(fault).await;
        let started = Instant::now();
        assert_eq!(rig.post(event(n)).await.told(), (503, "unavailable".into()), "{fault:?}");
        assert!(started.elapsed().as_secs() < 4, "{fault:?}: {:?}", started.elapsed());
    }
    azurite.heal().await;
    assert_eq!(rig.post(event(9)).await.told(), (202, "spooled".into()));
    rig.workspace.clear_fault();
    rig.drain().await;
    assert!(rig.rows().await.iter().any(|row| row["EventTitle"].as_str().unwrap().ends_with("number 9")));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_one_blob() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    azurite.fail_next(1, Fault::LoseAnswer);
    assert_eq!(rig.post(event(1)).await.told(), (202, "spooled".into()));
    assert_eq!(azurite.list("pending/").await.len(), 1);
}

#[tokio::test]
async fn a_drain_that_meets_a_storage_fault_loses_nothing() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    for n in 0..2 {
        assert_eq!(rig.post(event(n)).await.status, 202);
    }
    rig.workspace.clear_fault();
    for fault in [Fault::Status(503), Fault::Reset] {
        azurite.fail_next(1, fault);
        rig.host.timer("drain").await;
    }
    rig.drain().await;
    let ids: std::collections::BTreeSet<_> =
        rig.rows().await.iter().map(|row| row["EventId"].clone().to_string()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(left(&azurite).await, Vec::<String>::new());
}

/// Whatever storage does to one blob, the others reach the table in the same run, and its rows at most once.
#[tokio::test]
async fn a_fault_of_one_blob_holds_up_none_of_the_others() {
    let cases = [
        ("GET", Fault::Status(403), 2),
        ("GET", Fault::Status(500), 2),
        ("GET", Fault::Hang, 2),
        ("DELETE", Fault::Status(409), 3),
        ("DELETE", Fault::Status(412), 3),
        ("DELETE", Fault::Status(403), 3),
    ];
    let runs = cases.map(|(method, fault, expected)| one_blob(method, fault, expected));
    futures::future::join_all(runs).await;
}

/// Of three blobs one meets `fault` at `method`: a run stores `expected` rows.
async fn one_blob(method: &'static str, fault: Fault, expected: usize) {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    for n in 0..3 {
        assert_eq!(rig.post(event(n)).await.status, 202);
    }
    rig.workspace.clear_fault();
    let oldest = azurite.list("pending/").await.remove(0);
    azurite.fail_on(method, &oldest, fault);
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), expected, "{method} {fault:?}");
    assert_eq!(azurite.list("pending/").await, std::slice::from_ref(&oldest), "{method} {fault:?}");
    let told = |line: &ConsoleLine| line.text.contains("blob_skipped") && line.text.contains(&oldest);
    rig.host.wait_for_console(told, SOON).await;
    // Another process knows what was accepted already.
    rig.host.kill_worker().await;
    rig.host.ready().await;
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), expected, "{method} {fault:?}: sent again");
    azurite.heal().await;
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), 3, "{method} {fault:?}");
    assert_eq!(left(&azurite).await, Vec::<String>::new(), "{method} {fault:?}");
}

/// Not one blob but storage is to blame when none can be had.
#[tokio::test]
async fn storage_that_hands_out_nothing_is_told_as_such() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    for n in 0..3 {
        assert_eq!(rig.post(event(n)).await.status, 202);
    }
    rig.workspace.clear_fault();
    azurite.fail_on("GET", "/pending/", Fault::Status(403));
    let told = rig.drain().await.logs;
    assert!(told[0].contains("stopped: the spool container"), "{told:?}");
    rig.host.wait_for_console(|line| line.text.contains("drain_stopped"), SOON).await;
    azurite.heal().await;
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), 3);
}

/// A token of storage that works is used while the identity endpoint hangs and its successor is due.
#[tokio::test]
async fn a_hung_identity_keeps_nothing_from_the_spool_while_the_token_works() {
    let Some(azurite) = Azurite::start().await else { return };
    let lifetime = std::time::Duration::from_secs(200);
    let rig = started(&azurite, rig(&azurite).workspace(|options| options.token_lifetime = lifetime)).await;
    rig.workspace.set_fault(WorkspaceFault::status(500));
    assert_eq!(rig.post(event(0)).await.status, 202);
    rig.workspace.set_identity_fault(WorkspaceFault::Hang);
    for n in 1..3 {
        assert_eq!(rig.post(event(n)).await.told(), (202, "spooled".into()));
    }
}

/// A long back-off while blobs are read ahead is no fault of storage: the run goes on when it is over.
#[tokio::test]
async fn a_back_off_starves_no_read() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite)).await;
    let text = "x".repeat(50_000);
    for blob in 0..16 {
        let row = |n: usize| serde_json::json!({"EventId": format!("{blob}-{n}"), "Description": text});
        let rows: Vec<_> = (0..12).map(row).collect();
        let name =
            humanbound_sentinel::delivery::spool::new_name("pending/", time::OffsetDateTime::now_utc());
        azurite.put(&name, gzip(&serde_json::to_vec(&rows).unwrap())).await;
    }
    let wait = WorkspaceFault::Status { code: 429, retry_after: Some("12".into()) };
    // The first call is the heartbeat's, and does not try again.
    rig.workspace.set_fault(wait.next(1));
    let told = rig.drain().await.logs;
    assert!(!told[0].contains("stopped"), "{told:?}");
    assert_eq!(rig.rows().await.len(), 16 * 12);
}

/// Several connectors may share a workspace.
#[tokio::test]
async fn a_heartbeat_carries_the_sites_name() {
    let Some(azurite) = Azurite::start().await else { return };
    let rig = started(&azurite, rig(&azurite).set("WEBSITE_SITE_NAME", "func-humanbound-one")).await;
    rig.drain().await;
    let rows = rig.workspace.rows().await.unwrap();
    let heartbeat = rows.iter().find(|row| row["EventType"] == "connector.heartbeat").unwrap();
    assert_eq!(heartbeat["Data"]["site"], "func-humanbound-one", "{heartbeat}");
}

/// What Storage says is told in a line, and so is the cause of a fault below it.
#[tokio::test]
async fn a_fault_of_storage_is_told_by_its_cause() {
    let Some(azurite) = Azurite::start().await else { return };
    azurite.set_fault(Fault::Status(403)).await;
    let rig = rig(&azurite).start().await;
    let noted = |line: &ConsoleLine| line.text.contains("config_note");
    let line = rig.host.wait_for_console(noted, SOON).await;
    let expected = "the spool container: 403 AuthorizationPermissionMismatch: Injected";
    assert!(line.text.contains(expected) && line.text.contains("SPOOL_CONTAINER_URL"), "{}", line.text);
    assert_eq!(rig.status().await["last_error"]["message"], expected);
    azurite.heal().await;
    let folder = Folder::new();
    let other = Tls::new(folder.path());
    let other = other.ca_file.to_str().unwrap();
    let distrustful = self::rig(&azurite).set("SSL_CERT_FILE", other).start().await;
    let line = distrustful.host.wait_for_console(noted, SOON).await;
    assert!(line.text.contains("invalid peer certificate"), "{}", line.text);
}
