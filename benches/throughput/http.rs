//! The few requests that are not load: one connection each, blocking, bounded in time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Sends one request with `headers` (whole lines) and `body`, and reads its answer until `patience` is over.
pub(crate) fn ask(
    address: SocketAddr,
    method_and_path: &str,
    headers: &str,
    body: &str,
    patience: Duration,
) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let length = body.len();
    write!(
        stream,
        "{method_and_path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(&bytes)? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => anyhow::bail!("`{method_and_path}` was answered with half a head"),
    };
    let status = response.code.context("the answer has no status")?;
    Ok(Answer { status, body: bytes.split_off(head) })
}
