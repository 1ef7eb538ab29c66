//! Holds the host simulator to what the real host was read or recorded to do.
//!
//! The worker is a raw socket of the test where bytes matter (`peer::Worker`), and a process where processes matter:
//! a shell script, or this test binary itself in a role of `stand_in`.

use crate::host::{Builder, Host};

mod peer;
mod stand_in;

mod connector;
mod console;
mod edge;
mod exit;
mod files;
mod proxy;
mod proxy_answer;
mod proxy_early;
mod ready;
mod start;
mod timer;

use peer::{PATIENCE, Peer, Worker};

/// A host over a raw worker of the test, which nobody pings at random.
fn attached(worker: &Worker) -> Builder {
    Host::connector().attach(worker.port).timings(|timings| timings.ping = None)
}

/// A host, a raw worker behind it, and a client in front of it.
async fn trio() -> (Host, Worker, Peer) {
    let worker = Worker::start().await;
    let host = attached(&worker).start().await;
    let client = Peer::connect(host.address()).await;
    (host, worker, client)
}

/// The empty answer with this status line.
fn empty(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

/// The status in a response head.
fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}
