//! One request of a client: its body as it is asked for, and its answer.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::body::{BodyReader, Framing};
use super::http1::{Connection, Headers, RequestHead};
use super::{Shared, rewrite};

/// So much of what a client sends ahead is kept while nobody asks for it (`MaxRequestBufferSize`). A client that goes
/// with more than this still on its way is not missed before somebody reads on; neither is it in Kestrel.
const AHEAD: usize = 1024 * 1024;

/// The client is not there any more, or must not be answered any more.
#[derive(Debug)]
pub struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Gone {
        Gone
    }
}

/// Why a request's body has no next piece.
#[derive(Debug)]
pub enum BodyError {
    /// The client is gone, or sends what is no body.
    Client,
    /// It is larger than the host allows.
    TooLarge,
}

/// One request and the connection that it came on.
#[derive(Debug)]
pub struct Request<'a> {
    /// The head.
    pub head: RequestHead,
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether a part of the answer is on its way.
    pub answered: bool,
    client: &'a mut Connection<TcpStream>,
    body: BodyReader,
    started: bool,
    owes_continue: bool,
    left: u64,
}

impl Request<'_> {
    /// A request whose head was read, with a body of at most `limit` bytes.
    pub fn new(
        client: &mut Connection<TcpStream>,
        head: RequestHead,
        framing: Framing,
        peer: SocketAddr,
        limit: u64,
    ) -> Request<'_> {
        let owes_continue = head.http11 && head.headers.has_token("expect", "100-continue");
        let body = BodyReader::new(framing);
        Request { head, peer, answered: false, client, body, started: false, owes_continue, left: limit }
    }

    /// How the body's end is known.
    pub fn framing(&self) -> Framing {
        self.body.framing()
    }

    /// Whether there is a body, read or not.
    pub fn has_body(&self) -> bool {
        !matches!(self.framing(), Framing::None | Framing::Length(0))
    }

    /// Whether somebody has begun to read the body, after which it cannot be sent a second time.
    pub fn body_started(&self) -> bool {
        self.started
    }

    /// Whether the whole body was read.
    pub fn body_is_done(&self) -> bool {
        self.body.is_done()
    }

    /// Whether the connection ends with this request.
    pub fn closes(&self) -> bool {
        !self.head.http11 || self.head.headers.has_token("connection", "close")
    }

    /// The next piece of the body, or `None` at its end. The first call sends a client that waits its `100 Continue`.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.started = true;
        if std::mem::take(&mut self.owes_continue) {
            let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.client.stream.write_all(interim).await.map_err(|_| BodyError::Client)?;
        }
        let piece = self.body.next(self.client).await.map_err(|_| BodyError::Client)?;
        self.spend(piece)
    }

    /// A piece that has come already.
    pub fn piece_at_hand(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.started = true;
        let piece = self.body.buffered(&mut self.client.buffer).map_err(|_| BodyError::Client)?;
        self.spend(piece)
    }

    fn spend(&mut self, piece: Option<Bytes>) -> Result<Option<Bytes>, BodyError> {
        let length = piece.as_ref().map_or(0, Bytes::len) as u64;
        self.left = self.left.checked_sub(length).ok_or(BodyError::TooLarge)?;
        Ok(piece)
    }

    /// Returns when the client is gone. For Kestrel an ended sending side is an ended connection.
    pub async fn gone(&mut self) {
        while self.client.buffer.len() < AHEAD {
            if !self.client.fill().await.unwrap_or(false) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Sends bytes of the answer.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.answered = true;
        Ok(self.client.stream.write_all(bytes).await?)
    }

    /// Sends an answer of the host itself.
    pub async fn reply(&mut self, status: u16, reason: &str, text: &str) -> Result<(), Gone> {
        let mut headers = Headers::default();
        headers.push("Content-Length", text.len().to_string());
        if !text.is_empty() {
            headers.push("Content-Type", "text/plain; charset=utf-8");
        }
        let head = rewrite::response(status, reason, headers, self.closes());
        self.send(format!("{head}{text}").as_bytes()).await
    }

    /// Reads what is left of the body; `true` when the connection can take another request.
    pub async fn finish(&mut self, shared: &Shared) -> bool {
        if self.closes() {
            return false;
        }
        if self.owes_continue {
            // Whether the client still sends its body nobody can know.
            return !self.has_body();
        }
        let rest = async { while let Ok(Some(_)) = self.body.next(self.client).await {} };
        // What is not there by then ends the connection below.
        tokio::time::timeout(shared.timings.unread, rest).await.ok();
        self.body.is_done()
    }
}

/// The reason phrases of the host's own answers.
pub fn reason(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        404 => "Not Found",
        413 => "Payload Too Large",
        _ => "Internal Server Error",
    }
}
