//! The Sentinel content that is deployed is that of its files, and nothing of it is written twice.

use super::{bicep_files, files, generated::CONNECTOR_PAGE, json, read, snapshot::Snapshot};

/// The text of a block `member: |` at the left margin of a YAML file.
fn block(yaml: &str, member: &str) -> String {
    let head = format!("{member}: |");
    let lines = yaml.lines().skip_while(|line| *line != head).skip(1);
    let body = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    body.map(|line| line.strip_prefix("  ").unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// A plain or quoted text of one line at the left margin.
fn line(yaml: &str, member: &str) -> String {
    let head = format!("{member}: ");
    let found =
        yaml.lines().find_map(|line| line.strip_prefix(&head)).unwrap_or_else(|| panic!("no {member}"));
    found.trim_matches('"').to_owned()
}

/// The parameters of a parser's file as Azure wants them.
fn parameters(yaml: &str) -> String {
    let lines = yaml.lines().skip_while(|line| !line.ends_with("Params:")).skip(1);
    let mut found: Vec<String> = Vec::new();
    for line in lines.take_while(|line| line.starts_with(' ') || line.starts_with('-')) {
        let (name, value) = line.trim_start_matches([' ', '-']).split_once(": ").unwrap();
        let text = value.trim_matches(['"', '\'']);
        match (name, found.last_mut()) {
            ("Name", _) => found.push(text.to_owned()),
            ("Type", Some(last)) => last.extend([":", text]),
            ("Default", Some(last)) if last.ends_with(":string") => last.extend(["='", text, "'"]),
            ("Default", Some(last)) => last.extend(["=", text]),
            _ => panic!("{line}"),
        }
    }
    found.join(", ")
}

#[test]
fn parsers_are_deployed_as_their_files_say() {
    let snapshot = Snapshot::read("default");
    let deployed = snapshot.of("Microsoft.OperationalInsights/workspaces/savedSearches");
    let functions: Vec<_> =
        deployed.iter().filter(|item| item["properties"]["functionAlias"].is_string()).collect();
    let sources = files("sentinel/parsers", "yaml");
    assert!(!sources.is_empty());
    assert_eq!(functions.len(), sources.len());
    for path in sources {
        let yaml = read(&path);
        // Files of ASIM spell two keys in their own way, and the name is the alias.
        let (name, query) = if yaml.starts_with("Parser:") {
            ("ParserName", "ParserQuery")
        } else {
            ("FunctionAlias", "FunctionQuery")
        };
        let alias = line(&yaml, name);
        let found = functions.iter().find(|item| item["properties"]["functionAlias"] == *alias);
        let properties = &found.unwrap_or_else(|| panic!("{path} is not deployed"))["properties"];
        assert_eq!(properties["query"].as_str().unwrap().trim_end(), block(&yaml, query).trim_end());
        assert_eq!(properties["functionParameters"], *parameters(&yaml), "{path}");
        assert_eq!(properties["etag"], "*", "else a second deployment is refused");
        // The prefix counts hunting queries.
        assert!(!alias.starts_with("humanbound_"), "{path}");
    }
}

#[test]
fn rules_are_deployed_as_their_files_say() {
    let snapshot = Snapshot::read("default");
    let deployed = snapshot.of("Microsoft.SecurityInsights/alertRules");
    let sources = files("sentinel/analytic-rules", "yaml");
    assert!(!sources.is_empty());
    assert_eq!(deployed.len(), sources.len());
    for path in sources {
        let yaml = read(&path);
        let name = line(&yaml, "name");
        assert!(name.starts_with("Humanbound"), "{path}: {name}");
        let found = deployed.iter().find(|rule| rule["properties"]["displayName"] == *name);
        let properties = &found.unwrap_or_else(|| panic!("{path} is not deployed"))["properties"];
        assert_eq!(
            properties["query"].as_str().unwrap().trim_end(),
            block(&yaml, "query").trim_end(),
            "{path}"
        );
        for (member, ours) in [("queryFrequency", "queryFrequency"), ("queryPeriod", "queryPeriod")] {
            let short = line(&yaml, ours).to_uppercase();
            let long = if short.ends_with('D') { format!("P{short}") } else { format!("PT{short}") };
            assert_eq!(properties[member], *long, "{path}");
        }
        assert_eq!(properties["triggerOperator"], "GreaterThan", "{path}");
    }
}

#[test]
fn hunting_queries_and_workbooks_are_deployed() {
    let snapshot = Snapshot::read("default");
    let searches = snapshot.of("Microsoft.OperationalInsights/workspaces/savedSearches");
    let hunts = searches.iter().filter(|item| item["properties"]["category"] == "Hunting Queries");
    let names: Vec<_> =
        hunts.map(|item| item["name"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(names.len(), files("sentinel/hunting-queries", "yaml").len());
    assert!(names.iter().all(|name| name.starts_with("humanbound_")), "{names:?}");
    assert_eq!(snapshot.of("Microsoft.Insights/workbooks").len(), files("sentinel/workbooks", "json").len());
}

#[test]
fn the_connector_page_is_deployed_as_its_file_says() {
    let snapshot = Snapshot::read("default");
    let deployed = snapshot.one("Microsoft.SecurityInsights/dataConnectorDefinitions");
    let page = json(CONNECTOR_PAGE);
    assert_eq!(deployed["properties"], page["properties"]);
    assert_eq!(page["name"], page["properties"]["connectorUiConfig"]["id"]);
    assert!(deployed["id"].as_str().unwrap().ends_with("/dataConnectorDefinitions/Humanbound"));
    // Rules and hunts say by this name where their data come from.
    for path in
        ["sentinel/analytic-rules", "sentinel/hunting-queries"].map(|folder| files(folder, "yaml")).concat()
    {
        assert!(read(&path).contains("  - connectorId: Humanbound\n"), "{path}");
    }
}

#[test]
fn bicep_holds_no_kql() {
    for path in bicep_files() {
        for (number, text) in read(&path).lines().enumerate() {
            for operator in ["| where", "| extend", "| project", "| summarize", "| join"] {
                assert!(
                    !text.contains(operator),
                    "{path}:{}: KQL belongs into a file of its own",
                    number + 1
                );
            }
        }
    }
}
