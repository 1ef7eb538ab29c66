//! Raw ends of connections: a client of the host, and a worker that the test scripts byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a test waits for what takes no time at all, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One end of a connection.
#[derive(Debug)]
pub struct Peer {
    pub stream: TcpStream,
    seen: Vec<u8>,
}

impl Peer {
    /// A client of `address`.
    pub async fn connect(address: SocketAddr) -> Peer {
        Peer::new(TcpStream::connect(address).await.unwrap())
    }

    fn new(stream: TcpStream) -> Peer {
        // Enough for a whole request in one read.
        Peer { stream, seen: Vec::with_capacity(64 * 1024) }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads a head, empty line included.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.seen.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.seen.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap();
            }
            let length =
                timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await.expect("no head").unwrap();
            assert!(length > 0, "the connection ended in a head: {:?}", String::from_utf8_lossy(&self.seen));
        }
    }

    /// Reads `length` bytes.
    pub async fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.seen.len() < length {
            let more =
                timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await.expect("no bytes").unwrap();
            assert!(more > 0, "the connection ended after {} bytes of {length}", self.seen.len());
        }
        let rest = self.seen.split_off(length);
        std::mem::replace(&mut self.seen, rest)
    }

    /// Reads until the other side ends the connection, orderly or not, and returns what came.
    pub async fn until_end(&mut self) -> Vec<u8> {
        let reading =
            async { while self.stream.read_buf(&mut self.seen).await.is_ok_and(|length| length > 0) {} };
        timeout(PATIENCE, reading).await.expect("the connection does not end");
        std::mem::take(&mut self.seen)
    }

    /// What was read and not yet taken.
    pub fn at_hand(&self) -> &[u8] {
        &self.seen
    }

    /// Whether nothing comes and nothing ends for `span`: the proof that the other side waits.
    pub async fn is_silent_for(&mut self, span: Duration) -> bool {
        self.seen.is_empty() && timeout(span, self.stream.read_buf(&mut self.seen)).await.is_err()
    }

    /// Sends `head` and then `length` bytes for as long as the other side takes them, and returns the head of its
    /// answer, for which it looks all the while.
    pub async fn post(mut self, head: String, length: usize) -> String {
        self.send(head).await;
        let (mut read, mut write) = self.stream.split();
        let piece = vec![b'x'; 64 * 1024];
        let sending = async {
            let mut left = length;
            while left > 0 {
                match write.write(&piece[..left.min(piece.len())]).await {
                    Ok(sent) if sent > 0 => left -= sent,
                    _ => break,
                }
            }
            std::future::pending::<()>().await;
        };
        let answered = async {
            while !self.seen.windows(4).any(|four| four == b"\r\n\r\n") {
                assert!(read.read_buf(&mut self.seen).await.unwrap() > 0, "no answer");
            }
        };
        tokio::select! { () = sending => {}, () = answered => {} }
        self.head().await
    }

    /// Resets the connection.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// A worker that hands its connections to the test. Readiness probes it answers itself.
#[derive(Debug)]
pub struct Worker {
    pub port: u16,
    connections: mpsc::UnboundedReceiver<Peer>,
    pings: watch::Receiver<u32>,
    _tasks: JoinSet<()>,
}

impl Worker {
    /// Listens on a free port.
    pub async fn start() -> Worker {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, connections) = mpsc::unbounded_channel();
        let (counter, pings) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(meet(stream, sender.clone(), counter.clone()));
            }
        });
        Worker { port, connections, pings, _tasks: tasks }
    }

    /// The next connection on which something came or which was ended without a byte.
    pub async fn accept(&mut self) -> Peer {
        timeout(PATIENCE, self.connections.recv()).await.expect("nobody connects").unwrap()
    }

    /// Waits until there were `count` pings.
    pub async fn wait_for_pings(&self, count: u32) {
        let mut pings = self.pings.clone();
        timeout(PATIENCE, pings.wait_for(|now| *now >= count)).await.expect("no ping").unwrap();
    }

    /// Whether nobody connects for `span`.
    pub async fn is_left_alone_for(&mut self, span: Duration) -> bool {
        timeout(span, self.connections.recv()).await.is_err()
    }
}

async fn meet(stream: TcpStream, sender: mpsc::UnboundedSender<Peer>, pings: watch::Sender<u32>) {
    let mut peer = Peer::new(stream);
    // One read only: what it brings shows what the host sent in one piece.
    peer.stream.read_buf(&mut peer.seen).await.ok();
    if peer.seen.starts_with(b"GET / HTTP/1.1\r\n") {
        pings.send_modify(|count| *count += 1);
        // Closed, so that the next call comes on a connection of its own.
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        return;
    }
    // The test may be over already.
    sender.send(peer).ok();
}
