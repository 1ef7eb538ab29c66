//! The compiled template: its contract with `hb-sentinel` and with people.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{bicep_files, json, read};

/// What `hb-sentinel` reads after a deployment.
const OUTPUTS: [&str; 12] = [
    "connectorFunctionName",
    "connectorUrl",
    "dceEndpoint",
    "dcrImmutableId",
    "keyVaultName",
    "keyVaultResourceId",
    "notified",
    "siteResourceId",
    "storageName",
    "workspaceId",
    "workspaceName",
    "workspaceResourceId",
];

const PARAMETERS: [&str; 35] = [
    "alertActionGroupIds",
    "allowPublicIngestion",
    "allowedSourceRanges",
    "alwaysReadyCount",
    "correlationTag",
    "dailyCapGb",
    "deployContent",
    "enableSentinelHealth",
    "endRotation",
    "healthTestLocations",
    "httpConcurrency",
    "instanceMemoryMB",
    "integrationSubnetId",
    "location",
    "maximumInstanceCount",
    "nameSuffix",
    "onboardSentinel",
    "operatorGroupId",
    "operatorSourceRanges",
    "organisationName",
    "privateNetworking",
    "projects",
    "recoverKeyVault",
    "rejectedSignaturesThreshold",
    "retentionInDays",
    "settled",
    "silenceAlertHours",
    "storageRedundancy",
    "tags",
    "totalRetentionInDays",
    "useExistingWorkspace",
    "watchRules",
    "webhookSecret",
    "workspaceName",
    "workspaceRetentionInDays",
];

/// Beside [`PARAMETERS`], those of less interest to most.
const MORE_PARAMETERS: [&str; 2] = ["workspaceResourceGroup", "zoneRedundant"];

fn members(value: &Value, name: &str) -> Map<String, Value> {
    value[name].as_object().cloned().unwrap_or_default()
}

fn names(value: &Value, name: &str) -> BTreeSet<String> {
    members(value, name).into_iter().map(|(name, _)| name).collect()
}

/// The template and every one nested in it, with the symbolic names that lead there.
fn templates(template: &Value, path: &str) -> Vec<(String, Value)> {
    let mut all = vec![(path.to_owned(), template.clone())];
    let resources: Vec<(String, Value)> = match &template["resources"] {
        Value::Object(resources) => {
            resources.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        _ => Vec::new(),
    };
    for (name, resource) in resources {
        let nested = &resource["properties"]["template"];
        if nested.is_object() {
            all.extend(templates(nested, &format!("{path}/{name}")));
        }
    }
    all
}

#[test]
fn parameters_and_outputs_are_those_that_were_agreed() {
    let template = json("infra/main.json");
    let expected = PARAMETERS.into_iter().chain(MORE_PARAMETERS).map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(names(&template, "parameters"), expected);
    assert_eq!(names(&template, "outputs"), OUTPUTS.map(str::to_owned).into());
    for (name, output) in members(&template, "outputs") {
        let expected = if name == "notified" { "bool" } else { "string" };
        assert_eq!(output["type"], expected, "{name}: `az --query` gives it to a command line");
    }
}

#[test]
fn every_parameter_and_output_is_described() {
    let all = templates(&json("infra/main.json"), "main");
    assert!(all.len() > 10, "the modules are no longer found");
    for (path, template) in all {
        let description =
            |value: &Value| value["metadata"]["description"].as_str().unwrap_or_default().to_owned();
        for (name, parameter) in members(&template, "parameters") {
            let text = description(&parameter);
            let tagged =
                if path == "main" { text.starts_with("Optional. ") } else { text.starts_with("Required. ") };
            assert!(tagged && text.ends_with('.'), "{path}: parameter {name}: {text}");
            assert_eq!(path == "main", parameter.get("defaultValue").is_some(), "{path}: {name}");
        }
        for (name, output) in members(&template, "outputs") {
            assert!(description(&output).ends_with('.'), "{path}: output {name}");
        }
        let metadata = &template["metadata"];
        assert!(
            metadata["name"].is_string() && metadata["description"].is_string(),
            "{path} has no metadata"
        );
    }
}

#[test]
fn numbers_and_lists_have_limits() {
    for (name, parameter) in members(&json("infra/main.json"), "parameters") {
        let has = |limit: &str| parameter.get(limit).is_some();
        match parameter["type"].as_str() {
            Some("int") => {
                assert!(has("allowedValues") || has("minValue") && has("maxValue"), "{name} has no limits");
            }
            Some("array") => assert!(has("maxLength") && has("items"), "{name} has no limits"),
            _ => {}
        }
    }
}

#[test]
fn secrets_are_secure_all_the_way() {
    for (path, template) in templates(&json("infra/main.json"), "main") {
        for (name, parameter) in members(&template, "parameters") {
            let is_secret = name == "webhookSecret";
            assert_eq!(is_secret, parameter["type"] == "securestring", "{path}: {name}");
        }
        let outputs = serde_json::to_string(&template["outputs"]).unwrap();
        assert!(!outputs.contains("ebhookSecret") && !outputs.contains("list("), "{path}: {outputs}");
    }
}

#[test]
fn every_rule_of_the_linter_is_an_error() {
    let config = json("infra/bicepconfig.json");
    let core = &config["analyzers"]["core"];
    assert_eq!(core["enabled"], true);
    let rules = core["rules"].as_object().unwrap();
    assert!(rules.len() >= 39, "rules were taken out");
    assert!(rules.values().all(|rule| rule["level"] == "error"));
}

#[test]
fn silenced_rules_have_a_reason() {
    let mut found = 0;
    for path in bicep_files() {
        for line in read(&path).lines().filter(|line| line.contains("#disable")) {
            found += 1;
            let reason = line.split_once(" // ").map_or("", |(_, reason)| reason);
            assert!(line.contains("#disable-next-line ") && reason.len() > 10, "{path}: {line}");
        }
    }
    assert!(found > 0, "the rule no longer finds what it looks for");
}

#[test]
fn nothing_belongs_to_one_cloud() {
    // The linter knows some of these, and not where a text is put together.
    let domains = [
        "azure.com",
        "azure.net",
        "azure.us",
        "azure.cn",
        "azurewebsites",
        "chinacloud",
        "microsoftonline",
        "usgovcloud",
        "windows.net",
    ];
    for path in bicep_files() {
        for (number, line) in read(&path).lines().enumerate() {
            if let Some(domain) = domains.into_iter().find(|domain| line.contains(domain)) {
                panic!(
                    "{path}:{}: {domain} belongs to one cloud: ask the resource, or infra/clouds.json",
                    number + 1
                );
            }
        }
    }
    let clouds = json("infra/clouds.json");
    assert_eq!(
        clouds.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["AzureChinaCloud", "AzureCloud", "AzureUSGovernment"])
    );
}
