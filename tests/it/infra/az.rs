//! The real `az` validates, predicts, deploys, shows and publishes, as an operator would.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{loopback::Loopback, root};
use crate::package;

const SKIPPED: &str = "deployments with the real az";

/// `az deployment group <verb>` of the committed template.
fn group<'a>(verb: &'a str, template: &'a str, parameters: &'a str) -> Vec<&'a str> {
    let fixed = ["deployment", "group", verb, "--resource-group", "rg-humanbound", "--name", "humanbound"];
    [&fixed[..], &["--template-file", template, "--parameters", parameters]].concat()
}

fn template() -> String {
    root().join("infra/main.json").to_str().unwrap().to_owned()
}

#[test]
fn az_validates_predicts_deploys_shows_and_publishes() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.sign_in();
    let template = template();
    let parameters = azure
        .parameters(&json!({"webhookSecret": "s3cret", "organisationName": "Contoso", "watchRules": true}));

    let valid = azure.az_json(&group("validate", &template, &parameters));
    assert_eq!(valid["properties"]["provisioningState"], "Succeeded");

    let predicted =
        azure.az_json(&[group("what-if", &template, &parameters), vec!["--no-pretty-print"]].concat());
    let changes = predicted["changes"].as_array().unwrap();
    assert!(changes.len() > 30 && changes.iter().all(|change| change["changeType"] == "Create"));
    assert_eq!(azure.state()["puts"], json!([]), "a prediction changes nothing");

    let created = azure.az_json(&group("create", &template, &parameters));
    assert_eq!(created["properties"]["provisioningState"], "Succeeded");
    // A secret comes back as a type without a value.
    assert_eq!(created["properties"]["parameters"]["webhookSecret"], json!({"type": "SecureString"}));
    assert!(!created.to_string().contains("s3cret"));

    let show = ["deployment", "group", "show", "--resource-group", "rg-humanbound", "--name", "humanbound"];
    let outputs = azure.az_json(&[&show[..], &["--query", "properties.outputs"]].concat());
    let output =
        |name: &str| outputs[name]["value"].as_str().unwrap_or_else(|| panic!("no output {name}")).to_owned();
    let site = output("connectorFunctionName");
    assert_eq!(output("connectorUrl"), format!("https://{site}.azurewebsites.net/api/ingest"));
    assert!(output("dcrImmutableId").starts_with("dcr-"));

    let again =
        azure.parameters(&json!({"settled": true, "organisationName": "Contoso", "watchRules": true}));
    let created = azure.az_json(&group("create", &template, &again));
    assert_eq!(created["properties"]["provisioningState"], "Succeeded");
    assert_eq!(created["properties"]["outputs"], outputs, "the same deployment, settled");

    // The package of `make dist` where there is one, else one that packaging made around a stand-in.
    let zip = fs::read(root().join("dist/connector.zip")).unwrap_or_else(|_| package::sample());
    let path = azure.folder.path().join("connector.zip");
    fs::write(&path, &zip).unwrap();
    let publish = ["functionapp", "deployment", "source", "config-zip", "--resource-group", "rg-humanbound"];
    azure.az_json(&[&publish[..], &["--name", &site, "--src", path.to_str().unwrap()]].concat());
    let state = azure.state();
    assert_eq!(state["published"][0]["site"], *site);
    let received = STANDARD.decode(state["published"][0]["zip"].as_str().unwrap()).unwrap();
    assert!(received == zip, "the package arrived changed");

    let unknown: Vec<_> = state["unknown"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        unknown.iter().all(|request| request.contains("azcliprod.blob")),
        "not answered for: {unknown:?}"
    );
}

#[test]
fn az_tells_what_is_wrong_with_a_parameter() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.sign_in();
    let template = template();
    let wrong = [
        (json!({"allowedSourceRanges": ["nonsense"]}), "nonsense"),
        (json!({"maximumInstanceCount": 101}), "maximumInstanceCount"),
        (json!({"instanceMemoryMB": 1024}), "instanceMemoryMB"),
        (json!({"integrationSubnetId": "snet-functions"}), "is not the resource id of a subnet"),
    ];
    for (values, expected) in wrong {
        let output = azure.az(&group("validate", &template, &azure.parameters(&values)));
        let errors = output.stderr;
        assert_eq!(output.code, Some(1), "{values}");
        assert!(errors.contains(expected), "{values}: {errors}");
    }
    assert_eq!(azure.state()["puts"], json!([]));
}

#[test]
fn az_tells_that_a_vault_must_be_recovered() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.sign_in();
    let template = template();
    let first = azure.deploy(&json!({"webhookSecret": "s3cret"}));
    let vault = first["outputs"]["keyVaultName"]["value"].as_str().unwrap();
    let id =
        first["resources"].as_array().unwrap().iter().find_map(|resource| {
            resource["id"].as_str().filter(|id| id.ends_with(&format!("/vaults/{vault}")))
        });
    azure.ask("/delete", &json!([id]));
    let output = azure.az(&group("create", &template, &azure.parameters(&json!({}))));
    assert_eq!(output.code, Some(1));
    let errors = output.stderr;
    assert!(errors.contains("already exists in deleted state"), "{errors}");
    let created =
        azure.az_json(&group("create", &template, &azure.parameters(&json!({"recoverKeyVault": true}))));
    assert_eq!(created["properties"]["provisioningState"], "Succeeded");
}
