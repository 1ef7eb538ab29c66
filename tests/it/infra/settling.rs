//! Rules in a fresh workspace: Azure runs a rule's query before it takes the rule, and cannot see new tables and functions
//! at once. The loopback Azure plays that, and the first tests here show that it can refuse.

use serde_json::{Value, json};

use super::{files, json as read_json, loopback::Loopback};

const SKIPPED: &str = "rules in a fresh workspace";
const WORKSPACE: &str = "Microsoft.OperationalInsights/workspaces";

/// A template with a workspace, a table, functions (name and query) and a rule, one after the other with nothing between.
fn template(functions: &[(&str, &str)], rule: &str) -> Value {
    let mut resources = json!({
        "workspace": {"type": WORKSPACE, "apiVersion": "2026-03-01", "name": "w", "location": "x", "properties": {}},
        "onboarding": {
            "type": "Microsoft.SecurityInsights/onboardingStates", "apiVersion": "2025-09-01", "name": "default",
            "scope": format!("{WORKSPACE}/w"), "properties": {}, "dependsOn": ["workspace"],
        },
        "table": {
            "type": format!("{WORKSPACE}/tables"), "apiVersion": "2026-03-01", "name": "w/AISecurityEvents_CL",
            "properties": {"schema": {"columns": [{"name": "TimeGenerated", "type": "dateTime"}]}}, "dependsOn": ["onboarding"],
        },
    });
    let mut before = vec!["table".to_owned()];
    for (name, query) in functions {
        let symbol = format!("function{name}");
        resources[&symbol] = json!({
            "type": format!("{WORKSPACE}/savedSearches"), "apiVersion": "2026-03-01", "name": format!("w/{name}"),
            "properties": {"category": "x", "displayName": name, "functionAlias": name, "query": query, "etag": "*"},
            "dependsOn": ["onboarding"],
        });
        before.push(symbol);
    }
    resources["rule"] = json!({
        "type": "Microsoft.SecurityInsights/alertRules", "apiVersion": "2025-09-01", "name": "r",
        "scope": format!("{WORKSPACE}/w"), "dependsOn": before,
        "properties": {
            "query": rule, "queryFrequency": "PT5M", "queryPeriod": "PT47H", "suppressionDuration": "PT5H", "techniques": [],
        },
    });
    json!({"languageVersion": "2.0", "resources": resources})
}

/// What Azure says of a rule with these functions when all of them can be seen at once.
fn verdict(azure: &Loopback, functions: &[(&str, &str)], rule: &str) -> Option<String> {
    let state = azure.deploy_template(&template(functions, rule), &json!({}), false);
    let workspace = state["resources"][0]["id"].as_str().unwrap().to_owned();
    azure.ask("/delete", &json!([workspace]));
    state["error"].as_str().map(str::to_owned)
}

#[test]
fn a_rule_is_refused_for_a_name_that_does_not_resolve() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.ask("/settling", &json!({"tables": 0, "savedsearches": 0}));
    let events = ("HumanboundEvents", "AISecurityEvents_CL | where true");
    let findings = ("HumanboundFindings", "HumanboundEvents(ago(90d)) | summarize count()");
    let unresolved =
        |name: &str| Some(format!("Failed to resolve table or column expression named '{name}'"));
    let cases = [
        (vec![events, findings], "HumanboundFindings() | where HumanboundFindings has 'x'", None),
        (vec![events], "HumanboundEvents | count", None),
        (vec![], "let HumanboundEvents = (n:int) { n };\nHumanboundEvents(1)", None),
        (vec![], "// HumanboundEvents()\nprint \"HumanboundEvents()\", 'Other_CL', @\"\\\" // x", None),
        (vec![], "HumanboundEvents()", unresolved("HumanboundEvents")),
        (
            vec![events],
            "let Late = 1;\nunion (HumanboundEvents()), (HumanboundFeed ())",
            unresolved("HumanboundFeed"),
        ),
        (vec![findings], "HumanboundFindings()", unresolved("HumanboundEvents")),
        (
            vec![("HumanboundA", "HumanboundB()"), ("HumanboundB", "HumanboundA()")],
            "HumanboundA()",
            Some("calls itself".into()),
        ),
        (vec![events], "Other_CL", Some("One of the tables does not exist".into())),
        (
            vec![("HumanboundOther", "Other_CL")],
            "HumanboundOther()",
            Some("One of the tables does not exist".into()),
        ),
    ];
    for (functions, rule, expected) in cases {
        let found = verdict(&azure, &functions, rule);
        match expected {
            None => assert_eq!(found, None, "{rule}"),
            Some(part) => {
                assert!(found.as_ref().is_some_and(|text| text.contains(&part)), "{rule}: {found:?}");
            }
        }
    }
}

#[test]
fn a_rule_is_refused_until_what_it_reads_has_settled() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let functions =
        [("HumanboundEvents", "AISecurityEvents_CL"), ("HumanboundFindings", "HumanboundEvents()")];
    let template = template(&functions, "HumanboundFindings()");
    let deploy = || azure.deploy_template(&template, &json!({}), false)["error"].clone();
    azure.ask("/settling", &json!({"tables": 0, "savedsearches": 1}));
    assert!(deploy().as_str().unwrap().contains("Failed to resolve"), "the functions are as old as the rule");
    assert_eq!(deploy(), Value::Null, "they have settled");
    azure.ask("/settling", &json!({"tables": 1_000}));
    assert!(deploy().as_str().unwrap().contains("One of the tables does not exist"));
}

