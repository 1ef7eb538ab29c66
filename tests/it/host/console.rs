//! The worker's console as the host logs it.
//!
//! The rules are those of the host's `WorkerProcess` and `WorkerProcessUtilities`
//! (<https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script/Workers/ProcessManagement>).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// A prefix that makes a line one of the host's own log entries.
const SYSTEM_PREFIX: &str = "LanguageWorkerConsoleLog";

/// How grave the host takes a line to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every line of stdout.
    Information,
    /// A line of stderr that contains "warn" in any case.
    Warning,
    /// Every other line of stderr.
    Error,
}

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// `Host.Function.Console`: what the worker printed.
    Worker,
    /// The host's own log: what the host says, and worker lines that began with `LanguageWorkerConsoleLog`.
    System,
    /// The log of a function: `Logs` of its answers.
    Function,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// How grave it is.
    pub level: Level,
    /// Whose it is.
    pub category: Category,
    /// The text, without the line end and without a prefix that the host removes.
    pub text: String,
}

/// Which of the worker's streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Classifies one line of the worker.
pub fn classify(stream: Stream, line: &str) -> ConsoleLine {
    let level = match stream {
        Stream::Out => Level::Information,
        Stream::Err if line.to_ascii_lowercase().contains("warn") => Level::Warning,
        Stream::Err => Level::Error,
    };
    match line.strip_prefix(SYSTEM_PREFIX) {
        Some(rest) => ConsoleLine { level, category: Category::System, text: rest.to_owned() },
        None => ConsoleLine { level, category: Category::Worker, text: line.to_owned() },
    }
}

/// The log of one host, shared by everything that writes to it.
#[derive(Clone, Debug)]
pub struct Console {
    lines: Arc<watch::Sender<Vec<ConsoleLine>>>,
}

impl Console {
    /// An empty log.
    pub fn new() -> Console {
        Console { lines: Arc::new(watch::channel(Vec::new()).0) }
    }

    /// Adds a line of the worker.
    pub fn worker(&self, stream: Stream, line: &str) {
        self.lines.send_modify(|lines| lines.push(classify(stream, line)));
    }

    /// Adds a line of the host itself.
    pub fn system(&self, level: Level, text: impl Into<String>) {
        let line = ConsoleLine { level, category: Category::System, text: text.into() };
        self.lines.send_modify(|lines| lines.push(line));
    }

    /// Adds a line that the worker gave back in `Logs`.
    pub fn function(&self, text: &str) {
        let line =
            ConsoleLine { level: Level::Information, category: Category::Function, text: text.to_owned() };
        self.lines.send_modify(|lines| lines.push(line));
    }

    /// The worker's last lines of level Error, which the host makes the message of its crash.
    pub fn last_errors(&self, count: usize) -> Vec<String> {
        let lines = self.lines.borrow();
        let errors =
            lines.iter().filter(|line| line.category == Category::Worker && line.level == Level::Error);
        let texts: Vec<String> = errors.map(|line| line.text.clone()).collect();
        texts[texts.len().saturating_sub(count)..].to_vec()
    }

    /// Everything so far.
    pub fn lines(&self) -> Vec<ConsoleLine> {
        self.lines.borrow().clone()
    }

    /// The first line that `wanted` accepts, past or future; panics with the whole log after `timeout`.
    pub async fn wait_for(&self, wanted: impl Fn(&ConsoleLine) -> bool, timeout: Duration) -> ConsoleLine {
        let mut lines = self.lines.subscribe();
        let found = async {
            lines
                .wait_for(|all| all.iter().any(&wanted))
                .await
                .map(|all| all.iter().find(|line| wanted(line)).cloned())
        };
        let Ok(found) = tokio::time::timeout(timeout, found).await else {
            panic!("no such line within {timeout:?}; the log:\n{}", self.dump());
        };
        found.expect("the log outlives its readers").expect("it was there")
    }

    /// The whole log as text, for the message of a failing test.
    pub fn dump(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for line in self.lines.borrow().iter() {
            writeln!(text, "[{:?} {:?}] {}", line.level, line.category, line.text).unwrap();
        }
        text
    }
}
