//! The peer: a bare axum handler that verifies the signature, answers 202 and does nothing else.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use humanbound_sentinel::signature::{self, Secret, Signature};
use tokio::net::TcpListener;

use crate::event::SECRET;

/// Serves until the process is ended; tells its port in one line.
pub(crate) fn serve() -> anyhow::Result<()> {
    let secrets: Arc<[Secret]> = Secret::new(SECRET).into_iter().collect();
    let router = Router::new().route("/api/ingest", post(ingest)).with_state(secrets);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", listener.local_addr()?.port())?;
        stdout.flush()?;
        let listener = listener.tap_io(|stream| {
            // Without it answers are late, not wrong.
            drop(stream.set_nodelay(true));
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn ingest(State(secrets): State<Arc<[Secret]>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get(signature::HEADER).and_then(|value| Signature::parse(value.as_bytes()));
    match signature {
        Some(signature) if signature::verify(&secrets, &signature, &body) => StatusCode::ACCEPTED,
        _ => StatusCode::UNAUTHORIZED,
    }
}
