//! The peers in Rust: a bare axum handler and a plain hyper service, which verify the signature, answer 202 and do nothing
//! else. This program, started again in that role.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use http_body_util::{BodyExt as _, Empty};
use humanbound_sentinel::signature::{self, Secret, Signature};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::event::SECRET;

/// Connections that may wait to be accepted: all of the largest run.
const BACKLOG: u32 = 4_096;

/// Serves with axum until the process is ended; tells its port in one line.
pub(crate) fn serve_bare() -> anyhow::Result<()> {
    let secrets: Arc<[Secret]> = Secret::new(SECRET).into_iter().collect();
    let router = Router::new().route("/api/ingest", post(ingest)).with_state(secrets);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listen()?.tap_io(|stream| {
            // Without it answers are late, not wrong.
            drop(stream.set_nodelay(true));
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn ingest(State(secrets): State<Arc<[Secret]>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    judge(&secrets, &headers, &body)
}

/// Serves with hyper alone.
pub(crate) fn serve_hyper() -> anyhow::Result<()> {
    let secrets: Arc<[Secret]> = Secret::new(SECRET).into_iter().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listen()?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection(stream, Arc::clone(&secrets)));
        }
    })
}

async fn connection(stream: TcpStream, secrets: Arc<[Secret]>) {
    // As above.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let secrets = Arc::clone(&secrets);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let mut answer = hyper::Response::new(Empty::<Bytes>::new());
            *answer.status_mut() = judge(&secrets, &head.headers, &body);
            Ok::<_, Infallible>(answer)
        }
    });
    // A sender that goes away ends it.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

fn judge(secrets: &[Secret], headers: &HeaderMap, body: &[u8]) -> StatusCode {
    let signature = headers.get(signature::HEADER).and_then(|value| Signature::parse(value.as_bytes()));
    match signature {
        Some(signature) if signature::verify(secrets, &signature, body) => StatusCode::ACCEPTED,
        _ => StatusCode::UNAUTHORIZED,
    }
}

fn listen() -> anyhow::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?.port())?;
    stdout.flush()?;
    Ok(listener)
}
