//! A simulator of the Azure Functions host, as far as a custom handler meets it.
//!
//! Tests drive `connector` only through it: as a child process behind the proxy, never as a library.
//! It must not know anything about the connector; what it does is what the real host was read or recorded to do,
//! and `host_contract` holds it to that.
//!
//! ```ignore
//! let host = Host::connector().env("WEBHOOK_SECRET", "s").start().await;
//! host::client().post(host.url("/api/ingest")).body("{}").send().await;
//! host.timer("drain").await.assert_succeeded();
//! ```
//!
//! Reading order: `worker` (start, readiness, exit), `front` and `edge` (the public side), `proxy` with `rewrite`
//! (HTTP functions), `timer` (timer functions), then what they stand on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

mod worker;

mod edge;
mod front;
mod request;

mod proxy;
mod rewrite;

mod timer;

mod checker;
mod config;
mod layout;

pub mod body;
mod console;
pub mod http1;
mod pool;
mod process;
mod shared;
mod timings;

pub use checker::check;
pub use console::{Category, ConsoleLine, Level};
pub use edge::{FUNCTION_KEY, MASTER_KEY};
pub use layout::ScriptRoot;
pub use shared::State;
pub use timer::{Invocation, NEVER, Outcome, Tick};
pub use timings::Timings;

use config::Config;
use console::Console;
use pool::Pool;
use shared::{Order, Shared};

/// The version the simulator gives itself in `X-Azure-Functions-HostVersion`.
pub const HOST_VERSION: &str = "4.1054.100.0";

/// How long a test waits for what takes no time at all, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client for the public side: what a sender uses, with no proxy and no redirects.
pub fn client() -> reqwest::Client {
    // A second call finds the provider already there.
    rustls::crypto::ring::default_provider().install_default().ok();
    let none = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(none).build().unwrap()
}

/// Whether the function `name` in the script root `root` would be proxied.
pub fn http_in_and_out(root: &std::path::Path, name: &str) -> bool {
    Config::read(root).unwrap().functions[name].is_http_in_and_out()
}

/// How to start a host.
#[derive(Debug)]
pub struct Builder {
    root: ScriptRoot,
    settings: BTreeMap<String, String>,
    timings: Timings,
    attached: Option<u16>,
    port: Option<u16>,
    head_apart: bool,
}

impl Builder {
    /// Adds an app setting, which the worker gets as an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Builder {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Changes the host's waits.
    #[must_use]
    pub fn timings(mut self, change: impl FnOnce(&mut Timings)) -> Builder {
        change(&mut self.timings);
        self
    }

    /// Takes what listens on `port` for the worker, and starts no process.
    #[must_use]
    pub fn attach(mut self, port: u16) -> Builder {
        self.attached = Some(port);
        self
    }

    /// Gives the worker this port. The host finds a free one and lets go of it, so another program may be faster.
    #[must_use]
    pub fn worker_port(mut self, port: u16) -> Builder {
        self.port = Some(port);
        self
    }

    /// Sends the head of every proxied request on its own. Which it is in reality depends on the timing of two writes.
    #[must_use]
    pub fn head_apart(mut self) -> Builder {
        self.head_apart = true;
        self
    }

    /// Starts the host and the worker, and waits until the worker is ready. Panics when it does not become so.
    pub async fn start(self) -> Host {
        let host = self.launch().await;
        host.ready().await;
        host
    }

