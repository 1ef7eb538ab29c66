//! The webhook secret in the template: one mechanism of rotation, which a deployment neither starts nor breaks off.

use serde_json::{Value, json};

use super::loopback::Loopback;

const SKIPPED: &str = "the webhook secret in the template";
/// What `hb-sentinel rotate-secret` sets: the version before the last.
const PREVIOUS: &str =
    "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/webhook-secret/0123)";

#[test]
fn a_deployment_keeps_the_previous_secret_until_it_is_told_that_the_rotation_has_ended() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let fresh = azure.deploy(&json!({"webhookSecret": "s3cret"}));
    assert_eq!(fresh["settings"][0]["WEBHOOK_SECRET_PREVIOUS"], Value::Null);
    azure.ask("/settings", &json!({"WEBHOOK_SECRET_PREVIOUS": PREVIOUS}));
    for parameters in [json!({}), json!({"webhookSecret": "n3w"}), json!({"settled": true})] {
        let state = azure.deploy(&parameters);
        assert_eq!(state["error"], Value::Null);
        assert_eq!(state["settings"][0]["WEBHOOK_SECRET_PREVIOUS"], PREVIOUS, "{parameters}");
    }
    let state = azure.deploy(&json!({"endRotation": true}));
    assert_eq!(state["settings"][0]["WEBHOOK_SECRET_PREVIOUS"], Value::Null);
    assert_eq!(azure.deploy(&json!({"endRotation": true}))["error"], Value::Null, "ended already");
}

/// Azure fetches the secret behind a reference again when a setting has changed, not when equal ones are written.
#[test]
fn a_setting_changes_with_the_secret_and_only_with_it() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let settings = |parameters: &Value| {
        let state = azure.deploy(parameters);
        assert_eq!(state["error"], Value::Null, "{parameters}");
        state["settings"][0].clone()
    };
    let none = settings(&json!({}));
    assert_eq!(none["WEBHOOK_SECRET_DEPLOYED"], Value::Null, "no secret has been written");
    let first = settings(&json!({"webhookSecret": "s3cret"}));
    assert_eq!(settings(&json!({})), first, "a deployment without a secret changes no setting");
    let second = settings(&json!({"webhookSecret": "n3w"}));
    assert_ne!(second, first, "nothing would make Azure fetch the new secret");
    assert_eq!(second["WEBHOOK_SECRET"], first["WEBHOOK_SECRET"], "the reference names no version");
    assert!(!second.to_string().contains("n3w"));
}
