//! `hb-sentinel demo --serve`: what can be done against it from another shell.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::command::{PATIENCE, demo, ends_cleanly, line_with, text};
use crate::programs::signal;

/// A demo that has told its story and serves.
struct Served {
    child: Child,
    chat: Lines<BufReader<ChildStderr>>,
    /// The member `serve` of the result.
    offer: Value,
}

impl Served {
    async fn start() -> Served {
        let mut demo = demo(&["--json", "--events", "200", "--serve"]);
        // Somebody's own settings must not lead the commands elsewhere.
        let mut child = demo.env("HUMANBOUND_BASE_URL", "https://127.0.0.1:9/api").spawn().unwrap();
        let mut chat = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut data = BufReader::new(child.stdout.take().unwrap()).lines();
        let envelope: Value = serde_json::from_str(&line_with(&mut data, "{").await).unwrap();
        assert_eq!((&envelope["schema"], &envelope["ok"]), (&1.into(), &true.into()));
        assert_eq!(envelope["result"]["complete"], true);
        line_with(&mut chat, "Serving").await;
        Served { child, chat, offer: envelope["result"]["serve"].clone() }
    }

    fn offered(&self, name: &str) -> &str {
        self.offer[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.offer))
    }

    /// Runs the line that is offered for a command, and `more`, to its good end.
    async fn run(&self, command: &str, more: &str) {
        let line = self.offer["commands"][command].as_str().unwrap();
        let output = shell(&format!("{line} {more}")).await;
        assert_eq!(output.status.code(), Some(0), "{command}: {}", text(&output.stderr));
    }

    /// Calls the platform for the story's organisation, with the login that is offered.
    async fn platform(&self, method: Method, below: &str) -> Value {
        let file = Path::new(self.offered("home")).join(".humanbound/credentials.json");
        let login: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let [base, organisation, token] =
            ["base_url", "organisation_id", "api_token"].map(|name| login[name].as_str().unwrap());
        let url = format!("{base}/organisations/{organisation}/{below}");
        let request = crate::host::client().request(method, url).bearer_auth(token).body("{}");
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    async fn webhooks(&self) -> Vec<Value> {
        self.platform(Method::GET, "webhooks").await["data"].as_array().unwrap().clone()
    }

    async fn stop(self) {
        signal(&self.child, "INT").await;
        let (url, file) = (self.offered("url").to_owned(), self.offered("body_file").to_owned());
        assert_eq!(ends_cleanly(self.child, &url, &file).await.status.code(), Some(0));
    }
}

/// Runs `line` in a shell whose environment would lead to Humanbound itself.
async fn shell(line: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env("no_proxy", "*").env("HUMANBOUND_BASE_URL", "https://127.0.0.1:9/api");
    let output = shell.stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(PATIENCE, output).await.unwrap_or_else(|_| panic!("no end of {line}")).unwrap()
}

#[tokio::test]
async fn serves_commands_and_an_event_that_is_posted_by_hand_until_interrupted() {
    let mut served = Served::start().await;
    for file in ["home/.humanbound/credentials.json", "home/webhook-secret"] {
        let file = Path::new(served.offered("body_file")).with_file_name(file);
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let connect = line_with(&mut served.chat, " connect --url ").await;
    assert_eq!(connect.trim(), served.offer["commands"]["connect"], "a person sees the same line");
    assert_eq!(served.webhooks().await, [json!(null); 0], "what sent the story is gone");

    served.run("connect", "").await;
    line_with(&mut served.chat, "Row webhook.test").await;
    served.run("test", "").await;
    line_with(&mut served.chat, "Row webhook.test").await;

    let [webhook] = served.webhooks().await.try_into().unwrap();
    let replay = format!("webhooks/{}/replay", webhook["id"].as_str().unwrap());
    let queued = served.platform(Method::POST, &replay).await;
    assert_eq!(queued["events_queued"], 200, "the story is the platform's past");

    served.run("status", "").await;
    served.run("sync", "--dry-run").await;
    served.run("disconnect", "").await;
    assert_eq!(served.webhooks().await, [json!(null); 0]);

    let posted = shell(served.offered("curl")).await;
    let answer = text(&posted.stdout);
    assert!(answer.contains("200 OK") && answer.contains("\"stored\""), "{answer} {}", text(&posted.stderr));
    line_with(&mut served.chat, "Row finding.created: New critical finding").await;
    served.stop().await;
}
