//! The Content Hub package and the files of Sentinel Repositories: what the sources give, what Microsoft's own engine of
//! templates makes of them, and what a workspace has after their deployment.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command, sync::OnceLock};

use serde_json::{Value, json};

use super::{analyzer, literal::typed};
use crate::{
    infra::{
        self, Folder, bicep,
        generated::{PLACE, pathdiff, settle, updating},
        loopback::Loopback,
        snapshot::Snapshot,
    },
    tools,
};

const GENERATED: [&str; 2] = ["sentinel/package", "sentinel/repositories"];
const TEMPLATE: &str = "sentinel/package/mainTemplate.json";
const REPOSITORIES: &str = "sentinel/repositories";
const SKIPPED: &str = "the deployment of the Content Hub package";

/// Runs a module of `content/`: whether it succeeded, and what it said.
fn script(module: &str, arguments: &[&str], skipped: &str) -> Option<(bool, String)> {
    let output = tools::module(module, skipped)?.args(arguments).output().unwrap();
    Some((output.status.success(), tools::said(&output)))
}

/// Every file below a folder, by its path from it.
fn below(folder: &Path) -> Vec<String> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn generated_files_are_what_their_sources_give() {
    let folder = Folder::new();
    let target = folder.path().to_str().unwrap();
    let Some((passed, said)) =
        script("hb_content.packaging.generate", &[target], "the comparison of the package with its sources")
    else {
        return;
    };
    assert!(passed, "{said}");
    let wanted = below(folder.path());
    assert!(wanted.len() > 30, "{wanted:?}");
    for path in &wanted {
        let text = fs::read_to_string(folder.path().join(path)).unwrap();
        if updating() {
            fs::create_dir_all(infra::root().join(path).parent().unwrap()).unwrap();
        }
        settle(path, &text);
    }
    for top in GENERATED {
        for name in below(&infra::root().join(top)) {
            let path = format!("{top}/{name}");
            if !wanted.contains(&path) {
                assert!(updating(), "{path} has no source any more: run `make infra`");
                fs::remove_file(infra::root().join(path)).unwrap();
            }
        }
    }
}

#[test]
fn checks_find_nothing() {
    let Some((passed, said)) =
        script("hb_content.packaging.verify", &[], "the checks of the Content Hub package")
    else {
        return;
    };
    assert!(passed, "\n{said}");
}

#[test]
fn every_check_has_a_case_that_it_notices() {
    let Some((passed, said)) = script("tests.package_cases", &[], "the proof that the checks can fail")
    else {
        return;
    };
    assert!(passed, "\n{said}");
}

#[test]
fn queries_of_connector_pages_are_analyzed() {
    let skipped = "the check of the connectors' queries with Microsoft's analyzer";
    let Some((passed, said)) = analyzer::run("tests.page_queries", skipped) else { return };
    assert!(passed, "\n{said}");
}

#[test]
fn status_and_last_event_are_true_in_every_state() {
    let Some((passed, said)) = script("tests.page_status", &[], "the status of connectors over rows") else {
        return;
    };
    assert!(passed, "\n{said}");
}

/// The resources of templates as Microsoft's engine evaluates them, which may not have anything to say. All in one run: the
/// compiler starts for longer than it works.
fn evaluated(compiler: &Path, templates: &[String]) -> Vec<Value> {
    let folder = Folder::new();
    let mut main = String::new();
    for (number, template) in templates.iter().enumerate() {
        let template = pathdiff(folder.path(), &infra::root().join(template));
        let given = format!("{{ name: 'm{number}', params: {{ workspace: 'log-humanbound' }} }}");
        writeln!(main, "module m{number} '{template}' = {given}").unwrap();
    }
    fs::write(folder.path().join("main.bicep"), main).unwrap();
    let parameters = folder.path().join("main.bicepparam");
    fs::write(&parameters, "using 'main.bicep'\n").unwrap();
    let mut arguments = vec!["snapshot", parameters.to_str().unwrap(), "--mode", "overwrite"];
    arguments.extend(PLACE);
    bicep::run(compiler, &arguments);
    let text = fs::read_to_string(folder.path().join("main.snapshot.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(snapshot["diagnostics"], json!([]), "{templates:?}");
    snapshot["predictedResources"].as_array().unwrap().clone()
}

/// What the files of Repositories make; two tests ask.
fn repositories(compiler: &Path) -> &'static Vec<Value> {
    static FOUND: OnceLock<Vec<Value>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let files = below(&infra::root().join(REPOSITORIES));
        let files: Vec<_> = files.iter().map(|path| format!("{REPOSITORIES}/{path}")).collect();
        assert!(files.iter().all(|path| infra::json(path)["resources"].as_array().unwrap().len() == 1));
        let found = evaluated(compiler, &files);
        assert_eq!(found.len(), files.len());
        found
    })
}

/// Without members that are null or empty, which packages must not have, and without newlines at the end of texts.
fn pruned(value: &Value) -> Value {
    let is_blank = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), pruned(value)))
            .filter(|(_, value)| !is_blank(value))
            .collect(),
        Value::Array(items) => items.iter().map(pruned).filter(|value| !is_blank(value)).collect(),
        // Bicep takes the newline from a text that ends with its file.
        Value::String(text) => text.trim_end().into(),
        other => other.clone(),
    }
}

