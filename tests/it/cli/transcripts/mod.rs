//! What the commands print, word for word: each run against a file beside this one.
//!
//! A file has the command, what it wrote to stderr and stdout, and its exit code. Write them anew with
//! `SNAPSHOTS=overwrite cargo test --test it transcripts`, and read the difference.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt as _;
use humanbound_sentinel::emulator::{PlatformFault, PlatformOptions};
use humanbound_sentinel::humanbound::Timing;
use serde_json::{Value, json};
use snapbox::{Assert, Data};
use time::OffsetDateTime;
use time::macros::datetime;

use super::status::{azure, deployed};
use super::{Desk, Ran, options};
use crate::azure_cli::recorded::Recorded;

/// What stands in the files for what is another at each run.
const URL: &str = "https://func.example/api/ingest";
const WEBHOOK: &str = "11111111-2222-4333-8444-555555555555";

fn folder() -> PathBuf {
    crate::tools::root().join("tests/it/cli/transcripts")
}

const NOW: OffsetDateTime = datetime!(2026-01-31 10:00 UTC);

/// A run's text, which its test holds to what the program prints.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap()
}

/// A clock that stands still, and waits that pass at once.
fn still() -> Timing {
    Timing::new(|| NOW, |_| tokio::task::yield_now().boxed())
}

/// One operator's morning; every command of it is compared with its file.
struct Morning {
    desk: Desk,
    /// The ids that webhooks had so far.
    ids: Vec<String>,
    azure: Option<Arc<Recorded>>,
}

impl Morning {
    async fn start() -> Self {
        let options = PlatformOptions { clock: Arc::new(|| NOW), ..options() };
        Self { desk: Desk::with(options).await, ids: Vec::new(), azure: None }
    }

    /// Connects, and says nothing of it.
    async fn connect(&self) {
        let (url, secret) = (self.desk.url(), self.desk.home.path().join("secret").display().to_string());
        let arguments = ["connect", "--url", &url, "--secret-file", &secret];
        self.desk.watched(&arguments, (80, still(), None), pending()).await.ends(0);
    }

    /// Runs a command at 80 columns.
    async fn runs(&mut self, name: &str, command: &str) {
        self.runs_at(80, name, command).await;
    }

    async fn runs_at(&mut self, columns: usize, name: &str, command: &str) {
        let (url, secret) = (self.desk.url(), self.desk.home.path().join("secret").display().to_string());
        let arguments: Vec<_> = command
            .split(' ')
            .skip(1)
            .map(|word| match word {
                URL => url.as_str(),
                "secret" => secret.as_str(),
                word => word,
            })
            .collect();
        let ran = self.desk.watched(&arguments, (columns, still(), self.azure.clone()), pending()).await;
        self.ids.extend(self.desk.webhooks());
        let text = self.redact(&transcript(command, &ran));
        let file = folder().join(format!("{name}.txt"));
        Assert::new().action_env("SNAPSHOTS").eq(text, Data::read_from(&file, None).raw());
    }

    fn redact(&self, text: &str) -> String {
        let mut text = text
            .replace(&self.desk.url(), URL)
            .replace(&self.desk.url().replace("/api/ingest", ""), &URL.replace("/api/ingest", ""))
            .replace(self.desk.home.path().to_str().unwrap(), "~");
        for id in &self.ids {
            text = text.replace(id, WEBHOOK);
        }
        after(&text, "instance ", |c| c == ',', "0123456789a…")
    }
}

/// Replaces what stands between each `mark` and the next character that is an `end`.
pub fn after(text: &str, mark: &str, end: impl Fn(char) -> bool, by: &str) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let rest = part.find(&end).map_or("", |at| part.get(at..).unwrap());
        out = format!("{out}{mark}{by}{rest}");
    }
    out
}

/// A run as text. With `--json` the envelope is shown in lines, and times as none.
pub fn transcript(command: &str, ran: &Ran) -> String {
    for stream in [&ran.stdout, &ran.stderr] {
        assert!(stream.is_empty() || stream.ends_with('\n'), "the last line has no end: {ran:?}");
    }
    let stdout = serde_json::from_str::<Value>(&ran.stdout).map_or_else(
        |_| ran.stdout.clone(),
        |mut envelope| {
            for step in envelope["steps"].as_array_mut().unwrap() {
                step["ms"] = json!(0);
            }
            format!("{envelope:#}\n")
        },
    );
    let stderr: String = ran.stderr.lines().flat_map(|line| [untimed(line), "\n"]).collect();
    let mut text = format!("$ {command}\n");
    for (name, stream) in [("stderr", stderr), ("stdout", stdout)] {
        if !stream.is_empty() {
            text.extend(["--- ", name, "\n", &stream]);
        }
    }
    format!("{text}--- exit {}\n", ran.code)
}

