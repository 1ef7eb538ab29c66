//! What all parts of one host share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::config::Config;
use super::console::{Console, Level};
use super::pool::Pool;
use super::timings::Timings;

/// Where the worker, and with it the host, is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Started (again), not yet ready.
    Initializing,
    /// It has answered the readiness probe. An end with code 0 does not change this.
    Initialized,
    /// It could not be started.
    Faulted,
    /// The host has ended.
    Stopped,
}

/// What the supervisor is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// SIGKILL from outside: the host sees a fault.
    Kill,
    /// SIGKILL and start again, not counted as a fault: what an invocation's time-out does.
    Restart,
    /// SIGKILL and stay down.
    Stop,
}

/// The worker did not become ready.
#[derive(Debug)]
pub struct NotReady;

/// One host.
#[derive(Debug)]
pub struct Shared {
    /// The script root.
    pub root: PathBuf,
    /// What stands in it.
    pub config: Config,
    /// The app settings.
    pub settings: BTreeMap<String, String>,
    /// The worker's port: one number for the host's whole life.
    pub port: u16,
    /// Whether the worker is not a child process but something of the test that listens already.
    pub attached: bool,
    /// Whether the head of a proxied request goes out on its own, before its body.
    pub head_apart: bool,
    /// The waits.
    pub timings: Timings,
    /// The log.
    pub console: Console,
    /// The connections of the `HttpClient` for pings and JSON invocations.
    pub client: Pool,
    /// The connections of the proxy.
    pub proxy: Pool,
    /// The worker's state.
    pub state: watch::Sender<State>,
    /// The worker's process id, while it runs.
    pub pid: watch::Sender<Option<u32>>,
    /// How many times the worker was started again.
    pub restarts: watch::Sender<u32>,
    /// What the supervisor is told.
    pub orders: mpsc::Sender<Order>,
    /// Held by the timer invocation that runs.
    pub timer: Mutex<()>,
    /// When the host was started.
    pub started: Instant,
}

impl Shared {
    /// Changes the worker's state.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    /// Tells the supervisor something. One that has given up does not listen any more.
    pub async fn order(&self, order: Order) {
        self.orders.send(order).await.ok();
    }

    /// Waits until the host itself runs, for as long as a request does; `false` when it does not.
    pub async fn running(&self) -> bool {
        if *self.state.borrow() == State::Stopped {
            // The process is gone, and the platform's front end answers in its place.
            return false;
        }
        let left = self.timings.host_start.saturating_sub(self.started.elapsed());
        tokio::time::sleep(left.min(self.timings.host_wait)).await;
        left <= self.timings.host_wait
    }

    /// Waits until the worker is ready, for as long as an invocation does. When it does not become so, the host stops.
    ///
    /// # Errors
    /// It is not ready.
    pub async fn worker_ready(&self) -> Result<(), NotReady> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| matches!(state, State::Initialized | State::Stopped));
        match timeout(self.timings.worker_wait, async { settled.await.map(|state| *state) }).await {
            Ok(Ok(State::Initialized)) => Ok(()),
            Ok(_) => Err(NotReady),
            Err(_) => {
                self.console
                    .system(Level::Error, "Final functionDispatcher state: the worker is not initialized");
                self.order(Order::Stop).await;
                Err(NotReady)
            }
        }
    }

    /// Runs an invocation within the function's time-out.
    ///
    /// # Errors
    /// The time is over.
    pub async fn within_function_timeout<T>(&self, work: impl Future<Output = T>) -> Result<T, NotInTime> {
        let limit = self.timings.function.or(self.config.function).unwrap_or(Duration::MAX);
        timeout(limit, work).await.map_err(|_| NotInTime)
    }
}

/// An invocation took longer than it may.
#[derive(Debug)]
pub struct NotInTime;
