//! Where `hb-sentinel` was started: by cargo, or on a machine with a display.

use std::path::PathBuf;

use super::Env;

/// The folder of the sources, where `cargo run` runs this program from them.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
#[must_use]
pub(crate) fn checkout(env: &Env) -> Option<PathBuf> {
    // Cargo sets it for the program that it runs, and that program's children inherit it.
    env.get("CARGO")?;
    let is_ours = env.get("CARGO_PKG_NAME").as_deref() == Some(env!("CARGO_PKG_NAME"));
    env.get("CARGO_MANIFEST_DIR").filter(|_| is_ours).map(PathBuf::from)
}

/// Whether there is a display to open a browser on.
/// <https://www.x.org/releases/current/doc/man/man7/X.7.xhtml>, <https://wayland.freedesktop.org/docs/html/apb.html>
#[must_use]
pub(crate) fn has_display(env: &Env) -> bool {
    let names = ["DISPLAY", "WAYLAND_DISPLAY"];
    cfg!(any(windows, target_os = "macos")) || names.iter().any(|name| env.get(name).is_some())
}
