//! Everything in Azure: the template as its compiler sees it, and as the real `az` deploys it to a loopback Azure.

mod alert_queries;
mod alerts;
mod az;
pub mod bicep;
mod content;
mod cost;
mod formats;
pub mod generated;
pub mod loopback;
mod parameters;
mod races;
mod roles;
mod rotation;
mod scanner;
mod sentinel_health;
pub mod served;
mod settling;
pub mod snapshot;
mod template;
mod watchlist;

use std::fs;

use serde_json::Value;

pub use crate::rig::Folder;
pub use crate::tools::root;

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files in `folder` that end in `.extension`, sorted, by their path from the root; none when there is no folder.
pub fn files(folder: &str, extension: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap()))
        .collect();
    files.sort();
    files
}

/// Every Bicep file.
fn bicep_files() -> Vec<String> {
    let mut all = files("infra", "bicep");
    all.extend(files("infra/modules", "bicep"));
    assert!(all.len() > 10, "the Bicep files have moved");
    all
}
