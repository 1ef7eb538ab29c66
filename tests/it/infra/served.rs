//! The real `az`, started once for many calls.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout},
    sync::Mutex,
};

use async_trait::async_trait;
use humanbound_sentinel::azure::{
    Runner,
    process::{Invocation, Output, RunError, Stdin, Tool},
};
use serde_json::{Value, json};

use crate::infra::loopback::Loopback;

/// The process, which runs one call at a time.
pub struct Served(Mutex<(Child, BufReader<ChildStdout>)>);

impl Served {
    /// `az` as it speaks to this Azure.
    pub fn start(loopback: &Loopback, skipped: &str) -> Option<Self> {
        let mut child = loopback.az_server(skipped)?;
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Some(Self(Mutex::new((child, stdout))))
    }
}

#[async_trait]
impl Runner for Served {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        assert!(invocation.tool == Tool::Az && invocation.folder.is_none());
        let stdin = match &invocation.stdin {
            Stdin::Closed => None,
            Stdin::Bytes(bytes) => Some(std::str::from_utf8(bytes).unwrap()),
            Stdin::Terminal => panic!("nobody is there to answer"),
        };
        let call = json!({ "args": invocation.args, "stdin": stdin });
        let mut server = self.0.lock().unwrap();
        let (child, stdout) = &mut *server;
        writeln!(child.stdin.as_mut().unwrap(), "{call}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let code = answer["code"].as_i64().map(|code| i32::try_from(code).unwrap());
        Ok(Output { code, stdout: text("stdout").into(), stderr: text("stderr") })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let (child, _) = self.0.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}
