//! The tools that some tests run: where `make tools` puts them, and what happens without them.

use std::path::{Path, PathBuf};

/// The folder `make tools` fills: `venv/` (Python packages) and `node_modules/` (npm packages).
pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools")
}

/// The tool at `relative` below [`dir`], or `None` after one line that says what is skipped.
/// Under `CI=true` a missing tool fails the test instead, since nobody reads a skipped line there.
pub fn find(relative: &str, skipped: &str) -> Option<PathBuf> {
    let path = dir().join(relative);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing; run `make tools`", path.display());
    eprintln!("SKIPPED {skipped}: {relative} is missing; run `make tools`");
    None
}
