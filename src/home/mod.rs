//! The folder `~/.humanbound`, which `hb-sentinel` shares with Humanbound's own `hb`.
//!
//! Only the owner can read its files, and a file is replaced as a whole, so that a reader or a crash sees either the old
//! text or the new. A process that reads a file to write it back holds a [`Lock`] meanwhile.

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

/// Creates `folder` for its owner alone, or makes an existing one private, as `hb` does.
pub(crate) fn create(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(folder)?;
        // It may belong to somebody else; if that matters, writing a file will fail.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).ok();
    }
    #[cfg(not(unix))]
    builder.create(folder)?;
    Ok(())
}

/// Replaces the file at `path` with `text` atomically, readable for its owner alone.
pub(crate) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // `hb logout` deletes `.credentials.json.*.tmp`, so a token that a crash leaves behind is deleted as well.
    let mut file =
        tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".tmp").tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Renames the file at `path` to `<name>.bad` or the first free `<name>.bad-<n>`.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = iter::once(format!("{name}.bad")).chain((2..1000).map(|n| format!("{name}.bad-{n}")));
    let free = names.map(|name| path.with_file_name(name)).find(|path| !path.exists());
    let free = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(path, &free)?;
    Ok(free)
}
