//! Ctrl-C while Azure deploys, in a process of its own: asked for on a terminal, left running elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{self, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::programs;
use crate::rig::Folder;
use crate::tools;

/// An `az` that knows of one deployment of ours, which never ends. It writes down what it is asked.
const AZ: &str = r#"#!/bin/bash
printf '%s\n' "$*" >>"$0.calls"
running='{"id":"/d/hb-sentinel-1","name":"hb-sentinel-1","properties":{"provisioningState":"Running"}}'
case "$*" in
  version*) echo '{"azure-cli":"2.91.0"}' ;;
  "account show"*) echo '{"id":"s","name":"Contoso","tenantId":"t","state":"Enabled","isDefault":true,"user":{"name":"op"}}' ;;
  "cloud show"*) echo '{"name":"AzureCloud","endpoints":{}}' ;;
  "provider show"*) echo '{"registrationState":"Registered"}' ;;
  "group show"*) echo '{"location":"westeurope"}' ;;
  "deployment group cancel"*) ;;
  *permissions*) echo '{"value":[{"actions":["*"],"notActions":[]}]}' ;;
  *deployments\?*) echo "{\"value\":[$running]}" ;;
  *deployments/*) echo "$running" ;;
  *workspaces/*) echo 'ERROR: Not Found({"error":{"code":"ResourceNotFound","message":"gone"}})' >&2; exit 1 ;;
  *) echo '{"value":[]}' ;;
esac
"#;

/// Runs a program on a terminal, presses Ctrl-C when it says the first word, and the keys when it says the second. What is
/// pressed while the program changes the terminal's mode may be lost, so it is pressed again after a while, as a person does.
const TERMINAL: &str = r#"
import os, pty, select, signal, sys, time
signal.alarm(120)
first, second, keys, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)
heard, pressed, since = b"", b"", time.monotonic()
waits = [(first, b"\x03"), (second, keys.encode())]
while True:
    if waits and waits[0][0].encode() in heard:
        pressed, since = waits.pop(0)[1], time.monotonic()
        os.write(terminal, pressed)
    if pressed and time.monotonic() - since > 5:
        since = time.monotonic()
        os.write(terminal, pressed)
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        heard += chunk
sys.stdout.buffer.write(heard)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

struct Scene {
    folder: Folder,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let az = folder.path().join("az");
        fs::write(&az, AZ).unwrap();
        fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("connector.zip"), crate::package::sample()).unwrap();
        Self { folder }
    }

    /// `deploy` before this Azure, as further arguments of `command`.
    fn deploy(&self, command: process::Command) -> Command {
        let mut command = Command::from(command);
        let folder = self.folder.path();
        command.args(["deploy", "--no-connect", "--rg", "it's", "--package"]);
        command.arg(folder.join("connector.zip")).env_clear().kill_on_drop(true);
        command.env("HOME", folder).env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        command.env("TERM", "xterm").stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.folder.path().join("az.calls")).unwrap_or_default()
    }

    fn cancels(&self) -> Vec<String> {
        let calls = self.calls();
        calls.lines().filter(|line| line.contains("group cancel")).map(str::to_owned).collect()
    }

    /// What is said on a terminal after Ctrl-C and these keys.
    async fn ask(&self, mut python: process::Command, keys: &str) -> String {
        python.args(["-c", TERMINAL, "is under way", "Cancel it", keys, programs::HB_SENTINEL]);
        let ended = self.deploy(python).output().await.unwrap();
        let heard = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(130), "{heard}{}", String::from_utf8_lossy(&ended.stderr));
        heard
    }
}

#[tokio::test]
async fn without_a_terminal_the_deployment_is_left_running() {
    let scene = Scene::new();
    let child = scene.deploy(programs::hb_sentinel(&[])).spawn().unwrap();
    let waited = async {
        while !scene.calls().contains("operations") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waited).await.unwrap();
    programs::signal(&child, "INT").await;
    let ended = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    let hint = r"hint: run the same command again and it waits for hb-sentinel-1, which goes on in Azure; or cancel it: `az deployment group cancel --subscription s --resource-group 'it'\''s' --name hb-sentinel-1`";
    assert!(stderr.contains(hint), "{stderr}");
    assert!(scene.cancels().is_empty());
}

#[tokio::test]
async fn on_a_terminal_it_is_left_or_canceled_as_somebody_says() {
    let cases = [
        ("\r", false, "it waits for hb-sentinel-1"),
        ("\x1b[B\r", true, "run the same command again when it may be deployed"),
        // Pressed once more: nobody has said that it is to be canceled.
        ("\x03", false, "it waits for hb-sentinel-1"),
    ];
    for (keys, is_canceled, hint) in cases {
        let scene = Scene::new();
        let Some(python) = tools::python("Ctrl-C on a terminal") else { return };
        let heard = scene.ask(python, keys).await;
        assert!(heard.contains(hint), "{keys:?}: {heard}");
        let expected = "deployment group cancel --resource-group it's --name hb-sentinel-1 --subscription s --only-show-errors --output none";
        let expected = if is_canceled { vec![expected.to_owned()] } else { Vec::new() };
        assert_eq!(scene.cancels(), expected, "{keys:?}: {heard}");
    }
}
