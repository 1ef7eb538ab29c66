//! The load: clients in a closed loop, each posting its next event when the last one is answered.
//!
//! It shares the machine with what it measures, so it is lean: prepared requests, the least parsing, no HTTP library.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::cpu;
use crate::event::Request;

/// Clients that connect at once: a listener's backlog is bounded.
const CONNECTING: usize = 128;
/// How long the last answers may take; the connector's own deadline is 8 s.
pub(crate) const GRACE: Duration = Duration::from_secs(15);
/// A client whose connection breaks so often in a row gives up.
const TRIES: u32 = 5;
/// The events of one generator thread are numbered from here on, times the thread's own number.
const THREAD: u64 = 1 << 40;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) threads: usize,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No answer, or none of the others.
    Unknown,
    /// Answered 200.
    Stored,
    /// Answered 202.
    Spooled,
}

/// What came of it.
pub(crate) struct Outcome {
    /// Latencies in microseconds of the answers within the measured time.
    pub(crate) latency: Histogram<u64>,
    /// How many answers each status had, from the first to the last event.
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// Broken connections.
    pub(crate) broken: u64,
    /// What became of each event: by generator thread, then by number.
    fates: Vec<Vec<Fate>>,
    /// CPU time of the generator's threads within the measured time.
    pub(crate) cpu: Duration,
}

impl Outcome {
    /// The events with `fate`, by number.
    pub(crate) fn events(&self, fate: Fate) -> impl Iterator<Item = u64> {
        let threads = (0..).zip(&self.fates);
        threads.flat_map(move |(thread, fates)| {
            let events = (0..).zip(fates).filter(move |(_, known)| **known == fate);
            events.map(move |(event, _)| thread * THREAD + event)
        })
    }
}

/// When the measured time begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
}

/// What one generator thread brings home.
pub(crate) struct Harvest {
    latency: Histogram<u64>,
    by_status: BTreeMap<u16, u64>,
    /// Broken connections.
    pub(crate) broken: u64,
    fates: Vec<Fate>,
    first: u64,
}

impl Harvest {
    /// Nothing yet, of generator thread `thread`.
    pub(crate) fn new(thread: u64) -> anyhow::Result<Self> {
        let (latency, by_status) = (histogram()?, BTreeMap::new());
        Ok(Self { latency, by_status, broken: 0, fates: Vec::new(), first: thread * THREAD })
    }

    /// The number of the next event.
    pub(crate) fn number(&mut self) -> u64 {
        self.fates.push(Fate::Unknown);
        self.first + self.fates.len() as u64 - 1
    }

    /// Notes the answer to `event`, which has lasted since `begin`.
    pub(crate) fn note(&mut self, event: u64, status: u16, begin: Instant, window: Window) {
        let now = Instant::now();
        let fate = match status {
            200 => Fate::Stored,
            202 => Fate::Spooled,
            _ => Fate::Unknown,
        };
        let index = usize::try_from(event - self.first).unwrap_or(usize::MAX);
        if let Some(known) = self.fates.get_mut(index) {
            *known = fate;
        }
        *self.by_status.entry(status).or_default() += 1;
        if window.begin <= now && now < window.end {
            let micros = u64::try_from((now - begin).as_micros()).unwrap_or(u64::MAX);
            self.latency.saturating_record(micros.max(1));
        }
    }
}

