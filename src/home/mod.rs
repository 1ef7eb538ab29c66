//! The folder `~/.humanbound`, which `hb-sentinel` shares with Humanbound's own `hb`.
//!
//! Files in it are for their owner alone and are replaced whole: who reads one sees the old text or the new, and a
//! crash leaves one of the two. Who reads and writes back holds a [`Lock`] meanwhile.

mod lock;

pub use lock::{Lock, LockError};

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// The folder below the user's home folder.
#[must_use]
pub fn folder(home: &Path) -> PathBuf {
    home.join(".humanbound")
}

/// Creates `folder` for its owner alone, or takes it from others as `hb` does.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(folder)?;
        // It may be somebody else's; whether that matters, the write shows.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).ok();
    }
    #[cfg(not(unix))]
    builder.create(folder)?;
    Ok(())
}

/// Replaces the file at `path` by `text` at once, readable for its owner alone.
pub(crate) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // `hb logout` clears `.credentials.json.*.tmp`, so that a crash strands no token: the same pattern here.
    let mut file =
        tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".tmp").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Moves the file at `path` out of the way, to `<name>.bad` or the first free `<name>.bad-<n>`.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = iter::once(format!("{name}.bad")).chain((2..1000).map(|n| format!("{name}.bad-{n}")));
    let free = names.map(|name| path.with_file_name(name)).find(|path| !path.exists());
    let free = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(path, &free)?;
    Ok(free)
}
