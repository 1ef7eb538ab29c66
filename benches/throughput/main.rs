//! What the connector can do, on one machine, in one run, next to a peer.
//!
//! `cargo bench --bench throughput -- --help` lists the options; `benches/README.md` has figures and what limits them.
//!
//! The connector runs as it is shipped, in a process of its own. The load generator and the workspace it pushes to have
//! one thread each in this process. The peer is a bare axum handler that only verifies the signature: this same binary,
//! started again in that role. Ratios between the two are the result, since they depend least on the machine.
//!
//! Reading order: [`options`], [`event`], [`load`], [`cpu`], [`process`], [`workspace`], [`peer`], [`point`] (one measurement),
//! [`verify`]; then the other figures, [`ceiling`], [`bounds`], [`start`], [`mapping`], [`drain`]; then [`report`] and
//! [`targets`].
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line: data on stdout, progress on stderr"
)]

mod options;

mod cpu;
mod event;
mod load;
mod process;
mod workspace;

mod peer;

mod point;
mod verify;

mod bounds;
mod ceiling;
mod drain;
mod mapping;
mod start;

mod report;
mod table;
mod targets;

mod folder;
mod http;

use clap::Parser as _;

use options::{Options, Section};
use report::Report;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.serve_bare {
        return peer::serve();
    }
    let mut report = Report::new(&options);
    if options.runs(Section::Throughput) {
        report.ceiling = Some(ceiling::measure(&options)?);
        for &connections in &options.connections {
            report.points.push(point::measure(&options, connections)?);
        }
    }
    if options.runs(Section::Bounds) {
        report.bounds = Some(bounds::measure(&options)?);
    }
    if options.runs(Section::Start) {
        report.start = Some(start::measure(&options)?);
    }
    if options.runs(Section::Mapping) {
        report.mapping = mapping::measure()?;
    }
    if options.runs(Section::Drain) {
        for &per_blob in &options.drain_blobs {
            report.drains.push(drain::measure(&options, per_blob)?);
        }
    }
    report.judge();
    if options.json {
        println!("{}", report.json()?);
    } else {
        println!("{}", report.text());
    }
    Ok(())
}
