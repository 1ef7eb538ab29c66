//! What the host makes of a worker that ends, and how it ends one itself.

use std::time::Duration;

use super::{PATIENCE, Peer, stand_in};
use crate::host::{self, Builder, Host, Outcome, ScriptRoot, State};

/// Tells the stand-in to do something; the status of its answer.
async fn tell(host: &Host, what: &str) -> u16 {
    let answer = host::client().post(host.url("/api/ingest")).body(what.to_owned()).send().await;
    answer.unwrap().status().as_u16()
}

/// No waits between tries.
fn quick(builder: Builder) -> Builder {
    builder.timings(|timings| {
        timings.retry_first = Duration::from_millis(1);
        timings.retry_most = Duration::from_millis(2);
    })
}

#[tokio::test]
async fn leaves_a_worker_dead_that_ended_with_0() {
    let host = quick(stand_in::host()).start().await;
    assert_eq!(tell(&host, "exit 0").await, 500);
    host.wait_for_console(|line| line.text == "worker exited with code 0", PATIENCE).await;
    for _ in 0..2 {
        assert_eq!(tell(&host, "nothing").await, 500);
    }
    assert_eq!((host.state(), host.pid(), host.restarts()), (State::Initialized, None, 0));
    assert!(matches!(host.timer("drain").await.outcome, Outcome::Failed(_)));
}

#[tokio::test]
async fn starts_a_worker_that_ended_with_200_again_without_counting() {
    // An exit code has eight bits, so 200 is one that a process can have.
    let host = quick(stand_in::host()).start().await;
    for turn in 1..=4 {
        assert_eq!(tell(&host, "exit 200").await, 500);
        host.wait_for_restarts(turn).await;
        host.ready().await;
    }
    assert_eq!(tell(&host, "nothing").await, 200);
}

#[tokio::test]
async fn starts_a_crashed_worker_again_twice_and_stops_at_the_third_crash() {
    let host = quick(stand_in::host()).start().await;
    for (turn, code) in [(1, 1), (2, 101)] {
        assert_eq!(tell(&host, &format!("exit {code}")).await, 500);
        host.wait_for_restarts(turn).await;
        host.ready().await;
        assert_eq!(tell(&host, "nothing").await, 200);
    }
    host.kill_worker().await;
    host.wait_for_state(State::Stopped).await;
    assert_eq!(host.restarts(), 2);
    assert!(host.stopped());
    host.wait_for_console(|line| line.text.starts_with("Exceeded http worker restart retry count"), PATIENCE)
        .await;
    assert_eq!(tell(&host, "nothing").await, 503, "the platform answers for a host that is gone");
}

#[tokio::test]
async fn forgets_crashes_that_lie_far_enough_apart() {
    let window = Duration::from_millis(1);
    let host = quick(stand_in::host()).timings(|timings| timings.error_window = window).start().await;
    for turn in 1..=4 {
        assert_eq!(tell(&host, "exit 1").await, 500);
        host.wait_for_restarts(turn).await;
        host.ready().await;
    }
}

#[tokio::test]
async fn does_not_try_again_when_the_worker_cannot_be_started() {
    let root = ScriptRoot::connector().file("connector", "neither a program nor executable");
    let timings = |timings: &mut host::Timings| timings.worker_wait = Duration::from_millis(300);
    let host = Host::builder(root).timings(timings).launch().await;
    host.wait_for_state(State::Faulted).await;
    assert_eq!(tell(&host, "nothing").await, 500);
    host.wait_for_state(State::Stopped).await;
    assert_eq!(host.restarts(), 0);
}

/// Whether the process `pid` is there and no zombie.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

#[tokio::test]
async fn kills_the_worker_with_its_requests_and_sends_no_sigterm() {
    let host = stand_in::host().start().await;
    let pid = host.pid().unwrap();
    let mut client = Peer::connect(host.address()).await;
    client.send("POST /api/ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\nhang forever").await;
    assert!(client.is_silent_for(Duration::from_millis(100)).await);
    host.shutdown().await;
    assert!(!lives(pid));
    let answer = String::from_utf8(client.until_end().await).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 500 "), "{answer}");
}

#[tokio::test]
async fn a_worker_that_handles_sigterm_never_sees_one() {
    let trace = ScriptRoot::empty();
    let file = trace.path().join("trace");
    let script = "trap 'echo TERM > $TRACE; exit 1' TERM; trap 'echo EXIT > $TRACE' EXIT
        echo armed; while :; do sleep 0.01; done";
    let root = ScriptRoot::connector().script("connector", script);
    let host = Host::builder(root).env("TRACE", file.to_str().unwrap()).launch().await;
    host.wait_for_console(|line| line.text == "armed", PATIENCE).await;
    host.shutdown().await;
    assert!(!file.exists(), "{:?}", std::fs::read_to_string(file));
}

#[tokio::test]
async fn a_dropped_host_takes_its_worker_along() {
    let host = stand_in::host().start().await;
    let pid = host.pid().unwrap();
    assert!(lives(pid));
    drop(host);
    let gone = async {
        while lives(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the worker outlived its host");
}