/// What the deployment of `infra/` makes of content, by id in lower case.
fn deployed() -> BTreeMap<String, Value> {
    let kinds = ["savedSearches", "alertRules", "workbooks", "dataConnectorDefinitions"];
    let snapshot = Snapshot::read("default");
    let of_content = snapshot.resources().iter().filter(|resource| {
        let kind = resource["type"].as_str().unwrap();
        kinds.iter().any(|name| kind.ends_with(name))
    });
    of_content.map(|item| (item["id"].as_str().unwrap().to_lowercase(), item.clone())).collect()
}

/// A workbook's text as what it says: the deployment and the others may space it differently.
fn said(properties: &Value) -> Value {
    let mut properties = pruned(properties);
    if let Some(text) = properties["serializedData"].as_str() {
        properties["serializedData"] = serde_json::from_str(text).unwrap();
    }
    properties
}

#[test]
fn repositories_deploy_what_the_deployment_does() {
    let Some(compiler) = bicep::find("the evaluation of the files of Repositories") else { return };
    let mut expected = deployed();
    expected.retain(|id, _| !id.contains("/dataconnectordefinitions/"));
    let found = repositories(compiler);
    assert_eq!(found.len(), expected.len());
    for resource in found {
        let id = resource["id"].as_str().unwrap().to_lowercase();
        let other = expected.remove(&id).unwrap_or_else(|| panic!("{id} is not deployed once by infra/"));
        assert_eq!(said(&resource["properties"]), said(&other["properties"]), "{id}");
        assert_eq!(
            (&resource["kind"], &resource["apiVersion"]),
            (&other["kind"], &other["apiVersion"]),
            "{id}"
        );
    }
}

#[test]
fn the_package_holds_what_the_deployment_makes() {
    let Some(compiler) = bicep::find("the evaluation of the Content Hub package") else { return };
    let expected = deployed();
    let all = evaluated(compiler, &[TEMPLATE.to_owned()]);
    let with = |name: &str, value: &Value| {
        let same = |item: &&Value| item["properties"][name] == *value;
        let found = expected.values().find(same).unwrap_or_else(|| panic!("no {value}"));
        pruned(&found["properties"])
    };
    let mut kinds = BTreeMap::new();
    for item in all.iter().filter(|item| item["type"].as_str().unwrap().ends_with("/contentTemplates")) {
        let properties = &item["properties"];
        let made = pruned(&properties["mainTemplate"]["resources"][0]["properties"]);
        let kind = properties["contentKind"].as_str().unwrap();
        *kinds.entry(kind.to_owned()).or_insert(0) += 1;
        match kind {
            "Parser" | "HuntingQuery" => assert_eq!(made, with("displayName", &made["displayName"])),
            "AnalyticsRule" => {
                let mut wanted = with("displayName", &made["displayName"]);
                // People turn rules on; a template says where its data come from.
                wanted["enabled"] = json!(false);
                for name in ["status", "requiredDataConnectors"] {
                    wanted[name] = made[name].clone();
                }
                assert_eq!(made, wanted);
            }
            "Workbook" => {
                assert_eq!(made["displayName"], with("category", &json!("sentinel"))["displayName"]);
            }
            _ => {}
        }
    }
    let count = |folder: &str, end: &str| infra::files(&format!("sentinel/{folder}"), end).len();
    assert_eq!(
        kinds,
        BTreeMap::from([
            ("AnalyticsRule".to_owned(), count("analytic-rules", "yaml")),
            ("DataConnector".to_owned(), 2),
            ("HuntingQuery".to_owned(), count("hunting-queries", "yaml")),
            ("Parser".to_owned(), count("parsers", "yaml")),
            ("ResourcesDataConnector".to_owned(), 1),
            ("Workbook".to_owned(), count("workbooks", "json")),
        ])
    );
    // What works at once: the same resources as the deployment's, so that both may be used.
    let at_once = all.iter().filter_map(|item| {
        expected.get(&item["id"].as_str().unwrap().to_lowercase()).map(|other| (item, other))
    });
    let mut found = 0;
    for (item, other) in at_once {
        assert_eq!(pruned(&item["properties"]), pruned(&other["properties"]), "{}", item["id"]);
        found += 1;
    }
    assert_eq!(found, count("parsers", "yaml") + 1);
}

