//! A lock between processes: a file that is locked while another file is read and written back.
//!
//! The lock has its own file, which is never renamed or removed: a lock is on the file and not on its name, so a second
//! process would lock a different file. The operating system releases the lock when its holder ends, even by a crash.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::create;

/// The pause between two tries to take a held lock.
const POLL: Duration = Duration::from_millis(50);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process still holds it after the wait.
    #[error("{} is held by {holder}", path.display())]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// The holder by its own account: a process id and its purpose.
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
    /// Takes the lock at `path`, waiting up to `patience`, and writes its holder and purpose into it.
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
