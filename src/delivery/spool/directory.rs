//! The spool in a directory: the demo's, and that of anyone who runs `connector` off Azure.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{Entry, Page, SpoolError};

/// Where unfinished files are.
const UNFINISHED: &str = "tmp";

/// Files under a root, in the layout of the container. Unfinished files are in `tmp/`, which is never listed.
pub(crate) struct DirectoryStore {
    root: PathBuf,
    /// Folders that this process has made durable in their parents.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

impl DirectoryStore {
    /// Opens the spool at `root`; folders are made when something is written. Unfinished files of a process that was
    /// killed are removed: a directory belongs to one process.
    #[must_use]
    pub(crate) fn new(root: PathBuf) -> Self {
        // What cannot be removed does no harm: it is never listed.
        fs::remove_dir_all(root.join(UNFINISHED)).ok();
        Self { root, durable: Arc::default() }
    }

    pub(super) async fn put(&self, name: &str, content: Bytes) -> Result<(), SpoolError> {
        let target = self.path(name)?;
        let root = self.root.clone();
        let durable = Arc::clone(&self.durable);
        blocking(move || write_durably(&root, &target, &content, &durable)).await
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>, SpoolError> {
        let path = self.path(name)?;
        blocking(move || gone_is_none(fs::read(path)).map(|content| content.map(Bytes::from))).await
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), SpoolError> {
        let path = self.path(name)?;
        blocking(move || gone_is_none(fs::remove_file(path)).map(|_| ())).await
    }

    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<String>,
        max: u16,
    ) -> Result<Page, SpoolError> {
        let folder = self.path(prefix)?;
        let prefix = prefix.to_owned();
        blocking(move || {
            let mut entries = Vec::new();
            walk(&folder, &prefix, &mut entries)?;
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            if let Some(after) = after {
                entries.retain(|entry| entry.name > after);
            }
            let more = entries.len() > usize::from(max);
            entries.truncate(usize::from(max));
            let next = entries.last().filter(|_| more).map(|entry| entry.name.clone());
            Ok(Page { entries, next })
        })
        .await
    }

    /// The path of `name`, which must not lead out of the root.
    fn path(&self, name: &str) -> Result<PathBuf, SpoolError> {
        let relative = Path::new(name);
        if relative.components().all(|part| matches!(part, Component::Normal(_))) {
            Ok(self.root.join(relative))
        } else {
            Err(SpoolError::Name(name.to_owned()))
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SpoolError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(io::Error::other)??)
}

/// Temporary file, fsync, rename, fsync of the directory and of every parent that is new: after this a power cut
/// loses nothing. A rename without the directory's fsync may be undone by one.
fn write_durably(
    root: &Path,
    target: &Path,
    content: &[u8],
    durable: &Mutex<HashSet<PathBuf>>,
) -> io::Result<()> {
    let folder = target.parent().unwrap_or(root);
    if target.exists() {
        return sync_folder(folder);
    }
    let temporary_folder = root.join(UNFINISHED);
    make_folder(root, &temporary_folder, durable)?;
    make_folder(root, folder, durable)?;
    let temporary = temporary_folder.join(uuid::Uuid::new_v4().simple().to_string());
    let written = (|| {
        let mut file = fs::File::create_new(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, target)
    })();
    if written.is_err() {
        // The caller hears of the first error; what is left behind is never listed.
        drop(fs::remove_file(&temporary));
    }
    written?;
    sync_folder(folder)
}

/// Makes `folder`, below `root`, and its missing parents, each made durable in its own parent. A folder that is there
/// already may have been made by another task a moment ago, so that only what this process made durable itself is
/// trusted.
fn make_folder(root: &Path, folder: &Path, durable: &Mutex<HashSet<PathBuf>>) -> io::Result<()> {
    let known = durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder);
    if known && folder.is_dir() {
        return Ok(());
    }
    match folder.parent() {
        Some(parent) if folder != root => {
            make_folder(root, parent, durable)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => sync_folder(parent)?,
            }
        }
        // What is above the root is the operator's.
        _ => fs::create_dir_all(root)?,
    }
    durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    Ok(())
}

/// Makes the names in `folder` durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

fn walk(folder: &Path, prefix: &str, entries: &mut Vec<Entry>) -> io::Result<()> {
    let Some(children) = gone_is_none(fs::read_dir(folder))? else { return Ok(()) };
    for child in children {
        let child = child?;
        let Ok(name) = child.file_name().into_string() else { continue };
        let name = format!("{}{name}", if prefix.is_empty() { "" } else { prefix });
        // A file may be deleted by a drain while it is listed.
        let Some(metadata) = gone_is_none(child.metadata())? else { continue };
        if metadata.is_dir() {
            walk(&child.path(), &format!("{name}/"), entries)?;
        } else {
            entries.push(Entry { name, size: metadata.len() });
        }
    }
    Ok(())
}

fn gone_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