    /// Starts the host and the worker without waiting.
    pub async fn launch(self) -> Host {
        let config = Config::read(self.root.path()).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.proxying, "only hosts with `enableProxyingHttpRequest` are simulated");
        let (port, holder) = match self.attached.or(self.port) {
            Some(port) => (port, None),
            None => hold_port(),
        };
        let (orders, inbox) = mpsc::channel(8);
        let shared = Arc::new(Shared {
            root: self.root.path().to_owned(),
            config,
            settings: self.settings,
            port,
            attached: self.attached.is_some(),
            head_apart: self.head_apart,
            console: Console::new(),
            client: Pool::new(port, self.timings.pool_idle),
            proxy: Pool::new(port, self.timings.pool_idle),
            timings: self.timings,
            state: watch::Sender::new(State::Initializing),
            pid: watch::Sender::new(None),
            restarts: watch::Sender::new(0),
            orders,
            timer: Mutex::new(()),
            started: Instant::now(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(worker::supervise(shared.clone(), inbox));
        tasks.spawn(worker::monitor(shared.clone()));
        tasks.spawn(front::serve(listener, shared.clone()));
        Host { shared, address, tasks, _root: self.root, _holder: holder }
    }
}

/// A free port, and what keeps others from it. The host binds one, reads the number and lets go; of many tests at once another
/// would get the same number in the moment before the worker binds it, and be taken for the worker. A socket that is bound
/// and does not listen leaves the port to the worker, which reuses addresses, and to nobody who asks for any port at all.
/// Other systems than Linux would not let the worker in.
fn hold_port() -> (u16, Option<TcpSocket>) {
    let holder = TcpSocket::new_v4().unwrap();
    holder.set_reuseaddr(true).unwrap();
    holder.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = holder.local_addr().unwrap().port();
    (port, Some(holder).filter(|_| cfg!(target_os = "linux")))
}

/// A running host. Dropping it kills the worker.
#[derive(Debug)]
pub struct Host {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: JoinSet<()>,
    _root: ScriptRoot,
    _holder: Option<TcpSocket>,
}

impl Host {
    /// A host over the given script root.
    pub fn builder(root: ScriptRoot) -> Builder {
        let (settings, timings) = (BTreeMap::new(), Timings::default());
        Builder { root, settings, timings, attached: None, port: None, head_apart: false }
    }

    /// A host over what the package holds.
    pub fn connector() -> Builder {
        Host::builder(ScriptRoot::connector())
    }

    /// The public address of `path`, for example `/api/ingest`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The public address, for tests that write their own bytes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fires the timer function `name` as the first run of a schedule without a monitor: no status, on time.
    pub async fn timer(&self, name: &str) -> Invocation {
        self.timer_with(name, &Tick::default()).await
    }

    /// Fires the timer function `name`.
    pub async fn timer_with(&self, name: &str, tick: &Tick) -> Invocation {
        timer::invoke(&self.shared, name, tick).await
    }

    /// The log so far.
    pub fn console(&self) -> Vec<ConsoleLine> {
        self.shared.console.lines()
    }

    /// The first line that `wanted` accepts, past or future; panics with the whole log after `timeout`.
    pub async fn wait_for_console(
        &self,
        wanted: impl Fn(&ConsoleLine) -> bool,
        timeout: Duration,
    ) -> ConsoleLine {
        self.shared.console.wait_for(wanted, timeout).await
    }

    /// The worker's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        *self.shared.pid.borrow()
    }

    /// The worker's port. It stays the same over restarts.
    pub fn worker_port(&self) -> u16 {
        self.shared.port
    }

    /// Kills the worker with SIGKILL, as a crash would, and returns when it is dead. The host starts another at once.
    pub async fn kill_worker(&self) {
        let mut pid = self.shared.pid.subscribe();
        let now = *pid.borrow_and_update();
        assert!(now.is_some(), "there is no worker to kill; the log:\n{}", self.shared.console.dump());
        self.shared.order(Order::Kill).await;
        let other = timeout(PATIENCE, pid.wait_for(|pid| *pid != now)).await;
        other.expect("the worker outlived its SIGKILL").expect("the sender lives as long as the host");
    }

    /// The worker's state.
    pub fn state(&self) -> State {
        *self.shared.state.borrow()
    }

    /// Waits for a state of the worker; panics with the log when it does not come in a while.
    pub async fn wait_for_state(&self, wanted: State) {
        let mut state = self.shared.state.subscribe();
        let found = timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await.is_ok();
        assert!(
            found,
            "the worker is {:?}, not {wanted:?}; the log:\n{}",
            self.state(),
            self.shared.console.dump()
        );
    }

    /// Waits until the worker is ready (again); panics with the log when it does not become so.
    pub async fn ready(&self) {
        self.wait_for_state(State::Initialized).await;
    }

    /// How many times the worker was started again.
    pub fn restarts(&self) -> u32 {
        *self.shared.restarts.borrow()
    }

    /// Waits until the worker was started again `count` times.
    pub async fn wait_for_restarts(&self, count: u32) {
        let mut restarts = self.shared.restarts.subscribe();
        let found = timeout(PATIENCE, restarts.wait_for(|now| *now >= count)).await.is_ok();
        assert!(found, "{} restarts; the log:\n{}", self.restarts(), self.shared.console.dump());
    }

    /// Whether the host has given up.
    pub fn stopped(&self) -> bool {
        self.state() == State::Stopped
    }

    /// Ends the host as the platform does: the worker gets SIGKILL, and no SIGTERM before it.
    pub async fn shutdown(mut self) {
        self.shared.order(Order::Stop).await;
        self.wait_for_state(State::Stopped).await;
        self.tasks.shutdown().await;
    }
}
