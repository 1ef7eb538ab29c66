//! The local workspace: what it lets in, what it makes of a row, and how it fails on request.

mod client;
mod faults;
mod identity;
mod protocol;
mod python;
mod rows;

use std::sync::{Arc, Mutex};

use humanbound_sentinel::emulator::{Workspace, WorkspaceOptions};
use time::{Duration, OffsetDateTime};

async fn start() -> Workspace {
    start_with(WorkspaceOptions::default()).await
}

async fn start_with(options: WorkspaceOptions) -> Workspace {
    Workspace::start(options).await.unwrap()
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct TestClock(Arc<Mutex<OffsetDateTime>>);

impl TestClock {
    fn new(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    fn options(&self) -> WorkspaceOptions {
        let clock = self.0.clone();
        WorkspaceOptions { clock: Arc::new(move || *clock.lock().unwrap()), ..WorkspaceOptions::default() }
    }

    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

/// A folder below `target/tmp` that does not exist yet.
fn scratch(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("workspace-{name}-{}", uuid::Uuid::new_v4()))
}
