//! `hb-sentinel demo`, run as a user runs it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use humanbound_sentinel::record;
use humanbound_sentinel::story::{Story, StoryOptions};
use serde_json::Value;
use time::macros::datetime;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};

use crate::ingest::wait_until;
use crate::programs;

/// Far longer than a demo takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A folder that does not exist yet, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("demo-{}", uuid::Uuid::new_v4().simple());
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(super) fn demo(arguments: &[&str]) -> Command {
    demo_of(Path::new(programs::HB_SENTINEL), arguments)
}

fn demo_of(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::from(programs::command(program, &["demo"]));
    command.args(arguments).kill_on_drop(true);
    command
}

async fn finish(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the demo ends").unwrap()
}

pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The one JSON object that is all of stdout.
fn envelope(output: &Output) -> Value {
    assert_eq!(text(&output.stdout).lines().count(), 1, "{}", text(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The result in it.
fn report(output: &Output) -> Value {
    envelope(output)["result"].take()
}

#[tokio::test]
async fn brings_every_event_into_the_table_through_an_outage() {
    let kept = Scratch::new();
    let until = "2026-11-23T10:00:00Z";
    let arguments =
        ["--json", "--events", "300", "--seed", "7", "--until", until, "--keep", kept.0.to_str().unwrap()];
    let output = finish(demo(&arguments)).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = report(&output);
    assert_eq!(report["complete"], true);

    let story =
        Story::generate(StoryOptions { seed: 7, until: datetime!(2026-11-23 10:00 UTC), events: 300 });
    let sent = &report["sent"];
    assert_eq!((&sent["events"], &sent["deliveries"]), (&300.into(), &story.events.len().into()));
    let answers = ["stored", "spooled", "duplicates"].map(|name| sent[name].as_u64().unwrap());
    assert_eq!(answers.iter().sum::<u64>(), story.events.len() as u64);
    assert!(answers[0] > 150 && answers[1] >= 50, "{sent}");
    assert_eq!(report["story"]["by_type"]["campaign.completed"], story.truths.by_type["campaign.completed"]);
    assert_eq!(report["story"]["open"]["critical"], story.truths.open_critical());

    // The sums that the summary prints.
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(number(&sent["deliveries"]), answers.iter().sum::<u64>());
    let parts = [&report["table"]["pushed"], &report["spool"]["drained_rows"], &report["table"]["own"]];
    assert_eq!(number(&report["table"]["rows"]), parts.map(number).iter().sum::<u64>(), "{report}");
    // Copies of a spooled event are answered as it was, so the rows can be fewer than the answers.
    let drained = report["spool"]["drained_rows"].as_u64().unwrap();
    assert!(drained >= 50 && drained <= answers[1] + 1, "{report}");
    assert_eq!(report["spool"]["batches_left"], 0);
    let table = &report["table"];
    assert_eq!(
        (&table["events"], &table["missing"], &table["strangers"]),
        (&300.into(), &0.into(), &0.into())
    );
    assert_eq!(table["duplicates"], 0, "the connector remembers what it stored");
    assert_eq!(table["adjusted"], false, "every value fits its column");
    assert!(report["calls"]["accepted"].as_u64().unwrap() < 300, "calls are shared");
    assert!(report["calls"]["failed"].as_u64().unwrap() > 0, "the outage was real");

    // The file says the same, read without the demo's help.
    let file = std::fs::read_to_string(table["file"].as_str().unwrap()).unwrap();
    let rows: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: HashSet<_> = rows
        .iter()
        .filter(|row| row["EventFamily"] != "connector")
        .map(|row| row["EventId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 300);
    for event in &story.events {
        let id = record::map(&event.body, event.at).unwrap().event_id.to_string();
        assert!(ids.contains(id.as_str()), "{}", text(&event.body));
    }
    assert_eq!(rows.len(), table["rows"]);
    let chat = text(&output.stderr);
    assert!(chat.contains("Outage") && !chat.contains('\u{1b}'), "no escape codes off a terminal: {chat}");

    let again = finish(demo(&["--keep", kept.0.to_str().unwrap()])).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is not empty") && text(&again.stderr).contains("hint: "));
    assert!(again.stdout.is_empty());
}

/// The next line that contains `words`.
pub(super) async fn line_with(lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>, words: &str) -> String {
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("no line with `{words}`"));
            if line.contains(words) {
                return line;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no line with `{words}` in time"))
}

/// The end of `child`, and that it left nothing behind: neither the connector at `url` nor `file`.
pub(super) async fn ends_cleanly(child: Child, url: &str, file: &str) -> Output {
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    // It is killed, not waited for: on a busy machine its end may come a little later.
    let is_gone = async || {
        let tried = tokio::net::TcpStream::connect(address).await;
        tried.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    wait_until(is_gone).await;
    assert!(!Path::new(file).exists());
    output
}

#[tokio::test]
async fn leaves_nothing_behind_when_it_is_terminated_half_way() {
    let mut child = demo(&["--events", "100000"]).spawn().unwrap();
    let mut chat = BufReader::new(child.stderr.take().unwrap()).lines();
    let folder = line_with(&mut chat, "Folder").await.split_once("Folder ").unwrap().1.to_owned();
    let connector = line_with(&mut chat, "Connector").await;
    let url = connector.trim().trim_start_matches("Connector ").split(',').next().unwrap();
    assert!(Path::new(&folder).exists());
    programs::signal(&child, "TERM").await;
    let output = ends_cleanly(child, url, &folder).await;
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty());
}

/// The binary that is deployed, where the tests' demos otherwise drive the connector inside `hb-sentinel`.
#[tokio::test]
async fn drives_the_binary_that_is_deployed() {
    let output = finish(demo(&["--json", "--events", "200", "--connector", programs::CONNECTOR])).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(report(&output)["complete"], true);
}

#[tokio::test]
async fn refuses_what_it_cannot_tell_a_story_from() {
    for (option, value, teaches) in [
        ("--events", "10", "200 to 200000"),
        ("--events", "many", "200 to 200000"),
        ("--events", "-5", "200 to 200000"),
        ("--until", "tomorrow", "2026-10-01T12:00:00Z"),
        ("--until", "2026-10-01", "2026-10-01T12:00:00Z"),
        ("--seed", "seven", "from 0 to 18446744073709551615"),
        ("--seed", "-1", "from 0 to 18446744073709551615"),
    ] {
        let output = finish(demo(&[option, value])).await;
        let chat = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
        assert!(chat.contains(option) && chat.contains(teaches) && output.stdout.is_empty(), "{chat}");
    }
}

/// A script to be taken for a `connector`.
fn stand_in(script: &str) -> (Scratch, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Scratch::new();
    std::fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("connector");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

/// One downloaded file is all that it takes.
#[tokio::test]
async fn runs_alone_in_its_folder() {
    let folder = Scratch::new();
    std::fs::create_dir_all(&folder.0).unwrap();
    let program = folder.0.join("hb-sentinel");
    std::fs::copy(programs::HB_SENTINEL, &program).unwrap();
    let output = finish(demo_of(&program, &["--json", "--events", "200"])).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[tokio::test]
async fn says_what_to_do_when_the_connector_is_missing_or_dies() {
    let output = finish(demo(&["--connector", "no/such/connector"])).await;
    let chat = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(chat.contains("`no/such/connector` was not found") && chat.contains("hint: name"), "{chat}");

    let (_folder, connector) =
        stand_in("#!/bin/sh\necho '{\"level\":\"ERROR\",\"problem\":\"no luck\"}' >&2\nexit 3\n");
    let output = finish(demo(&["--connector", connector.to_str().unwrap()])).await;
    let chat = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(chat.contains("exit status: 3") && chat.contains("no luck"), "{chat}");
    assert!(output.stdout.is_empty());
}

/// A connector that says it stored what it threw away.
const LIAR: &str = r#"
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self): self.answer(b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b'{"status":"stored"}')
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
port = int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

#[tokio::test]
async fn does_not_believe_a_connector_that_loses_events() {
    let Some(python) = crate::tools::find("venv/bin/python", "the demo against a connector that lies") else {
        return;
    };
    let (_folder, connector) = stand_in(&format!("#!{}\n{LIAR}", python.display()));
    let arguments = ["--json", "--events", "200", "--connector", connector.to_str().unwrap()];
    let output = finish(demo(&arguments)).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let envelope = envelope(&output);
    assert_eq!((&envelope["ok"], &envelope["exit"]), (&false.into(), &1.into()));
    assert_eq!(envelope["error"]["message"], "the table does not hold what was sent");
    let report = &envelope["result"];
    assert_eq!((&report["complete"], &report["table"]["missing"]), (&false.into(), &200.into()));
    assert!(text(&output.stderr).contains("error: the table does not hold what was sent"));
}
