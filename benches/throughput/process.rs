//! The servers under load, each a child process.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::cpu;
use crate::event::SECRET;
use crate::workspace::LocalWorkspace;

/// A server that does not answer by then never will.
const START: Duration = Duration::from_secs(10);
/// Between two probes: finer than the Functions host's 25 ms, which would only round the figure up.
const POLL: Duration = Duration::from_millis(1);
/// How long a server may take to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A server under load, in a process of its own. It ends on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) started_in: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A profiler around it writes what it found when it is asked to end.
        let asked = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(asked, rustix::process::Signal::TERM).ok();
        let end = Instant::now() + LAST_WORDS;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(POLL);
        }
        // It may have ended by itself; there is nothing else to do about it here.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    /// Starts the connector as the Functions host would, with `more` settings; its files go below `folder`.
    pub(crate) fn connector(
        program: &Path,
        workspace: &LocalWorkspace,
        folder: &Path,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = File::options().create(true).append(true).open(folder.join("connector.log"))?;
        let begin = Instant::now();
        let child = Command::new(program)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("WEBHOOK_SECRET", SECRET)
            .envs(workspace.workspace.connector_settings())
            .env("SPOOL_DIR", folder.join("spool"))
            // What one rule takes.
            .env("MAX_CALLS_PER_MINUTE", "12000")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("`{}` cannot be started", program.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut server = Self { child, address, started_in: Duration::ZERO };
        while !answers(address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("the connector ended at its start ({status}); see {}", folder.display());
            }
            if begin.elapsed() > START {
                bail!("the connector does not answer");
            }
            std::thread::sleep(POLL);
        }
        server.started_in = begin.elapsed();
        Ok(server)
    }

    /// Starts a peer of this program: itself in the role that `role` names.
    pub(crate) fn peer(role: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role);
        Self::announced(command)
    }

    /// Starts the Python function with Microsoft's client, if its interpreter is there: `make tools` installs it.
    pub(crate) fn python(workspace: &LocalWorkspace) -> anyhow::Result<Option<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/tools/venv/bin/python");
        if !python.exists() {
            return Ok(None);
        }
        let mut command = Command::new(python);
        command.arg(root.join("benches/throughput/function.py")).env("WEBHOOK_SECRET", SECRET);
        command.envs(workspace.workspace.connector_settings());
        Self::announced(command).map(Some)
    }

    /// Starts a server that tells its port in its first line.
    fn announced(mut command: Command) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        // Made first, so that an error below ends the child.
        let mut server =
            Self { child, address: (Ipv4Addr::LOCALHOST, 0).into(), started_in: begin.elapsed() };
        server.address.set_port(line.trim().parse().context("the peer told no port")?);
        Ok(server)
    }

    /// CPU time that the process has used so far, all threads, user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu::cpu_time(&format!("/proc/{}/stat", self.child.id()))
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        self.memory("VmHWM")
    }

    fn memory(&self, field: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kilobytes: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok())
            .with_context(|| format!("no {field} in /proc"))?;
        Ok(kilobytes * 1024)
    }
}

/// Whether `GET /` is answered.
fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, START)?;
        stream.set_read_timeout(Some(START))?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