/// A line of a step without how long it took, which a slow machine adds.
fn untimed(line: &str) -> &str {
    match line.rsplit_once(" (") {
        Some((before, end)) if end.ends_with(" s)") => before,
        _ => line,
    }
}

#[tokio::test]
async fn of_a_first_morning() {
    let mut morning = Morning::start().await;
    morning.runs("bare", "hb-sentinel").await;
    morning.runs("test-not-connected", "hb-sentinel test").await;
    morning.runs("connect-without-url", "hb-sentinel connect").await;
    morning.runs("connect-without-secret", &format!("hb-sentinel connect --url {URL}")).await;
    morning.runs("connect", &format!("hb-sentinel connect --url {URL} --secret-file secret")).await;
    morning.runs("connect-again", "hb-sentinel connect").await;
    morning.runs("test", "hb-sentinel test").await;
    morning.runs("test-quiet", "hb-sentinel test -q").await;
    morning.runs("test-json", "hb-sentinel test --json").await;
    morning.runs("bare-connected", "hb-sentinel").await;
    morning.runs_at(60, "bare-60", "hb-sentinel").await;
    morning.runs("status", "hb-sentinel status").await;
    morning.runs_at(60, "status-60", "hb-sentinel status").await;
    morning.runs("status-json", "hb-sentinel status --json").await;
    morning.runs("sync-dry-run", "hb-sentinel sync --since 2025-01-01 --dry-run").await;
    morning.runs("disconnect", "hb-sentinel disconnect").await;
    morning.runs("disconnect-again", "hb-sentinel disconnect").await;
    morning.runs("status-not-connected", "hb-sentinel status").await;
}

#[tokio::test]
async fn of_a_bad_morning() {
    let mut morning = Morning::start().await;
    morning.connect().await;
    let wrong = morning.desk.home.path().join("secret");
    std::fs::write(&wrong, "f".repeat(64)).unwrap();
    let [id] = morning.desk.webhooks().try_into().unwrap();
    let path = format!("/api/organisations/*/webhooks/{id}");
    let platform = &morning.desk.platform;
    platform.add_fault(PlatformFault::status(503).on("DELETE", &path).next(4));
    morning.runs("disconnect-away", "hb-sentinel disconnect").await;
    let down = json!({ "delivered": false, "status_code": 401 }).to_string();
    let down = PlatformFault::Answer { code: 200, body: down };
    morning.desk.platform.add_fault(down.on("POST", &format!("{path}/test")).next(1));
    morning.runs("test-rejected", "hb-sentinel test").await;
    morning.desk.platform.remove_webhook(id.parse().unwrap());
    morning.runs("status-gone", "hb-sentinel status").await;
    morning
        .runs("connect-wrong-secret", &format!("hb-sentinel connect --url {URL} --secret-file secret"))
        .await;
    morning
        .runs(
            "connect-wrong-secret-json",
            &format!("hb-sentinel connect --url {URL} --secret-file secret --json -qq"),
        )
        .await;
    std::fs::remove_file(morning.desk.home.path().join(".humanbound/credentials.json")).unwrap();
    morning.runs("test-no-login", "hb-sentinel test").await;
    morning.runs("bare-no-login", "hb-sentinel").await;
}

#[tokio::test]
async fn of_a_deployment() {
    let mut morning = Morning::start().await;
    morning.connect().await;
    deployed(&morning.desk);
    morning.azure = Some(azure());
    let rows = json!({ "tables": [{
        "columns": [{ "name": "LastRow" }, { "name": "Rows24h" }, { "name": "Heartbeat" }],
        "rows": [["2026-01-31T09:57:00Z", 1234, "2026-01-31T09:40:00Z"]],
    }] });
    let first = Recorded::new().always("/query", crate::azure_cli::recorded::Answer::json(&rows));
    first.append(&azure());
    morning.azure = Some(first);
    morning.runs("status-azure", "hb-sentinel status").await;
    morning.runs_at(60, "status-azure-60", "hb-sentinel status").await;
}
