//! What the figures should be. Nothing fails when one is missed: a shared machine would make such a test lie.

use comfy_table::Table;
use serde::Serialize;

use crate::point::{Point, as_f64};
use crate::start::Start;
use crate::table::{megabytes, percent, table};

/// One target.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    what: &'static str,
    wanted: String,
    got: String,
    reached: bool,
}

/// Every target for which there is a figure.
pub(crate) fn judge(points: &[Point], start: Option<&Start>, latency_ms: u64) -> Vec<Target> {
    let at = |connections| points.iter().find(|point| point.connections == connections);
    let mut targets = Vec::new();
    targets.extend(at(1).map(|point| {
        let max = as_f64(latency_ms) + 3.0;
        at_most("c = 1: p99 in ms, at most L + 3", point.connector.p99_ms, max, |value| format!("{value:.2}"))
    }));
    if let Some(point) = at(256) {
        targets.push(at_least("c = 256: of c/L", point.of_limit(latency_ms), 0.85));
        let calls = |value: f64| format!("{value:.1}");
        targets.push(at_most("c = 256: calls for 1,000 events", point.calls_per_1000, 20.0, calls));
    }
    if let Some(point) = at(1024) {
        let smaller = limit(point, latency_ms).min(point.bare.per_second);
        let share = point.connector.per_second / smaller;
        targets.push(at_least("c = 1024: of the smaller of c/L and bare", share, 0.60));
        targets.push(below_mb("c = 1024: peak resident memory", point.connector.peak_memory, 64.0));
    }
    if let Some(point) = at(4096) {
        targets.push(at_least("c = 4096: of bare", point.of_bare(), 0.35));
        let times = |value: f64| format!("{value:.2} x");
        targets.push(at_most("c = 4096: CPU time for an event, of bare", point.cpu_of_bare(), 3.0, times));
    }
    if let Some(start) = start {
        let text = |value: f64| format!("{value:.1} ms");
        targets.push(at_most("process start to the answer to GET /", start.median_ms, 50.0, text));
        targets.push(below_mb("stripped executable", start.binary_bytes, 15.0));
    }
    targets
}

/// The targets as people read them.
pub(crate) fn table_of(targets: &[Target]) -> Table {
    let mut rows = table(1, ["target", "wanted", "got", ""]);
    for target in targets {
        let word = if target.reached { "reached" } else { "missed" };
        rows.add_row([target.what, &target.wanted, &target.got, word]);
    }
    rows
}

/// What a closed loop of so many connections cannot exceed, in events a second.
fn limit(point: &Point, latency_ms: u64) -> f64 {
    as_f64(point.connections as u64) * 1000.0 / as_f64(latency_ms.max(1))
}

impl Point {
    /// The connector's throughput as a share of what the closed loop allows.
    pub(crate) fn of_limit(&self, latency_ms: u64) -> f64 {
        self.connector.per_second / limit(self, latency_ms)
    }

    /// The connector's throughput as a share of the bare handler's.
    pub(crate) fn of_bare(&self) -> f64 {
        self.connector.per_second / self.bare.per_second.max(f64::MIN_POSITIVE)
    }

    /// The connector's CPU time for an event as a multiple of the bare handler's.
    pub(crate) fn cpu_of_bare(&self) -> f64 {
        self.connector.cpu_us / self.bare.cpu_us.max(f64::MIN_POSITIVE)
    }
}

fn at_least(what: &'static str, got: f64, wanted: f64) -> Target {
    let wanted_text = format!("at least {}", percent(wanted));
    Target { what, wanted: wanted_text, got: percent(got), reached: got >= wanted }
}

fn at_most(what: &'static str, got: f64, wanted: f64, text: impl Fn(f64) -> String) -> Target {
    Target { what, wanted: format!("at most {}", text(wanted)), got: text(got), reached: got <= wanted }
}

fn below_mb(what: &'static str, bytes: u64, wanted: f64) -> Target {
    let got = megabytes(bytes);
    Target { what, wanted: format!("under {wanted} MB"), got: format!("{got:.1} MB"), reached: got < wanted }
}
