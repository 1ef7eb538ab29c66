//! The script root: the folder with `host.json` in which the host starts the worker.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A script root in a temporary folder of its own, removed on drop.
#[derive(Debug)]
pub struct ScriptRoot {
    path: PathBuf,
}

impl ScriptRoot {
    /// An empty folder.
    pub fn empty() -> ScriptRoot {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("root-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&path).unwrap();
        ScriptRoot { path }
    }

    /// What the package holds: the repository's `host.json`, its `function/*` lifted to the root, and `connector`.
    pub fn connector() -> ScriptRoot {
        let repository = crate::tools::root();
        let text = |path: PathBuf| {
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let mut root = ScriptRoot::empty().file("host.json", &text(repository.join("host.json")));
        for entry in fs::read_dir(repository.join("function")).unwrap() {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_str().unwrap();
            root = root.file(&format!("{name}/function.json"), &text(folder.join("function.json")));
        }
        root.executable("connector", Path::new(crate::programs::CONNECTOR))
    }

    /// Writes `text` to `relative`.
    #[must_use]
    pub fn file(self, relative: &str, text: &str) -> ScriptRoot {
        fs::write(self.place(relative), text).unwrap();
        self
    }

    /// Puts the program at `source` to `relative`.
    #[must_use]
    pub fn executable(self, relative: &str, source: &Path) -> ScriptRoot {
        let path = self.place(relative);
        if fs::hard_link(source, &path).is_err() {
            fs::copy(source, &path).unwrap();
        }
        self
    }

    /// Writes a shell script to `relative` that may be executed.
    #[must_use]
    pub fn script(self, relative: &str, text: &str) -> ScriptRoot {
        let root = self.file(relative, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(root.path.join(relative), fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    /// The path of a file that is not there yet, in a folder that is.
    fn place(&self, relative: &str) -> PathBuf {
        let path = self.path.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.exists() {
            // Never written over: it may be a second name of the real program.
            fs::remove_file(&path).unwrap();
        }
        path
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScriptRoot {
    fn drop(&mut self) {
        // A folder that stays is a nuisance, not a failure of the test.
        fs::remove_dir_all(&self.path).ok();
    }
}
