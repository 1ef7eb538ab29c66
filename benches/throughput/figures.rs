//! What is measured of one server in one run, and the median of several runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cpu;
use crate::load::Outcome;
use crate::process::Server;
use crate::verify::Verified;
use crate::workspace::LocalWorkspace;

/// One server under one load.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Figures {
    /// Events answered 2xx, a second.
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p99_9_ms: f64,
    /// Calls of the Logs Ingestion API a second, and for a thousand events.
    pub(crate) calls_per_second: f64,
    pub(crate) calls_per_1000: f64,
    /// CPU time of the server's process for one event, in microseconds.
    pub(crate) cpu_us: f64,
    /// The most memory that was ever resident, in bytes.
    pub(crate) peak_memory: f64,
    /// Shares of one processor that load generator and workspace used.
    pub(crate) generator_busy: f64,
    pub(crate) workspace_busy: f64,
    /// Processors that others on this machine kept busy: when this is not near 0, the figures are too low.
    pub(crate) others_busy: f64,
    pub(crate) answers: BTreeMap<u16, u64>,
    pub(crate) broken_connections: u64,
    pub(crate) rows: Verified,
}

/// What is read when the measured time begins and ends.
pub(crate) struct Reading {
    server: Duration,
    machine: Duration,
    own: Duration,
    workspace: Duration,
    calls: u64,
}

pub(crate) fn read(server: Option<&Server>, workspace: Option<&LocalWorkspace>) -> anyhow::Result<Reading> {
    Ok(Reading {
        server: server.map_or(Ok(Duration::ZERO), Server::cpu)?,
        machine: cpu::machine_busy()?,
        own: cpu::own_cpu()?,
        workspace: workspace.map_or(Ok(Duration::ZERO), LocalWorkspace::cpu)?,
        calls: workspace.map_or(0, LocalWorkspace::accepted_calls),
    })
}

impl Figures {
    /// What `outcome`, and the readings at both ends of `seconds` seconds, say of `server`.
    pub(crate) fn of(
        server: Option<&Server>,
        outcome: &Outcome,
        [begin, end]: &[Reading; 2],
        seconds: f64,
    ) -> anyhow::Result<Self> {
        let milliseconds = |quantile| {
            let micros = outcome.latency.value_at_quantile(quantile);
            Duration::from_micros(micros).as_secs_f64() * 1000.0
        };
        let events = as_f64(outcome.latency.len().max(1));
        let calls = as_f64(end.calls - begin.calls);
        let cpu = end.server.saturating_sub(begin.server);
        let own = end.own.saturating_sub(begin.own);
        let others = end.machine.saturating_sub(begin.machine).saturating_sub(cpu + own);
        Ok(Self {
            per_second: as_f64(outcome.latency.len()) / seconds,
            p50_ms: milliseconds(0.5),
            p99_ms: milliseconds(0.99),
            p99_9_ms: milliseconds(0.999),
            calls_per_second: calls / seconds,
            calls_per_1000: calls / events * 1000.0,
            cpu_us: cpu.as_secs_f64() * 1e6 / events,
            peak_memory: as_f64(server.map_or(Ok(0), Server::peak_memory)?),
            generator_busy: outcome.cpu.as_secs_f64() / seconds,
            workspace_busy: end.workspace.saturating_sub(begin.workspace).as_secs_f64() / seconds,
            others_busy: others.as_secs_f64() / seconds,
            answers: outcome.by_status.clone(),
            broken_connections: outcome.broken,
            rows: Verified::default(),
        })
    }

    /// The median of each figure; counts are those of all `runs` together.
    pub(crate) fn median(runs: &[Self]) -> Self {
        let mut all = Self::default();
        for run in runs {
            for (status, count) in &run.answers {
                *all.answers.entry(*status).or_default() += count;
            }
            all.broken_connections += run.broken_connections;
            all.rows.add(&run.rows);
        }
        let middle = |figure: fn(&Self) -> f64| {
            let mut values: Vec<_> = runs.iter().map(figure).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        Self {
            per_second: middle(|run| run.per_second),
            p50_ms: middle(|run| run.p50_ms),
            p99_ms: middle(|run| run.p99_ms),
            p99_9_ms: middle(|run| run.p99_9_ms),
            calls_per_second: middle(|run| run.calls_per_second),
            calls_per_1000: middle(|run| run.calls_per_1000),
            cpu_us: middle(|run| run.cpu_us),
            peak_memory: middle(|run| run.peak_memory),
            generator_busy: middle(|run| run.generator_busy),
            workspace_busy: middle(|run| run.workspace_busy),
            others_busy: middle(|run| run.others_busy),
            ..all
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of events are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