/// Runs `plan`; `edge` is called when the measured time begins and when it ends.
pub(crate) fn run<T>(
    plan: Plan,
    mut edge: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<(Outcome, [T; 2])> {
    let (go, window) = watch::channel(None);
    let (ready, connected) = mpsc::channel();
    // Whatever ends the closure early drops `go`, and with it the threads' reason to stay.
    std::thread::scope(move |scope| {
        let shares = (0..plan.threads).map(|thread| share(plan.connections, plan.threads, thread));
        let threads = (0..).zip(shares).map(|(thread, share)| {
            let (window, ready) = (window.clone(), ready.clone());
            let name = format!("generator-{thread}");
            let work = move || generate(plan.address, thread, share, window, &ready);
            std::thread::Builder::new().name(name).spawn_scoped(scope, work)
        });
        let threads: Vec<_> = threads.collect::<io::Result<_>>()?;
        let stats: Vec<String> = threads
            .iter()
            .map(|_| connected.recv_timeout(GRACE).context("the generator could not connect"))
            .collect::<anyhow::Result<_>>()?;
        let begin = Instant::now() + plan.warm_up;
        let end = begin + plan.measured;
        go.send(Some(Window { begin, end }))?;
        let cpu = || stats.iter().map(|stat| cpu::cpu_time(stat)).sum::<anyhow::Result<Duration>>();
        std::thread::sleep(begin.saturating_duration_since(Instant::now()));
        let (first, cpu_first) = (edge()?, cpu()?);
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        let (last, cpu_last) = (edge()?, cpu()?);
        drop(go);
        let harvests = threads.into_iter().map(|thread| match thread.join() {
            Ok(harvest) => harvest,
            Err(_) => anyhow::bail!("a generator thread panicked"),
        });
        let harvests = harvests.collect::<anyhow::Result<Vec<_>>>()?;
        Ok((gather(harvests, cpu_last.saturating_sub(cpu_first))?, [first, last]))
    })
}

fn share(connections: usize, threads: usize, thread: usize) -> usize {
    connections / threads + usize::from(thread < connections % threads)
}

pub(crate) fn gather(harvests: Vec<Harvest>, cpu: Duration) -> anyhow::Result<Outcome> {
    let mut outcome =
        Outcome { latency: histogram()?, by_status: BTreeMap::new(), broken: 0, fates: Vec::new(), cpu };
    for harvest in harvests {
        outcome.latency.add(&harvest.latency)?;
        for (status, count) in harvest.by_status {
            *outcome.by_status.entry(status).or_default() += count;
        }
        outcome.broken += harvest.broken;
        outcome.fates.push(harvest.fates);
    }
    Ok(outcome)
}

/// From 1 µs to a minute, three significant digits.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// One generator thread with `connections` clients.
fn generate(
    address: SocketAddr,
    thread: u64,
    connections: usize,
    mut window: watch::Receiver<Option<Window>>,
    ready: &mpsc::Sender<String>,
) -> anyhow::Result<Harvest> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let harvest = Rc::new(RefCell::new(Harvest::new(thread)?));
    local.block_on(&runtime, async {
        let streams = connect_all(address, connections).await?;
        ready.send(cpu::this_thread()?)?;
        let known = *window.wait_for(Option::is_some).await?;
        let known = known.context("the measured time is not known")?;
        let mut clients = Vec::with_capacity(connections);
        for (sender, stream) in (thread << 16..).zip(streams) {
            let request = Request::new(sender)?;
            let client = Client { address, stream, request, harvest: Rc::clone(&harvest), window: known };
            clients.push(tokio::task::spawn_local(client.run()));
        }
        // Who is not back by then is dropped with the set; its last event has no answer.
        let all = futures::future::join_all(clients);
        drop(tokio::time::timeout_at((known.end + GRACE).into(), all).await);
        // A thread's CPU time can be read only while it lives.
        while window.changed().await.is_ok() {}
        anyhow::Ok(())
    })?;
    drop(local);
    Ok(Rc::into_inner(harvest).context("a client is still there")?.into_inner())
}

/// `connections` connections, each of which the server has accepted: the kernel alone takes more than it hands over.
pub(crate) async fn connect_all(address: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(connections);
    while streams.len() < connections {
        let some = CONNECTING.min(connections - streams.len());
        let tried = (0..some).map(|_| async {
            let mut stream = connect(address).await?;
            ask(&mut stream, b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await?;
            io::Result::Ok(stream)
        });
        streams.extend(futures::future::try_join_all(tried).await?);
    }
    Ok(streams)
}

pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One client.
struct Client {
    address: SocketAddr,
    stream: TcpStream,
    request: Request,
    harvest: Rc<RefCell<Harvest>>,
    window: Window,
}

impl Client {
    async fn run(mut self) {
        let mut broken = 0;
        while Instant::now() < self.window.end && broken < TRIES {
            let event = self.harvest.borrow_mut().number();
            let bytes = self.request.event(event);
            let begin = Instant::now();
            if let Ok(answer) = ask(&mut self.stream, bytes).await {
                broken = 0;
                self.harvest.borrow_mut().note(event, answer.status, begin, self.window);
                if !answer.closes {
                    continue;
                }
            } else {
                broken += 1;
                self.harvest.borrow_mut().broken += 1;
            }
            match connect(self.address).await {
                Ok(stream) => self.stream = stream,
                Err(_) => broken += 1,
            }
        }
    }
}

/// What is read of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The server ends the connection after it.
    pub(crate) closes: bool,
}

/// Writes one request and reads its answer.
pub(crate) async fn ask(stream: &mut TcpStream, request: &[u8]) -> io::Result<Answer> {
    stream.write_all(request).await?;
    read_answer(stream).await
}

/// Reads one answer to its end.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut buffer = [0; 1024];
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..).filter(|room| !room.is_empty());
        let room = room.ok_or_else(|| io::Error::other("the answer is too long"))?;
        let count = stream.read(room).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        if let Some(answer) = parse(buffer.get(..filled).unwrap_or_default())? {
            return Ok(answer);
        }
    }
}

/// The answer in `bytes`, if it is there to its end.
fn parse(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let mut length = 0;
    let mut closes = false;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = str::from_utf8(header.value).map_err(io::Error::other)?;
            length = text.parse().map_err(io::Error::other)?;
        } else if header.name.eq_ignore_ascii_case("connection") {
            closes = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    let status = response.code.unwrap_or_default();
    Ok((bytes.len() >= head + length).then_some(Answer { status, closes }))
}
