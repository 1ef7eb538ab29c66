//! What the figures should be. Nothing fails when one is missed: a shared machine would make such a test lie.

use comfy_table::Table;
use serde::Serialize;

use crate::figures::{Figures, as_f64};
use crate::point::{Calls, Load, Point, Side};
use crate::start::Start;
use crate::table::{megabytes, table};

/// One target.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    what: String,
    wanted: String,
    got: String,
    reached: bool,
}

/// Open loops: events a second, L in ms, calls a minute, and p99 − L in ms at most.
const OPEN: [(u32, u64, Calls, f64); 7] = [
    (100, 100, Calls::Set(12_000), 8.0),
    (1_000, 100, Calls::Set(12_000), 9.0),
    (3_000, 100, Calls::Set(12_000), 15.0),
    (1_000, 30, Calls::Set(12_000), 10.0),
    (1_000, 30, Calls::Set(6_000), 15.0),
    (100, 100, Calls::Deployed, 25.0),
    (1_000, 100, Calls::Deployed, 25.0),
];
/// Closed loops: connections, and events a second as a multiple of before, at least.
const CLOSED: [(usize, f64); 3] = [(256, 1.22), (1_024, 1.30), (4_096, 1.22)];
/// Connections, and peak memory in MB at most.
const MEMORY: [(usize, f64); 2] = [(1_024, 34.0), (4_096, 85.0)];

/// Every target for which there is a figure; `floor_p50_ms` is that of the generator against the workspace alone.
pub(crate) fn judge(points: &[Point], start: Option<&Start>, floor_p50_ms: Option<f64>) -> Vec<Target> {
    let mut targets = Vec::new();
    for (per_second, latency_ms, calls, max) in OPEN {
        let at = points.iter().find(|point| {
            let case = point.case;
            case.load == (Load::Open { per_second }) && case.latency_ms == latency_ms && case.calls == calls
        });
        let Some(own) = at.and_then(|point| point.of(Side::Connector)) else { continue };
        let calls = match calls {
            Calls::Set(calls) => format!("{calls} calls a minute"),
            Calls::Deployed => "as deployed".to_owned(),
        };
        let what = format!("{per_second} events/s, L = {latency_ms} ms, {calls}: p99 − L in ms");
        targets.push(at_most(what, own.p99_ms - as_f64(latency_ms), max));
    }
    let at = |connections| points.iter().find(|point| point.case.load == Load::Closed { connections });
    for (connections, min) in CLOSED {
        let ratio = at(connections).and_then(|point| point.ratio(Side::Before, |side| side.per_second));
        let what = format!("c = {connections}: events/s ÷ before");
        targets.extend(ratio.map(|ratio| at_least(what, ratio, min)));
    }
    let own =
        |connections: usize, figure: fn(&Figures) -> f64| Some(figure(at(connections)?.of(Side::Connector)?));
    let calls = own(256, |side| side.calls_per_1000);
    targets.extend(calls.map(|calls| at_most("c = 256: calls for 1,000 events".to_owned(), calls, 27.0)));
    let cpu = at(4_096).and_then(|point| point.ratio(Side::Before, |side| side.cpu_us));
    targets.extend(cpu.map(|cpu| at_most("c = 4096: CPU time for an event ÷ before".to_owned(), cpu, 0.65)));
    for (connections, max) in MEMORY {
        let peak = own(connections, |side| side.peak_memory);
        let what = format!("c = {connections}: peak resident memory in MB");
        targets.extend(peak.map(|peak| at_most(what, peak / 1e6, max)));
    }
    let alone = own(1, |side| side.p50_ms).zip(floor_p50_ms).map(|(own, floor)| own - floor);
    let what = "c = 1: p50 − p50 of the generator against the workspace, in ms";
    targets.extend(alone.map(|alone| at_most(what.to_owned(), alone, 0.8)));
    if let Some(start) = start {
        targets.push(at_most("process start to the answer to GET / in ms".to_owned(), start.median_ms, 50.0));
        targets.push(at_most("stripped executable in MB".to_owned(), megabytes(start.binary_bytes), 15.0));
    }
    targets
}

/// The targets as people read them.
pub(crate) fn table_of(targets: &[Target]) -> Table {
    let mut rows = table(1, ["target", "wanted", "got", ""]);
    for target in targets {
        let word = if target.reached { "reached" } else { "missed" };
        rows.add_row([&target.what, &target.wanted, &target.got, word]);
    }
    rows
}

fn at_least(what: String, got: f64, wanted: f64) -> Target {
    Target { what, wanted: format!("at least {wanted:.2}"), got: format!("{got:.2}"), reached: got >= wanted }
}

fn at_most(what: String, got: f64, wanted: f64) -> Target {
    Target { what, wanted: format!("at most {wanted:.2}"), got: format!("{got:.2}"), reached: got <= wanted }
}
