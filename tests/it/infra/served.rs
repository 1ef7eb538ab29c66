//! The real `az` without its start: processes that have imported what calls need, for all tests together.
//!
//! `tests/azure/az_server.py` runs each call in a fork of its own, with the variables of the test that makes it. That the
//! real `az` can be started too is what `azure_cli::contract` shows.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::Mutex,
};

use async_trait::async_trait;
use humanbound_sentinel::azure::{
    Runner,
    process::{Invocation, Output, RunError, Stdin, Tool},
};
use serde_json::{Value, json};

use super::root;
use crate::tools;

/// A process, which runs one call at a time and ends when its standard input does.
struct Process {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Those that have nothing to do. Each test that finds none starts one.
static IDLE: Mutex<Vec<Process>> = Mutex::new(Vec::new());

impl Process {
    fn start() -> Self {
        let mut python = tools::python("the real az").unwrap();
        python
            .arg(root().join("tests/azure/az_server.py"))
            .env("PYTHONPATH", root().join("tests/azure/shim"));
        // The packages are compiled where they are installed.
        python.env_remove("PYTHONPYCACHEPREFIX").env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { _child: child, stdin, stdout: BufReader::new(stdout) }
    }

    fn call(&mut self, call: &Value) -> Value {
        writeln!(self.stdin, "{call}").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

/// `az` with the variables of a test.
#[derive(Debug, Clone)]
pub struct Served(pub BTreeMap<String, String>);

impl Served {
    /// Runs a call to its end.
    pub fn call(&self, args: &[impl AsRef<str>], stdin: Option<&str>) -> Output {
        let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        let call = json!({ "args": args, "env": self.0, "stdin": stdin });
        let idle = IDLE.lock().unwrap().pop();
        let mut process = idle.unwrap_or_else(Process::start);
        let answer = process.call(&call);
        IDLE.lock().unwrap().push(process);
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let code = answer["code"].as_i64().map(|code| i32::try_from(code).unwrap());
        Output { code, stdout: text("stdout").into(), stderr: text("stderr") }
    }
}

#[async_trait]
impl Runner for Served {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        if invocation.tool != Tool::Az {
            return Err(RunError::Missing(invocation.tool));
        }
        assert!(invocation.folder.is_none(), "az is run where this process is");
        let served = self.clone();
        // What answers the call may be in this process too.
        let called = tokio::task::spawn_blocking(move || {
            let stdin = match &invocation.stdin {
                Stdin::Closed => None,
                Stdin::Bytes(bytes) => Some(std::str::from_utf8(bytes).unwrap()),
                Stdin::Terminal => panic!("nobody is there to answer"),
            };
            served.call(&invocation.args, stdin)
        });
        Ok(called.await.unwrap())
    }
}
