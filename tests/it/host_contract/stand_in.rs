//! A worker that is a process of its own: this test binary, started by the host with a role.

use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use serde_json::json;

use crate::host::{Builder, Host, ScriptRoot};

/// The app setting that says what the process is.
const ROLE: &str = "STAND_IN";

/// A host whose worker is `worker` below.
pub fn host() -> Builder {
    let root = ScriptRoot::connector().executable("connector", &std::env::current_exe().unwrap()).file(
        "host.json",
        r#"{"version":"2.0","customHandler":{"enableProxyingHttpRequest":true,"description":{
           "defaultExecutablePath":"connector",
           "arguments":["--exact","host_contract::stand_in::worker","--nocapture"]}}}"#,
    );
    Host::builder(root).env(ROLE, "worker").timings(|timings| timings.ping = None)
}

/// No test of its own: in a process that a host started it is the worker, elsewhere it does nothing.
#[tokio::test]
async fn worker() {
    if std::env::var(ROLE).is_err() {
        return;
    }
    let port: u16 = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT").unwrap().parse().unwrap();
    let app = axum::Router::new()
        .route("/", get(|| async { "ready" }))
        .route("/api/ingest", post(command))
        .route("/api/health", get(about))
        .route("/api/{*rest}", get(|Path(rest): Path<String>| async move { rest }))
        .route("/drain", post(command));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

/// Does what the body says; a timer's body says nothing, and gets what `DRAIN` says.
#[expect(clippy::exit, reason = "what the host makes of exit codes is to be seen")]
async fn command(body: Bytes) -> axum::Json<serde_json::Value> {
    let text = String::from_utf8_lossy(&body).into_owned();
    let text = if text.starts_with('{') { std::env::var("DRAIN").unwrap_or_default() } else { text };
    match text.split_once(' ') {
        Some(("exit", code)) => std::process::exit(code.parse().unwrap()),
        Some(("stderr", line)) => eprintln!("{line}"),
        Some(("hang", "forever")) => std::future::pending().await,
        _ => {}
    }
    axum::Json(json!({ "echo": text }))
}

/// Who this process is.
async fn about() -> axum::Json<serde_json::Value> {
    let environment: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    axum::Json(json!({
        "pid": std::process::id(),
        "folder": std::env::current_dir().unwrap(),
        "program": std::env::args().next(),
        "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
        "environment": environment,
    }))
}
