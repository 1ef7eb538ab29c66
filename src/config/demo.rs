//! What `hb-sentinel` wants to know of the cargo that may have started it.

use std::path::PathBuf;

use super::Env;

/// The cargo that runs this program from its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoRun {
    /// The cargo executable.
    pub cargo: PathBuf,
    /// The folder of the package's `Cargo.toml`.
    pub package: PathBuf,
}

/// The cargo behind `cargo run`, if this package is what it runs.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
#[must_use]
pub fn cargo_run(env: &Env) -> Option<CargoRun> {
    let is_ours = env.get("CARGO_PKG_NAME").as_deref() == Some(env!("CARGO_PKG_NAME"));
    let run = CargoRun { cargo: env.get("CARGO")?.into(), package: env.get("CARGO_MANIFEST_DIR")?.into() };
    is_ours.then_some(run)
}
