//! What `record::map` costs, for each kind of event.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use humanbound_sentinel::record;
use serde::Serialize;
use time::OffsetDateTime;

use crate::event::Request;

/// How long each kind is mapped again and again.
const LONG: Duration = Duration::from_millis(200);
/// So often between two looks at the clock.
const LAP: u32 = 100;
/// Laps of which the fastest counts: the others were disturbed.
const MIN_LAPS: usize = 5;

/// One kind of event.
#[derive(Debug, Serialize)]
pub(crate) struct Mapping {
    /// The fixture, or `benchmark` for the event that the throughput is measured with.
    pub(crate) kind: String,
    /// The size of the event in bytes.
    pub(crate) bytes: usize,
    /// The size of the row in bytes.
    pub(crate) row_bytes: usize,
    /// Nanoseconds for one: the fastest lap.
    pub(crate) best_ns: f64,
    /// Nanoseconds for one: the median lap.
    pub(crate) median_ns: f64,
}

/// Measures the benchmark's own event and the fixture of each documented type.
pub(crate) fn measure() -> anyhow::Result<Vec<Mapping>> {
    eprintln!("mapping");
    let mut kinds = vec![("benchmark".to_owned(), Request::new(0)?.body().to_vec())];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events");
    let fixtures =
        std::fs::read_dir(&folder).with_context(|| format!("no fixtures in {}", folder.display()))?;
    let mut paths = fixtures.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let kind = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        kinds.push((kind, std::fs::read(path)?));
    }
    kinds.iter().map(|(kind, event)| one(kind, event)).collect()
}

fn one(kind: &str, event: &[u8]) -> anyhow::Result<Mapping> {
    let received = OffsetDateTime::now_utc();
    let row_bytes = record::map(event, received).with_context(|| format!("`{kind}`"))?.row.len();
    let mut laps = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < LONG || laps.len() < MIN_LAPS {
        let lap = Instant::now();
        for _ in 0..LAP {
            black_box(record::map(black_box(event), received).is_ok());
        }
        laps.push((lap.elapsed() / LAP).as_secs_f64() * 1e9);
    }
    laps.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| laps.get(index).copied().unwrap_or_default();
    Ok(Mapping {
        kind: kind.to_owned(),
        bytes: event.len(),
        row_bytes,
        best_ns: at(0),
        median_ns: at(laps.len() / 2),
    })
}
