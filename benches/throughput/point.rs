//! One measurement: connector and bare handler at one number of connections.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cpu;
use crate::folder::Folder;
use crate::load::{self, Outcome, Plan};
use crate::options::Options;
use crate::process::Server;
use crate::verify::{self, Verified};
use crate::workspace::LocalWorkspace;

/// Both servers at one number of connections.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) connections: usize,
    pub(crate) connector: Measured,
    pub(crate) bare: Measured,
    /// Calls of the Logs Ingestion API for a thousand events.
    pub(crate) calls_per_1000: f64,
    /// Share of one processor that the workspace's thread used.
    pub(crate) workspace_busy: f64,
    pub(crate) rows: Verified,
}

/// One server at one number of connections.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// Events answered 2xx, a second.
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p99_9_ms: f64,
    /// CPU time of the server's process for one event, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) peak_memory: u64,
    /// Share of one processor that the load generator used.
    pub(crate) generator_busy: f64,
    /// Processors that others on this machine kept busy: when this is not near 0, the figures are too low.
    pub(crate) others_busy: f64,
    pub(crate) answers: BTreeMap<u16, u64>,
    pub(crate) broken_connections: u64,
}

/// What is read when the measured time begins and ends.
struct Reading {
    server: Duration,
    machine: Duration,
    own: Duration,
    workspace: Duration,
    calls: u64,
}

/// Measures both servers with `connections` clients.
pub(crate) fn measure(options: &Options, connections: usize) -> anyhow::Result<Point> {
    eprintln!("{connections} connections: connector");
    let folder = Folder::new(&connections.to_string())?;
    let workspace = LocalWorkspace::start(options.latency())?;
    let server = Server::connector(&options.connector, &workspace, folder.path(), &[])?;
    let plan = |address| Plan {
        address,
        connections,
        warm_up: Duration::from_secs_f64(options.warm_up),
        measured: Duration::from_secs_f64(options.seconds),
        threads: options.generator_threads,
    };
    let (outcome, edges) = load::run(plan(server.address), || read(&server, Some(&workspace)))?;
    let connector = measured(&server, &outcome, &edges, options.seconds)?;
    drop(server);
    let rows = verify::rows(&workspace.bodies(), &outcome, &folder.path().join("spool"))?;
    let [begin, end] = &edges;
    let workspace_busy = end.workspace.saturating_sub(begin.workspace).as_secs_f64() / options.seconds;
    let calls_per_1000 = rate(end.calls - begin.calls, outcome.latency.len()) * 1000.0;
    drop(workspace);

    eprintln!("{connections} connections: bare handler");
    let server = Server::bare()?;
    let (outcome, edges) = load::run(plan(server.address), || read(&server, None))?;
    let bare = measured(&server, &outcome, &edges, options.seconds)?;
    Ok(Point { connections, connector, bare, calls_per_1000, workspace_busy, rows })
}

fn read(server: &Server, workspace: Option<&LocalWorkspace>) -> anyhow::Result<Reading> {
    Ok(Reading {
        server: server.cpu()?,
        machine: cpu::machine_busy()?,
        own: cpu::own_cpu()?,
        workspace: workspace.map_or(Ok(Duration::ZERO), LocalWorkspace::cpu)?,
        calls: workspace.map_or(0, LocalWorkspace::accepted_calls),
    })
}

fn measured(
    server: &Server,
    outcome: &Outcome,
    [begin, end]: &[Reading; 2],
    seconds: f64,
) -> anyhow::Result<Measured> {
    let milliseconds = |quantile| {
        let micros = outcome.latency.value_at_quantile(quantile);
        Duration::from_micros(micros).as_secs_f64() * 1000.0
    };
    let events = outcome.latency.len();
    let cpu = end.server.saturating_sub(begin.server);
    let own = end.own.saturating_sub(begin.own);
    let others = end.machine.saturating_sub(begin.machine).saturating_sub(cpu + own);
    Ok(Measured {
        per_second: as_f64(events) / seconds,
        p50_ms: milliseconds(0.5),
        p99_ms: milliseconds(0.99),
        p99_9_ms: milliseconds(0.999),
        cpu_us: cpu.as_secs_f64() * 1e6 / as_f64(events.max(1)),
        peak_memory: server.peak_memory()?,
        generator_busy: outcome.cpu.as_secs_f64() / seconds,
        others_busy: others.as_secs_f64() / seconds,
        answers: outcome.by_status.clone(),
        broken_connections: outcome.broken,
    })
}

/// `part` for each of `whole`.
fn rate(part: u64, whole: u64) -> f64 {
    as_f64(part) / as_f64(whole.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
