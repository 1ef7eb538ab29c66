//! Runs `az` and `func`: with argument lists only, secrets through standard input only, and a time-out for each call.
//!
//! [`Runner`] is the seam: [`System`] starts processes, and the tests replay recorded answers. Only this module decides
//! what holds for every call: which variables are set and removed, that standard input is closed or given, that both
//! outputs are read together, and that no process outlives its call. `windows` has what differs where `az` is a batch file.

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};
use zeroize::Zeroizing;

use super::windows::{self, Program};

/// The programs that are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The Azure CLI.
    Az,
    /// Azure Functions Core Tools.
    Func,
}

impl Tool {
    /// The name to look for on the `PATH`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Az => "az",
            Self::Func => "func",
        }
    }
}

/// No telemetry, no survey, no colors, and no extension is installed without the operator's consent.
/// <https://learn.microsoft.com/cli/azure/azure-cli-configuration>
const AZ: [(&str, &str); 5] = [
    ("AZURE_CORE_COLLECT_TELEMETRY", "0"),
    ("AZURE_CORE_SURVEY_MESSAGE", "0"),
    ("AZURE_CORE_NO_COLOR", "1"),
    ("AZURE_AUTO_UPGRADE_ENABLE", "no"),
    ("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no"),
];

/// Core Tools read the runtime here before they look for `local.settings.json`, which a package lacks.
/// <https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference>
const FUNC: [(&str, &str); 2] =
    [("FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT", "1"), ("FUNCTIONS_WORKER_RUNTIME", "custom")];

/// Variables that no child process may see.
const REMOVED: [&str; 1] = ["HUMANBOUND_API_KEY"];

/// What a process reads on its standard input. Wiped from memory when it is dropped, since it may hold a secret.
#[derive(Clone, Default)]
pub enum Stdin {
    /// Closed: a program that asks something gets no answer.
    #[default]
    Closed,
    /// These bytes, then the end.
    Bytes(Zeroizing<Vec<u8>>),
    /// The operator's terminal, for all three streams: a login asks and shows things. Nothing is captured.
    Terminal,
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "Closed",
            Self::Bytes(_) => "Bytes(redacted)",
            Self::Terminal => "Terminal",
        })
    }
}

/// One call of a program.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Which program.
    pub tool: Tool,
    /// Its arguments, passed as they are. Never a secret, because other users can list them.
    pub args: Vec<String>,
    /// What it reads.
    pub stdin: Stdin,
    /// The folder it runs in; that of this process when there is none.
    pub folder: Option<PathBuf>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a program wrote.
#[derive(Clone)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output, which may hold keys.
    pub stdout: Zeroizing<String>,
    /// Its standard error.
    pub stderr: String,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("code", &self.code)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}

/// Why there is no output.
#[derive(Debug, Error)]
pub enum RunError {
    /// The program is not on the `PATH`.
    #[error("`{}` is not installed", .0.name())]
    Missing(Tool),
    /// It is a batch file, and the command interpreter would read this argument as something else.
    #[error("`{}` is a batch file, which cannot be given the argument {argument:?}", .tool.name())]
    Unquotable {
        /// Which program.
        tool: Tool,
        /// The argument.
        argument: String,
    },
    /// It did not end in time, and was killed.
    #[error("`{}` did not answer within {} s", .tool.name(), .after.as_secs())]
    TimedOut {
        /// Which program.
        tool: Tool,
        /// How long it had.
        after: Duration,
    },
    /// The operating system could not run it.
    #[error("`{}` cannot be run", .tool.name())]
    Io {
        /// Which program.
        tool: Tool,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs a call to its end. Dropping the future ends the program.
#[async_trait]
pub trait Runner: Send + Sync {
    /// # Errors
    ///
    /// When the program could not be run to its end; an exit code other than 0 is no error here.
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError>;
}

/// A call that has ended, to be shown. Its standard input is left out, because that may be a secret.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Which program.
    pub tool: Tool,
    /// Its arguments.
    pub args: &'a [String],
    /// How long it took.
    pub took: Duration,
    /// Its exit code; `None` when there is none.
    pub code: Option<i32>,
}

type Observer = Arc<dyn Fn(&Ended<'_>) + Send + Sync>;

/// Runs programs of this machine.
#[derive(Clone, Default)]
pub struct System {
    search: Option<OsString>,
    variables: Vec<(String, OsString)>,
    observer: Option<Observer>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("search", &self.search).finish_non_exhaustive()
    }
}

impl System {
    /// The programs on the `PATH` of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks in these folders instead, in the form of a `PATH`.
    #[must_use]
    pub fn searching(mut self, folders: impl Into<OsString>) -> Self {
        self.search = Some(folders.into());
        self
    }

