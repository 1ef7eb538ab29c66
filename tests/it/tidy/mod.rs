//! The house rules that no compiler and no linter knows.

mod circles;
mod commands;
mod layers;
mod lists;
mod logs;
mod text;
mod tokens;

use std::{fs, path::Path};

use crate::tools::root;

/// What holds nothing of ours; `.git` is a file in a linked work tree.
const NOT_OURS: [&str; 8] =
    [".git", "target", "dist", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache"];

/// A file of the repository, by its path from the root with forward slashes.
struct File {
    path: String,
    text: String,
}

/// Every file that is text, sorted by path.
fn files() -> Vec<File> {
    let mut folders = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if NOT_OURS.contains(&entry.file_name().to_str().unwrap()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                files.push(File { path: relative(&entry.path()), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The Rust files of the library and the binaries.
fn sources() -> Vec<File> {
    files().into_iter().filter(|file| file.path.starts_with("src/") && is_rust(&file.path)).collect()
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

fn is_document(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

fn relative(path: &Path) -> String {
    let parts: Vec<_> =
        path.strip_prefix(root()).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
    parts.join("/")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with every offence at once, one a line.
#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}
