//! The workspace that the connector pushes to: the embedded one, on a thread of its own, so that its share is known.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use humanbound_sentinel::emulator::{Store, Workspace, WorkspaceOptions};
use tokio::sync::oneshot;

use crate::cpu;

/// A running workspace that keeps the bodies it gets and looks into none of them.
pub(crate) struct LocalWorkspace {
    pub(crate) workspace: Arc<Workspace>,
    stat: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for LocalWorkspace {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            drop(thread.join());
        }
    }
}

impl LocalWorkspace {
    /// Starts a workspace whose answers take `latency`.
    pub(crate) fn start(latency: Duration) -> anyhow::Result<Self> {
        let options = WorkspaceOptions {
            store: Store::Bodies,
            throttle: None,
            latency,
            recorded_limit: 0,
            ..WorkspaceOptions::default()
        };
        let (ready, started) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("workspace".to_owned()).spawn(move || {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let workspace = runtime.block_on(Workspace::start(options))?;
                let stat = cpu::this_thread()?;
                Ok::<_, anyhow::Error>((runtime, Arc::new(workspace), stat))
            };
            match run() {
                Ok((runtime, workspace, stat)) => {
                    // The receiver waits for it; nobody there means that there is nothing to serve.
                    drop(ready.send(Ok((workspace, stat))));
                    // Its end is the word, whether said or dropped.
                    drop(runtime.block_on(stopped));
                }
                Err(problem) => drop(ready.send(Err(problem))),
            }
        })?;
        let (workspace, stat) = started.recv().context("the workspace's thread has ended")??;
        Ok(Self { workspace, stat, stop: Some(stop), thread: Some(thread) })
    }

    /// CPU time of its thread so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu::cpu_time(&self.stat)
    }

    /// Calls answered 2xx so far.
    pub(crate) fn accepted_calls(&self) -> u64 {
        self.workspace.calls().accepted
    }

    /// The accepted bodies as they came.
    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        self.workspace.bodies()
    }
}
