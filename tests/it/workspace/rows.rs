//! What becomes of a row on its way into the table.

use humanbound_sentinel::emulator::{Store, WorkspaceOptions};
use serde_json::{Value, json};
use time::macros::datetime;

use super::client::send;
use super::{TestClock, start, start_with};

/// Sends one row and returns it as stored.
async fn stored(workspace: &humanbound_sentinel::emulator::Workspace, row: Value) -> Value {
    assert_eq!(send(workspace, &json!([row])).await.status(), 204);
    workspace.rows().await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn keeps_a_row_that_fits_the_table() {
    let clock = TestClock::new(datetime!(2026-08-01 12:00 UTC));
    let workspace = start_with(clock.options()).await;
    let row = json!({
        "TimeGenerated": "2026-08-01T11:59:59.123456Z", "EventType": "a", "SeverityRank": -1, "SeverityScore": 87.5,
        "OccurrenceCount": 3, "Truncated": false, "Data": { "deep": [1, null, { "x": "é" }] },
        "FirstSeenTime": "2026-07-01T00:00:00+02:00", "PreviousScore": 60, "AdditionalFields": "text",
    });
    assert_eq!(stored(&workspace, row.clone()).await, row);
    assert!(workspace.adjustments().is_empty(), "{:?}", workspace.adjustments());
}

#[tokio::test]
async fn drops_columns_that_the_stream_lacks() {
    let workspace = start().await;
    let row =
        stored(&workspace, json!({ "EventType": "a", "Nope": 1, "eventtype": "b", "Gone": null })).await;
    assert_eq!(row.as_object().unwrap().keys().collect::<Vec<_>>(), ["EventType", "TimeGenerated"]);
    let dropped = workspace.adjustments().dropped;
    assert_eq!(
        dropped.into_iter().collect::<Vec<_>>(),
        [("Nope".to_owned(), 1), ("eventtype".to_owned(), 1)]
    );
}

#[tokio::test]
async fn makes_values_of_a_wrong_type_null() {
    let workspace = start().await;
    let row = json!({
        "EventType": 7, "SeverityRank": "4", "OccurrenceCount": 1.5, "TestCount": 2_147_483_648_u64,
        "SeverityScore": "high", "Truncated": "true", "FirstSeenTime": "yesterday", "FixedTime": 1_785_600_000,
        "Description": null,
    });
    let row = stored(&workspace, row).await;
    assert_eq!(row.as_object().unwrap().keys().collect::<Vec<_>>(), ["TimeGenerated"]);
    assert_eq!(
        workspace.adjustments().nulled.keys().collect::<Vec<_>>(),
        [
            "EventType",
            "FirstSeenTime",
            "FixedTime",
            "OccurrenceCount",
            "SeverityRank",
            "SeverityScore",
            "TestCount",
            "Truncated"
        ]
    );
}

#[tokio::test]
async fn cuts_values_over_64_kilobytes_at_a_character() {
    let workspace = start().await;
    let row = json!({
        "Description": "é".repeat(40_000), "EventTitle": "y".repeat(65_536),
        "Data": { "text": "z".repeat(70_000) },
    });
    let row = stored(&workspace, row).await;
    assert_eq!(row["Description"].as_str().unwrap(), "é".repeat(32_768));
    assert_eq!(row["EventTitle"].as_str().unwrap().len(), 65_536);
    assert_eq!(row["Data"].as_str().unwrap().len(), 65_536, "a cut bag is text");
    assert_eq!(workspace.adjustments().truncated.keys().collect::<Vec<_>>(), ["Data", "Description"]);
}

#[tokio::test]
async fn keeps_time_generated_within_two_days_back_and_one_ahead() {
    let clock = TestClock::new(datetime!(2026-08-10 12:00 UTC));
    let workspace = start_with(clock.options()).await;
    let receipt = "2026-08-10T12:00:00Z";
    let cases = [
        (json!("2026-08-08T12:00:00Z"), "2026-08-08T12:00:00Z"),
        (json!("2026-08-08T11:59:59Z"), receipt),
        (json!("2026-08-11T12:00:00Z"), "2026-08-11T12:00:00Z"),
        (json!("2026-08-11T12:00:01Z"), receipt),
        (json!("2026-08-10T16:00:00+04:00"), "2026-08-10T16:00:00+04:00"),
        (json!("soon"), receipt),
        (Value::Null, receipt),
    ];
    for (sent, expected) in cases {
        let row = stored(&workspace, json!({ "TimeGenerated": sent })).await;
        assert_eq!(row["TimeGenerated"], expected, "{sent}");
    }
    let adjustments = workspace.adjustments();
    assert_eq!((adjustments.restamped, adjustments.stamped), (2, 2));
}

#[tokio::test]
async fn writes_one_line_a_row_readable_while_it_runs() {
    let folder = super::scratch("rows");
    let options = || WorkspaceOptions { store: Store::Dir(folder.clone()), ..WorkspaceOptions::default() };
    let workspace = start_with(options()).await;
    let path = workspace.rows_path().unwrap().to_owned();
    assert_eq!(path, folder.join("AISecurityEvents_CL.ndjson"));
    for number in 0..3 {
        let rows = json!([{ "EventId": format!("{number}a") }, { "EventId": format!("{number}b"), "Data": "line\nbreak" }]);
        assert_eq!(send(&workspace, &rows).await.status(), 204);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2 * (number + 1), "the answer comes after the write");
    }
    assert_eq!(workspace.row_count(), 6);
    assert_eq!(workspace.rows().await.unwrap()[5]["EventId"], "2b");

    let second = humanbound_sentinel::emulator::Workspace::start(options()).await.unwrap_err();
    assert!(second.to_string().contains("AISecurityEvents_CL.ndjson"), "{second}");
    std::fs::remove_dir_all(folder).unwrap();
}
