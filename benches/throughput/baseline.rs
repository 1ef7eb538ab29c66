//! What the figures are compared with: the connector of an earlier commit, which the benchmark builds itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The commit: the last one whose pushes waited for one of four slots.
pub(crate) const COMMIT: &str = "6f61b50d791d9a246c6a8b151100993d01f2c971";
/// What the template of that commit set as `MAX_CALLS_PER_MINUTE`: 12,000 ÷ (40 + 1).
pub(crate) const DEPLOYED_CALLS: u32 = 292;

/// Its connector, built where it is not there yet: from a work tree of its own, with a target folder of its own.
pub(crate) fn connector() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/baseline");
    let (tree, target) = (folder.join(COMMIT), folder.join("build"));
    if !tree.exists() {
        let mut git = Command::new("git");
        git.current_dir(root).args(["worktree", "add", "--detach"]).arg(&tree).arg(COMMIT);
        run(git).context("the commit to compare with is not there")?;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&tree).args(["build", "--release", "--locked", "--no-default-features"]);
    cargo.args(["--bin", "connector", "--target-dir"]).arg(&target);
    run(cargo)?;
    Ok(target.join("release/connector"))
}

fn run(mut command: Command) -> anyhow::Result<()> {
    eprintln!("{command:?}");
    let status = command.status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
