//! The demo's folder: rows, spool, the connector's log. Removed at the end unless it is to be kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use uuid::Uuid;

use crate::cli::error::Explain as _;

/// Where to keep things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// In a new folder for temporary files.
    Somewhere,
    In(PathBuf),
}

pub(super) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// Makes the folder; without `keep` it goes with this value.
    pub(super) fn new(keep: Option<&Keep>) -> Result<Self> {
        let advice = "name another folder with `--keep DIR`";
        let (path, is_own) = match keep {
            Some(Keep::In(path)) => (path.clone(), false),
            Some(Keep::Somewhere) | None => (somewhere(), true),
        };
        create(&path, is_own).with_context(|| format!("`{}` cannot be made", path.display())).hint(advice)?;
        let path =
            fs::canonicalize(&path).with_context(|| format!("`{}` cannot be found", path.display()))?;
        let is_empty = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
        let check = || -> Result<()> {
            ensure!(is_empty, "`{}` is not empty", path.display());
            Ok(())
        };
        check().hint(advice)?;
        Ok(Self { path, is_kept: keep.is_some() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The connector's `SPOOL_DIR`.
    pub(super) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// How many batches wait in the spool.
    pub(super) fn spooled_batches(&self) -> usize {
        files(&self.spool().join("pending"))
    }

    /// A home folder for those who call the platform.
    pub(super) fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("connector.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed from a temporary folder goes when the system cleans it.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

fn somewhere() -> PathBuf {
    let id = Uuid::new_v4().simple().to_string();
    std::env::temp_dir().join(format!("hb-sentinel-demo-{}", id.get(..12).unwrap_or(&id)))
}

/// Makes a folder that only its owner can read: with `--serve` it holds a signature. One of our own name must be
/// new, since others can write to the folder of temporary files.
fn create(path: &Path, is_own: bool) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(!is_own);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}
