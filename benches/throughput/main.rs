//! What the connector can do, on one machine, in one run, next to a peer.
//!
//! `cargo bench --bench throughput -- --help` lists the options; `benches/README.md` has figures and what limits them.
//!
//! The connector runs as it is shipped, in a process of its own. The load generator and the workspace it pushes to have
//! one thread each in this process. They take turns with the connector of an earlier commit, with a bare axum handler and
//! a plain hyper service that only verify the signature (this same binary, started again in that role), and with a Python
//! function. Ratios within one run are the result, since they depend least on the machine.
//!
//! Reading order: [`options`], [`event`], [`load`] (closed loops), [`open`] (open ones), [`cpu`], [`process`], [`workspace`],
//! [`peer`], [`baseline`], [`point`] (one load), [`figures`], [`verify`]; then the other figures, [`ceiling`], [`bounds`], [`start`], [`mapping`], [`drain`]; then [`report`] and
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
mod open;
mod process;
mod workspace;

mod baseline;
mod peer;

mod figures;
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
use point::Case;
use report::Report;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if options.serve_bare {
        return peer::serve_bare();
    }
    if options.serve_hyper {
        return peer::serve_hyper();
    }
    let mut report = Report::new(&options);
    let mut cases = Vec::new();
    if options.runs(Section::Open) {
        cases.extend(point::open_cases());
    }
    if options.runs(Section::Closed) {
        report.ceiling = Some(ceiling::measure(&options)?);
        cases.extend(options.connections.iter().map(|c| Case::closed(*c, options.latency_ms)));
    }
    let before = match &options.before {
        Some(program) => Some(program.clone()),
        None if options.no_before || cases.is_empty() => None,
        None => Some(baseline::connector()?),
    };
    for case in cases {
        report.points.push(point::measure(&options, before.as_deref(), case)?);
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
