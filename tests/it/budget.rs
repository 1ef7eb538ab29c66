//! Calls are few: instances share what one data collection rule takes, and an outage is not stormed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use humanbound_sentinel::emulator::{Fault, Throttle};

use crate::delivery::{post_all, stored_ids};
use crate::host::Host;
use crate::ingest::wait_until;
use crate::rig::{Rig, SECRET, event, signed};

/// Posts an event to one of several instances; answers its status and EventId.
async fn post(rig: &Rig, host: &Host, n: usize) -> (u16, String) {
    let body = event(n);
    let request = rig.client.post(host.url("/api/ingest")).headers(signed(SECRET, &body)).body(body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let told: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (status, told["event_id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn instances_share_the_limit_of_the_rule_and_lose_nothing() {
    let throttle = Throttle { calls: 40, per: Duration::from_secs(1) };
    let rig = Rig::builder().workspace(|options| options.throttle = Some(throttle)).start().await;
    let others = [rig.instance(&BTreeMap::new()).await, rig.instance(&BTreeMap::new()).await];
    let hosts = [&rig.host, &others[0], &others[1]];
    let posted = stream::iter(0..900).map(|n| post(&rig, hosts[n % 3], n)).buffer_unordered(9);
    let answers: Vec<_> = posted.collect().await;
    assert!(answers.iter().all(|(status, _)| [200, 202].contains(status)));
    let calls = rig.workspace.calls();
    let throttled = calls.by_status.get(&429).copied().unwrap_or_default();
    // Without a common pace each of the three would make 100 calls a second.
    assert!(throttled > 0 && throttled * 4 < calls.accepted, "{calls:?}");
    let ids: BTreeSet<_> = answers.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), 900);
    wait_until(async || {
        rig.drain().await;
        stored_ids(&rig).await == ids
    })
    .await;
}

#[tokio::test]
async fn in_an_outage_at_most_four_calls_hang() {
    let rig = Rig::builder().set("ACK_DEADLINE_MS", "2000").start().await;
    rig.workspace.set_fault(Fault::Hang);
    let answers = post_all(&rig, 0..200, 100).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    assert!(rig.workspace.calls().total() <= 4, "{:?}", rig.workspace.calls());
}
