//! The keys of the community's formats: files of other shapes than ours of today are taken, and come out as Azure wants them.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::{Folder, bicep, read};

/// A function as solutions write it, with every kind of default.
const FUNCTION: &str = r#"
id: 00000000-0000-0000-0000-000000000001
Function:
  Title: Events
  Version: '1.0.0'
  LastUpdated: '2026-11-24'
References:
  - Title: Page
    Link: https://example.com
Category: Humanbound
FunctionName: HumanboundEvents
FunctionAlias: HumanboundEvents
Description: |
  One line,
  and another.
ParserParams:
  - Name: startTime
    Type: datetime
    Default: datetime(null)
  - Name: eventTypes
    Type: dynamic
    Default: dynamic([])
  - Name: lookback
    Type: timespan
    Default: 7d
  - Name: silentDays
    Type: int
    Default: 7
  - Name: pack
    Type: bool
    Default: False
  - Name: project
    Type: string
    Default: '*'
  - Name: quoted
    Type: string
    Default: "'*'"
  - Name: none
    Type: string
    Default: ''
FunctionQuery: |
  [print "it's", 1]
"#;

/// A parser as ASIM writes it.
const ASIM: &str = r"
Parser:
  Title: Agent Event ASIM parser
  Version: '0.1.0'
  LastUpdated: Nov 24, 2026
Product:
  Name: Humanbound
Normalization:
  Schema: AgentEvent
  Version: '0.1.0'
References:
- Title: ASIM
  Link: https://aka.ms/AboutASIM
Description: |
  A parser.
ParserName: ASimAgentEventHumanbound
EquivalentBuiltInParser: _ASim_AgentEvent_Humanbound
ParserParams:
  - Name: disabled
    Type: bool
    Default: false
  - Name: must
    Type: long
ParserQuery: |
  HumanboundEvents()
";

/// The shortest rule: nothing but what every rule has.
const SHORT_RULE: &str = r"
id: 00000000-0000-0000-0000-000000000002
name: Short
version: 1.0.0
kind: Scheduled
description: 'Identifies nothing.'
severity: Low
requiredDataConnectors: []
queryFrequency: 1h
queryPeriod: 14d
triggerOperator: GreaterThan
triggerThreshold: 0
tactics: []
relevantTechniques: []
query: print 1
";

/// A rule with everything.
const LONG_RULE: &str = r#"
id: 00000000-0000-0000-0000-000000000003
name: Long
version: 1.0.0
kind: Scheduled
enabled: false
status: Available
tags:
  - Humanbound
description: |
  Identifies something.

  What to do next.
severity: High
requiredDataConnectors:
  - connectorId: Humanbound
    dataTypes:
      - AISecurityEvents_CL
queryFrequency: 1d
queryPeriod: 1d
triggerOperator: gt
triggerThreshold: 0
suppressionEnabled: true
suppressionDuration: 24h
tactics:
  - Execution
relevantTechniques:
  - T1059.001
  - T1059.002
query: |
  HumanboundEvents()
entityMappings:
  - entityType: CloudApplication
    fieldMappings:
      - identifier: Name
        columnName: Project
customDetails:
  HumanboundRule: HumanboundRule
alertDetailsOverride:
  alertDisplayNameFormat: "{{AlertTitle}}"
  alertSeverityColumnName: AlertSeverity
  alertDynamicProperties:
    - alertProperty: AlertLink
      value: Link
eventGroupingSettings:
  aggregationKind: AlertPerResult
incidentConfiguration:
  createIncident: true
  groupingConfiguration:
    enabled: true
    reopenClosedIncident: false
    lookbackDuration: P7D
    matchingMethod: Selected
    groupByCustomDetails:
      - ProjectId
"#;

const HUNT: &str = r"
id: 00000000-0000-0000-0000-000000000004
name: Hunt
version: 1.0.0
status: Available
tags:
  - Humanbound
description: |
  This query searches for something.
  And compares.
requiredDataConnectors:
  - connectorId: Humanbound
    dataTypes:
      - AISecurityEvents_CL
