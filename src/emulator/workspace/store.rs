//! Where accepted rows go.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::Error;

/// The file of rows below the folder of [`Store::Dir`].
const FILE: &str = "AISecurityEvents_CL.ndjson";

/// Where accepted rows go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// Nowhere: bodies are counted, but neither inflated nor read.
    None,
    /// The bodies stay in memory as received, and are read only by [`super::Workspace::rows`]: for benchmarks, where the
    /// workspace must cost little while the clock runs.
    Bodies,
    /// Rows in memory.
    #[default]
    Memory,
    /// Rows as NDJSON in the file `AISecurityEvents_CL.ndjson` of this folder, which is made when it is
    /// missing; the file must not exist yet.
    Dir(PathBuf),
}

/// A body kept for later.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) body: Bytes,
    pub(super) gzip: bool,
    pub(super) received: OffsetDateTime,
}

/// The opened [`Store`].
#[derive(Debug)]
pub(super) struct Rows {
    kind: Sink,
    count: AtomicU64,
}

#[derive(Debug)]
enum Sink {
    None,
    Bodies(Mutex<Vec<Kept>>),
    Memory(Mutex<Vec<String>>),
    File { path: PathBuf, jobs: mpsc::Sender<Job> },
}

/// Lines to append, and whom to notify.
#[derive(Debug)]
struct Job {
    lines: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

impl Rows {
    pub(super) fn open(store: &Store) -> Result<Self, Error> {
        let kind = match store {
            Store::None => Sink::None,
            Store::Bodies => Sink::Bodies(Mutex::default()),
            Store::Memory => Sink::Memory(Mutex::default()),
            Store::Dir(folder) => {
                let path = folder.join(FILE);
                let failed = |source| Error::Store { path: path.clone(), source };
                fs::create_dir_all(folder).map_err(failed)?;
                let file = File::create_new(&path).map_err(failed)?;
                let (jobs, queue) = mpsc::channel();
                std::thread::Builder::new()
                    .name("rows".to_owned())
                    .spawn(move || write(file, &queue))
                    .map_err(failed)?;
                Sink::File { path, jobs }
            }
        };
        Ok(Self { kind, count: AtomicU64::new(0) })
    }

    /// Whether bodies are inflated and read on arrival.
    pub(super) fn looks_inside(&self) -> bool {
        matches!(self.kind, Sink::Memory(_) | Sink::File { .. })
    }

    pub(super) fn keep(&self, kept: Kept) {
        if let Sink::Bodies(bodies) = &self.kind {
            bodies.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
    }

    /// The kept bodies, in order, passed to `each`.
    pub(super) fn for_each_kept(&self, mut each: impl FnMut(&Kept)) {
        if let Sink::Bodies(bodies) = &self.kind {
            bodies.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(&mut each);
        }
    }

    /// Stores `rows`; when it returns they can be read.
    pub(super) async fn append(&self, rows: Vec<String>) -> io::Result<()> {
        let count = rows.len() as u64;
        match &self.kind {
            Sink::None | Sink::Bodies(_) => {}
            Sink::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).extend(rows),
            Sink::File { jobs, .. } => {
                let mut lines = Vec::with_capacity(rows.iter().map(|row| row.len() + 1).sum());
                for row in &rows {
                    lines.extend_from_slice(row.as_bytes());
                    lines.push(b'\n');
                }
                let (done, written) = oneshot::channel();
                let gone = || io::Error::other("the writer of rows has ended");
                jobs.send(Job { lines, done }).map_err(|_| gone())?;
                written.await.map_err(|_| gone())??;
            }
        }
        self.count.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match &self.kind {
            Sink::File { path, .. } => Some(path),
            Sink::None | Sink::Bodies(_) | Sink::Memory(_) => None,
        }
    }

    /// Every stored row, read back.
    pub(super) async fn read(&self) -> Result<Vec<Value>, Error> {
        match &self.kind {
            Sink::None | Sink::Bodies(_) => Ok(Vec::new()),
            Sink::Memory(lines) => {
                let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?)
            }
            Sink::File { path, .. } => {
                let text = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|source| Error::Store { path: path.clone(), source })?;
                // A last line without its end is being written right now.
                let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
                Ok(whole.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
            }
        }
    }
}

/// The one writer: ends when the workspace does. Each job is one `write`, so that a reader never sees the
/// middle of a batch in front of a batch.
fn write(mut file: File, queue: &mpsc::Receiver<Job>) {
    for job in queue {
        let written = file.write_all(&job.lines);
        // Nobody waits any more when the caller went away in between; the rows are stored all the same.
        drop(job.done.send(written));
    }
}
