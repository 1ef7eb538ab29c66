//! Plays a plan of events to the real connector, under a clock that the plan sets, and keeps the rows with the time at
//! which the workspace accepted each.
//!
//! The connector reads the system's clock, so `tests/content/clock.c` stands between the two: it tells the time that a
//! file holds. Waits and deadlines use the monotonic clock, which goes on as ever.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::{StreamExt as _, stream};
use humanbound_sentinel::emulator::{Fault, Store};
use humanbound_sentinel::record;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::rig::{Answer, Folder, Rig};

/// So many posts of one instant are under way at once.
const AT_ONCE: usize = 32;

/// What is played, step by step.
#[derive(Deserialize)]
pub struct Plan {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    #[serde(flatten)]
    act: Act,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Act {
    /// Posts bodies; each must be answered with `status`, or 2xx without one.
    Post { bodies: Vec<String>, status: Option<u16> },
    /// The workspace takes nothing from now on.
    Outage,
    /// The workspace is back. The worker is a new one, so that no breaker is open.
    Restore,
    /// The timer fires.
    Drain,
    /// Another instance takes over: nothing is remembered.
    Restart,
    /// A row that the connector writes of itself, at a time that its monotonic clock would not reach here.
    Own { event_type: String, data: Value },
}

/// What came of a step.
#[derive(Serialize)]
struct Outcome {
    #[serde(with = "time::serde::rfc3339")]
    accepted: OffsetDateTime,
    /// The event id of every body and what became of it, in the order of the plan.
    answers: Vec<(String, String)>,
    rows: Vec<Value>,
}

/// What gives the connector a clock of its own, compiled into `folder`; or `None` after a line that says what is skipped.
pub fn preload(folder: &Folder, skipped: &str) -> Option<PathBuf> {
    let library = folder.path().join("clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/content/clock.c");
    let options = ["-std=gnu99", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"];
    let compiled = Command::new("cc").args(options).arg(&library).arg(source).output();
    let trouble = match compiled {
        Ok(output) if cfg!(target_os = "linux") && output.status.success() => return Some(library),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("cc: {error}"),
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "the clock cannot be compiled: {trouble}");
    eprintln!("SKIPPED {skipped}: the clock needs Linux and a C compiler");
    None
}

/// A clock for both sides: the file that the connector reads, and what the workspace reads.
struct Clock {
    file: File,
    nanoseconds: Arc<AtomicI64>,
}

impl Clock {
    fn new(path: &Path, start: OffsetDateTime) -> Clock {
        let clock = Clock { file: File::create_new(path).unwrap(), nanoseconds: Arc::default() };
        clock.set(start);
        clock
    }

    fn set(&self, now: OffsetDateTime) {
        let nanoseconds = i64::try_from(now.unix_timestamp_nanos()).unwrap();
        self.file.write_all_at(&nanoseconds.to_ne_bytes(), 0).unwrap();
        self.nanoseconds.store(nanoseconds, Ordering::SeqCst);
    }
}

/// Plays `plan` and writes one line of JSON for each step into `output`.
pub async fn play(plan: &Plan, preload: &Path, output: &Path) {
    let mut lines = std::io::BufWriter::new(File::create(output).unwrap());
    let Some(first) = plan.steps.first() else { return };
    let folder = Folder::new();
    let place = folder.path().join("clock");
    let clock = Clock::new(&place, first.at);
    let shared = Arc::clone(&clock.nanoseconds);
    let mut rig = Rig::builder()
        .set("LD_PRELOAD", preload.to_str().unwrap())
        .set("CONTENT_CLOCK", place.to_str().unwrap())
        .workspace(|options| {
            options.store = Store::Dir(folder.path().join("rows"));
            options.clock = Arc::new(move || {
                let now = i128::from(shared.load(Ordering::SeqCst));
                OffsetDateTime::from_unix_timestamp_nanos(now).unwrap()
            });
        })
        .start()
        .await;
    let mut table = Table { read: 0 };
    for step in &plan.steps {
        clock.set(step.at);
        let mut outcome = Outcome { accepted: step.at, answers: Vec::new(), rows: Vec::new() };
        act(&mut rig, step, &mut outcome).await;
        outcome.rows.extend(table.news(&rig));
        serde_json::to_writer(&mut lines, &outcome).unwrap();
        lines.write_all(b"\n").unwrap();
    }
    lines.flush().unwrap();
}

async fn act(rig: &mut Rig, step: &Step, outcome: &mut Outcome) {
    match &step.act {
        Act::Post { bodies, status } => {
            let posts = bodies.iter().map(|body| rig.post(body.clone().into_bytes()));
            let answers: Vec<Answer> = stream::iter(posts).buffered(AT_ONCE).collect().await;
            for (answer, body) in answers.iter().zip(bodies) {
                let as_told =
                    status.map_or((200..300).contains(&answer.status), |status| status == answer.status);
                assert!(as_told, "at {}: {answer:?} to {body}", step.at);
                outcome.answers.push((answer.event_id(), answer.told().1));
            }
        }
        Act::Outage => rig.workspace.set_fault(Fault::status(403)),
        Act::Restore => {
            rig.workspace.clear_fault();
            rig.replace_instance().await;
        }
        Act::Drain => drop(rig.drain().await),
        Act::Restart => rig.replace_instance().await,
        Act::Own { event_type, data } => {
            let row = record::own_event(event_type, data.clone(), step.at).row;
            outcome.rows.push(serde_json::from_slice(&row).unwrap());
        }
    }
}

/// How far the file of rows was read.
struct Table {
    read: usize,
}

impl Table {
    /// The rows that were added since the last call.
    fn news(&mut self, rig: &Rig) -> Vec<Value> {
        let mut file = File::open(rig.workspace.rows_path().unwrap()).unwrap();
        file.seek(SeekFrom::Start(self.read as u64)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole;
        text.get(..whole)
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
