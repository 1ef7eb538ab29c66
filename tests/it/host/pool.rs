//! `HttpClient`'s pool of idle keep-alive connections to the worker.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::http1::Connection;

/// A connection to the worker.
pub type Worker = Connection<TcpStream>;

/// Idle connections to one port.
#[derive(Clone, Debug)]
pub struct Pool {
    port: u16,
    /// How long a connection may be idle (`PooledConnectionIdleTimeout`, one minute by default:
    /// <https://learn.microsoft.com/dotnet/api/system.net.http.socketshttphandler.pooledconnectionidletimeout>).
    limit: Duration,
    idle: Arc<Mutex<Vec<(Worker, Instant)>>>,
}

impl Pool {
    /// An empty pool.
    pub fn new(port: u16, limit: Duration) -> Pool {
        Pool { port, limit, idle: Arc::default() }
    }

    /// The connection used last, else a new one; `true` when it was used before.
    ///
    /// # Errors
    /// Of the connect.
    pub async fn acquire(&self) -> io::Result<(Worker, bool)> {
        while let Some((worker, since)) = self.pop() {
            // Bytes or an end that nobody asked for make a connection useless.
            let quiet = worker
                .stream
                .try_read(&mut [0])
                .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            if quiet && since.elapsed() < self.limit {
                return Ok((worker, true));
            }
        }
        Ok((self.connect().await?, false))
    }

    /// A new connection.
    ///
    /// # Errors
    /// Of the connect.
    pub async fn connect(&self) -> io::Result<Worker> {
        // Only IPv4: the host never tries `::1`.
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(Connection::new(stream))
    }

    /// Takes a connection back, and closes it when it stays idle for too long.
    pub fn release(&self, worker: Worker) {
        if !worker.buffer.is_empty() {
            return;
        }
        self.idle.lock().unwrap().push((worker, Instant::now()));
        let (idle, limit) = (self.idle.clone(), self.limit);
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            idle.lock().unwrap().retain(|(_, since)| since.elapsed() < limit);
        });
    }

    fn pop(&self) -> Option<(Worker, Instant)> {
        self.idle.lock().unwrap().pop()
    }
}
