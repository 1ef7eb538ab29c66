//! The listening socket: plain HTTP/1.1 on 127.0.0.1, for the Functions host only.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use futures::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tower::ServiceExt as _;
use tracing::{debug, error};

use super::log_throttle::LogThrottle;
use super::{App, as_routed, fallback, ingest, is_event, panicked, router, stats};

/// The most that one connection buffers of what it reads: heads are far smaller, and bodies are counted elsewhere.
const MAX_CONNECTION_BUFFER: usize = 32 * 1024;
/// After its last answer a connection is read on for at most so many bytes, which is more than the sockets on the way hold,
const MAX_LINGER_BYTES: usize = 32 * 1024 * 1024;
/// and for at most so long.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// So much of it is in memory.
const LINGER_BUFFER: usize = 16 * 1024;
/// The pause after a failed accept, which means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `app` on `listener` until the process ends.
///
/// Connections may idle for ever: the host pools them for a minute, and a request on one that we had just closed
/// would fail. No time limit on heads either, for it would close idle connections too; the host is the only client.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>) {
    tokio::spawn(stats::run(Arc::clone(&app)));
    app.delivery.spawn(fallback::run(Arc::clone(&app)));
    let router = router(Arc::clone(&app));
    let failures = LogThrottle::<1>::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&app), router.clone()));
            }
            Err(problem) => {
                if let Some([count]) = failures.count(0, Instant::now()) {
                    error!(event = "accept_failed", count, %problem);
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Ends a connection so that its last answer arrives. What was sent and not read would make the kernel reset it, which
/// takes the answer along: the host's proxy then reports 500. So only our side is ended, which stops the proxy, and what
/// is still on its way is read and thrown away.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut waste = vec![0; LINGER_BUFFER];
    let mut left = MAX_LINGER_BYTES;
    let read_on = async {
        while let Ok(length @ 1..) = stream.read(&mut waste).await {
            left = left.saturating_sub(length);
            if left == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(LINGER_TIMEOUT, read_on).await.ok();
}

/// The answer to one request.
async fn answer(
    app: Arc<App>,
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    // Before the router: a layer on it would come after the match.
    let request = as_routed(request);
    if !is_event(&request) {
        return router.oneshot(request).await;
    }
    let answered = AssertUnwindSafe(ingest::ingest(app, request)).catch_unwind().await;
    Ok(answered.unwrap_or_else(panicked))
}

async fn connection(stream: TcpStream, app: Arc<App>, router: Router) {
    if let Err(problem) = stream.set_nodelay(true) {
        debug!(%problem, "no TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let (app, router) = (Arc::clone(&app), router.clone());
        answer(app, router, request)
    });
    let connection = http1::Builder::new()
        .max_buf_size(MAX_CONNECTION_BUFFER)
        // Otherwise each request that waits has 8 kB reserved, to see whether its client goes away: the host never does.
        .half_close(true)
        // Heads and bodies of answers are small: one copy costs less than a list of pieces.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    match connection.without_shutdown().await {
        Ok(parts) => linger(parts.io.into_inner()).await,
        Err(problem) => debug!(%problem, "a connection ended early"),
    }
}
