//! The figures: as JSON, or as tables for people.

use comfy_table::Table;
use serde::Serialize;

use crate::bounds::{Bounds, Siege};
use crate::ceiling::Ceiling;
use crate::drain::Drained;
use crate::figures::{Figures, as_f64};
use crate::mapping::Mapping;
use crate::options::Options;
use crate::point::{Calls, Load, Point, Side};
use crate::start::Start;
use crate::table::{megabytes, percent, table};
use crate::targets::{self, Target};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    pub(crate) latency_ms: u64,
    seconds: f64,
    pub(crate) ceiling: Option<Ceiling>,
    pub(crate) points: Vec<Point>,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) start: Option<Start>,
    pub(crate) mapping: Vec<Mapping>,
    pub(crate) drains: Vec<Drained>,
    targets: Vec<Target>,
}

/// What it was measured on.
#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    processors: usize,
    memory: String,
    kernel: String,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            machine: Machine::read(),
            latency_ms: options.latency_ms,
            seconds: options.seconds,
            ceiling: None,
            points: Vec::new(),
            bounds: None,
            start: None,
            mapping: Vec::new(),
            drains: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Holds the figures against what they should be.
    pub(crate) fn judge(&mut self) {
        let floor = self.ceiling.as_ref().map(|ceiling| ceiling.call_p50_ms);
        self.targets = targets::judge(&self.points, self.start.as_ref(), floor);
    }

    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn text(&self) -> String {
        let Machine { processor, processors, memory, kernel } = &self.machine;
        let mut parts = vec![format!("{processors} x {processor}, {memory}, Linux {kernel}")];
        parts.extend(self.ceiling.as_ref().map(|ceiling| {
            format!(
                "The workspace alone takes {:.0} calls/s of {} rows; with L = {} ms added a call takes {:.1} ms \
                 (p99 {:.1} ms).",
                ceiling.calls_per_second,
                ceiling.rows_per_call,
                self.latency_ms,
                ceiling.call_p50_ms,
                ceiling.call_p99_ms
            )
        }));
        if !self.points.is_empty() {
            parts.extend([self.open(), self.closed()].map(|table| table.to_string()));
            parts.push(self.verified().to_string());
        }
        parts.extend(self.bounds.as_ref().map(|bounds| bounds_table(bounds).to_string()));
        parts.extend(self.start.as_ref().map(|start| {
            format!(
                "From process start to the answer to GET /: median {:.1} ms, slowest {:.1} ms of {} starts. \
                 Executable: {:.1} MB.",
                start.median_ms,
                start.slowest_ms,
                start.starts,
                megabytes(start.binary_bytes)
            )
        }));
        if !self.mapping.is_empty() {
            parts.push(self.mapping_table().to_string());
        }
        if !self.drains.is_empty() {
            parts.push(self.drain_table().to_string());
        }
        if !self.targets.is_empty() {
            parts.push(targets::table_of(&self.targets).to_string());
        }
        parts.join("\n\n")
    }

    fn open(&self) -> Table {
        let header = [
            "events/s",
            "L ms",
            "calls/min",
            "server",
            "p50 − L",
            "p99 − L",
            "p99.9 − L",
            "calls/s",
            "CPU µs/event",
            "others",
        ];
        let mut table = table(4, header);
        for point in &self.points {
            let Load::Open { per_second } = point.case.load else { continue };
            let calls = match point.case.calls {
                Calls::Set(calls) => calls.to_string(),
                Calls::Deployed => "as deployed".to_owned(),
            };
            let latency = as_f64(point.case.latency_ms);
            for (side, figures) in &point.sides {
                let head = [per_second.to_string(), point.case.latency_ms.to_string(), calls.clone()];
                let times = [figures.p50_ms, figures.p99_ms, figures.p99_9_ms];
                table.add_row(
                    head.into_iter()
                        .chain([name(*side).to_owned()])
                        .chain(times.map(|time| format!("{:.1}", time - latency)))
                        .chain([format!("{:.0}", figures.calls_per_second), format!("{:.1}", figures.cpu_us)])
                        .chain([percent(figures.others_busy)]),
                );
            }
        }
        table
    }

    fn closed(&self) -> Table {
        let header = [
            "connections",
            "server",
            "events/s",
            "of c/L",
            "÷ before",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "calls/1,000",
            "CPU µs/event",
            "peak MB",
            "generator",
            "workspace",
            "others",
        ];
        let mut table = table(2, header);
        for point in &self.points {
            let Load::Closed { connections } = point.case.load else { continue };
            let before = point.of(Side::Before).map(|before| before.per_second);
            for (side, figures) in &point.sides {
                let own = [Side::Connector, Side::Before, Side::Python].contains(side);
                let ratio = before.map(|before| format!("{:.2}", figures.per_second / before));
                let shares = [figures.generator_busy, figures.workspace_busy, figures.others_busy];
                let times = [figures.p50_ms, figures.p99_ms, figures.p99_9_ms];
                let limit = point.of_limit(figures).filter(|_| own).map(percent);
                table.add_row(
                    [connections.to_string(), name(*side).to_owned(), format!("{:.0}", figures.per_second)]
                        .into_iter()
                        .chain([limit.unwrap_or_default(), ratio.unwrap_or_default()])
                        .chain(times.map(|time| format!("{time:.2}")))
                        .chain([if own { format!("{:.1}", figures.calls_per_1000) } else { String::new() }])
                        .chain([
                            format!("{:.1}", figures.cpu_us),
                            format!("{:.1}", figures.peak_memory / 1e6),
                        ])
                        .chain(shares.map(percent)),
                );
            }
        }
        table
    }

    fn verified(&self) -> Table {
        let header = [
            "load",
            "server",
            "answers",
            "acknowledged",
            "missing in the table",
            "missing in the spool",
            "duplicates",
            "broken connections",
        ];
        let mut table = table(2, header);
        let sides = self.points.iter().flat_map(|point| {
            let own = |side: &Side| matches!(side, Side::Connector | Side::Before);
            point
                .sides
                .iter()
                .filter(move |(side, _)| own(side))
                .map(move |(side, figures)| (point, side, figures))
        });
        for (point, side, Figures { answers, rows, broken_connections, .. }) in sides {
            table.add_row([
                format!("{:?}", point.case.load),
                name(*side).to_owned(),
                format!("{answers:?}"),
                rows.acknowledged.to_string(),
                rows.missing_in_table.to_string(),
                rows.missing_in_spool.to_string(),
                rows.duplicates.to_string(),
                broken_connections.to_string(),
            ]);
        }
        table
    }

    fn mapping_table(&self) -> Table {
        let mut table = table(1, ["mapping", "event bytes", "row bytes", "best ns", "median ns"]);
        for mapping in &self.mapping {
            table.add_row([
                mapping.kind.clone(),
                mapping.bytes.to_string(),
                mapping.row_bytes.to_string(),
                format!("{:.0}", mapping.best_ns),
                format!("{:.0}", mapping.median_ns),
            ]);
        }
        table
    }

    fn drain_table(&self) -> Table {
        let mut table = table(
            0,
            [
                "rows a blob",
                "rows",
                "blobs",
                "seconds",
                "rows/s",
                "calls",
                "runs",
                "CPU µs/row",
                "peak MB",
                "missing",
                "duplicates",
            ],
        );
        for drain in &self.drains {
            table.add_row([
                drain.rows_per_blob.clone(),
                drain.rows.to_string(),
                drain.blobs.to_string(),
                format!("{:.1}", drain.seconds),
                format!("{:.0}", drain.rows_per_second),
                drain.calls.to_string(),
                drain.runs.to_string(),
                format!("{:.1}", drain.cpu_us),
                format!("{:.1}", megabytes(drain.peak_memory)),
                drain.missing.to_string(),
                drain.duplicates.to_string(),
            ]);
        }
        table
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Floor => "none (floor)",
        Side::Connector => "connector",
        Side::Before => "before",
        Side::Bare => "axum",
        Side::Hyper => "hyper",
        Side::Python => "Python",
    }
}

