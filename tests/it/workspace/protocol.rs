//! The Logs Ingestion API, as far as a client can tell.

use std::time::{Duration, Instant};

use humanbound_sentinel::emulator::{Store, Throttle, WorkspaceOptions};
use serde_json::json;
use time::macros::datetime;

use super::client::{self, call, gzip, rejected, send, token_request, url};
use super::{TestClock, start, start_with};

#[tokio::test]
async fn stores_the_rows_of_an_accepted_call() {
    let workspace = start().await;
    let answer = send(&workspace, &json!([{ "EventType": "a" }, { "EventType": "b" }])).await;
    assert_eq!(answer.status(), 204);
    assert!(answer.bytes().await.unwrap().is_empty());
    let rows = workspace.rows().await.unwrap();
    assert_eq!(rows.iter().map(|row| row["EventType"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(workspace.row_count(), 2);
    assert_eq!(workspace.calls().accepted, 1);
}

#[tokio::test]
async fn inflates_gzip_bodies_and_records_both_sizes() {
    let workspace = start().await;
    let body = json!([{ "EventTitle": "x".repeat(5000) }]).to_string();
    let packed = gzip(body.as_bytes());
    let request = call(&workspace, packed.clone()).await.header("Content-Encoding", "gzip");
    let answer = request.header("x-ms-client-request-id", "one").send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let recorded = workspace.recorded();
    let [call] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!((call.wire_bytes, call.body_bytes, call.rows), (packed.len(), body.len(), 1));
    assert_eq!(call.status, Some(204));
    assert_eq!(call.headers["x-ms-client-request-id"], "one");
    assert!(!call.headers.contains_key("authorization"), "a token must not end up in a test's output");
}

#[tokio::test]
async fn rejects_a_call_without_a_good_token() {
    let clock = TestClock::new(datetime!(2026-08-01 12:00 UTC));
    let workspace =
        start_with(WorkspaceOptions { token_lifetime: Duration::from_secs(600), ..clock.options() }).await;
    let bare = || client::http().post(url(&workspace)).header("Content-Type", "application/json").body("[]");
    let unauthorized = "AuthenticationFailed";
    rejected(bare().send().await.unwrap(), 401, unauthorized).await;
    rejected(bare().bearer_auth("made.up.").send().await.unwrap(), 401, unauthorized).await;
    rejected(bare().header("Authorization", "Basic eDp5").send().await.unwrap(), 401, unauthorized).await;

    let answer = token_request(&workspace, "https://storage.azure.com").send().await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let other = body["access_token"].as_str().unwrap();
    rejected(bare().bearer_auth(other).send().await.unwrap(), 401, unauthorized).await;

    let token = client::token(&workspace).await;
    clock.advance(time::Duration::seconds(599));
    assert_eq!(bare().bearer_auth(&token).send().await.unwrap().status(), 204);
    clock.advance(time::Duration::seconds(1));
    rejected(bare().bearer_auth(&token).send().await.unwrap(), 401, unauthorized).await;

    let token = client::token(&workspace).await;
    workspace.revoke_tokens();
    rejected(bare().bearer_auth(&token).send().await.unwrap(), 401, unauthorized).await;
    assert_eq!(send(&workspace, &json!([])).await.status(), 204, "a new token is good");
}

#[tokio::test]
async fn answers_403_while_the_role_is_missing() {
    let workspace = start().await;
    workspace.set_role_assigned(false);
    rejected(send(&workspace, &json!([])).await, 403, "OperationFailed").await;
    workspace.set_role_assigned(true);
    assert_eq!(send(&workspace, &json!([])).await.status(), 204);
}

#[tokio::test]
async fn rejects_other_addresses() {
    let workspace = start().await;
    let (dcr, stream, token) =
        (workspace.dcr_immutable_id(), workspace.stream(), client::token(&workspace).await);
    let cases = [
        (format!("dataCollectionRules/dcr-0/streams/{stream}?api-version=2023-01-01"), 404, "NotFound"),
        (format!("dataCollectionRules/{dcr}/streams/Custom-Other?api-version=2023-01-01"), 404, "NotFound"),
        ("elsewhere".to_owned(), 404, "NotFound"),
        (format!("dataCollectionRules/{dcr}/streams/{stream}"), 400, "UnsupportedApiVersion"),
        (
            format!("dataCollectionRules/{dcr}/streams/{stream}?api-version=2021-11-01-preview"),
            400,
            "UnsupportedApiVersion",
        ),
    ];
    for (path, status, code) in cases {
        let request = client::http().post(format!("{}/{path}", workspace.endpoint())).bearer_auth(&token);
        let answer = request.header("Content-Type", "application/json").body("[]").send().await.unwrap();
        rejected(answer, status, code).await;
    }
}

#[tokio::test]
async fn rejects_bodies_that_are_not_arrays_of_objects() {
    let workspace = start().await;
    let bodies: [&[u8]; 7] = [b"", b"{}", b"[1]", b"[[]]", b"[{}", b"null", b"[{\"EventType\":\"\xff\"}]"];
    for body in bodies {
        rejected(call(&workspace, body).await.send().await.unwrap(), 400, "InvalidRequestPayload").await;
    }
    let broken = call(&workspace, &gzip(b"[]")[..8]).await.header("Content-Encoding", "gzip");
    rejected(broken.send().await.unwrap(), 400, "InvalidRequestPayload").await;
    assert_eq!(workspace.row_count(), 0);
    assert_eq!(workspace.calls().by_status[&400], 8);
}

#[tokio::test]
async fn rejects_other_types_and_encodings() {
    let workspace = start().await;
    let token = client::token(&workspace).await;
    let post = || client::http().post(url(&workspace)).bearer_auth(&token).body("[]");
    rejected(post().send().await.unwrap(), 415, "UnsupportedMediaType").await;
    let text = post().header("Content-Type", "text/plain");
    rejected(text.send().await.unwrap(), 415, "UnsupportedMediaType").await;
    let brotli = post().header("Content-Type", "application/json").header("Content-Encoding", "br");
    rejected(brotli.send().await.unwrap(), 415, "UnsupportedMediaType").await;
    let charset = post().header("Content-Type", "application/json; charset=utf-8");
    assert_eq!(charset.send().await.unwrap().status(), 204);
}

/// An array of one row that is `length` bytes long, brackets included.
fn array_of(length: usize) -> String {
    let empty = json!([{ "EventTitle": "" }]).to_string().len();
    json!([{ "EventTitle": "x".repeat(length - empty) }]).to_string()
}

#[tokio::test]
async fn rejects_more_than_a_mebibyte_of_rows_however_it_is_packed() {
    const MIB: usize = 1_048_576;
    let workspace = start().await;
    // The brackets do not count, as they do not in Microsoft's client.
    for (length, status) in [(MIB + 2, 204), (MIB + 5, 413)] {
        let body = array_of(length);
        let packed = call(&workspace, gzip(body.as_bytes())).await.header("Content-Encoding", "gzip");
        assert_eq!(packed.send().await.unwrap().status(), status, "{length} bytes");
    }
    rejected(
        call(&workspace, array_of(MIB + 5)).await.send().await.unwrap(),
        413,
        "ContentLengthLimitExceeded",
    )
    .await;
    let bomb = gzip(&vec![b' '; 4 * MIB]);
    let bomb = call(&workspace, bomb).await.header("Content-Encoding", "gzip").send().await.unwrap();
    rejected(bomb, 413, "ContentLengthLimitExceeded").await;
    let enormous = call(&workspace, vec![b' '; 20 * MIB]).await.send().await;
    assert!(
        enormous.is_err() || enormous.unwrap().status() == 413,
        "a body beyond reading is rejected early"
    );
}

#[tokio::test]
async fn rejects_calls_beyond_the_throttle_and_says_for_how_long() {
    let throttle = Throttle { calls: 2, per: Duration::from_millis(900) };
    let workspace =
        start_with(WorkspaceOptions { throttle: Some(throttle), ..WorkspaceOptions::default() }).await;
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(send(&workspace, &json!([])).await.status(), 204);
    }
    let answer = send(&workspace, &json!([])).await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(wait, 1, "whole seconds, rounded up");
    rejected(answer, 429, "TooManyRequests").await;
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(send(&workspace, &json!([])).await.status(), 204, "after {:?}", began.elapsed());
}

#[tokio::test]
async fn keeps_bodies_unopened_for_a_benchmark() {
    let workspace =
        start_with(WorkspaceOptions { store: Store::Bodies, ..WorkspaceOptions::default() }).await;
    let packed = call(&workspace, gzip(br#"[{"EventType":"a"}]"#)).await.header("Content-Encoding", "gzip");
    assert_eq!(packed.send().await.unwrap().status(), 204);
    assert_eq!(call(&workspace, "not JSON").await.send().await.unwrap().status(), 204);
    assert_eq!(workspace.row_count(), 0);
    assert_eq!(workspace.rows().await.unwrap()[0]["EventType"], "a");
}

#[tokio::test]
async fn stops_listening_when_dropped() {
    let workspace = start().await;
    let (endpoint, identity) = (workspace.endpoint(), workspace.identity_endpoint());
    drop(workspace);
    for url in [endpoint, identity] {
        // The accept loops end when the runtime next runs them.
        let rejected = async { while client::http().get(&url).send().await.is_ok_and(|_| true) {} };
        tokio::time::timeout(Duration::from_secs(10), rejected).await.expect("the port is closed");
    }
}
