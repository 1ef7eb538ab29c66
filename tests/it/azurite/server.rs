//! The process, and the certificates that it and its relays show.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::sync::Mutex;
use uuid::Uuid;

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

/// A certificate authority and one certificate for 127.0.0.1.
#[derive(Debug)]
pub struct Tls {
    /// The authority's certificate, as PEM.
    pub ca_file: PathBuf,
    ca: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Tls {
    fn new(folder: &Path) -> Tls {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.distinguished_name.push(DnType::CommonName, "Azurite in a test");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let leaf_key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        leaf.distinguished_name.push(DnType::CommonName, "127.0.0.1");
        let leaf = leaf.signed_by(&leaf_key, &Issuer::from_params(&ca, &ca_key)).unwrap();
        let ca_file = folder.join("ca.pem");
        fs::write(&ca_file, ca_certificate.pem()).unwrap();
        fs::write(folder.join("leaf.pem"), leaf.pem()).unwrap();
        fs::write(folder.join("leaf.key"), leaf_key.serialize_pem()).unwrap();
        Tls {
            ca_file,
            ca: ca_certificate.der().clone(),
            leaf: leaf.der().clone(),
            key: leaf_key.serialize_der(),
        }
    }

    /// For the side that shows the certificate.
    pub fn server_config(&self) -> ServerConfig {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.clone()], key)
            .unwrap()
    }

    /// For the side that checks it.
    pub fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// An HTTP client that trusts this authority alone.
    pub fn client(&self) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.client_config())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap()
    }
}
