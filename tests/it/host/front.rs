//! The public side: Kestrel's part. Accepts HTTP/1.1 clients, one request after the other on each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::body::request_framing;
use super::edge::{self, Verdict};
use super::http1::{Connection, Headers};
use super::request::{Gone, Request, reason};
use super::{Shared, proxy, rewrite, worker};

/// Serves until it is dropped, which ends all connections.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        connections.spawn(connection(stream, peer, shared.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut client = Connection::new(stream);
    loop {
        let framed = match client.request_head().await {
            Ok(Some(head)) => request_framing(&head.headers).map(|framing| (head, framing)),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let (head, framing) = match framed {
            Ok(framed) => framed,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let text = rewrite::response(400, "Bad Request", empty(), true);
                // The client may be gone, and there is nobody else to tell.
                client.stream.write_all(text.as_bytes()).await.ok();
                return;
            }
            Err(_) => return,
        };
        let mut request = Request::new(&mut client, head, framing, peer, edge::body_limit(&shared));
        if answer(&mut request, &shared).await.is_err() || !request.finish(&shared).await {
            return;
        }
    }
}

async fn answer(request: &mut Request<'_>, shared: &Shared) -> Result<(), Gone> {
    if !shared.running().await {
        return request.reply(503, "Service Unavailable", "Function host is not running.").await;
    }
    match edge::judge(shared, &request.head, request.framing()) {
        Verdict::Home => request.reply(200, "OK", "Your Functions 4.0 app is up and running").await,
        Verdict::Ping => {
            // The host logs what came of it, and nothing else depends on it.
            worker::ping(shared).await.ok();
            request.reply(200, "OK", "").await
        }
        Verdict::Refuse(status) => request.reply(status, reason(status), "").await,
        Verdict::Pass => proxy::forward(request, shared).await,
    }
}

fn empty() -> Headers {
    Headers(vec![("Content-Length".to_owned(), "0".to_owned())])
}
