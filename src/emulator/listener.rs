//! The accept loop: plain HTTP/1.1 on a loopback port that the system chooses, with a handle by which a
//! request can have its own connection reset.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt as _;

/// A running listener; dropping it closes the port and every connection.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Binds 127.0.0.1 at a free port and serves `router` there.
pub(super) async fn serve(router: Router) -> io::Result<Listener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(accept(listener, router)).abort_handle();
    Ok(Listener { address, task })
}

async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone()));
                }
                // Out of file descriptors: let some connections end first instead of spinning.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // Without this, answers on a keep-alive connection wait for the other side's delayed ACK.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let handle = ConnectionHandle::default();
    let socket = Socket { stream, reset: handle.clone() };
    let service = service_fn({
        let handle = handle.clone();
        move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(handle.clone());
            router.clone().oneshot(Request::from(request.map(axum::body::Body::new)))
        }
    });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        // A client that went away is no concern of the workspace.
        _ = serving => {}
        () = handle.0.wake.notified() => {}
    }
}

/// Lets a handler reset the connection its request came on.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionHandle(Arc<Resetting>);

#[derive(Debug, Default)]
struct Resetting {
    wanted: AtomicBool,
    wake: Notify,
}

impl ConnectionHandle {
    /// Resets the connection; never returns, since the task is dropped with it.
    pub(super) async fn reset(&self) -> ! {
        self.0.wanted.store(true, Ordering::Release);
        self.0.wake.notify_one();
        loop {
            std::future::pending::<()>().await;
        }
    }
}

/// A stream that ends with RST instead of FIN when its handle says so.
struct Socket {
    stream: TcpStream,
    reset: ConnectionHandle,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.0.wanted.load(Ordering::Acquire) {
            // Failing leaves an ordinary close, which the caller must survive as well.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
