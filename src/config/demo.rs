//! What `hb-sentinel` wants to know of where it was started: by cargo, or with a display.

use std::path::PathBuf;

use super::Env;

/// The cargo that runs this program from its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CargoRun {
    /// The cargo executable.
    pub(crate) cargo: PathBuf,
    /// The folder of the package's `Cargo.toml`.
    pub(crate) package: PathBuf,
}

/// The cargo behind `cargo run`, if this package is what it runs.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
#[must_use]
pub(crate) fn cargo_run(env: &Env) -> Option<CargoRun> {
    let is_ours = env.get("CARGO_PKG_NAME").as_deref() == Some(env!("CARGO_PKG_NAME"));
    let run = CargoRun { cargo: env.get("CARGO")?.into(), package: env.get("CARGO_MANIFEST_DIR")?.into() };
    is_ours.then_some(run)
}

/// Whether a browser would have somewhere to show itself.
/// <https://www.x.org/releases/current/doc/man/man7/X.7.xhtml>, <https://wayland.freedesktop.org/docs/html/apb.html>
#[must_use]
pub(crate) fn has_display(env: &Env) -> bool {
    let names = ["DISPLAY", "WAYLAND_DISPLAY"];
    cfg!(any(windows, target_os = "macos")) || names.iter().any(|name| env.get(name).is_some())
}
