//! The tools that some tests run: where `make tools` puts them, and what happens without them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder `make tools` fills: `venv/` (Python packages) and `node_modules/` (npm packages).
pub fn dir() -> PathBuf {
    root().join("target/tools")
}

/// The tool at `relative` below [`dir`], or `None` after one line that says what is skipped.
/// Under `CI=true` a missing tool fails the test instead, since nobody reads a skipped line there.
pub fn find(relative: &str, skipped: &str) -> Option<PathBuf> {
    let path = dir().join(relative);
    let found = path.exists().then_some(path);
    or_skip(found, skipped, &format!("{relative} is missing; run `make tools`"))
}

/// Python with the packages that `make tools` installed.
pub fn python(skipped: &str) -> Option<Command> {
    let mut command = Command::new(find("venv/bin/python", skipped)?);
    command.stdin(Stdio::null());
    // Compiled files are worth keeping between runs, but not among the sources.
    command.env("PYTHONPYCACHEPREFIX", Path::new(env!("CARGO_TARGET_TMPDIR")).join("pycache"));
    Some(command)
}

/// A module of `content/`: `hb_content.lint`, or one of its tests.
pub fn module(module: &str, skipped: &str) -> Option<Command> {
    let mut command = python(skipped)?;
    command.arg(root().join("content")).arg(module);
    Some(command)
}

/// What a command printed to stdout and stderr.
pub fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// The first file of one of these names in a folder of `PATH`.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let all = std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    all.into_iter().find(|candidate| candidate.is_file())
}

/// What was found of a tool, or `None` after one line that says what is skipped and why; under `CI=true` that fails.
pub fn or_skip<T>(found: Option<T>, skipped: &str, missing: &str) -> Option<T> {
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
        eprintln!("SKIPPED {skipped}: {missing}");
    }
    found
}
