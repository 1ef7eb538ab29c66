//! The Bicep compiler: where it is, and how it is run.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::root;
use crate::tools;

/// Where a checkout without the compiler on its `PATH` may have it.
const BESIDE_THE_PROJECT: &str = "../shared/tools/bicep";

/// The compiler, or `None` after one line; under `CI=true` it must be there.
pub fn find(skipped: &str) -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let beside = root().join(BESIDE_THE_PROJECT);
        tools::on_path(&["bicep"]).or_else(|| beside.is_file().then_some(beside))
    });
    let missing = "the Bicep compiler is missing; `az bicep install` brings it";
    tools::or_skip(found.as_deref(), skipped, missing)
}

/// The version that `bicep --version` gives, for example `0.49.2`.
pub fn version(compiler: &Path) -> String {
    let output = Command::new(compiler).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = text.split(' ').collect();
    let at = words.iter().position(|word| *word == "version").unwrap_or_else(|| panic!("{text}"));
    words[at + 1].to_owned()
}

/// Runs the compiler in `infra/` and gives back what it said: standard output, and anything on standard error.
#[track_caller]
pub fn run(compiler: &Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new(compiler).args(arguments).current_dir(root().join("infra")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "bicep {arguments:?}\n{text}{errors}");
    (text, errors)
}
