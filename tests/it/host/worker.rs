//! The life of the worker: started, probed, watched, restarted and killed as the host does it.
//!
//! The rules are those of the host's `HttpFunctionInvocationDispatcher`
//! (<https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Workers/Http/HttpFunctionInvocationDispatcher.cs>)
//! and `WorkerProcess`.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::body::{BodyReader, response_framing};
use super::console::Level;
use super::process::Start;
use super::shared::Order;
use super::{Shared, State};

/// So many faults close together end the host.
const MAX_ERRORS: usize = 3;

/// How long the host waits for a killed process to be gone.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// Why one life of the worker is over.
enum End {
    /// Start again at once.
    Restart,
    /// Start again at once, unless there were too many of these.
    Fault(String),
    /// Nothing more.
    Stop,
}

/// Runs the worker, life after life, until the host stops.
pub async fn supervise(shared: Arc<Shared>, mut orders: mpsc::Receiver<Order>) {
    let mut errors: Vec<Instant> = Vec::new();
    loop {
        shared.set(State::Initializing);
        match life(&shared, &mut orders).await {
            End::Stop => return shared.set(State::Stopped),
            End::Restart => {}
            End::Fault(why) => {
                shared.console.system(Level::Error, why);
                if errors.last().is_some_and(|last| last.elapsed() > shared.timings.error_window) {
                    errors.clear();
                }
                errors.push(Instant::now());
                if errors.len() >= MAX_ERRORS {
                    shared.console.system(
                        Level::Error,
                        "Exceeded http worker restart retry count. Shutting down Functions Host",
                    );
                    return shared.set(State::Stopped);
                }
            }
        }
        shared.restarts.send_modify(|count| *count += 1);
    }
}

/// One life: from the start to the end of the process.
async fn life(shared: &Arc<Shared>, orders: &mut mpsc::Receiver<Order>) -> End {
    if shared.attached {
        return watch(shared, None, orders).await;
    }
    let mut child = match Start::plan(shared, Uuid::new_v4()).spawn(shared).await {
        Ok(child) => child,
        Err(error) => {
            // There is no error event for this, hence no other try: callers wait in vain, and then the host stops.
            shared.console.system(Level::Error, format!("Failed to start Worker Channel: {error}"));
            shared.set(State::Faulted);
            while !matches!(orders.recv().await, Some(Order::Stop) | None) {}
            return End::Stop;
        }
    };
    shared.pid.send_replace(child.id());
    let end = watch(shared, Some(&mut child), orders).await;
    // It may have ended by itself in the meantime.
    child.start_kill().ok();
    tokio::time::timeout(KILL_WAIT, child.wait()).await.ok();
    shared.pid.send_replace(None);
    end
}

async fn watch(
    shared: &Arc<Shared>,
    mut child: Option<&mut Child>,
    orders: &mut mpsc::Receiver<Order>,
) -> End {
    let probe = probe(shared);
    tokio::pin!(probe);
    let mut probing = true;
    loop {
        tokio::select! {
            ready = &mut probe, if probing => {
                probing = false;
                if !ready {
                    return End::Fault("the worker was not ready in time".to_owned());
                }
                shared.set(State::Initialized);
            }
            status = ended(child.as_deref_mut()) => match status {
                Ok(status) if status.code() == Some(0) => {
                    // Taken for a normal end: the state stays what it is, and every call is refused from now on
                    // (https://github.com/Azure/azure-functions-host/issues/6301).
                    child = None;
                    shared.pid.send_replace(None);
                    shared.console.system(Level::Information, "worker exited with code 0");
                }
                Ok(status) if status.code() == Some(200) => return End::Restart,
                other => return End::Fault(farewell(shared, &other)),
            },
            order = orders.recv() => match (order, child.as_deref_mut()) {
                // The end that this brings is seen above, as the host sees it.
                (Some(Order::Kill), Some(child)) => child.start_kill().unwrap(),
                (Some(Order::Kill), None) => {}
                (Some(Order::Restart), _) => return End::Restart,
                (Some(Order::Stop) | None, _) => return End::Stop,
            },
        }
    }
}

async fn ended(child: Option<&mut Child>) -> io::Result<ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}

fn farewell(shared: &Shared, status: &io::Result<ExitStatus>) -> String {
    let last = shared.console.last_errors(3).join(",");
    match status {
        Ok(status) => format!("worker exited with {status}: {last}"),
        Err(error) => format!("the worker's end could not be seen: {error}"),
    }
}

/// Polls `GET /`; `false` when the budget is used up. The budget is counted in steps, so slow answers stretch it.
async fn probe(shared: &Shared) -> bool {
    let poll = shared.timings.poll;
    let budget = shared.timings.initialization.unwrap_or(shared.config.initialization);
    let mut spent = Duration::ZERO;
    while refused(&ping(shared).await) {
        if spent >= budget {
            return false;
        }
        tokio::time::sleep(poll).await;
        spent += poll;
    }
    true
}

/// Only a failed connect means "not yet". Every answer, and every other fault, is taken for readiness.
fn refused(result: &Result<u16, PingError>) -> bool {
    matches!(result, Err(PingError::Connect))
}

/// Why a ping has no status.
#[derive(Debug)]
pub enum PingError {
    /// The connect failed.
    Connect,
    /// Something after it.
    Other,
}

/// `GET /` with none of the headers that an invocation has.
pub async fn ping(shared: &Shared) -> Result<u16, PingError> {
    let (mut worker, _) = shared.client.acquire().await.map_err(|_| PingError::Connect)?;
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", shared.port);
    let exchange = async {
        worker.stream.write_all(request.as_bytes()).await?;
        let head = worker.final_head().await?;
        let mut body = BodyReader::new(response_framing("GET", &head)?);
        body.rest(&mut worker).await?;
        io::Result::Ok(head)
    };
    let head = exchange.await.map_err(|_| PingError::Other)?;
    if head.keeps_alive() {
        shared.client.release(worker);
    }
    Ok(head.status)
}

/// The monitor's pings, at random times.
pub async fn monitor(shared: Arc<Shared>) {
    let Some(most) = shared.timings.ping else { return };
    loop {
        let share = f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0;
        tokio::time::sleep(most.mul_f64(share)).await;
        if *shared.state.borrow() == State::Initialized {
            // Its outcome is logged by the host and has no other effect.
            ping(&shared).await.ok();
        }
    }
}
