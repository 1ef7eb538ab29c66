//! The process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::tls::Tls;
use crate::tools;

/// How long Azurite may take to listen; two seconds on an idle machine.
const START: Duration = Duration::from_secs(90);

/// What Azurite prints before its address.
const LISTENS: &str = "successfully listens on https://127.0.0.1:";

/// The process that runs, if one does. It ends with the last test that holds it, since nothing drops a static.
static RUNNING: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());

/// A running Azurite.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    /// Its certificates.
    pub tls: Tls,
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// The running one, else a new one; `None` when Azurite is not installed.
    pub async fn shared() -> Option<Arc<Server>> {
        let program = tools::find("node_modules/.bin/azurite-blob", "the tests with Azurite")?;
        let mut running = RUNNING.lock().await;
        if let Some(server) = running.upgrade() {
            return Some(server);
        }
        let started = tokio::task::spawn_blocking(move || Server::start(&program)).await.unwrap();
        let server = Arc::new(started);
        *running = Arc::downgrade(&server);
        Some(server)
    }

    fn start(program: &Path) -> Server {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("azurite-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&folder).unwrap();
        let tls = Tls::new(&folder);
        let errors = folder.join("stderr");
        let mut child = Command::new(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--oauth", "basic"])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--silent"])
            .arg("--location")
            .arg(&folder)
            .arg("--cert")
            .arg(folder.join("leaf.pem"))
            .arg("--key")
            .arg(folder.join("leaf.key"))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let lines = follow(BufReader::new(child.stdout.take().unwrap()));
        let mut server = Server { port: 0, tls, child, folder };
        while let Ok(line) = lines.recv_timeout(START) {
            if let Some((_, port)) = line.split_once(LISTENS) {
                server.port = port.trim().parse().unwrap();
                return server;
            }
        }
        panic!("Azurite does not listen: {}", fs::read_to_string(errors).unwrap_or_default());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and a folder that stays is only a nuisance.
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// The lines of `output`, read to its end so that the process never blocks on it.
fn follow(output: impl BufRead + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            sender.send(line).ok();
        }
    });
    lines
}
