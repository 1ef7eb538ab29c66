//! The listening socket: plain HTTP/1.1 on 127.0.0.1, for the Functions host only.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tower::ServiceExt as _;
use tracing::{debug, error};

use super::log_throttle::LogThrottle;
use super::{App, as_routed, fallback, router, stats};

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
    tokio::spawn(fallback::run(Arc::clone(&app)));
    let router = router(app);
    let failures = LogThrottle::<1>::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, router.clone()));
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

async fn connection(stream: TcpStream, router: Router) {
    if let Err(problem) = stream.set_nodelay(true) {
        debug!(%problem, "no TCP_NODELAY");
    }
    // Before the router: a layer on it would come after the match.
    let service = TowerToHyperService::new(router.map_request(as_routed));
    let connection = http1::Builder::new()
        .max_buf_size(MAX_CONNECTION_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    match connection.without_shutdown().await {
        Ok(parts) => linger(parts.io.into_inner()).await,
        Err(problem) => debug!(%problem, "a connection ended early"),
    }
}
