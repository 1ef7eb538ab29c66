//! Open loops: events come at random times (Poisson), whether or not earlier ones were answered.
//!
//! A latency counts from when the event was due, so that a late generator cannot hide a wait. All connections are made
//! before the clock starts, three times as many as are in use on average.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::cpu;
use crate::event::{Dice, Request};
use crate::load::{self, GRACE, Harvest, Outcome, Window};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) per_second: u32,
    /// What an answer takes at least.
    pub(crate) latency: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Plan {
    fn connections(&self) -> usize {
        let in_use = f64::from(self.per_second) * (self.latency.as_secs_f64() + 0.02);
        // A small number, rounded.
        format!("{:.0}", in_use * 3.0).parse::<usize>().unwrap_or(0) + 32
    }
}

/// Runs `plan` with requests like `request`; `edge` is called when the measured time begins and when it ends.
pub(crate) fn run<T>(
    plan: Plan,
    request: Request,
    mut edge: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<(Outcome, [T; 2])> {
    let (due, events) = unbounded_channel();
    let (ready, connected) = mpsc::channel();
    std::thread::scope(move |scope| {
        let (go, window) = mpsc::channel::<Window>();
        let generator = std::thread::Builder::new()
            .name("generator".to_owned())
            .spawn_scoped(scope, move || generate(plan, request, &window, events, &ready))?;
        let stat = connected.recv_timeout(GRACE).context("the generator could not connect")?;
        let first = Instant::now();
        let begin = first + plan.warm_up;
        let window = Window { begin, end: begin + plan.measured };
        go.send(window)?;
        let clock = scope.spawn(move || tick(plan, first, window.end, &due));
        std::thread::sleep(begin.saturating_duration_since(Instant::now()));
        let (opened, cpu_opened) = (edge()?, cpu::cpu_time(&stat)?);
        std::thread::sleep(window.end.saturating_duration_since(Instant::now()));
        let (closed, cpu_closed) = (edge()?, cpu::cpu_time(&stat)?);
        // Its end ends the generator, once all answers are there.
        clock.join().ok().context("the clock's thread panicked")?;
        let harvest = generator.join().ok().context("the generator's thread panicked")??;
        Ok((load::gather(vec![harvest], cpu_closed.saturating_sub(cpu_opened))?, [opened, closed]))
    })
}

/// Tells when events are due. A thread of its own, because the runtime's timers know whole milliseconds only.
fn tick(plan: Plan, start: Instant, end: Instant, due: &UnboundedSender<Instant>) {
    let mut dice = Dice::new(u64::from(plan.per_second));
    let mut next = start;
    while next < end {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        if due.send(next).is_err() {
            return;
        }
        next += Duration::from_secs_f64(-dice.fraction().ln() / f64::from(plan.per_second));
    }
}

/// What the generator's tasks share.
struct Shared {
    idle: RefCell<Vec<TcpStream>>,
    harvest: RefCell<Harvest>,
    request: RefCell<Request>,
    window: Window,
    address: SocketAddr,
}

fn generate(
    plan: Plan,
    request: Request,
    window: &mpsc::Receiver<Window>,
    mut events: UnboundedReceiver<Instant>,
    ready: &mpsc::Sender<String>,
) -> anyhow::Result<Harvest> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let idle = runtime.block_on(load::connect_all(plan.address, plan.connections()))?;
    ready.send(cpu::this_thread()?)?;
    let window = window.recv()?;
    let shared = Rc::new(Shared {
        idle: RefCell::new(idle),
        harvest: RefCell::new(Harvest::new(0)?),
        request: RefCell::new(request),
        window,
        address: plan.address,
    });
    local.block_on(&runtime, async {
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(due) = events.recv().await {
            tasks.spawn_local(send(Rc::clone(&shared), due));
            while tasks.try_join_next().is_some() {}
        }
        // Who is not back by then is dropped with the set; its event has no answer.
        let all = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout_at((window.end + GRACE).into(), all).await);
    });
    drop(local);
    Ok(Rc::into_inner(shared).context("an event is still on its way")?.harvest.into_inner())
}

/// Sends the event that was due at `due`.
async fn send(shared: Rc<Shared>, due: Instant) {
    let idle = shared.idle.borrow_mut().pop();
    let stream = match idle {
        Some(stream) => Ok(stream),
        None => load::connect(shared.address).await,
    };
    let event = shared.harvest.borrow_mut().number();
    let bytes = shared.request.borrow_mut().event(event).to_vec();
    let outcome = match stream {
        Ok(mut stream) => load::ask(&mut stream, &bytes).await.map(|answer| (answer, stream)),
        Err(problem) => Err(problem),
    };
    let mut harvest = shared.harvest.borrow_mut();
    match outcome {
        Ok((answer, stream)) => {
            harvest.note(event, answer.status, due, shared.window);
            if !answer.closes {
                shared.idle.borrow_mut().push(stream);
            }
        }
        Err(_) => harvest.broken += 1,
    }
}
