//! One simulated clock for the connector and the workspace.
//!
//! The connector reads the system's clock, so a shared library (`content/hb_content/scenario/clock.c`) replaces that and
//! returns the time in a file. Waits and deadlines use the monotonic clock, which is not simulated.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use time::OffsetDateTime;

use crate::emulator;

/// The variable with the file that the library reads: eight bytes, nanoseconds since 1970 in the machine's byte order.
const FILE_VARIABLE: &str = "CONTENT_CLOCK";

/// A clock that stands still until it is set.
pub(super) struct Clock {
    file: File,
    path: PathBuf,
    library: PathBuf,
    nanoseconds: Arc<AtomicI64>,
}

impl Clock {
    /// A clock in a new file at `path`, which `library` reads, at `start`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn new(path: PathBuf, library: &Path, start: OffsetDateTime) -> Result<Self> {
        let file = File::create_new(&path)?;
        // The loader of the connector's process looks from another folder.
        let library = std::path::absolute(library)?;
        let mut clock = Self { file, path, library, nanoseconds: Arc::default() };
        clock.set(start)?;
        Ok(clock)
    }

    /// # Errors
    /// When the file cannot be written, or `now` is beyond what it can hold.
    pub(super) fn set(&mut self, now: OffsetDateTime) -> Result<()> {
        let nanoseconds = i64::try_from(now.unix_timestamp_nanos())?;
        self.file.rewind()?;
        // One write, so that a reader sees the time before or after it.
        self.file.write_all(&nanoseconds.to_ne_bytes())?;
        self.nanoseconds.store(nanoseconds, Ordering::SeqCst);
        Ok(())
    }

    /// What a connector is started with to have this clock.
    pub(super) fn environment(&self) -> [(&'static str, &Path); 2] {
        [("LD_PRELOAD", &self.library), (FILE_VARIABLE, &self.path)]
    }

    /// The same clock for the workspace.
    pub(super) fn for_workspace(&self) -> emulator::Clock {
        let nanoseconds = Arc::clone(&self.nanoseconds);
        Arc::new(move || {
            let now = i128::from(nanoseconds.load(Ordering::SeqCst));
            // Every number of 64 bits is a time that can be told.
            OffsetDateTime::from_unix_timestamp_nanos(now).unwrap_or(OffsetDateTime::UNIX_EPOCH)
        })
    }
}
