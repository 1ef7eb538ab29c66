//! The spool in a directory: the demo's, and that of anyone who runs `connector` off Azure.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use time::OffsetDateTime;

use super::{Entry, LEASES, Page, SpoolError};

/// Where unfinished files are.
const UNFINISHED: &str = "tmp";

/// Files under a root, in the layout of the container. Unfinished files are in `tmp/`, which is never listed.
pub(crate) struct DirectoryStore {
    root: PathBuf,
    /// Folders that this process has made durable in their parents.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

impl DirectoryStore {
    /// Opens the spool at `root`; folders are made when something is written. Unfinished files and the lease of a process that was
    /// killed are removed: a directory belongs to one process.
    #[must_use]
    pub(crate) fn new(root: PathBuf) -> Self {
        // What cannot be removed does no harm: it is never listed.
        fs::remove_dir_all(root.join(UNFINISHED)).ok();
        fs::remove_dir_all(root.join(LEASES)).ok();
        Self { root, durable: Arc::default() }
    }

    /// Writes and removes a file.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub(crate) fn check(&self) -> Result<(), SpoolError> {
        let folder = self.root.join(UNFINISHED);
        let probe = folder.join("probe");
        fs::create_dir_all(&folder)?;
        fs::write(&probe, b"probe")?;
        Ok(fs::remove_file(&probe)?)
    }

    pub(super) async fn create(&self, name: &str, content: Bytes) -> Result<bool, SpoolError> {
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
            let after = after.unwrap_or_default();
            let mut walk = Walk { after: &after, max: usize::from(max) + 1, page: Page::default() };
            let folder_is_there = gone_is_none(fs::read_dir(&folder))?.is_some();
            if folder_is_there {
                walk.visit(&folder, &prefix);
            }
            let mut page = walk.page;
            if page.entries.len() > usize::from(max) {
                page.entries.truncate(usize::from(max));
                page.next = page.entries.last().map(|entry| entry.name.clone());
            }
            Ok(page)
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
) -> io::Result<bool> {
    let folder = target.parent().unwrap_or(root);
    if target.exists() {
        return sync_folder(folder).map(|()| false);
    }
    let temporary_folder = root.join(UNFINISHED);
    make_folder(root, &temporary_folder, durable)?;
    make_folder(root, folder, durable)?;
    let temporary = temporary_folder.join(uuid::Uuid::new_v4().simple().to_string());
    let written = (|| {
        let mut file = fs::File::create_new(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        // Of two writers the second finds the first one's file: what is written is never replaced.
        let _one_at_a_time = durable.lock().unwrap_or_else(PoisonError::into_inner);
        if target.exists() {
            return fs::remove_file(&temporary).map(|()| false);
        }
        // Another process may create the same name at the same moment; a link is made by one of them.
        match fs::hard_link(&temporary, target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&temporary).map(|()| false)
            }
            Ok(()) => fs::remove_file(&temporary).map(|()| true),
            // Not every file system has links.
            Err(_) => fs::rename(&temporary, target).map(|()| true),
        }
    })();
    if written.is_err() {
        // The caller hears of the first error; what is left behind is never listed.
        drop(fs::remove_file(&temporary));
    }
    let written = written?;
    sync_folder(folder).map(|()| written)
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

/// A walk over files in the order of their names, from a name on, until a page is full. What is no regular file would
/// hang or fail a reader: it is named as foreign, and so is a folder that cannot be listed.
struct Walk<'a> {
    after: &'a str,
    max: usize,
    page: Page,
}

impl Walk<'_> {
    fn visit(&mut self, folder: &Path, prefix: &str) {
        let names = match fs::read_dir(folder).and_then(|children| self.names(children, prefix)) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.foreign(prefix.trim_end_matches('/'), &error.to_string()),
        };
        for name in names {
            let path = folder.join(name.strip_prefix(prefix).unwrap_or(&name));
            // What sorts before the place where the page begins was told of on an earlier one.
            if name.ends_with('/') {
                if name.as_str() > self.after || self.after.starts_with(&name) {
                    self.visit(&path, &name);
                }
            } else if name.as_str() > self.after {
                self.entry(&path, name);
            }
            if self.page.entries.len() >= self.max {
                return;
            }
        }
    }

    /// The names in a folder, in order; those of folders end with a slash, as they do inside a blob's name.
    fn names(&mut self, children: fs::ReadDir, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for child in children {
            let child = child?;
            let slash = if child.file_type().is_ok_and(|kind| kind.is_dir()) { "/" } else { "" };
            let name = child.file_name();
            match name.to_str() {
                Some(name) => names.push(format!("{prefix}{name}{slash}")),
                None => self.foreign(&format!("{prefix}{}", name.display()), "its name is not UTF-8"),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn entry(&mut self, path: &Path, name: String) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                let written = metadata.modified().ok().map(OffsetDateTime::from);
                let age = written.map(|written| OffsetDateTime::now_utc() - written);
                self.page.entries.push(Entry { name, size: metadata.len(), age });
            }
            Ok(_) => self.foreign(&name, "it is not a regular file"),
            // A file may be deleted by a drain while it is listed; a link that leads nowhere is still there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {}
            Err(error) => self.foreign(&name, &error.to_string()),
        }
    }

    fn foreign(&mut self, name: &str, problem: &str) {
        self.page.foreign.push((name.to_owned(), problem.to_owned()));
    }
}

fn gone_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
