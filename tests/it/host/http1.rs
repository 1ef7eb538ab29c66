//! HTTP/1.1 heads at the byte level: order and spelling as they came.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Kestrel's limit for all headers of a request, and for its first line 8 KiB
/// (<https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits>).
const MAX_HEAD: usize = (32 + 8) * 1024;

/// Kestrel's limit for the number of headers (same page); `HttpClient` has none, and this is plenty.
const MAX_HEADERS: usize = 100;

/// Room for one read.
const READ: usize = 16 * 1024;

/// Headers in their order and spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The values of the header `name` (any case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of the header `name` (any case).
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Whether the comma-separated list in the header `name` has `token` (any case).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Removes the header `name` (any case) wherever it stands.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// The header lines and the empty line after them.
    pub fn lines(&self) -> String {
        let lines = self.0.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        lines.chain(["\r\n".to_owned()]).collect()
    }
}

/// The head of a request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method as sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The headers as sent.
    pub headers: Headers,
    /// Whether the client speaks HTTP/1.1 (else 1.0).
    pub http11: bool,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers as sent.
    pub headers: Headers,
    /// Whether the server speaks HTTP/1.1 (else 1.0).
    pub http11: bool,
}

impl ResponseHead {
    /// Whether the connection may be used again after this answer.
    pub fn keeps_alive(&self) -> bool {
        self.http11 && !self.headers.has_token("connection", "close")
    }
}

/// A connection with what was read ahead from it.
#[derive(Debug)]
pub struct Connection<S> {
    /// The socket.
    pub stream: S,
    /// Bytes that were read and not yet used.
    pub buffer: BytesMut,
}

impl<S: AsyncRead + Unpin> Connection<S> {
    /// A fresh connection.
    pub fn new(stream: S) -> Connection<S> {
        Connection { stream, buffer: BytesMut::new() }
    }

    /// Reads once more; `false` at the end of the stream. Nothing is lost when the future is dropped.
    pub async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads a request head, or `None` when the peer ended the connection before one began.
    pub async fn request_head(&mut self) -> io::Result<Option<RequestHead>> {
        loop {
            if let Some((head, length)) = parse_request(&self.buffer)? {
                self.buffer.advance(length);
                return Ok(Some(head));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("the request head is too long"));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Reads a response head, interim ones (1xx) included.
    pub async fn response_head(&mut self) -> io::Result<ResponseHead> {
        loop {
            if let Some((head, length)) = parse_response(&self.buffer)? {
                self.buffer.advance(length);
                return Ok(head);
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads the head of the final response.
    pub async fn final_head(&mut self) -> io::Result<ResponseHead> {
        loop {
            let head = self.response_head().await?;
            if head.status >= 200 {
                return Ok(head);
            }
        }
    }
}

/// The error for what is no HTTP.
pub fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn headers_of(parsed: &[httparse::Header<'_>]) -> io::Result<Headers> {
    let pairs = parsed.iter().map(|header| {
        let value = std::str::from_utf8(header.value).map_err(invalid)?;
        Ok((header.name.to_owned(), value.to_owned()))
    });
    pairs.collect::<io::Result<Vec<_>>>().map(Headers)
}

fn parse_request(buffer: &[u8]) -> io::Result<Option<(RequestHead, usize)>> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut slots);
    let httparse::Status::Complete(length) = request.parse(buffer).map_err(invalid)? else { return Ok(None) };
    let head = RequestHead {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers: headers_of(request.headers)?,
        http11: request.version == Some(1),
    };
    Ok(Some((head, length)))
}

fn parse_response(buffer: &[u8]) -> io::Result<Option<(ResponseHead, usize)>> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut slots);
    let httparse::Status::Complete(length) = response.parse(buffer).map_err(invalid)? else {
        return Ok(None);
    };
    let head = ResponseHead {
        status: response.code.unwrap_or_default(),
        reason: response.reason.unwrap_or_default().to_owned(),
        headers: headers_of(response.headers)?,
        http11: response.version == Some(1),
    };
    Ok(Some((head, length)))
}
