//! Senders, one processor and a service, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::rhythm::Start;

const EVENT: Duration = Duration::from_micros(36);
const CALL: Duration = Duration::from_micros(250);
/// From an answer to the sender's next event.
const THINK: Duration = Duration::from_micros(150);
const MILLISECOND: Duration = Duration::from_millis(1);
/// The first seconds fill the loops and spend the burst.
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(4);

/// When events come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    /// At random times (Poisson).
    Random { per_second: u32 },
    /// From senders that each wait for their answer.
    Closed { senders: u32 },
}

/// What decides when calls start.
pub(super) trait Rule {
    fn next(&self, queued: usize, in_flight: usize, now: Instant) -> Start;
    fn take(&mut self, now: Instant) -> Result<(), Instant>;
    fn arrived(&mut self);
    fn answered(&mut self, rows: usize, now: Instant);
}

/// What came of it; latencies are those beyond the round trip.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) per_second: f64,
    pub(super) calls_per_second: f64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// An event is sent.
    Sent,
    /// Its row, with the time at which it was sent, is ready.
    Row(Instant),
    /// A call with rows sent at these times is answered.
    Answer(Vec<Instant>),
    Timer,
}

struct World<R> {
    rule: R,
    load: Load,
    round_trip: Duration,
    start: Instant,
    ahead: BinaryHeap<Reverse<(Instant, Happening)>>,
    dice: Dice,
    processor_free: Instant,
    queue: Vec<Instant>,
    in_flight: usize,
    /// The rule is asked again at this time, or when the queue is so long.
    wake: (Option<Instant>, usize),
    waits: Vec<Duration>,
    calls: u32,
}

/// Runs `rule` under `load`.
pub(super) fn run(rule: impl Rule, load: Load, round_trip: Duration, start: Instant) -> Outcome {
    let mut world = World {
        rule,
        load,
        round_trip,
        start,
        ahead: BinaryHeap::new(),
        dice: Dice(7),
        processor_free: start,
        queue: Vec::new(),
        in_flight: 0,
        wake: (None, 1),
        waits: Vec::new(),
        calls: 0,
    };
    let senders = if let Load::Closed { senders } = load { senders } else { 1 };
    (0..senders).for_each(|n| world.add(start + Duration::from_micros(20) * n, Happening::Sent));
    while let Some(Reverse((now, happening))) =
        world.ahead.pop().filter(|next| next.0.0 < start + WARM_UP + MEASURED)
    {
        world.happen(now, happening);
    }
    world.outcome()
}

impl<R: Rule> World<R> {
    fn add(&mut self, at: Instant, happening: Happening) {
        self.ahead.push(Reverse((at, happening)));
    }

    /// When the processor is done with `work` that came at `now`.
    fn work(&mut self, now: Instant, work: Duration) -> Instant {
        self.processor_free = self.processor_free.max(now) + work;
        self.processor_free
    }

    fn happen(&mut self, now: Instant, happening: Happening) {
        let mut is_due = true;
        match happening {
            Happening::Sent => {
                let ready = self.work(now, EVENT);
                self.add(ready, Happening::Row(now));
                if let Load::Random { per_second } = self.load {
                    let pause = -self.dice.roll().ln() / f64::from(per_second);
                    self.add(now + Duration::from_secs_f64(pause), Happening::Sent);
                }
                return;
            }
            Happening::Row(sent) => {
                self.queue.push(sent);
                self.rule.arrived();
                is_due = self.queue.len() >= self.wake.1;
            }
            Happening::Answer(rows) => {
                self.in_flight -= rows.len();
                self.rule.answered(rows.len(), now);
                for sent in rows {
                    if sent >= self.start + WARM_UP {
                        self.waits.push(now.saturating_duration_since(sent + self.round_trip));
                    }
                    if matches!(self.load, Load::Closed { .. }) {
                        let think = THINK.mul_f64(self.dice.roll() + 0.5);
                        self.add(now + think, Happening::Sent);
                    }
                }
            }
            Happening::Timer => is_due = self.wake.0.is_some_and(|at| at <= now),
        }
        if is_due {
            self.dispatch(now);
        }
    }

    fn dispatch(&mut self, now: Instant) {
        self.wake = (None, 1);
        while !self.queue.is_empty() {
            let next = self.rule.next(self.queue.len(), self.in_flight, now);
            let (at, more) = if next.at > now {
                (next.at, next.or_rows)
            } else {
                match self.rule.take(now) {
                    Ok(()) => {
                        self.call(now);
                        continue;
                    }
                    Err(turn) => (turn, usize::MAX),
                }
            };
            // The runtime's timer rounds up to whole milliseconds, and is a little late.
            let whole = MILLISECOND * u32::try_from((at - self.start).as_millis() + 1).unwrap();
            let at = self.start + whole + MILLISECOND.mul_f64(self.dice.roll() * 0.4);
            self.wake = (Some(at), self.queue.len().saturating_add(more));
            self.add(at, Happening::Timer);
            return;
        }
    }

    fn call(&mut self, now: Instant) {
        let rows = std::mem::take(&mut self.queue);
        self.in_flight += rows.len();
        self.calls += u32::from(now >= self.start + WARM_UP);
        let sent = self.work(now, CALL + Duration::from_micros(6) * u32::try_from(rows.len()).unwrap());
        let answered = sent + self.round_trip + MILLISECOND.mul_f64(self.dice.roll());
        self.add(answered, Happening::Answer(rows));
    }

    fn outcome(mut self) -> Outcome {
        self.waits.sort();
        let seconds = MEASURED.as_secs_f64();
        let milliseconds =
            |percent: usize| self.waits[self.waits.len() * percent / 100].as_secs_f64() * 1_000.0;
        Outcome {
            p50_ms: milliseconds(50),
            p99_ms: milliseconds(99),
            per_second: f64::from(u32::try_from(self.waits.len()).unwrap()) / seconds,
            calls_per_second: f64::from(self.calls) / seconds,
        }
    }
}

/// A linear congruential generator: the same numbers in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number above 0 and up to 1.
    pub(super) fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.0 >> 32).unwrap();
        (f64::from(high) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }
}
