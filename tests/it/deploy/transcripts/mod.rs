//! What whole runs of `deploy` print, word for word at 80 columns, each against a file beside this one.
//!
//! `SNAPSHOTS=overwrite cargo test --test it deploy::transcripts` writes them anew.

use serde_json::json;
use snapbox::{Assert, Data};

use super::Stage;
use crate::azure_cli::recorded::Answer;
use crate::cli::transcripts::{after, transcript};

/// Runs `deploy` with more arguments and compares what it prints.
async fn compare(stage: &Stage, name: &str, more: &[&str]) {
    let ran = stage.deploy(more).await;
    let command = ["hb-sentinel deploy --resource-group rg-humanbound", &more.join(" ")].join(" ");
    let mut text = transcript(command.trim(), &ran)
        .replace(&stage.azure.front.url(), "https://func-humanbound-x.azurewebsites.net/api/ingest")
        .replace(stage.desk().home.path().to_str().unwrap(), "~");
    // Digests of the template and the package, and the time, differ from version to version.
    for (mark, end, by) in [
        ("hb-sentinel-", '\n', "1a2b3c4d"),
        ("connector.zip (", ')', "0a1b2c3d"),
        ("Package: ", '\n', "0a1b2c3d"),
        ("logs/deploy-", '.', "20260131T100000000Z"),
    ] {
        text = after(&text, mark, |c| c == end, by);
    }
    for id in stage.desk().webhooks() {
        text = text.replace(&id, "11111111-2222-4333-8444-555555555555");
    }
    let file = crate::tools::root().join(format!("tests/it/deploy/transcripts/{name}.txt"));
    Assert::new().action_env("SNAPSHOTS").eq(text, Data::read_from(&file, None).raw());
}

#[tokio::test]
async fn of_the_first_run_and_the_second() {
    let stage = Stage::start().await;
    compare(&stage, "dry-run", &["--dry-run"]).await;
    compare(&stage, "first", &["--yes"]).await;
    compare(&stage, "second", &[]).await;
}

#[tokio::test]
async fn of_a_run_that_fails() {
    let stage = Stage::start().await;
    let quota = Answer::error(
        1,
        format!(
            "ERROR: {}",
            json!({ "code": "SubscriptionIsOverQuotaForSku", "message":
                "This region has quota of 0 instances for your subscription. Try selecting different region or SKU." })
        ),
    );
    stage.azure.fault("deployment group create", 1, quota);
    compare(&stage, "quota", &["--yes"]).await;
}
