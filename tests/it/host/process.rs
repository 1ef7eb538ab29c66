//! One worker process: its command line, its environment, its folder and its console.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::Shared;
use super::console::Stream;

/// All that the operating system is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Start {
    /// An absolute path, or a name that is looked up in `PATH`.
    pub program: PathBuf,
    /// The arguments.
    pub arguments: Vec<String>,
    /// The working directory.
    pub folder: PathBuf,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
}

impl Start {
    /// How the host starts the worker with the id `worker`.
    pub fn plan(shared: &Shared, worker: Uuid) -> Start {
        let description = &shared.config.description;
        let environment = environment(shared, worker);
        let folder = match &description.working_directory {
            Some(folder) => shared.root.join(folder),
            None => shared.root.clone(),
        };
        let program = program(&shared.root, &expand(&description.executable, &environment));
        let mut words = description.arguments.clone();
        words.extend(description.worker_path.iter().map(|path| format!("\"{path}\"")));
        words.extend(description.worker_arguments.iter().cloned());
        // The host joins all of them with blanks into one line, which is then split again.
        let arguments = split(&expand(&words.join(" "), &environment));
        Start { program, arguments, folder, environment }
    }

    /// Starts the process and follows its console.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn spawn(self, shared: &Arc<Shared>) -> io::Result<Child> {
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .current_dir(self.folder)
            .env_clear()
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut tries = 0;
        let mut child = loop {
            match command.spawn() {
                // Another test forked while this program's file was still open for writing; its child lets go in a moment.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 100 => tries += 1,
                other => break other?,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        tokio::spawn(follow(shared.clone(), Stream::Out, child.stdout.take().unwrap()));
        tokio::spawn(follow(shared.clone(), Stream::Err, child.stderr.take().unwrap()));
        Ok(child)
    }
}

/// The app settings and the host's own variables; `PATH` as small as it can be. Nothing of the test's environment.
fn environment(shared: &Shared, worker: Uuid) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    all.extend(shared.settings.clone());
    let port = shared.port.to_string();
    let root = shared.root.to_str().unwrap().to_owned();
    for (name, value) in [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.clone()),
        ("FUNCTIONS_HTTPWORKER_PORT", port),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", worker.to_string()),
        ("FUNCTIONS_HTTPWORKER_ID", worker.to_string()),
        ("FUNCTIONS_APP_ROOT_PATH", root),
    ] {
        all.insert(name.to_owned(), value);
    }
    all
}

/// Absolute: as it is. Relative: below the script root when it exists there, else left for `PATH`.
fn program(root: &Path, path: &str) -> PathBuf {
    let inside = root.join(path);
    if inside.is_file() { inside } else { PathBuf::from(path) }
}

/// Replaces `%NAME%`; one that is not set vanishes.
fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let Some(name) = parts.next() {
        match parts.next() {
            Some(after) => {
                out.push_str(environment.get(name).map_or("", String::as_str));
                out.push_str(after);
            }
            None => out.extend(["%", name]),
        }
    }
    out
}

/// Splits a command line at blanks; quotes hold words together.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

async fn follow(shared: Arc<Shared>, stream: Stream, pipe: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        shared.console.worker(stream, line.strip_suffix('\r').unwrap_or(&line));
    }
}
