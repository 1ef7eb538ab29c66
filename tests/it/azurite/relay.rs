//! A relay in front of Azurite that ends TLS itself, so that it can play every outage at the level of requests.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::time::{parse_rfc7231, to_rfc7231};
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::host::body::{BodyReader, LAST_CHUNK, chunk, request_framing, response_framing};
use crate::host::http1::{Connection, RequestHead};
use crate::tls::Tls;

/// How long the listener may take to open or close.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the storage does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens: new connections are refused, and those that are open end. Only for `set_fault`.
    Refuse,
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
    /// Answers with this status and Storage's error body.
    Status(u16),
    /// Does its work, and resets the connection instead of answering: the caller cannot know that it succeeded.
    LoseAnswer,
}

/// A relay on a port of its own.
#[derive(Debug)]
pub struct Relay {
    /// Bound and never listening: keeps the port while nobody listens on it, so that a connect is refused.
    holder: TcpSocket,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

struct Shared {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    upstream: u16,
    standing: watch::Sender<Option<Fault>>,
    listening: watch::Sender<bool>,
    next: Mutex<VecDeque<Fault>>,
    /// Faults of requests whose method and target begin with, and hold, these texts.
    picked: Mutex<Vec<(&'static str, String, Fault)>>,
    requests: Mutex<Vec<String>>,
    /// How many seconds later it is for the storage than it is here.
    ahead: AtomicI64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl Relay {
    /// Listens on a free port and passes everything on to `upstream`.
    pub async fn start(tls: &Tls, upstream: u16) -> Relay {
        let holder = socket();
        holder.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = holder.local_addr().unwrap();
        let shared = Arc::new(Shared {
            acceptor: TlsAcceptor::from(Arc::new(tls.server_config())),
            connector: TlsConnector::from(Arc::new(tls.client_config())),
            upstream,
            standing: watch::Sender::new(None),
            listening: watch::Sender::new(false),
            next: Mutex::default(),
            picked: Mutex::default(),
            requests: Mutex::default(),
            ahead: AtomicI64::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(serve(address, shared.clone()));
        let relay = Relay { holder, shared, _task: task };
        relay.set(None).await;
        relay
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.holder.local_addr().unwrap().port()
    }

    /// What every request meets from now on. Returns when the listener is as it should be.
    pub async fn set(&self, fault: Option<Fault>) {
        self.shared.standing.send_replace(fault);
        self.shared.picked.lock().unwrap().clear();
        let listens = fault != Some(Fault::Refuse);
        let mut listening = self.shared.listening.subscribe();
        let settled = listening.wait_for(|now| *now == listens);
        timeout(PATIENCE, settled).await.expect("the listener does not move").unwrap();
    }

    /// What the next `count` requests meet.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        assert_ne!(fault, Fault::Refuse, "a request cannot be refused a connection");
        self.shared.next.lock().unwrap().extend(std::iter::repeat_n(fault, count));
    }

    /// What every request of `method` meets whose target holds `part`, until [`Relay::set`].
    pub fn pick(&self, method: &'static str, part: &str, fault: Fault) {
        self.shared.picked.lock().unwrap().push((method, part.to_owned(), fault));
    }

    /// Puts the storage's clock, as its answers tell it, `seconds` ahead of what it was.
    pub fn advance(&self, seconds: i64) {
        self.shared.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Method and target of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = socket();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

/// Accepts connections for as long as they are not to be refused, then ends them all.
async fn serve(address: SocketAddr, shared: Arc<Shared>) {
    let mut standing = shared.standing.subscribe();
    let refuses = |fault: &Option<Fault>| *fault == Some(Fault::Refuse);
    while standing.wait_for(|fault| !refuses(fault)).await.is_ok() {
        let listener = listen(address);
        shared.listening.send_replace(true);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { return };
                    connections.spawn(connection(stream, shared.clone()));
                }
                _ = standing.wait_for(refuses) => break,
            }
        }
        drop(listener);
        connections.shutdown().await;
        shared.listening.send_replace(false);
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // A client that does not like the certificate, or goes away, is its own affair.
    let Ok(stream) = shared.acceptor.accept(stream).await else { return };
    let mut client = Connection::new(stream);
    while let Ok(Some(head)) = client.request_head().await {
        if exchange(&mut client, &head, &shared).await.is_err() {
            return;
        }
    }
}

async fn exchange(
    client: &mut Connection<TlsStream<TcpStream>>,
    head: &RequestHead,
    shared: &Shared,
) -> io::Result<()> {
    shared.requests.lock().unwrap().push(format!("{} {}", head.method, head.target));
    let body = BodyReader::new(request_framing(&head.headers)?).rest(client).await?;
    let next = shared.next.lock().unwrap().pop_front();
    let standing = *shared.standing.borrow();
    // The SDK escapes the slashes of a blob's name.
    let target = head.target.replace("%2F", "/");
    let meets = |(method, part, _): &&(&str, String, Fault)| head.method == *method && target.contains(part);
    let picked = shared.picked.lock().unwrap().iter().find(meets).map(|(_, _, fault)| *fault);
    match next.or(picked).or(standing) {
        None => {
            let answer = pass_on(head, &body, shared).await?;
            client.stream.write_all(&answer).await?;
            client.stream.flush().await
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Status(code)) => {
            client.stream.write_all(refusal(code).as_bytes()).await?;
            client.stream.flush().await
        }
        Some(Fault::LoseAnswer) => {
            pass_on(head, &body, shared).await?;
            Err(reset(client))
        }
        Some(Fault::Reset | Fault::Refuse) => Err(reset(client)),
    }
}

/// Makes the drop that follows a reset.
fn reset(client: &Connection<TlsStream<TcpStream>>) -> io::Error {
    client.stream.get_ref().0.set_zero_linger().ok();
    io::ErrorKind::ConnectionReset.into()
}

/// An answer as Storage gives it (<https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2>).
fn refusal(code: u16) -> String {
    let name = match code {
        403 => "AuthorizationPermissionMismatch",
        404 => "ContainerNotFound",
        500 => "InternalError",
        503 => "ServerBusy",
        _ => "Injected",
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{name}</Code><Message>Injected</Message></Error>"
    );
    format!(
        "HTTP/1.1 {code} {name}\r\nContent-Type: application/xml\r\nx-ms-error-code: {name}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends the request to Azurite on a connection of its own, and returns the bytes of the answer.
async fn pass_on(head: &RequestHead, body: &[u8], shared: &Shared) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.upstream)).await?;
    let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    let mut upstream = Connection::new(shared.connector.connect(name, stream).await?);
    let mut request =
        format!("{} {} HTTP/1.1\r\n{}", head.method, head.target, head.headers.lines()).into_bytes();
    if head.headers.has_token("transfer-encoding", "chunked") {
        if !body.is_empty() {
            request.extend(chunk(body));
        }
        request.extend(LAST_CHUNK);
    } else {
        request.extend(body);
    }
    upstream.stream.write_all(&request).await?;
    upstream.stream.flush().await?;
    let answer = upstream.final_head().await?;
    let content = BodyReader::new(response_framing(&head.method, &answer)?).rest(&mut upstream).await?;
    let mut headers = answer.headers.clone();
    let ahead = shared.ahead.load(Ordering::Relaxed);
    if let Some(date) = headers.get("date").filter(|_| ahead != 0).and_then(|date| parse_rfc7231(date).ok()) {
        headers.remove("date");
        headers.push("Date", to_rfc7231(&(date + time::Duration::seconds(ahead))));
    }
    if headers.has_token("transfer-encoding", "chunked") {
        headers.remove("transfer-encoding");
        headers.push("Content-Length", content.len().to_string());
    }
    let text = format!("HTTP/1.1 {} {}\r\n{}", answer.status, answer.reason, headers.lines());
    Ok([text.into_bytes(), content].concat())
}
