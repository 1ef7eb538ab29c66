//! The connector's process, from its settings to its end.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::{error, info, warn};

use super::{App, assemble, listen, log};
use crate::config::{ConnectorConfig, PortUnusable};

/// Serves until the process is ended from outside.
///
/// It never ends on its own, so an end is a fault and never the exit code 0, which would tell the host that all is
/// well and to stay down: 64 when there is no port to bind, 1 otherwise.
pub fn main(config: Result<ConnectorConfig, PortUnusable>) -> ExitCode {
    let config = match config {
        Ok(config) => config,
        Err(problem) => {
            log::start("error");
            error!(event = "config_invalid", setting = "FUNCTIONS_CUSTOMHANDLER_PORT", %problem);
            return ExitCode::from(64);
        }
    };
    log::start(&config.log_filter);
    let problem = match runtimes() {
        Ok((requests, delivery)) => {
            let problem = requests.block_on(run(config, delivery.handle().clone()));
            // A disk that hangs must not keep a failed process alive.
            requests.shutdown_background();
            delivery.shutdown_background();
            problem
        }
        Err(error) => format!("no runtime: {error}"),
    };
    error!(event = "connector_stopped", problem);
    ExitCode::FAILURE
}

/// One runtime for requests and one for delivery.
///
/// Requests have one thread where there are one or two processors: an event passes through several tasks, and to pass it
/// between threads costs a fifth of all the work. Delivery has one in any case: it works for whole calls.
fn runtimes() -> std::io::Result<(Runtime, Runtime)> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut requests =
        if processors <= 2 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    let mut delivery = Builder::new_multi_thread();
    delivery.worker_threads(1).thread_name("delivery");
    Ok((requests.enable_all().build()?, delivery.enable_all().build()?))
}

/// Runs, and returns why it cannot go on.
async fn run(config: ConnectorConfig, delivery: Handle) -> String {
    log::problems(&config.problems);
    log::notes(&config.notes);
    let port = config.port;
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener,
        Err(error) => return format!("port {port} cannot be bound on 127.0.0.1: {error}"),
    };
    let (app, committer) = assemble::assemble(config, delivery);
    warm_up(&app);
    info!(event = "connector_started", version = env!("CARGO_PKG_VERSION"), port, instance = app.instance);
    tokio::select! {
        () = listen::serve(listener, app) => "the listener ended".to_owned(),
        ended = committer => match ended {
            Ok(()) => "the delivery task ended".to_owned(),
            Err(error) => format!("the delivery task failed: {error}"),
        },
    }
}

/// Fetches the first tokens while nobody waits, and tries the spool.
fn warm_up(app: &App) {
    let parts = Arc::clone(app.delivery.parts());
    app.delivery.spawn(async move {
        if let Some(ingestion) = &parts.ingestion {
            ingestion.warm_up().await;
        }
        if let Some(store) = &parts.store {
            store.warm_up().await;
            // No problem that stops events: a role that was just assigned takes a while to be known.
            if let Err(problem) = store.check().await {
                parts.counters.spool_failed(problem.fault(OffsetDateTime::now_utc()));
                let setting = "SPOOL_CONTAINER_URL";
                warn!(event = "config_note", setting, %problem, hint = problem.hint());
            }
        }
    });
}
