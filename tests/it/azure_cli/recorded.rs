//! A runner that plays answers and remembers every call, argument list and standard input.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use humanbound_sentinel::azure::{
    Az, Azure, Runner, Scope,
    process::{Invocation, Output, RunError, Stdin},
};
use serde_json::Value;

pub const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
pub const GROUP: &str = "rg-humanbound";

#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn json(value: &Value) -> Self {
        Self { stdout: value.to_string(), ..Self::default() }
    }

    pub fn silent() -> Self {
        Self::default()
    }

    pub fn error(code: i32, stderr: impl Into<String>) -> Self {
        Self { code, stderr: stderr.into(), ..Self::default() }
    }
}

#[derive(Debug, Clone)]
pub struct Recording {
    pub args: Vec<String>,
    pub stdin: Option<String>,
}

impl Recording {
    pub fn line(&self) -> String {
        self.args.join(" ")
    }
}

#[derive(Default)]
pub struct Recorded {
    /// What an argument list must hold, the answer, and how often it is given.
    answers: Mutex<Vec<(String, Answer, usize)>>,
    calls: Mutex<Vec<Recording>>,
    pauses: Mutex<Vec<Duration>>,
}

impl Recorded {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Answers once whatever has `words` in it; the earliest that fits is taken.
    pub fn on(self: &Arc<Self>, words: &str, answer: Answer) -> Arc<Self> {
        self.times(words, 1, answer)
    }

    pub fn always(self: &Arc<Self>, words: &str, answer: Answer) -> Arc<Self> {
        self.times(words, usize::MAX, answer)
    }

    pub fn times(self: &Arc<Self>, words: &str, times: usize, answer: Answer) -> Arc<Self> {
        self.answers.lock().unwrap().push((words.to_owned(), answer, times));
        Arc::clone(self)
    }

    /// The answers of another, after these.
    pub fn append(&self, other: &Self) {
        self.answers.lock().unwrap().extend(other.answers.lock().unwrap().iter().cloned());
    }

    pub fn calls(&self) -> Vec<Recording> {
        self.calls.lock().unwrap().clone()
    }

    pub fn pauses(&self) -> Vec<u64> {
        self.pauses.lock().unwrap().iter().map(Duration::as_secs).collect()
    }

    /// A client whose pauses take no time and are remembered.
    pub fn az(self: &Arc<Self>) -> Az {
        let recorded = Arc::clone(self);
        Az::new(Arc::clone(self) as Arc<dyn Runner>).sleeping(move |pause| {
            recorded.pauses.lock().unwrap().push(pause);
            Box::pin(std::future::ready(()))
        })
    }

    pub fn azure(self: &Arc<Self>) -> Azure {
        self.az().azure(Scope { subscription: SUBSCRIPTION.to_owned(), group: GROUP.to_owned() })
    }
}

#[async_trait]
impl Runner for Recorded {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let stdin = match &invocation.stdin {
            Stdin::Bytes(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Stdin::Closed | Stdin::Terminal => None,
        };
        let recording = Recording { args: invocation.args.clone(), stdin };
        let line = recording.line();
        self.calls.lock().unwrap().push(recording);
        let mut answers = self.answers.lock().unwrap();
        let fitting =
            answers.iter_mut().find(|(words, _, times)| *times > 0 && line.contains(words.as_str()));
        let (_, answer, times) = fitting.unwrap_or_else(|| panic!("no answer for: {line}"));
        *times -= 1;
        let Answer { code, stdout, stderr } = answer.clone();
        Ok(Output { code: Some(code), stdout: stdout.into(), stderr })
    }
}
