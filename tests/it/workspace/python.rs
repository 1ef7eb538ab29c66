//! Microsoft's own client, `azure-monitor-ingestion` with `azure-identity`, against the local workspace: the
//! proof that what we test the connector with speaks the protocol.

use std::process::Stdio;
use std::time::{Duration, Instant};

use humanbound_sentinel::emulator::{Fault, Workspace};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::start;

/// How the client is started; `None` after a line that says what is skipped.
fn client() -> Option<impl Fn() -> Command> {
    let start = || crate::tools::python("Microsoft's Python client against the local workspace");
    start()?;
    Some(move || Command::from(start().unwrap()))
}

/// Lets the client upload `logs` and returns the errors it reported.
async fn upload(
    client: &impl Fn() -> Command,
    workspace: &Workspace,
    logs: &Value,
    more: &Value,
) -> Vec<Value> {
    let mut task = json!({
        "endpoint": workspace.endpoint(),
        "rule_id": workspace.dcr_immutable_id(),
        "stream_name": workspace.stream(),
        "client_id": workspace.client_id(),
        "logs": logs,
    });
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let script = crate::tools::root().join("tests/python/ingest.py");
    let mut child = client()
        .arg(script)
        .env_clear()
        .env("IDENTITY_ENDPOINT", workspace.identity_endpoint())
        .env("IDENTITY_HEADER", workspace.identity_header())
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(task.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output =
        tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["errors"].as_array().unwrap().clone()
}

fn rows(count: usize, bytes: usize) -> Value {
    (0..count)
        .map(|number| json!({ "EventId": number.to_string(), "EventTitle": "x".repeat(bytes) }))
        .collect()
}

#[tokio::test]
async fn takes_what_microsofts_client_sends() {
    let Some(client) = client() else { return };
    let workspace = start().await;
    assert_eq!(upload(&client, &workspace, &rows(3, 10), &json!({})).await, Vec::<Value>::new());
    assert_eq!(
        upload(&client, &workspace, &rows(2, 10), &json!({ "as_stream": true })).await,
        Vec::<Value>::new()
    );
    assert_eq!(workspace.row_count(), 5);
    let recorded = workspace.recorded();
    let [packed, plain] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(!plain.headers.contains_key("content-encoding"));
    assert!(packed.headers.contains_key("x-ms-client-request-id"));
    assert!(packed.headers["user-agent"].to_str().unwrap().contains("azsdk-python-monitor-ingestion"));
    assert!(workspace.adjustments().dropped.is_empty());
}

#[tokio::test]
async fn takes_every_chunk_that_microsofts_client_splits_off() {
    let Some(client) = client() else { return };
    let workspace = start().await;
    assert_eq!(upload(&client, &workspace, &rows(2500, 1000), &json!({})).await, Vec::<Value>::new());
    assert_eq!(workspace.row_count(), 2500);
    let recorded = workspace.recorded();
    assert_eq!(recorded.len(), 3);
    // The client fills its chunks to 1 MiB of rows and adds the separators: the limit must bear that.
    assert!(recorded.iter().any(|call| call.body_bytes > 1_048_576), "{recorded:?}");
    assert_eq!(workspace.tokens_issued(), 1, "the client keeps its token");
}

#[tokio::test]
async fn rejections_are_errors_that_microsofts_client_understands() {
    let Some(client) = client() else { return };
    let workspace = start().await;
    let too_big = upload(&client, &workspace, &rows(1, 1_100_000), &json!({})).await;
    assert_eq!(too_big.len(), 1);
    assert_eq!(too_big[0]["status"], 413);
    assert_eq!(too_big[0]["code"], "ContentLengthLimitExceeded");
    assert_eq!(too_big[0]["header"], "ContentLengthLimitExceeded");

    workspace.set_role_assigned(false);
    let forbidden = upload(&client, &workspace, &rows(4, 10), &json!({})).await;
    assert_eq!(forbidden.len(), 1);
    assert_eq!((&forbidden[0]["status"], &forbidden[0]["failed"]), (&json!(403), &json!(4)));
    assert_eq!(forbidden[0]["code"], "OperationFailed");
    assert!(forbidden[0]["message"].as_str().unwrap().contains(workspace.dcr_immutable_id()));

    workspace.set_role_assigned(true);
    let elsewhere =
        upload(&client, &workspace, &rows(1, 10), &json!({ "stream_name": "Custom-Other" })).await;
    assert_eq!(elsewhere[0]["status"], 404);
    assert_eq!(workspace.row_count(), 0);
}

#[tokio::test]
async fn microsofts_client_waits_as_retry_after_says() {
    let Some(client) = client() else { return };
    let workspace = start().await;
    workspace.set_fault(Fault::Status { code: 429, retry_after: Some("1".into()) }.next(1));
    let began = Instant::now();
    assert_eq!(upload(&client, &workspace, &rows(1, 10), &json!({})).await, Vec::<Value>::new());
    assert!(began.elapsed() >= Duration::from_secs(1));
    let calls = workspace.recorded();
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(429), Some(204)]);
    assert!((calls[1].at - calls[0].at).as_seconds_f64() >= 1.0, "the client waited");

    workspace.set_fault(Fault::Status { code: 429, retry_after: Some("1".into()) });
    let throttled = upload(&client, &workspace, &rows(1, 10), &json!({})).await;
    assert_eq!((&throttled[0]["status"], &throttled[0]["retry_after"]), (&json!(429), &json!("1")));
    assert_eq!(workspace.row_count(), 1);
}
