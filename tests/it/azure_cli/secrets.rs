//! A secret travels on standard input, and is nowhere else.

use humanbound_sentinel::azure::{
    call::{File, Values},
    process::Stdin,
};
use humanbound_sentinel::config::Confidential;
use serde_json::json;

use super::recorded::{Answer, Recorded};

const SECRET: &str = "5eCr3t-\"quoted\"-and-\\escaped-0123456789";

fn secret() -> Confidential {
    Confidential::new(SECRET)
}

#[tokio::test]
async fn secret_is_on_standard_input_and_on_no_argument_list() {
    let started =
        json!({"id": "/d", "name": "hb-sentinel-1", "properties": {"provisioningState": "Running"}});
    let recorded = Recorded::new()
        .always("deployments/hb-sentinel-1", Answer::json(&started))
        .always("", Answer::silent());
    let azure = recorded.azure();
    azure
        .put_secret("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv", &secret())
        .await
        .unwrap();
    let files = [(File::Template, "t.json".into()), (File::Parameters, "p.json".into())].into();
    let values = Values { files, secret: Some(secret()), ..Values::default() };
    azure.start_deployment("hb-sentinel-1", &values).await.unwrap();
    let calls: Vec<_> = recorded.calls().into_iter().filter(|call| call.stdin.is_some()).collect();
    assert_eq!(calls.len(), 2);
    let sent: Vec<_> = calls.iter().map(|call| call.stdin.clone().unwrap()).collect();
    let sent: Vec<serde_json::Value> = sent.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(sent[0]["properties"]["value"], SECRET);
    assert_eq!(sent[1]["webhookSecret"]["value"], SECRET);
    for call in &calls {
        assert!(!call.line().contains("5eCr3t"), "{}", call.line());
        assert!(call.args.contains(&"@-".to_owned()));
        // What is written may come back in the answer, and `--debug` prints bodies.
        assert_eq!(call.args.windows(2).filter(|pair| pair == &["--output", "none"]).count(), 1);
        assert!(!call.args.iter().any(|argument| argument == "--debug" || argument == "--verbose"));
    }
}

#[test]
fn secret_is_not_in_what_is_printed() {
    let values = Values { secret: Some(secret()), ..Values::default() };
    let stdin = Stdin::Bytes(SECRET.as_bytes().to_vec().into());
    let printed = format!("{:?} {:#?} {stdin:?} {:?}", secret(), values, Some(secret()));
    assert!(printed.contains("redacted") && !printed.contains("5eCr3t"), "{printed}");
}
