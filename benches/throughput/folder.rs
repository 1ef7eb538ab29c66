//! Folders for a run.

use std::path::{Path, PathBuf};

/// A folder below the build's own temporary one; it is removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new folder whose name begins with `name`.
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let name = format!("throughput-{name}-{}", uuid::Uuid::new_v4().simple());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed goes with the target folder.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