    /// Sets this variable for every program.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Reports every call to `observer` when it has ended, successful or not.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(&Ended<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Where a program is.
    ///
    /// # Errors
    ///
    /// [`RunError::Missing`].
    pub fn find(&self, tool: Tool) -> Result<PathBuf, RunError> {
        let found = match &self.search {
            Some(folders) => which::which_in_global(tool.name(), Some(folders)).map(|mut all| all.next()),
            None => which::which(tool.name()).map(Some),
        };
        found.ok().flatten().ok_or(RunError::Missing(tool))
    }

    fn command(&self, invocation: &Invocation) -> Result<Command, RunError> {
        let tool = invocation.tool;
        let found = self.find(tool)?;
        let (program, before) = match windows::program(&found, cfg!(windows), Path::is_file) {
            Program::Direct => (found, Vec::new()),
            Program::Interpreter(python) => (python, windows::AZ_MODULE.map(str::to_owned).to_vec()),
            Program::Batch => {
                if let Some(argument) =
                    invocation.args.iter().find(|argument| windows::is_unquotable(argument))
                {
                    return Err(RunError::Unquotable { tool, argument: argument.clone() });
                }
                (found, Vec::new())
            }
        };
        let mut command = Command::new(program);
        command.args(before).args(&invocation.args);
        match tool {
            Tool::Az => command.envs(AZ),
            Tool::Func => command.envs(FUNC),
        };
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        for name in REMOVED {
            command.env_remove(name);
        }
        if let Some(folder) = &invocation.folder {
            command.current_dir(folder);
        }
        command.kill_on_drop(true);
        Ok(command)
    }
}

#[async_trait]
impl Runner for System {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let began = Instant::now();
        let outcome = match self.command(&invocation) {
            Ok(command) => complete(command, &invocation).await,
            Err(error) => Err(error),
        };
        if let Some(observer) = &self.observer {
            let code = outcome.as_ref().ok().and_then(|output| output.code);
            let Invocation { tool, args, .. } = &invocation;
            observer(&Ended { tool: *tool, args, took: began.elapsed(), code });
        }
        outcome
    }
}

/// Starts a command, writes its standard input, and waits until it ends or its time is up.
async fn complete(mut command: Command, invocation: &Invocation) -> Result<Output, RunError> {
    let Invocation { tool, stdin, timeout, .. } = invocation;
    let failed = |source| RunError::Io { tool: *tool, source };
    let captures = !matches!(stdin, Stdin::Terminal);
    if captures {
        let input = if matches!(stdin, Stdin::Bytes(_)) { Stdio::piped() } else { Stdio::null() };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its own process group, so that its children end with it, and an interrupt in the terminal reaches only us.
        #[cfg(unix)]
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(failed)?;
    let mut group = Group::of(&child, captures);
    match tokio::time::timeout(*timeout, drain(&mut child, stdin)).await {
        Ok(Ok(output)) => {
            group.let_go();
            Ok(output)
        }
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(RunError::TimedOut { tool: *tool, after: *timeout }),
    }
}

/// All three streams at once, since a program that waits for one of them while we wait for another would wait for ever.
async fn drain(child: &mut Child, stdin: &Stdin) -> io::Result<Output> {
    let mut input = child.stdin.take();
    let feed = async {
        if let (Some(pipe), Stdin::Bytes(bytes)) = (&mut input, stdin) {
            let written = async {
                pipe.write_all(bytes).await?;
                pipe.shutdown().await
            };
            // A program need not read all of its input; its exit code says whether that was a failure.
            if let Err(error) = written.await
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                return Err(error);
            }
        }
        drop(input);
        Ok(())
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ((), stdout, stderr) = tokio::try_join!(feed, read(stdout), read(stderr))?;
    let code = child.wait().await?.code();
    let stderr = stderr.to_string();
    Ok(Output { code, stdout, stderr })
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).await?;
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Ends a program with all its children. In some packages the launcher of `az` is a shell script, and ending only that
/// would leave the program itself running.
struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    /// The group that `child` leads, if it leads one.
    fn of(child: &Child, leads: bool) -> Self {
        #[cfg(not(unix))]
        let _ = (child, leads);
        Self {
            #[cfg(unix)]
            leader: child
                .id()
                .filter(|_| leads)
                .and_then(|id| i32::try_from(id).ok())
                .and_then(rustix::process::Pid::from_raw),
        }
    }

    /// After the end of its leader, whose process id may belong to another process by now.
    #[cfg_attr(
        not(unix),
        expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "only Unix has groups")
    )]
    fn let_go(&mut self) {
        #[cfg(unix)]
        {
            self.leader = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            // An empty group is no failure.
            rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).ok();
        }
    }
}
