//! One load, under which servers take turns: the connector, the connector as it was before, and the peers.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::baseline;
use crate::ceiling;
use crate::event::Request;
use crate::figures::{Figures, as_f64, read};
use crate::folder::Folder;
use crate::load;
use crate::open;
use crate::options::Options;
use crate::process::Server;
use crate::verify;
use crate::workspace::LocalWorkspace;

/// How events come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Load {
    /// Each of so many senders waits for its answer.
    Closed { connections: usize },
    /// At random times, so many a second.
    Open { per_second: u32 },
}

/// `MAX_CALLS_PER_MINUTE` of the connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Calls {
    /// The same for both.
    Set(u32),
    /// What the template of each one sets.
    Deployed,
}

/// What is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Case {
    pub(crate) load: Load,
    pub(crate) latency_ms: u64,
    pub(crate) calls: Calls,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Side {
    /// Nobody: the generator calls the workspace itself.
    Floor,
    Connector,
    /// The connector of [`baseline::COMMIT`].
    Before,
    Bare,
    Hyper,
    Python,
}

/// One load and the servers under it.
#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) case: Case,
    pub(crate) sides: BTreeMap<Side, Figures>,
}

/// Open loops at two distances, and what a deployment has that sets nothing.
pub(crate) fn open_cases() -> Vec<Case> {
    let case = |per_second, latency_ms, calls| Case { load: Load::Open { per_second }, latency_ms, calls };
    let mut cases: Vec<_> = [100, 1_000, 3_000].map(|rate| case(rate, 100, Calls::Set(12_000))).into();
    cases.extend([12_000, 6_000].map(|calls| case(1_000, 30, Calls::Set(calls))));
    cases.extend([100, 1_000].map(|rate| case(rate, 100, Calls::Deployed)));
    cases
}

impl Case {
    /// A closed loop with what one rule takes.
    pub(crate) fn closed(connections: usize, latency_ms: u64) -> Self {
        Self { load: Load::Closed { connections }, latency_ms, calls: Calls::Set(12_000) }
    }

    fn sides(self, options: &Options, has_before: bool) -> Vec<Side> {
        let peers: &[Side] = match self.load {
            Load::Open { .. } => &[Side::Floor],
            // Python is slow at any number; two show it.
            Load::Closed { connections: 256 | 1_024 } => &[Side::Bare, Side::Hyper, Side::Python],
            Load::Closed { .. } => &[Side::Bare, Side::Hyper],
        };
        let mut sides = vec![Side::Connector];
        sides.extend(has_before.then_some(Side::Before));
        sides.extend(peers.iter().filter(|_| !options.no_peers));
        sides
    }
}

/// Measures every side under `case`, in turn, round after round.
pub(crate) fn measure(options: &Options, before: Option<&Path>, case: Case) -> anyhow::Result<Point> {
    let mut runs: BTreeMap<Side, Vec<Figures>> = BTreeMap::new();
    for round in 0..options.rounds {
        for side in case.sides(options, before.is_some()) {
            eprintln!("{case:?}, round {}: {side:?}", round + 1);
            if let Some(figures) = run(options, before, case, side)? {
                runs.entry(side).or_default().push(figures);
            }
        }
    }
    let sides = runs.into_iter().map(|(side, runs)| (side, Figures::median(&runs))).collect();
    Ok(Point { case, sides })
}

/// One run; `None` where the side cannot be started on this machine.
fn run(options: &Options, before: Option<&Path>, case: Case, side: Side) -> anyhow::Result<Option<Figures>> {
    let folder = Folder::new("point")?;
    let workspace = LocalWorkspace::start(Duration::from_millis(case.latency_ms))?;
    let connector = |program: &Path, deployed: u32| {
        let calls = if let Calls::Set(calls) = case.calls { calls } else { deployed };
        let setting = [("MAX_CALLS_PER_MINUTE", &*calls.to_string())];
        Server::connector(program, &workspace, folder.path(), &setting).map(Some)
    };
    let server = match (side, before) {
        (Side::Floor, _) => None,
        (Side::Connector, _) => connector(&options.connector, 6_000)?,
        (Side::Before, Some(program)) => connector(program, baseline::DEPLOYED_CALLS)?,
        (Side::Before, None) => return Ok(None),
        (Side::Bare, _) => Some(Server::peer("--serve-bare")?),
        (Side::Hyper, _) => Some(Server::peer("--serve-hyper")?),
        (Side::Python, _) => match Server::python(&workspace)? {
            Some(server) => Some(server),
            None => return Ok(None),
        },
    };
    let (warm_up, measured) =
        (Duration::from_secs_f64(options.warm_up), Duration::from_secs_f64(options.seconds));
    let edge = || read(server.as_ref(), Some(&workspace));
    let (outcome, edges) = match (case.load, &server) {
        (Load::Closed { connections }, Some(server)) => {
            let threads = options.generator_threads;
            load::run(load::Plan { address: server.address, connections, warm_up, measured, threads }, edge)?
        }
        (Load::Closed { .. }, None) => return Ok(None),
        (Load::Open { per_second }, server) => {
            let latency = Duration::from_millis(case.latency_ms);
            let (address, request) = if let Some(server) = server {
                (server.address, Request::new(0)?)
            } else {
                let (address, call) = ceiling::call(&workspace, 1)?;
                (address, Request::fixed(call))
            };
            open::run(open::Plan { address, per_second, latency, warm_up, measured }, request, edge)?
        }
    };
    let mut figures = Figures::of(server.as_ref(), &outcome, &edges, options.seconds)?;
    drop(server);
    if matches!(side, Side::Connector | Side::Before) {
        figures.rows = verify::rows(&workspace.bodies(), &outcome, &folder.path().join("spool"))?;
    }
    Ok(Some(figures))
}

impl Point {
    /// The figures of `side`.
    pub(crate) fn of(&self, side: Side) -> Option<&Figures> {
        self.sides.get(&side)
    }

    /// `figure` of the connector as a multiple of that of `side`.
    pub(crate) fn ratio(&self, side: Side, figure: fn(&Figures) -> f64) -> Option<f64> {
        let (own, other) = (figure(self.of(Side::Connector)?), figure(self.of(side)?));
        (other > 0.0).then_some(own / other)
    }

    /// Throughput of `figures` as a share of what a closed loop allows.
    pub(crate) fn of_limit(&self, figures: &Figures) -> Option<f64> {
        let Load::Closed { connections } = self.case.load else { return None };
        let limit = as_f64(connections as u64) * 1000.0 / as_f64(self.case.latency_ms.max(1));
        Some(figures.per_second / limit)
    }
}
