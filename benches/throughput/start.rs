//! How soon a new instance answers, and how large the file is that Azure must fetch for it.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use crate::folder::Folder;
use crate::options::Options;
use crate::process::Server;
use crate::workspace::LocalWorkspace;

/// How often it is started.
const STARTS: usize = 20;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Start {
    /// From the start of the process to the answer to `GET /`, in milliseconds: the median.
    pub(crate) median_ms: f64,
    pub(crate) slowest_ms: f64,
    pub(crate) starts: usize,
    /// The size of the executable in bytes, as the profile left it.
    pub(crate) binary_bytes: u64,
}

pub(crate) fn measure(options: &Options) -> anyhow::Result<Start> {
    eprintln!("{STARTS} starts");
    let folder = Folder::new("start")?;
    let workspace = LocalWorkspace::start(Duration::ZERO)?;
    let mut times = (0..STARTS)
        .map(|_| Ok(Server::connector(&options.connector, &workspace, folder.path(), &[])?.started_in))
        .collect::<anyhow::Result<Vec<_>>>()?;
    times.sort_unstable();
    let milliseconds = |at: usize| times.get(at).map(|time| time.as_secs_f64() * 1000.0).context("no starts");
    Ok(Start {
        median_ms: f64::midpoint(milliseconds(STARTS / 2 - 1)?, milliseconds(STARTS / 2)?),
        slowest_ms: milliseconds(STARTS - 1)?,
        starts: STARTS,
        binary_bytes: std::fs::metadata(&options.connector)?.len(),
    })
}
