//! Memory when things go wrong: the workspace hangs, or strangers push large bodies.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use humanbound_sentinel::emulator::Fault;

use crate::folder::Folder;
use crate::load::{self, Plan, read_answer};
use crate::options::Options;
use crate::process::Server;
use crate::verify::{self, Verified};
use crate::workspace::LocalWorkspace;

/// Clients while the workspace hangs.
const SENDERS: usize = 1_024;
/// How long it hangs: over twice the default of `ACK_DEADLINE_MS`.
const HANG: Duration = Duration::from_secs(20);
/// Senders with a wrong signature.
const STRANGERS: usize = 1_000;
/// The size of their bodies: the default of `MAX_BODY_BYTES`.
const LARGE_BODY: usize = 1_048_576;
/// For how long they push.
const SIEGE: Duration = Duration::from_secs(10);
/// How long a stranger waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes a stranger writes at once.
const CHUNK: usize = 64 * 1024;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Bounds {
    /// The workspace takes every call and answers none.
    pub(crate) workspace_hangs: Hang,
    /// Unsigned senders push whole bodies as fast as they can.
    pub(crate) strangers_push: Siege,
    /// Unsigned senders hold back the last byte of their bodies.
    pub(crate) strangers_stall: Siege,
}

/// A hanging workspace.
#[derive(Debug, Serialize)]
pub(crate) struct Hang {
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) peak_memory: u64,
    pub(crate) answers: BTreeMap<u16, u64>,
    pub(crate) rows: Verified,
}

/// Senders without the secret.
#[derive(Debug, Serialize)]
pub(crate) struct Siege {
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) peak_memory: u64,
    /// Bytes of bodies that were sent.
    pub(crate) sent: u64,
    pub(crate) answers: BTreeMap<u16, u64>,
    /// Connections that ended without an answer.
    pub(crate) unanswered: u64,
}

/// Measures all of it, each against a fresh connector.
pub(crate) fn measure(options: &Options) -> anyhow::Result<Bounds> {
    Ok(Bounds {
        workspace_hangs: hang(options)?,
        strangers_push: siege(options, LARGE_BODY)?,
        strangers_stall: siege(options, LARGE_BODY - 1)?,
    })
}

fn hang(options: &Options) -> anyhow::Result<Hang> {
    eprintln!("memory while the workspace hangs");
    let folder = Folder::new("hang")?;
    let workspace = LocalWorkspace::start(Duration::ZERO)?;
    workspace.workspace.set_fault(Fault::Hang);
    let server = Server::connector(&options.connector, &workspace, folder.path(), &[])?;
    let plan = Plan {
        address: server.address,
        connections: SENDERS,
        warm_up: Duration::ZERO,
        measured: HANG,
        threads: options.generator_threads,
    };
    let (outcome, _) = load::run(plan, || Ok(()))?;
    let peak_memory = server.peak_memory()?;
    drop(server);
    let rows = verify::rows(&workspace.bodies(), &outcome, &folder.path().join("spool"))?;
    let answers = outcome.by_status;
    Ok(Hang { connections: SENDERS, seconds: HANG.as_secs_f64(), peak_memory, answers, rows })
}

/// `sent` bytes of each announced body are sent.
fn siege(options: &Options, sent: usize) -> anyhow::Result<Siege> {
    eprintln!("memory while strangers push {sent} bytes of {LARGE_BODY}");
    let folder = Folder::new("siege")?;
    let workspace = LocalWorkspace::start(Duration::ZERO)?;
    let server = Server::connector(&options.connector, &workspace, folder.path(), &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = Instant::now() + SIEGE;
    let address = server.address;
    let tallies = runtime.block_on(async {
        let strangers = (0..STRANGERS).map(|_| tokio::spawn(stranger(address, sent, end)));
        futures::future::try_join_all(strangers.collect::<Vec<_>>()).await
    })?;
    let mut siege = Siege {
        connections: STRANGERS,
        seconds: SIEGE.as_secs_f64(),
        peak_memory: server.peak_memory()?,
        sent: 0,
        answers: BTreeMap::new(),
        unanswered: 0,
    };
    for tally in tallies {
        siege.sent += tally.sent;
        siege.unanswered += tally.unanswered;
        for (status, count) in tally.answers {
            *siege.answers.entry(status).or_default() += count;
        }
    }
    Ok(siege)
}

#[derive(Default)]
struct Tally {
    sent: u64,
    answers: BTreeMap<u16, u64>,
    unanswered: u64,
}

/// Sends one body after the other, on a new connection each, until `end`.
async fn stranger(address: SocketAddr, sent: usize, end: Instant) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < end {
        match tokio::time::timeout(PATIENCE, intrude(address, sent, &mut tally.sent)).await {
            Ok(Ok(status)) => *tally.answers.entry(status).or_default() += 1,
            // The server may end a connection that it has answered while the rest is still on its way.
            Ok(Err(_)) | Err(_) => tally.unanswered += 1,
        }
    }
    tally
}

/// Sends a body with a wrong signature, and reads the answer, which may come before its end.
async fn intrude(address: SocketAddr, length: usize, sent: &mut u64) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "POST /api/ingest HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
         content-length: {LARGE_BODY}\r\nx-humanbound-signature: sha256={:064}\r\n\r\n",
        0
    );
    let (mut reader, mut writer) = stream.split();
    let answer = read_answer(&mut reader);
    let write = async {
        writer.write_all(head.as_bytes()).await?;
        let chunk = vec![b' '; CHUNK];
        let mut left = length;
        while left > 0 {
            let piece = chunk.get(..left.min(CHUNK)).unwrap_or_default();
            writer.write_all(piece).await?;
            left -= piece.len();
            *sent += piece.len() as u64;
        }
        io::Result::Ok(())
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        early = &mut answer => return Ok(early?.status),
        written = write => drop(written),
    }
    Ok(answer.await?.status)
}
