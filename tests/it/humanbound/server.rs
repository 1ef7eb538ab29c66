//! A server that answers what a test has written down, over TLS or without, and a proxy in front of one.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::host::body::{BodyReader, request_framing};
use crate::host::http1::{Connection, RequestHead};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers with a status, header lines and a body.
    Answer(u16, String, String),
    /// Takes the request and ends the connection.
    HangUp,
}

/// A JSON answer.
pub fn json(status: u16, body: &str) -> Reply {
    Reply::Answer(status, "Content-Type: application/json\r\n".to_owned(), body.to_owned())
}

/// An answer with one header.
pub fn with_header(status: u16, header: &str, body: &str) -> Reply {
    Reply::Answer(status, format!("{header}\r\n"), body.to_owned())
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: RequestHead,
    pub body: String,
}

impl Seen {
    /// Method and target.
    pub fn line(&self) -> String {
        format!("{} {}", self.head.method, self.head.target)
    }

    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.head.headers.get(name)
    }
}

/// A server on a port of its own. What nobody wrote down is answered 599.
pub struct Server {
    pub port: u16,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Server {
    pub async fn start(tls: Option<ServerConfig>) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let mut task = JoinSet::new();
        task.spawn(serve(listener, acceptor, shared.clone()));
        Server { port, shared, _task: task }
    }

    /// Appends to what is answered.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().unwrap().extend(replies);
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Method and target of every request so far.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        connections.spawn(async move {
            // A client that does not like the certificate, or goes away, is its own affair.
            match acceptor {
                None => drop(converse(stream, &shared).await),
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        drop(converse(stream, &shared).await);
                    }
                }
            }
        });
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> io::Result<()> {
    let mut client = Connection::new(stream);
    while let Some(head) = client.request_head().await? {
        let body = BodyReader::new(request_framing(&head.headers)?).rest(&mut client).await?;
        let body = String::from_utf8(body).unwrap();
        shared.seen.lock().unwrap().push(Seen { head, body });
        let reply = shared.replies.lock().unwrap().pop_front();
        let (status, headers, body) = match reply {
            Some(Reply::Answer(status, headers, body)) => (status, headers, body),
            Some(Reply::HangUp) => return Ok(()),
            None => (599, String::new(), "nobody wrote down an answer".to_owned()),
        };
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let answer = format!("HTTP/1.1 {status} Scripted\r\n{headers}{length}\r\n{body}");
        client.stream.write_all(answer.as_bytes()).await?;
        client.stream.flush().await?;
    }
    Ok(())
}

/// A proxy that takes `CONNECT` for any host and leads to one port, or refuses with a status.
pub struct Tunnel {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Tunnel {
    pub async fn start(upstream: u16, status: u16) -> Tunnel {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        task.spawn(forward(listener, upstream, status, asked.clone()));
        Tunnel { port, asked, _task: task }
    }

    /// Method, target and credentials of every request so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn forward(listener: TcpListener, upstream: u16, status: u16, asked: Arc<Mutex<Vec<String>>>) {
    let mut tunnels = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let asked = asked.clone();
        tunnels.spawn(async move {
            let mut client = Connection::new(stream);
            let Ok(Some(head)) = client.request_head().await else { return };
            let pass = head.headers.get("proxy-authorization").unwrap_or("-");
            asked.lock().unwrap().push(format!("{} {} {pass}", head.method, head.target));
            let answer = format!("HTTP/1.1 {status} Tunnel\r\n\r\n");
            if client.stream.write_all(answer.as_bytes()).await.is_err() || status != 200 {
                return;
            }
            let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await.unwrap();
            drop(copy_bidirectional(&mut client.stream, &mut server).await);
        });
    }
}
