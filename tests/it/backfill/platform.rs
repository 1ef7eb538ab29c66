//! A platform with a past: replays over sorted events, at most so many a request, and deliveries that take time by the
//! tests' own clock.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use humanbound_sentinel::config::{self, Env, PlatformSettings};
use humanbound_sentinel::humanbound::{Client, Timing};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub const ORGANISATION: &str = "0a1b";
pub const WEBHOOK: &str = "w1";
/// What every request takes, by the tests' clock.
const LATENCY: Duration = Duration::from_millis(150);

/// An event of the past. Its id is its place in the list.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at: OffsetDateTime,
    pub kind: &'static str,
    pub project: &'static str,
}

/// How a platform behaves.
pub struct Behaviour {
    /// Whether deliveries have a total.
    pub has_total: bool,
    /// The total goes no further.
    pub max_total: usize,
    /// How many deliveries are made a second.
    pub per_second: f64,
    /// Whether a time of day is a 422.
    pub days_only: bool,
    /// Deliveries of these numbers are answered with 503.
    pub overloaded: std::ops::Range<usize>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { has_total: true, max_total: usize::MAX, per_second: 50.0, days_only: false, overloaded: 0..0 }
    }
}

/// The time, which passes only when somebody sleeps or calls.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<OffsetDateTime>>);

impl Clock {
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    pub fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

/// A request for a replay.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: OffsetDateTime,
    pub path: &'static str,
    pub body: Value,
}

struct Inner {
    events: Vec<Event>,
    behaviour: Behaviour,
    /// When each delivery is made, and the event's id.
    deliveries: Vec<(OffsetDateTime, usize)>,
    /// What the next replays answer instead; `None` is the usual answer.
    script: VecDeque<Option<(u16, Option<&'static str>, &'static str)>>,
    calls: Vec<Call>,
}

#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    clock: Clock,
}

/// A running platform.
pub struct Platform {
    shared: Shared,
    port: u16,
    pauses: Arc<Mutex<Vec<Duration>>>,
    _task: JoinSet<()>,
}

impl Platform {
    pub async fn start(now: OffsetDateTime, mut events: Vec<Event>, behaviour: Behaviour) -> Self {
        events.sort_by_key(|event| event.at);
        let inner =
            Inner { events, behaviour, deliveries: Vec::new(), script: VecDeque::new(), calls: Vec::new() };
        let shared = Shared { inner: Arc::new(Mutex::new(inner)), clock: Clock::at(now) };
        let webhook = "/api/organisations/{organisation}/webhooks/{webhook}";
        let router = Router::new()
            .route(&format!("{webhook}/replay"), post(replay))
            .route(&format!("{webhook}/deliveries"), get(deliveries))
            .route("/api/projects", get(projects))
            .with_state(shared.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { shared, port, pauses: Arc::default(), _task: task }
    }

    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The clock, and pauses that it takes no time to wait for.
    pub fn timing(&self) -> Timing {
        let (clock, sleeper, pauses) = (self.clock().clone(), self.clock().clone(), self.pauses.clone());
        Timing::new(
            move || clock.now(),
            move |pause| {
                sleeper.pass(pause);
                pauses.lock().unwrap().push(pause);
                Box::pin(std::future::ready(()))
            },
        )
    }

    pub fn client(&self) -> Client {
        Client::open(&self.settings(), None, self.timing()).unwrap()
    }

    fn settings(&self) -> PlatformSettings {
        config::platform(&Env::from([
            ("HUMANBOUND_API_KEY", "key"),
            ("HUMANBOUND_ORG_ID", ORGANISATION),
            ("HUMANBOUND_BASE_URL", &self.base_url()),
        ]))
    }

    /// The next replays answer this: a status, a `Retry-After`, a body.
    pub fn script(
        &self,
        answers: impl IntoIterator<Item = Option<(u16, Option<&'static str>, &'static str)>>,
    ) {
        self.inner().script.extend(answers);
    }

    /// The requests for replays.
    pub fn replays(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.path == "replay").collect()
    }

    pub fn calls(&self) -> Vec<Call> {
        self.inner().calls.clone()
    }

    /// The pauses in seconds.
    pub fn pauses(&self) -> Vec<u64> {
        self.pauses.lock().unwrap().iter().map(Duration::as_secs).collect()
    }

