//! Certificates of a test's own, and a relay that ends TLS in front of a server that speaks plain HTTP.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

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
    /// Fresh ones, written to `folder` as `ca.pem`, `leaf.pem` and `leaf.key`.
    pub fn new(folder: &Path) -> Tls {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.distinguished_name.push(DnType::CommonName, "An authority in a test");
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

/// A port that speaks TLS and passes everything on to a plain one. Dropping it ends it.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    _task: JoinSet<()>,
}

impl TlsFront {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(tls: &Tls, upstream: u16) -> TlsFront {
        let acceptor = TlsAcceptor::from(Arc::new(tls.server_config()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // A client that does not like the certificate, or goes away, is its own affair.
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await else {
                        return;
                    };
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.ok();
                });
            }
        });
        TlsFront { port, _task: task }
    }

    /// Host and port, as its certificate has it.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}
