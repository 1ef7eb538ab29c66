//! The whole way: the platform sends, `connector` takes, the row is in the workspace.

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Visit, event, options};
use crate::rig::{self, Rig};

#[tokio::test]
async fn what_the_platform_sends_is_a_row() {
    let rig = Rig::start().await;
    let visit = Visit::start(options()).await;
    let webhook = visit.platform.add_webhook(&rig.host.url("/api/ingest"), rig::SECRET).unwrap();

    let (status, answer) = visit.webhooks(Method::POST, &format!("/{}/test", webhook.id), None).await;
    assert_eq!(status, 200, "{answer}");
    visit.platform.publish(event(3));
    visit.platform.settled().await;
    let rows = rig.rows().await;
    let types: Vec<_> = rows.iter().map(|row| row["EventType"].as_str().unwrap()).collect();
    assert_eq!(types, ["webhook.test", "finding.created"]);
    assert_eq!((&rows[0]["EventFamily"], &rows[1]["EventFamily"]), (&json!("test"), &json!("finding")));
    assert_eq!(rows[1]["EventTitle"], "number 3");

    let bodies: Vec<_> = (10..40).map(|number| event(number).body).collect();
    let outcomes: Vec<_> = visit.platform.deliver_all(webhook.id, bodies, 8).unwrap().collect().await;
    for outcome in &outcomes {
        let answer: Value = serde_json::from_slice(&outcome.answer).unwrap();
        assert_eq!((outcome.status, answer["status"].as_str()), (Some(200), Some("stored")));
    }
    assert_eq!(rig.rows().await.len(), 2 + 30);
}

#[tokio::test]
async fn another_secret_is_a_delivery_that_failed() {
    let rig = Rig::start().await;
    let visit = Visit::start(options()).await;
    let webhook = visit.platform.add_webhook(&rig.host.url("/api/ingest"), "not its secret").unwrap();
    let (status, _) = visit.webhooks(Method::POST, &format!("/{}/test", webhook.id), None).await;
    assert_eq!(status, 502);
    assert_eq!(visit.platform.deliveries(webhook.id)[0].status_code, Some(401));
    assert!(rig.rows().await.is_empty());
}