    /// How many deliveries there are in the end, and of how many different events.
    pub fn delivered(&self) -> (u64, u64) {
        let inner = self.inner();
        let different: BTreeSet<_> = inner.deliveries.iter().map(|(_, id)| *id).collect();
        (inner.deliveries.len() as u64, different.len() as u64)
    }

    /// The events that no replay has queued.
    pub fn missing(&self) -> Vec<Event> {
        let inner = self.inner();
        let queued: BTreeSet<_> = inner.deliveries.iter().map(|(_, id)| *id).collect();
        let all = inner.events.iter().enumerate();
        all.filter(|(id, _)| !queued.contains(id)).map(|(_, event)| *event).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap()
    }
}

/// As many as the real one queues.
const LIMIT: usize = 1000;

async fn replay(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let now = shared.clock.now();
    shared.clock.pass(LATENCY);
    let mut inner = shared.inner.lock().unwrap();
    inner.calls.push(Call { at: now, path: "replay", body: body.clone() });
    let scripted = inner.script.pop_front().flatten();
    // A 5xx may come after the deed: it does here.
    if let Some((status, retry_after, text)) = scripted.filter(|(status, ..)| *status < 500) {
        return answer(status, retry_after, text);
    }
    let is_day = |text: &str| text.len() == 10;
    let range = ["since", "until"].map(|name| body[name].as_str().unwrap().to_owned());
    if inner.behaviour.days_only && !range.iter().all(|text| is_day(text)) {
        return answer(422, None, r#"{"message":"since: must be a date"}"#);
    }
    let [since, until] = range.map(|text| {
        if is_day(&text) {
            let day = Date::parse(&text, format_description!("[year]-[month]-[day]")).unwrap();
            return day.midnight().assume_utc();
        }
        OffsetDateTime::parse(&text, &Rfc3339).unwrap()
    });
    let start = inner.events.partition_point(|event| event.at < since);
    let end = inner.events.partition_point(|event| event.at <= until);
    let wants = |name: &str, value: &str| body[name].as_str().is_none_or(|wanted| wanted == value);
    let picked: Vec<usize> = (start..end)
        .filter(|id| {
            let event = inner.events[*id];
            wants("event_type", event.kind) && wants("project_id", event.project)
        })
        .take(LIMIT)
        .collect();
    let queued = picked.len();
    let step = Duration::from_secs_f64(1.0 / inner.behaviour.per_second);
    let mut at = inner.deliveries.last().map_or(now, |(last, _)| (*last).max(now));
    for id in picked {
        at += step;
        inner.deliveries.push((at, id));
    }
    match scripted {
        Some((status, retry_after, text)) => answer(status, retry_after, text),
        None => Json(json!({ "events_queued": queued })).into_response(),
    }
}

fn answer(status: u16, retry_after: Option<&'static str>, text: &'static str) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap(), text).into_response();
    if let Some(value) = retry_after {
        response.headers_mut().insert("retry-after", value.parse().unwrap());
    }
    response
}

async fn deliveries(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, usize>>,
) -> Json<Value> {
    let now = shared.clock.now();
    shared.clock.pass(LATENCY);
    let mut inner = shared.inner.lock().unwrap();
    inner.calls.push(Call { at: now, path: "deliveries", body: Value::Null });
    let made = inner.deliveries.partition_point(|(at, _)| *at <= now);
    let shown = (0..made).rev().take(query["size"]);
    let items: Vec<_> = shown
        .map(|number| {
            let is_overloaded = inner.behaviour.overloaded.contains(&number);
            let status = if is_overloaded { 503 } else { 200 };
            json!({ "event_id": format!("{number}"), "status_code": status, "attempt": 1, "error": null })
        })
        .collect();
    let total = inner.behaviour.has_total.then_some(made.min(inner.behaviour.max_total));
    Json(match total {
        Some(total) => json!({ "data": items, "total": total }),
        None => json!({ "data": items }),
    })
}

async fn projects(State(shared): State<Shared>) -> Json<Value> {
    let inner = shared.inner.lock().unwrap();
    let all: BTreeSet<_> = inner.events.iter().map(|event| event.project).collect();
    let all: Vec<_> = all.iter().map(|id| json!({ "id": id, "name": format!("Agent {id}") })).collect();
    Json(json!({ "data": all, "has_next_page": false }))
}
