//! The command line.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the connector against an earlier one, against peers, and against what the loads allow.
#[derive(Debug, Parser)]
#[command(name = "throughput")]
#[expect(clippy::struct_excessive_bools, reason = "the switches of a command line")]
pub(crate) struct Options {
    /// Numbers of connections, each a client that posts its next event when the last one is answered.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256,1024,4096")]
    pub(crate) connections: Vec<usize>,
    /// How often every server has its turn under a load; the medians are told.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Seconds that are measured in each turn.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Seconds before them that are not.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warm_up: f64,
    /// The latency L that the workspace adds to every call in closed loops, in milliseconds.
    #[arg(long, default_value_t = 30)]
    pub(crate) latency_ms: u64,
    /// Threads of the load generator.
    #[arg(long, default_value_t = 1)]
    pub(crate) generator_threads: usize,
    /// Rows of the outage that is drained: a day's at 10 events a second.
    #[arg(long, default_value_t = 864_000)]
    pub(crate) drain_rows: u64,
    /// Rows of a blob, one outage for each; `full` is as many as one call takes.
    #[arg(long, value_delimiter = ',', default_value = "1,3,full")]
    pub(crate) drain_blobs: Vec<BlobRows>,
    /// What to measure; everything unless said.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Section>,
    /// Prints the figures as JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// The connector to measure, instead of the one that cargo has just built.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_connector"))]
    pub(crate) connector: PathBuf,
    /// The connector to compare with, instead of the one of an earlier commit, which is built for it.
    #[arg(long)]
    pub(crate) before: Option<PathBuf>,
    /// Compares with none.
    #[arg(long)]
    pub(crate) no_before: bool,
    /// Leaves the peers out.
    #[arg(long)]
    pub(crate) no_peers: bool,
    /// The role of the bare handler; the benchmark starts itself with it.
    #[arg(long, hide = true)]
    pub(crate) serve_bare: bool,
    /// The role of the hyper service.
    #[arg(long, hide = true)]
    pub(crate) serve_hyper: bool,
    /// Cargo passes this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// Latency when events come at random times.
    Open,
    /// Throughput, latency and CPU time at each number of connections.
    Closed,
    /// Memory when the workspace hangs and when strangers push large bodies.
    Bounds,
    /// Process start and size of the executable.
    Start,
    /// The cost of mapping one event.
    Mapping,
    /// The drain of a day's outage.
    Drain,
}

/// How many rows a blob of the spool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobRows {
    /// So many.
    Count(NonZeroUsize),
    /// As many as one call takes.
    Full,
}

impl FromStr for BlobRows {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "full" {
            return Ok(Self::Full);
        }
        text.parse().map(Self::Count).map_err(|_| "neither a number of rows nor `full`".to_owned())
    }
}

impl fmt::Display for BlobRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(rows) => rows.fmt(f),
            Self::Full => f.write_str("full"),
        }
    }
}

impl Options {
    /// Whether `section` is wanted.
    pub(crate) fn runs(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }

    /// The latency L of the workspace.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }
}