fn bounds_table(bounds: &Bounds) -> Table {
    let mut table = table(1, ["memory when", "connections", "seconds", "peak MB", "answers"]);
    let hang = &bounds.workspace_hangs;
    table.add_row([
        "the workspace hangs".to_owned(),
        hang.connections.to_string(),
        format!("{:.0}", hang.seconds),
        format!("{:.1}", megabytes(hang.peak_memory)),
        format!("{:?}", hang.answers),
    ]);
    let mut siege = |name: &str, siege: &Siege| {
        table.add_row([
            name.to_owned(),
            siege.connections.to_string(),
            format!("{:.0}", siege.seconds),
            format!("{:.1}", megabytes(siege.peak_memory)),
            format!(
                "{:?}, {} unanswered, {:.0} MB sent",
                siege.answers,
                siege.unanswered,
                megabytes(siege.sent)
            ),
        ]);
    };
    siege("strangers push 1 MB each", &bounds.strangers_push);
    siege("strangers hold back the last byte", &bounds.strangers_stall);
    table
}

impl Machine {
    fn read() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let field = |file: &str, name: &str| {
            let text = read(file);
            let mut lines = text.lines();
            let line =
                lines.find_map(|line| Some(line.strip_prefix(name)?.split_once(':')?.1.trim().to_owned()));
            line.unwrap_or_default()
        };
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory: field("/proc/meminfo", "MemTotal"),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}