/// `az deployment group create` of a template; what it says when it fails.
fn create(azure: &Loopback, template: &Value) -> Option<String> {
    let path = azure.folder.path().join("template.json");
    std::fs::write(&path, template.to_string()).unwrap();
    let parameters = azure.parameters(&json!({"webhookSecret": "s3cret"}));
    let fixed =
        ["deployment", "group", "create", "--resource-group", "rg-humanbound", "--name", "humanbound"];
    let given = ["--template-file", path.to_str().unwrap(), "--parameters", &parameters];
    let output = azure.az(&[&fixed[..], &given].concat());
    (output.code != Some(0)).then_some(output.stderr)
}

fn deployed(azure: &Loopback, kind: &str) -> usize {
    let state = azure.state();
    let resources = state["resources"].as_array().unwrap();
    resources.iter().filter(|resource| resource["type"].as_str().unwrap().ends_with(kind)).count()
}

/// As slow as the pause allows: that much is promised, whatever else happens to take time.
const SLOW: u64 = 21;

#[test]
fn a_fresh_workspace_takes_the_rules_in_the_same_deployment() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.sign_in();
    azure.ask("/settling", &json!({"savedsearches": SLOW, "tables": 5}));
    assert_eq!(create(&azure, &read_json("infra/main.json")), None);
    assert_eq!(deployed(&azure, "/alertRules"), files("sentinel/analytic-rules", "yaml").len());
    let searches = ["sentinel/parsers", "sentinel/hunting-queries"].map(|folder| files(folder, "yaml").len());
    assert_eq!(deployed(&azure, "/savedSearches"), searches.iter().sum::<usize>());
}

#[test]
fn without_the_pause_a_fresh_workspace_refuses_the_rules() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.sign_in();
    azure.ask("/settling", &json!({"savedsearches": SLOW, "tables": 5}));
    let whole = read_json("infra/main.json");
    let mut hasty = whole.clone();
    let waits = hasty["resources"]["content"]["dependsOn"].as_array_mut().unwrap();
    waits.retain(|symbol| symbol != "parsersSettled");
    let problem = create(&azure, &hasty).expect("a refusal");
    assert!(problem.contains("BadRequest") && problem.contains("Failed to resolve"), "{problem}");

    assert_eq!(deployed(&azure, "/alertRules"), 0);
    assert_eq!(deployed(&azure, "Microsoft.Web/sites"), 1, "the connector works all the same");
    assert_eq!(create(&azure, &hasty), None, "some minutes later the same deployment is accepted");
}

#[test]
fn without_a_pause_the_data_collection_rule_does_not_find_its_table() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let mut hasty = read_json("infra/main.json");
    hasty["resources"]["ingestion"]["dependsOn"] = json!(["workspace"]);
    let state = azure.deploy_template(&hasty, &json!({}), false);
    let problem = state["error"].as_str().unwrap();
    assert!(problem.contains("InvalidOutputTable"), "{problem}");
}

/// Azure keeps 800 deployments of a group in its history, and clears none away under a lock.
const SETTLED_DEPLOYMENTS: usize = 20;

#[test]
fn a_settled_deployment_skips_the_pauses_in_any_order() {
    for backwards in [false, true] {
        let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
        let projects = json!([{"id": "a", "name": "A"}]);
        let nested = |state: &Value| {
            let puts = state["puts"].as_array().unwrap().iter();
            puts.filter(|put| put.as_str().unwrap().contains("/Microsoft.Resources/deployments/")).count()
        };
        let fresh =
            azure.deploy_in_order(&json!({"webhookSecret": "s3cret", "projects": projects}), backwards);
        assert_eq!(fresh["error"], Value::Null);
        assert!(nested(&fresh) > 40, "{}", nested(&fresh));
        let again = azure.deploy_in_order(&json!({"settled": true, "projects": projects}), backwards);
        assert_eq!(again["error"], Value::Null);
        let count = nested(&again) - nested(&fresh);
        assert!((10..=SETTLED_DEPLOYMENTS).contains(&count), "{count}");
    }
}

/// Without the pauses no service can be asked for what is not there yet, but what needs something else still comes after it.
#[test]
fn without_pauses_everything_still_comes_in_its_order() {
    for backwards in [false, true] {
        let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
        azure.ask("/settling", &json!({"savedsearches": 0, "tables": 0}));
        let state = azure.deploy_in_order(&json!({"webhookSecret": "s3cret", "settled": true}), backwards);
        assert_eq!(state["error"], Value::Null, "backwards: {backwards}");
    }
    // A skipped pause passes no order on: without its own dependency the app would come before its storage and its roles.
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.ask("/settling", &json!({"savedsearches": 0, "tables": 0}));
    let mut hasty = read_json("infra/main.json");
    hasty["resources"]["app"]["dependsOn"] = json!(["identity", "rolesSettled"]);
    let state = azure.deploy_template(&hasty, &json!({"settled": true}), false);
    let problem = state["error"].as_str().unwrap();
    assert!(problem.contains("storageAccounts") && problem.contains("was not found"), "{problem}");
}
