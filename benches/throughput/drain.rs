//! How long it takes to drain what a day's outage leaves: 10 events a second are 864,000 rows.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use humanbound_sentinel::delivery::push::{MAX_CALL_BYTES, body};
use humanbound_sentinel::delivery::spool::{PENDING, new_name};
use humanbound_sentinel::record;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::event::Request;
use crate::figures::as_f64;
use crate::folder::Folder;
use crate::http;
use crate::options::{BlobRows, Options};
use crate::process::Server;
use crate::verify;
use crate::workspace::LocalWorkspace;

/// A run ends after 50 s by itself.
const PATIENCE: Duration = Duration::from_secs(120);
/// The timer's runs that are waited for: two days of them.
const MAX_RUNS: u32 = 2 * 24 * 60;
/// Texts that rows are made of.
const SENDERS: u64 = 64;

/// The drain of one backlog.
#[derive(Debug, Serialize)]
pub(crate) struct Drained {
    /// Rows of a blob; as many as one call takes when it says so.
    pub(crate) rows_per_blob: String,
    pub(crate) rows: u64,
    pub(crate) blobs: u64,
    /// The time of all runs together.
    pub(crate) seconds: f64,
    pub(crate) rows_per_second: f64,
    pub(crate) calls: u64,
    /// Runs of the timer, of which there is one a minute.
    pub(crate) runs: u32,
    pub(crate) peak_memory: u64,
    /// CPU time of the connector's process for one row, in microseconds.
    pub(crate) cpu_us: f64,
    /// Rows that are not in the table afterwards. It must be 0.
    pub(crate) missing: u64,
    /// Rows that are there more often than once.
    pub(crate) duplicates: u64,
}

/// What `/api/status` says.
#[derive(Deserialize)]
struct Status {
    counters: Counters,
    spool: Spool,
}

#[derive(Deserialize)]
struct Counters {
    drained: u64,
    calls: u64,
}

#[derive(Deserialize)]
struct Spool {
    blobs: u64,
}

/// Fills a spool directory with blobs of `per_blob` rows and drains it.
pub(crate) fn measure(options: &Options, per_blob: BlobRows) -> anyhow::Result<Drained> {
    let rows = options.drain_rows;
    eprintln!("drain of {rows} rows, {per_blob} in a blob");
    let folder = Folder::new("drain")?;
    let blobs = fill(&folder.path().join("spool"), rows, per_blob)?;
    let workspace = LocalWorkspace::start(options.latency())?;
    let server = Server::connector(&options.connector, &workspace, folder.path(), &[])?;
    let cpu = server.cpu()?;
    let begin = Instant::now();
    let mut runs = 0;
    let status = loop {
        let answer = http::ask(server.address, "POST /drain", "", "{}", PATIENCE)?;
        ensure!(answer.status == 200, "the drain answered {}", answer.status);
        runs += 1;
        let status = status(&server)?;
        eprintln!(
            "  run {runs}: {} of {rows} rows after {:.0} s",
            status.counters.drained,
            begin.elapsed().as_secs_f64()
        );
        if status.spool.blobs == 0 || runs == MAX_RUNS {
            break status;
        }
    };
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = server.cpu()?.saturating_sub(cpu);
    let peak_memory = server.peak_memory()?;
    drop(server);
    let mut table = HashMap::new();
    for body in workspace.bodies() {
        verify::count(&body, &mut table)?;
    }
    let missing = (0..rows).filter(|row| !table.contains_key(row)).count() as u64;
    Ok(Drained {
        rows_per_blob: per_blob.to_string(),
        rows,
        blobs,
        seconds,
        rows_per_second: as_f64(status.counters.drained) / seconds,
        calls: status.counters.calls,
        runs,
        peak_memory,
        cpu_us: cpu.as_secs_f64() * 1e6 / as_f64(rows.max(1)),
        missing,
        duplicates: table.values().map(|times| u64::from(times.saturating_sub(1))).sum(),
    })
}

fn status(server: &Server) -> anyhow::Result<Status> {
    let answer = http::ask(server.address, "GET /api/status", "", "", PATIENCE)?;
    serde_json::from_slice(&answer.body).context("`/api/status` says something else")
}

/// Writes blobs as the connector would, but without fsync; answers how many there are.
fn fill(spool: &Path, rows: u64, per_blob: BlobRows) -> anyhow::Result<u64> {
    let mut requests = (0..SENDERS).map(Request::new).collect::<anyhow::Result<Vec<_>>>()?;
    let now = OffsetDateTime::now_utc();
    let (mut blob, mut bytes, mut blobs) = (Vec::new(), 1, 0);
    let mut next = 0;
    while next < rows || !blob.is_empty() {
        let row = if next < rows {
            let request = requests.get_mut(usize::try_from(next % SENDERS)?).context("no such sender")?;
            request.event(next);
            Some(record::map(request.body(), now)?.row)
        } else {
            None
        };
        next += 1;
        let full = match (&row, per_blob) {
            (None, _) => true,
            (Some(row), BlobRows::Full) => bytes + row.len() + 1 > MAX_CALL_BYTES,
            (Some(_), BlobRows::Count(most)) => blob.len() == most.get(),
        };
        if full && !blob.is_empty() {
            let path = spool.join(new_name(PENDING, now));
            if blobs == 0 {
                fs::create_dir_all(path.parent().unwrap_or(spool))?;
            }
            fs::write(path, body(blob.iter().map(Vec::as_slice)))?;
            blobs += 1;
            (blob, bytes) = (Vec::new(), 1);
        }
        if let Some(row) = row {
            bytes += row.len() + 1;
            blob.push(row);
        }
    }
    Ok(blobs)
}
