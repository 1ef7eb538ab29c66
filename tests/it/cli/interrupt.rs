//! Ctrl-C, in a process of its own: what was done stays, the exit code says so, and one line says how to go on.

use std::process::{Output, Stdio};
use std::time::Duration;

use humanbound_sentinel::emulator::PlatformFault;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::Desk;
use crate::programs;

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = Command::from(programs::hb_sentinel(arguments));
    command.env_clear().env("HOME", desk.home.path()).kill_on_drop(true);
    command.stdin(Stdio::piped()).spawn().unwrap()
}

async fn interrupt(child: Child) -> Output {
    programs::signal(&child, "INT").await;
    tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap()
}

/// Waits until the platform was asked for something.
async fn asked(desk: &Desk) {
    let asked = async {
        while desk.platform.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
}

#[track_caller]
fn says_how_to_go_on(ended: &Output) {
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted by Ctrl-C"), "{stderr}");
    assert_eq!(stderr.matches("hint: run the same command again").count(), 1, "{stderr}");
}

#[tokio::test]
async fn ends_a_command_that_waits_for_an_answer() {
    let desk = Desk::start().await;
    desk.platform.add_fault(PlatformFault::Hang.on("GET", "/api/organisations").next(1));
    let child = start(&desk, &["connect", "--url", &desk.url()]);
    asked(&desk).await;
    says_how_to_go_on(&interrupt(child).await);
}

#[tokio::test]
async fn ends_a_command_that_waits_for_standard_input() {
    let desk = Desk::start().await;
    let url = desk.url();
    let mut child = start(&desk, &["connect", "--url", &url, "--secret-file", "-", "--debug"]);
    let stdin = child.stdin.take();
    let mut stderr = child.stderr.take().unwrap();
    let mut heard = Vec::new();
    // The last call before the secret is read.
    let list = async {
        while !String::from_utf8_lossy(&heard).contains("/webhooks 200") {
            assert_ne!(stderr.read_buf(&mut heard).await.unwrap(), 0);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), list).await.unwrap();
    let mut ended = interrupt(child).await;
    stderr.read_to_end(&mut heard).await.unwrap();
    ended.stderr = heard;
    drop(stdin);
    says_how_to_go_on(&ended);
}

#[tokio::test]
async fn is_the_way_out_of_watching() {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    desk.platform.forget_calls();
    let child = start(&desk, &["status", "--watch", "60s"]);
    asked(&desk).await;
    let ended = interrupt(child).await;
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}
