//! The address of a Function App: it stays, whichever connector stands behind it.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub struct Front {
    address: SocketAddr,
    behind: watch::Sender<SocketAddr>,
    task: JoinHandle<()>,
}

impl Front {
    /// Leads every connection to `behind`.
    pub async fn before(behind: SocketAddr) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (behind, target) = watch::channel(behind);
        let task = tokio::spawn(async move {
            while let Ok((mut outer, _)) = listener.accept().await {
                let mut target = target.clone();
                let to = *target.borrow_and_update();
                tokio::spawn(async move {
                    let Ok(mut inner) = TcpStream::connect(to).await else { return };
                    // A connection that is kept must not lead to a connector that is no longer meant.
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
                        _ = target.changed() => {}
                    }
                });
            }
        });
        Front { address, behind, task }
    }

    pub fn lead_to(&self, behind: SocketAddr) {
        self.behind.send_replace(behind);
    }

    pub fn url(&self) -> String {
        format!("http://{}/api/ingest", self.address)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
