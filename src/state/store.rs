//! The file on disk: read, migrated and replaced as a whole, under a lock that lasts for the run.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use serde_json::Value;

use super::Legacy;
use super::model::{State, VERSION};
use crate::home::{self, Lock, LockError};

/// How long a run waits for another: a short run ends within this time, and a deployment would take minutes.
pub const PATIENCE: Duration = Duration::from_secs(3);

const FILE: &str = "sentinel.json";
const LOCK: &str = "sentinel.lock";

/// Why the state cannot be read or saved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another run holds the lock, or its file cannot be made.
    #[error("the state cannot be locked")]
    Lock(#[from] LockError),
    /// A later version wrote the file.
    #[error("{} has format {version}; this program knows {VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format that the file states.
        version: String,
    },
    /// The file is not a state file. Only [`read`] reports this, because [`Store::open`] renames such a file.
    #[error("{} is no state of `hb-sentinel`: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where reading stopped, without the text at that place.
        problem: String,
    },
    /// The file cannot be read or written.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Error {
    /// What the reader can do about it: an imperative, without a period.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Lock(LockError::Held { .. }) => "wait for the other run, or end it, and try again",
            Self::Newer { .. } => "use the newer `hb-sentinel` that wrote it",
            Self::Unreadable { .. } => "run `hb-sentinel connect`, which sets the file aside and begins anew",
            Self::Lock(LockError::Io { .. }) | Self::Io { .. } => "make the folder and its files yours",
        }
    }
}

/// The state of one run, and the lock that keeps others out.
#[derive(Debug)]
pub struct Store {
    /// What is remembered; changes last from [`Self::save`] on.
    pub state: State,
    /// The new name of a file that could not be read, for the caller to report.
    pub set_aside: Option<PathBuf>,
    path: PathBuf,
    _lock: Lock,
}

impl Store {
    /// Locks and reads the state in `folder`, which is created if needed. `purpose`, for example the command's name, is
    /// shown by another run that waits in vain.
    ///
    /// # Errors
    /// When another run holds it for longer than `patience`, a later version wrote it, or the disk fails.
    pub async fn open(folder: &Path, purpose: &str, patience: Duration) -> Result<Self, Error> {
        let lock = Lock::acquire(&folder.join(LOCK), purpose, patience).await?;
        let path = folder.join(FILE);
        let (state, set_aside) = match load(&path) {
            Err(Error::Unreadable { .. }) => {
                let aside =
                    home::set_aside(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
                (State::default(), Some(aside))
            }
            other => (other?, None),
        };
        Ok(Self { state, set_aside, path, _lock: lock })
    }

    /// Writes the state: atomically, and readable for its owner alone.
    ///
    /// # Errors
    /// When the disk fails; the file is then unchanged.
    pub fn save(&self) -> Result<(), Error> {
        let failed = |source| Error::Io { path: self.path.clone(), source };
        let mut text = serde_json::to_vec_pretty(&self.state).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        home::write(&self.path, &text).map_err(failed)
    }
}

/// Reads the state in `folder` without a lock, for commands that change nothing; another run may be active meanwhile.
///
/// # Errors
/// When the file cannot be read, or is no state that this version knows.
pub fn read(folder: &Path) -> Result<State, Error> {
    load(&folder.join(FILE))
}

fn load(path: &Path) -> Result<State, Error> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
        Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
    };
    // Only the place, because the parser's message may quote the file, and the old file holds a secret.
    let unreadable = |error: &serde_json::Error| Error::Unreadable {
        path: path.to_owned(),
        problem: format!("line {}, column {}", error.line(), error.column()),
    };
    let value: Value = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
    match value.get("version") {
        None => match serde_json::from_value::<Legacy>(value) {
            Ok(legacy) => Ok(State::of_legacy(legacy)),
            Err(_) => {
                Err(Error::Unreadable { path: path.to_owned(), problem: "it has no version".to_owned() })
            }
        },
        Some(version) if version.as_u64().is_some_and(|version| version > VERSION) => {
            Err(Error::Newer { path: path.to_owned(), version: version.to_string() })
        }
        Some(version) if version.as_u64() == Some(VERSION) => {
            serde_json::from_slice(&text).map_err(|error| unreadable(&error))
        }
        Some(_) => {
            Err(Error::Unreadable { path: path.to_owned(), problem: "its version is unknown".to_owned() })
        }
    }
}