tactics:
  - Execution
  - Impact
relevantTechniques:
  - T1059
query: |
  let lookback = 90d;
  let project = '*';
  HumanboundEvents(ago(lookback))
entityMappings:
  - entityType: CloudApplication
    fieldMappings:
      - identifier: Name
        columnName: CloudApplication_0_Name
";

/// The resources that the modules make of such files, and what the compiler says of them.
fn predict(compiler: &std::path::Path, module: &str, parameters: &str, content_files: &str) -> Vec<Value> {
    let folder = Folder::new();
    let modules = folder.path().join("infra/modules");
    let sentinel = folder.path().join("sentinel");
    fs::create_dir_all(&modules).unwrap();
    fs::create_dir_all(&sentinel).unwrap();
    for name in ["content.bicep", "content-types.bicep", "parsers.bicep", "types.bicep", "watchlist.bicep"] {
        fs::write(modules.join(name), read(&format!("infra/modules/{name}"))).unwrap();
    }
    fs::write(folder.path().join("infra/bicepconfig.json"), read("infra/bicepconfig.json")).unwrap();
    fs::create_dir_all(sentinel.join("watchlists")).unwrap();
    for name in ["HumanboundProjects.json", "HumanboundProjects.csv"] {
        let file = format!("sentinel/watchlists/{name}");
        fs::write(folder.path().join(&file), read(&file)).unwrap();
    }
    for (name, text) in
        [("function", FUNCTION), ("asim", ASIM), ("short", SHORT_RULE), ("long", LONG_RULE), ("hunt", HUNT)]
    {
        fs::write(sentinel.join(format!("{name}.yaml")), text).unwrap();
    }
    fs::write(modules.join("content-files.bicep"), content_files).unwrap();
    let template = modules.join(module);
    let (_, said) = bicep::run(compiler, &["build", template.to_str().unwrap(), "--stdout"]);
    assert_eq!(said, "", "{module}");
    let given = modules.join("given.bicepparam");
    fs::write(&given, format!("using '{module}'\nparam workspaceName = 'log-x'\n{parameters}")).unwrap();
    bicep::run(compiler, &["snapshot", given.to_str().unwrap(), "--mode", "overwrite"]);
    let text = fs::read_to_string(modules.join("given.snapshot.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(snapshot["diagnostics"], json!([]), "{module}");
    snapshot["predictedResources"].as_array().unwrap().clone()
}

const FILES: &str = r"
metadata name = 'Content files'
metadata description = 'Files of a test.'
import { huntType, parserType, ruleType } from 'content-types.bicep'
@export()
var parsers parserType[] = [
  loadYamlContent('../../sentinel/function.yaml')
  loadYamlContent('../../sentinel/asim.yaml')
]
@export()
var analyticRules ruleType[] = [
  loadYamlContent('../../sentinel/short.yaml')
  loadYamlContent('../../sentinel/long.yaml')
]
@export()
var huntingQueries huntType[] = [{ name: 'Hunt', content: loadYamlContent('../../sentinel/hunt.yaml') }]
@export()
var workbooks string[] = []
@export()
var connectorPages = []
";

/// As the community deploys its own: `starttime:datetime=datetime(null),…,disabled:bool=False`, for example in
/// <https://github.com/Azure/Azure-Sentinel/tree/master/Parsers/ASimAgentEvent/ARM>.
#[test]
fn parsers_of_both_spellings_become_functions() {
    let Some(compiler) = bicep::find("the formats of content") else { return };
    let found = predict(compiler, "parsers.bicep", "", FILES);
    // The compiler drops the last newline of a file.
    let properties =
        |index: usize, name: &str| found[index]["properties"][name].as_str().unwrap().trim_end().to_owned();
    assert_eq!(found.len(), 2);
    let expected = "startTime:datetime=datetime(null), eventTypes:dynamic=dynamic([]), lookback:timespan=7d, \
                    silentDays:int=7, pack:bool=false, project:string='*', quoted:string='*', none:string=''";
    assert_eq!(properties(0, "functionParameters"), expected);
    assert_eq!(properties(0, "query"), "[print \"it's\", 1]");
    assert_eq!(properties(0, "displayName"), "Events");
    assert_eq!(properties(1, "functionParameters"), "disabled:bool=false, must:long");
    assert_eq!(properties(1, "functionAlias"), "ASimAgentEventHumanbound");
    assert_eq!(properties(1, "displayName"), "Agent Event ASIM parser");
    assert_eq!(properties(1, "category"), "ASIM");
    assert_eq!(properties(1, "query"), "HumanboundEvents()");
}

#[test]
fn rules_and_hunts_may_have_all_keys_or_few() {
    let Some(compiler) = bicep::find("the formats of content") else { return };
    let parameters = "param location = 'x'\nparam organisationName = ''\nparam correlationTag = '#DONT_CORR#'\nparam tags = {}\nparam projects = []\n";
    let found = predict(compiler, "content.bicep", parameters, FILES);
    let of = |name: &str| {
        found.iter().find(|item| item["properties"]["displayName"] == name).unwrap()["properties"].clone()
    };
    let short = of("Short");
    for (name, value) in [
        ("enabled", json!(true)),
        ("queryFrequency", json!("PT1H")),
        ("queryPeriod", json!("P14D")),
        ("triggerOperator", json!("GreaterThan")),
        ("suppressionDuration", json!("PT5H")),
        ("suppressionEnabled", json!(false)),
        ("incidentConfiguration", Value::Null),
        ("customDetails", Value::Null),
    ] {
        assert_eq!(short[name], value, "{name}");
    }
    let long = of("Long");
    for (name, value) in [
        ("enabled", json!(false)),
        ("description", json!("#DONT_CORR# Identifies something.\n\nWhat to do next.")),
        ("queryPeriod", json!("P1D")),
        ("suppressionDuration", json!("PT24H")),
        ("suppressionEnabled", json!(true)),
        ("techniques", json!(["T1059"])),
    ] {
        assert_eq!(long[name], value, "{name}");
    }
    let dynamic = json!([{"alertProperty": "AlertLink", "value": "Link"}]);
    assert_eq!(long["alertDetailsOverride"]["alertDynamicProperties"], dynamic);
    assert_eq!(long["incidentConfiguration"]["groupingConfiguration"]["lookbackDuration"], "P7D");
    assert!(long.get("tags").is_none() && long.get("status").is_none());
    let tags = json!([
        {"name": "description", "value": "This query searches for something.\nAnd compares."},
        {"name": "tactics", "value": "Execution,Impact"},
        {"name": "techniques", "value": "T1059"},
    ]);
    assert_eq!(of("Hunt")["tags"], tags);
}

#[test]
fn a_misspelt_key_is_refused() {
    let Some(compiler) = bicep::find("the formats of content") else { return };
    let folder = Folder::new();
    fs::write(folder.path().join("content-types.bicep"), read("infra/modules/content-types.bicep")).unwrap();
    for (kind, text, right, wrong) in [
        ("parserType", FUNCTION, "FunctionQuery", "FunctionQuerry"),
        ("ruleType", LONG_RULE, "enabled: false", "enable: false"),
        ("ruleType", LONG_RULE, "lookbackDuration", "lookBackDuration"),
        ("ruleType", LONG_RULE, "alertDynamicProperties", "alertDynamicProperty"),
    ] {
        assert!(text.contains(right), "{right}");
        fs::write(folder.path().join("a.yaml"), text.replacen(right, wrong, 1)).unwrap();
        let import = format!("import {{ {kind} }} from 'content-types.bicep'");
        let source =
            format!("{import}\nvar a {kind} = loadYamlContent('a.yaml')\noutput b string = string(a)\n");
        fs::write(folder.path().join("a.bicep"), source).unwrap();
        let output = Command::new(compiler)
            .args(["build", "a.bicep", "--stdout"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("BCP089"), "{wrong}: {said}");
    }
}
