//! A receiver of webhooks that keeps what comes, and answers as it is told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use humanbound_sentinel::signature::{self, Secret, Signature};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One delivery as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    next: Mutex<VecDeque<u16>>,
}

/// A running receiver. Dropping it ends it.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

impl Receiver {
    pub async fn start() -> Receiver {
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(take).with_state(shared.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { port, shared, _task: task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/ingest?code=function-key", self.port)
    }

    /// The statuses of the next answers; afterwards 200.
    pub fn answer(&self, statuses: &[u16]) {
        self.shared.next.lock().unwrap().extend(statuses);
    }

    /// What came so far, each checked to be signed with `secret`.
    pub fn signed(&self, secret: &str) -> Vec<Received> {
        let received = self.shared.received.lock().unwrap().clone();
        let secrets = [Secret::new(secret).unwrap()];
        for one in &received {
            let header = one.headers[signature::HEADER].as_bytes();
            let signature = Signature::parse(header).expect("a well-formed signature");
            assert!(signature::verify(&secrets, &signature, &one.body), "{one:?}");
            assert_eq!(one.headers["content-type"], "application/json");
        }
        received
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    shared.received.lock().unwrap().push(Received { headers, body });
    let status = shared.next.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}
