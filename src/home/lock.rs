//! One process at a time: a file that is locked while something else is read and written back.
//!
//! The file is one of its own and is never renamed or removed: a lock is on the file and not on its name, so a second
//! process would lock the successor. The operating system frees it when its holder ends, however that happens.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::create;

/// How often a held lock is tried again.
const POLL: Duration = Duration::from_millis(50);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it for longer than one cares to wait.
    #[error("{} is held by {holder}", path.display())]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// Who says to hold it: a process id and what it does.
        holder: String,
    },
    /// The file cannot be made or locked.
    #[error("{} cannot be locked", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock at `path`, waiting up to `patience`, and writes into it who holds it and for what.
    ///
    /// # Errors
    /// When it is still held then, or cannot be made.
    pub async fn acquire(path: &Path, purpose: &str, patience: Duration) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: path.to_owned(), source };
        let file = open(path).map_err(failed)?;
        let until = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(POLL).await,
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { path: path.to_owned(), holder: holder(path) });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let note = format!("process {} ({purpose})\n", process::id());
        file.set_len(0).and_then(|()| (&file).write_all(note.as_bytes())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        create(folder)?;
    }
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What the holder wrote; Windows does not let others read a file that is locked.
fn holder(path: &Path) -> String {
    let note = fs::read_to_string(path).unwrap_or_default();
    let note: String = note.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if note.is_empty() { "another process".to_owned() } else { note }
}
