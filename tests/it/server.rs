//! What of the server a child process cannot show: panics, and what takes a quarter of an hour.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use humanbound_sentinel::counters::Counts;
use humanbound_sentinel::server::{Names, StatsReporter, guard};
use serde_json::json;
use time::macros::datetime;
use tokio::time::Instant;
use tower::ServiceExt as _;

#[tokio::test]
async fn a_panic_ends_one_request_with_503() {
    async fn boom() {
        panic!("a bug");
    }
    let routes = guard(Router::new().route("/boom", get(boom)).route("/", get(async || "ok")));
    let call = |path: &str| routes.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
    let response = call("/boom").await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(call("/").await.unwrap().status(), 200, "the next one is served");
}

#[tokio::test]
async fn a_stats_row_tells_what_moved_and_not_too_often() {
    let (started, now) = (datetime!(2026-11-24 10:00 UTC), Instant::now());
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let mut reporter = StatsReporter::new(started, now);
    let names = Names { instance: "i1", site: "feed" };
    let mut next =
        |counts, after: u64| reporter.next(counts, names, started + minutes(after), now + minutes(after));
    let mut counts = Counts { rejected_mismatch: 3, rejected_missing: 2, ..Counts::default() };
    assert_eq!(next(counts, 0), None, "not in the first minute");
    let first = next(counts, 1).unwrap();
    assert_eq!((&first["rejected_signatures"], &first["stored"]), (&json!(5), &json!(0)));
    assert_eq!((&first["since"], &first["instance"]), (&json!("2026-11-24T10:00:00Z"), &json!("i1")));
    assert_eq!((&first["rejected_mismatches"], &first["site"]), (&json!(3), &json!("feed")));
    counts.stored = 5;
    assert_eq!(next(counts, 15), None, "within a quarter of an hour");
    let second = next(counts, 16).unwrap();
    assert_eq!(
        (&second["rejected_signatures"], &second["stored"]),
        (&json!(0), &json!(5)),
        "only what is new"
    );
    assert_eq!(second["since"], "2026-11-24T10:01:00Z");
    assert_eq!(next(counts, 60), None, "nothing moved");
}