#[test]
fn resources_have_the_members_of_their_types() {
    let Some(compiler) = bicep::find("the check of the package with Azure's types") else { return };
    let folder = Folder::new();
    let path = folder.path().join("main.bicep");
    let complaints = |resources: &[Value]| {
        fs::write(&path, typed(resources)).unwrap();
        let output =
            Command::new(compiler).args(["build", path.to_str().unwrap(), "--stdout"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        // Azure takes them, Microsoft's guides have them, and the types do not.
        let known = [
            "The property \"etag\" is not allowed",
            "The property \"sampleQueries\" is not allowed",
            "is of type \"'Push'\"",
        ];
        let lines = text
            .lines()
            .filter(|line| line.contains(" BCP") && !known.iter().any(|part| line.contains(part)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut all = evaluated(compiler, &[TEMPLATE.to_owned()]);
    all.extend_from_slice(repositories(compiler));
    assert_eq!(complaints(&all), Vec::<String>::new());
    for item in &mut all {
        if item["type"].as_str().unwrap().ends_with("/contentPackages") {
            item["properties"]["spare"] = json!(1);
        }
    }
    assert!(complaints(&all).concat().contains("\"spare\" is not allowed"), "the types are not looked at");
}

/// A workspace with Microsoft Sentinel and the table.
fn workspace(azure: &Loopback) {
    let id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-humanbound/providers/Microsoft.OperationalInsights/workspaces/log-humanbound";
    let onboarding = format!("{id}/providers/Microsoft.SecurityInsights/onboardingStates/default");
    azure.ask(
        "/seed",
        &json!([
            {"id": id, "type": "Microsoft.OperationalInsights/workspaces", "location": "westeurope", "properties": {}},
            {"id": onboarding, "type": "Microsoft.SecurityInsights/onboardingStates", "properties": {}},
            {"id": format!("{id}/tables/AISecurityEvents_CL"), "type": "Microsoft.OperationalInsights/workspaces/tables", "properties": {"plan": "Analytics"}},
        ]),
    );
}

#[test]
fn az_installs_the_package() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.sign_in();
    workspace(&azure);
    let template = infra::root().join(TEMPLATE).to_str().unwrap().to_owned();
    let fixed = ["--resource-group", "rg-humanbound", "--name", "package", "--template-file", &template];
    let az = |verb: &str, given: &[&str]| {
        azure.az(&[&["deployment", "group", verb][..], &fixed, &["--parameters"], given].concat())
    };
    let refused = az("validate", &["workspace=abc"]);
    assert!(refused.stderr.contains("workspace"), "{refused:?}");
    for verb in ["validate", "create", "create"] {
        let output = az(verb, &["workspace=log-humanbound"]);
        assert_eq!(output.code, Some(0), "{verb}: {}", output.stderr);
    }
    let state = azure.state();
    let of = |kind: &str| {
        let all = state["resources"].as_array().unwrap();
        all.iter().filter(|item| item["type"].as_str().unwrap().ends_with(kind)).count()
    };
    assert_eq!((of("/contentPackages"), of("/dataConnectorDefinitions"), of("/watchlists")), (1, 2, 1));
    assert_eq!(of("/savedSearches"), infra::files("sentinel/parsers", "yaml").len());
    // The example row stands once, however often the package is installed.
    assert_eq!(
        state["watchlists"].as_object().unwrap().values().next().unwrap().as_array().unwrap().len(),
        1
    );
}

#[test]
fn the_package_needs_no_order_but_its_own() {
    for backwards in [false, true] {
        let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
        workspace(&azure);
        let given = json!({"workspace": "log-humanbound", "create-watchlist": !backwards});
        let state = azure.deploy_template(&infra::json(TEMPLATE), &given, backwards);
        assert_eq!(state["error"], Value::Null);
        assert_eq!(state["watchlists"].as_object().unwrap().len(), usize::from(!backwards));
    }
}

/// The files in the order in which Repositories deploy them: those of the list, then the others by name.
fn in_order() -> Vec<String> {
    let listed = infra::json("sentinel-deployment.config")["prioritizedcontentfiles"].clone();
    let mut order: Vec<String> = serde_json::from_value(listed).unwrap();
    for name in below(&infra::root().join(REPOSITORIES)) {
        let path = format!("{REPOSITORIES}/{name}");
        if !order.contains(&path) {
            order.push(path);
        }
    }
    order
}

#[test]
fn repositories_deploy_into_a_fresh_workspace() {
    let skipped = "the deployment of the files of Repositories";
    let Some(azure) = Loopback::start("AzureCloud", skipped) else { return };
    workspace(&azure);
    let given = json!({"workspace": "log-humanbound"});
    let order = in_order();
    let rule = order.last().unwrap();
    assert!(rule.contains("/analytic-rules/"), "{rule}");
    let early = azure.deploy_template(&infra::json(rule), &given, false);
    assert!(early["error"].as_str().unwrap_or_default().contains("Failed to resolve"), "{}", early["error"]);
    for path in &order {
        let state = azure.deploy_template(&infra::json(path), &given, false);
        assert_eq!(state["error"], Value::Null, "{path}");
    }
    // The real client takes one of each kind.
    azure.sign_in();
    let mut kinds = Vec::new();
    for path in &order {
        let kind = path.split('/').nth(2).unwrap();
        if !kinds.contains(&kind) {
            kinds.push(kind);
            let file = infra::root().join(path).to_str().unwrap().to_owned();
            let place = ["--resource-group", "rg-humanbound", "--template-file", &file];
            azure.az_json(
                &[
                    &["deployment", "group", "create"][..],
                    &place,
                    &["--parameters", "workspace=log-humanbound"],
                ]
                .concat(),
            );
        }
    }
    assert_eq!(kinds.len(), 4);
}
