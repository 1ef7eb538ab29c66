//! The typed calls over recorded answers: tries, pages, polls, and what they make of odd answers.

use std::path::Path;

use humanbound_sentinel::azure::{
    Error, Method, Rest,
    calls::segment,
    client::{Operation, Progress},
};
use serde_json::{Value, json};

use super::recorded::{Answer, Recorded};

fn error(file: &str) -> Answer {
    Answer::error(1, std::fs::read_to_string(format!("tests/fixtures/az/stderr/{file}.txt")).unwrap())
}

fn deployment(state: &str, more: &Value) -> Answer {
    let mut properties = json!({"provisioningState": state, "timestamp": "2026-11-28T06:00:00Z"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Answer::json(&json!({"id": "/d/hb-sentinel-1", "name": "hb-sentinel-1", "properties": properties}))
}

#[tokio::test]
async fn busy_service_is_asked_again_after_as_long_as_it_says() {
    let recorded = Recorded::new()
        .on("/x", error("rest_429"))
        .on("/x", error("rest_503"))
        .on("/x", error("rest_503"))
        .on("/x", Answer::json(&json!({"a": 1})));
    assert_eq!(recorded.azure().get("/x").await.unwrap(), Some(json!({"a": 1})));
    assert_eq!(recorded.pauses(), [17, 4, 8]);
    let recorded = Recorded::new().always("/x", error("rest_503"));
    let error = recorded.azure().get("/x").await.unwrap_err();
    assert_eq!(error.code(), Some("ServiceUnavailable"));
    assert_eq!((recorded.calls().len(), recorded.pauses()), (5, vec![2, 4, 8, 16]));
}

#[tokio::test]
async fn other_refusals_are_told_at_once() {
    let recorded = Recorded::new().always("/x", error("rest_412"));
    let azure = recorded.azure();
    let request = Rest { method: Method::Put, url: "/x", body: Some(&json!({"etag": "1"})), resource: None };
    assert_eq!(azure.rest(&request).await.unwrap_err().fault().unwrap().status, Some(412));
    assert_eq!(recorded.calls()[0].stdin.as_deref(), Some(r#"{"etag":"1"}"#));
    assert_eq!(recorded.calls().len(), 1);
}

#[tokio::test]
async fn lists_are_read_to_their_last_page() {
    let recorded = Recorded::new()
        .on(
            "--url /l?v=1",
            Answer::json(&json!({"value": [1, 2], "nextLink": "https://management.azure.com/l?v=1&p=2"})),
        )
        .on("p=2", Answer::json(&json!({"value": [], "nextLink": "https://management.azure.com/l?v=1&p=3"})))
        .on("p=3", Answer::json(&json!({"value": [3], "nextLink": null})));
    assert_eq!(recorded.azure().list("/l?v=1").await.unwrap(), [json!(1), json!(2), json!(3)]);
    let nothing = Recorded::new().always("", error("rest_404"));
    assert!(nothing.azure().list("/l").await.unwrap().is_empty());
    let astray =
        Recorded::new().always("", Answer::json(&json!({"value": [], "nextLink": "http://evil.example/"})));
    assert!(matches!(astray.azure().list("/l").await, Err(Error::Answer { .. })));
    let endless = Recorded::new().always("", Answer::json(&json!({"value": [], "nextLink": "https://x/"})));
    assert!(matches!(endless.azure().list("/l").await, Err(Error::Answer { .. })));
}

#[tokio::test]
async fn what_is_only_accepted_is_waited_for() {
    let state = |state: &str| Answer::json(&json!({"id": "/x", "properties": {"provisioningState": state}}));
    let recorded = Recorded::new()
        .on("--method put", Answer::silent())
        .on("--method get", error("rest_404"))
        .on("--method get", state("Creating"))
        .on("--method get", state("Succeeded"));
    recorded.azure().put("/x", &json!({})).await.unwrap();
    assert_eq!(recorded.pauses(), [5, 5, 5]);
    let failing = Recorded::new().on("--method put", state("Failed"));
    assert_eq!(failing.azure().put("/x", &json!({})).await.unwrap_err().to_string(), "/x was not made");
    let without = Recorded::new().on("--method put", Answer::json(&json!({"properties": {}})));
    without.azure().put("/x", &json!({})).await.unwrap();

    let deleting = Recorded::new()
        .on("--method delete", Answer::silent())
        .on("--method get", state("Deleting"))
        .on("--method get", error("rest_404"));
    deleting.azure().delete("/x").await.unwrap();
    let gone = Recorded::new().on("--method delete", error("rest_404"));
    gone.azure().delete("/x").await.unwrap();
    assert_eq!(gone.calls().len(), 1);
}

#[tokio::test]
async fn failed_deployment_tells_the_innermost_operation() {
    let operation = |id: &str, kind: &str, state: &str, fault: Value| json!({"properties": {"provisioningState": state, "targetResource": {"id": id, "resourceType": kind}, "statusMessage": fault}});
    let nested = "Microsoft.Resources/deployments";
    let outer = json!({"error": {"code": "ResourceDeploymentFailure", "message": "nothing"}});
    let inner = json!({"error": {"code": "BadRequest", "message": "Failed to resolve table"}});
    let recorded = Recorded::new()
        .on("deployments/hb-sentinel-1?", deployment("Running", &json!({})))
        .on("hb-sentinel-1/operations", Answer::json(&json!({"value": [
            operation("/n", nested, "Running", json!(null)), {"properties": {"provisioningState": "Running"}},
        ]})))
        .on("deployments/hb-sentinel-1?", deployment("Failed", &json!({"error": {"code": "DeploymentFailed", "message": "x"}})))
        .on("hb-sentinel-1/operations", Answer::json(&json!({"value": [
            operation("/n", nested, "Failed", outer), operation("/s", "Microsoft.Web/sites", "Succeeded", json!(null)),
        ]})))
        .on("--url /n/operations", Answer::json(&json!({"value": [operation("/rule", "alertRules", "Failed", inner)]})));
    let mut seen: Vec<Operation> = Vec::new();
    let ended = recorded
        .azure()
        .watch("hb-sentinel-1", |_, operations| seen.extend_from_slice(operations))
        .await
        .unwrap();
    assert_eq!(ended.progress, Progress::Failed);
    let fault = ended.fault.unwrap();
    assert_eq!((fault.message.as_str(), fault.target.as_deref()), ("Failed to resolve table", Some("/rule")));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].target, "/n");
}

#[tokio::test]
async fn watching_survives_a_moment_without_network() {
    let lost =
        || Answer::error(1, "ERROR: Failed to establish a new connection: Max retries exceeded with url: /x");
    let outputs = json!({"outputs": {"connectorUrl": {"type": "String", "value": "https://u"}, "notified": {"type": "Bool", "value": true}}});
    let recorded = Recorded::new().times("", 3, lost()).always("", deployment("Succeeded", &outputs));
    let ended = recorded.azure().watch("hb-sentinel-1", |_, _| {}).await.unwrap();
    assert_eq!(
        (ended.outputs["connectorUrl"].as_str(), ended.outputs["notified"].as_str()),
        ("https://u", "true")
    );
    let lost = Recorded::new().always("", lost());
    assert!(lost.azure().watch("hb-sentinel-1", |_, _| {}).await.is_err());
    assert_eq!(lost.calls().len(), 7);
    let refused = Recorded::new().always("", error("login_none"));
    assert!(matches!(refused.azure().watch("hb-sentinel-1", |_, _| {}).await, Err(Error::Login(_))));
    assert_eq!(refused.calls().len(), 1);
}

#[tokio::test]
async fn settings_travel_as_json_and_are_read_back() {
    let listed = json!([{"name": "A", "value": "@Microsoft.KeyVault(x)", "slotSetting": false}, {"name": "B", "value": "2"}]);
    let recorded = Recorded::new().on("settings set", Answer::silent()).always("list", Answer::json(&listed));
    let azure = recorded.azure();
    let wanted = [("A".to_owned(), "@Microsoft.KeyVault(x)".to_owned())].into();
    azure.set_settings("func", &wanted).await.unwrap();
    let call = &recorded.calls()[0];
    assert_eq!(call.stdin.as_deref(), Some(r#"{"A":"@Microsoft.KeyVault(x)"}"#));
    assert!(!call.line().contains("KeyVault"), "{}", call.line());
    let recorded =
        Recorded::new().always("settings set", Answer::silent()).always("list", Answer::json(&listed));
    let lost = recorded
        .azure()
        .set_settings("func", &[("C".to_owned(), "s3cret".to_owned())].into())
        .await
        .unwrap_err();
    assert_eq!(lost.to_string(), "the setting C was written, and reads back as something else");
}

#[tokio::test]
async fn publishing_goes_on_while_the_site_is_not_ready() {
    let late = Recorded::new()
        .on("config-zip", error("publish_503"))
        .on("config-zip", error("publish_409"))
        .on("config-zip", Answer::silent());
    late.azure().publish("func", Path::new("c.zip")).await.unwrap();
    assert_eq!(late.pauses(), [10, 20]);
    let never = Recorded::new().always("config-zip", error("publish_503"));
    assert_eq!(
        never.azure().publish("func", Path::new("c.zip")).await.unwrap_err().fault().unwrap().status,
        Some(503)
    );
    assert_eq!(never.pauses(), [10, 20, 40, 60]);
    // Whoever may not publish learns it at once.
    let forbidden = Recorded::new().always("config-zip", error("publish_403"));
    assert!(forbidden.azure().publish("func", Path::new("c.zip")).await.is_err());
    assert!(forbidden.pauses().is_empty());
    // The identity's role on the container takes minutes.
    let role = "ERROR: An error occured during deployment. Status Code: 403, Details: AuthorizationPermissionMismatch";
    let role = Recorded::new().always("config-zip", Answer::error(1, role));
    assert!(role.azure().publish("func", Path::new("c.zip")).await.is_err());
    assert_eq!(role.pauses(), [60; 10]);
}

#[tokio::test]
async fn queries_ask_for_the_token_of_the_logs() {
    let table = json!({"tables": [{"columns": [{"name": "EventId"}, {"name": "Rows"}], "rows": [["e", 2]]}]});
    let recorded = Recorded::new().on("rest", Answer::json(&table));
    let rows = recorded.azure().query("https://api.loganalytics.io/", "w", "T | count").await.unwrap();
    assert_eq!(rows, [json!({"EventId": "e", "Rows": 2})]);
    let line = recorded.calls()[0].line();
    assert!(line.contains("--url https://api.loganalytics.io/v1/workspaces/w/query"), "{line}");
    assert!(line.contains("--resource https://api.loganalytics.io "), "{line}");
    assert_eq!(recorded.calls()[0].stdin.as_deref(), Some(r#"{"query":"T | count"}"#));
}

#[test]
fn names_cannot_leave_their_segment() {
    assert_eq!(segment("rg-a_b.c(1)"), "rg-a_b.c(1)");
    assert_eq!(segment("a'b$(touch x)\"; #/?é"), "a%27b%24(touch%20x)%22%3B%20%23%2F%3F%C3%A9");
}
