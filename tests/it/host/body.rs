//! HTTP/1.1 bodies: where they end, and their bytes as they come.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;

use super::http1::{Connection, Headers, ResponseHead, invalid};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The connection's end.
    ToEnd,
}

/// The framing of a request's body.
///
/// # Errors
/// A length that is no number, or lengths that differ: Kestrel answers 400.
pub fn request_framing(headers: &Headers) -> io::Result<Framing> {
    if headers.has_token("transfer-encoding", "chunked") {
        return Ok(Framing::Chunked);
    }
    let mut lengths = headers.all("content-length");
    let Some(first) = lengths.next() else { return Ok(Framing::None) };
    if lengths.any(|other| other != first) || !first.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("bad Content-Length"));
    }
    first.parse().map(Framing::Length).map_err(invalid)
}

/// The framing of a response's body.
///
/// # Errors
/// A bad `Content-Length`.
pub fn response_framing(method: &str, head: &ResponseHead) -> io::Result<Framing> {
    if method == "HEAD" || matches!(head.status, 100..=199 | 204 | 304) {
        return Ok(Framing::None);
    }
    match request_framing(&head.headers)? {
        Framing::None => Ok(Framing::ToEnd),
        framing => Ok(framing),
    }
}

/// Where a chunked body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// Before a line with a size.
    Size,
    /// Inside a chunk; so many bytes are left of it.
    Data(u64),
    /// Between a chunk's data and the line end after it.
    End,
    /// After the last chunk. Trailers are read and dropped: no part of this system sends any.
    Trailers,
}

/// How far a body has been read.
#[derive(Debug)]
pub struct BodyReader {
    framing: Framing,
    chunk: Chunk,
    left: u64,
    done: bool,
}

impl BodyReader {
    /// A body that begins at the connection's next byte.
    pub fn new(framing: Framing) -> BodyReader {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        let done = matches!(framing, Framing::None | Framing::Length(0));
        BodyReader { framing, chunk: Chunk::Size, left, done }
    }

    /// Whether the whole body was read.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The framing.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The next piece, or `None` at the end. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// Of the socket; a connection that ends inside the body; bytes that are no chunk.
    pub async fn next<S>(&mut self, connection: &mut Connection<S>) -> io::Result<Option<Bytes>>
    where
        S: AsyncRead + Unpin,
    {
        loop {
            if let Some(piece) = self.buffered(&mut connection.buffer)? {
                return Ok(Some(piece));
            }
            if self.done {
                return Ok(None);
            }
            if !connection.fill().await? {
                if self.framing != Framing::ToEnd {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.done = true;
            }
        }
    }

    /// The rest of the body.
    ///
    /// # Errors
    /// As for [`BodyReader::next`].
    pub async fn rest<S: AsyncRead + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
    ) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(piece) = self.next(connection).await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// A piece out of what is buffered, without reading.
    ///
    /// # Errors
    /// Bytes that are no chunk.
    pub fn buffered(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        if self.done {
            return Ok(None);
        }
        match self.framing {
            Framing::None => Ok(None),
            Framing::ToEnd => Ok((!buffer.is_empty()).then(|| buffer.split().freeze())),
            Framing::Length(_) => {
                let piece = take(buffer, &mut self.left);
                self.done = self.left == 0;
                Ok(piece)
            }
            Framing::Chunked => self.chunk(buffer),
        }
    }

    fn chunk(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        loop {
            if let Chunk::Data(mut left) = self.chunk {
                let piece = take(buffer, &mut left);
                self.chunk = if left == 0 { Chunk::End } else { Chunk::Data(left) };
                return Ok(piece);
            }
            let Some(line) = take_line(buffer) else { return Ok(None) };
            self.chunk = match self.chunk {
                Chunk::End if line.is_empty() => Chunk::Size,
                Chunk::Trailers if line.is_empty() => {
                    self.done = true;
                    return Ok(None);
                }
                Chunk::Trailers => Chunk::Trailers,
                Chunk::Size => match chunk_size(&line)? {
                    0 => Chunk::Trailers,
                    size => Chunk::Data(size),
                },
                Chunk::Data(_) | Chunk::End => return Err(bad(&line)),
            };
        }
    }
}

fn chunk_size(line: &str) -> io::Result<u64> {
    let size = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(size, 16).map_err(|_| bad(line))
}

fn bad(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("bad chunk line {line:?}"))
}

fn take(buffer: &mut BytesMut, left: &mut u64) -> Option<Bytes> {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
    *left -= length as u64;
    (length > 0).then(|| buffer.split_to(length).freeze())
}

fn take_line(buffer: &mut BytesMut) -> Option<String> {
    let end = buffer.windows(2).position(|pair| pair == b"\r\n")?;
    let line = buffer.split_to(end + 2);
    Some(String::from_utf8_lossy(&line[..end]).into_owned())
}

/// One chunk of a chunked body.
pub fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:X}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

/// What ends a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
