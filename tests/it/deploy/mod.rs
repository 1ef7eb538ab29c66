//! `deploy`: the whole way from a group's name to a row, against an Azure that remembers, the local platform, and a real
//! connector that has whatever secret the vault was given.

mod azure;
mod front;
mod reads;
mod world;

mod export;
mod faults;
mod flow;
mod func;
mod interruption;
mod real;
mod signal;
mod suffix;
mod transcripts;

use std::path::PathBuf;
use std::sync::Arc;

use azure::FakeAzure;
use humanbound_sentinel::azure::Runner;

use crate::azure_cli::recorded::GROUP;
use crate::cli::{Desk, Ran, options};

/// A desk with a package, before an Azure with nothing of ours.
pub struct Stage {
    pub azure: Arc<FakeAzure>,
    pub package: PathBuf,
}

impl Stage {
    pub async fn start() -> Stage {
        Stage::with(Desk::with(options()).await).await
    }

    pub async fn with(desk: Desk) -> Stage {
        let package = desk.home.path().join("connector.zip");
        std::fs::write(&package, crate::package::sample()).unwrap();
        Stage { azure: FakeAzure::start(desk).await, package }
    }

    pub fn desk(&self) -> &Desk {
        &self.azure.desk
    }

    /// Runs `deploy` until the changing call that is interrupted, and ends it there as a signal would.
    pub async fn deploy_until_broken(&self, more: &[&str]) {
        tokio::select! {
            ran = self.deploy(more) => panic!("it was not interrupted: {ran:?}"),
            () = self.azure.broken.notified() => {}
        }
    }

    /// Runs `deploy` with more arguments. No secret that Azure was ever given may be told or kept.
    pub async fn deploy(&self, more: &[&str]) -> Ran {
        let runner = Arc::clone(&self.azure) as Arc<dyn Runner>;
        let package = self.package.to_str().unwrap();
        let fixed = ["deploy", "--resource-group", GROUP, "--package", package];
        let ran =
            self.desk().run_with(&[&fixed[..], more].concat(), self.desk().at_once(), Some(runner)).await;
        self.nothing_is_told(&format!("{ran:?}"));
        ran
    }

    /// No secret is in a text, in an argument list, or in a file of the home folder.
    pub fn nothing_is_told(&self, text: &str) {
        for secret in self.azure.secrets() {
            assert!(!text.contains(&secret), "the secret is told: {text}");
            for (_, call) in self.azure.calls.lock().unwrap().iter() {
                assert!(!call.line().contains(&secret), "the secret is an argument: {}", call.line());
            }
            for file in files(self.desk().home.path()) {
                let content = std::fs::read(&file).unwrap();
                let content = String::from_utf8_lossy(&content);
                assert!(!content.contains(&secret), "the secret is in {}", file.display());
            }
        }
    }
}

pub fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
