//! The watchlist `HumanboundProjects`: made from a parameter, once, and nothing depends on it.

use serde_json::{Value, json};

use super::{generated::SNAPSHOTS, loopback::Loopback, read, snapshot::Snapshot};

const SKIPPED: &str = "the watchlist in a loopback Azure";
const TYPE: &str = "Microsoft.SecurityInsights/watchlists";
const TEMPLATE: &str = "sentinel/watchlists/HumanboundProjects.csv";
const COLUMNS: &str = "ProjectId,ProjectName,Owner,Criticality,Archived";

/// The rows of the one watchlist, or null when there is none.
fn rows(state: &Value) -> Value {
    let lists = state["watchlists"].as_object().unwrap();
    assert!(lists.keys().all(|id| id.ends_with("/watchlists/humanboundprojects")), "{lists:?}");
    lists.values().next().cloned().unwrap_or_default()
}

fn names(state: &Value) -> Vec<String> {
    let rows = rows(state);
    rows.as_array().unwrap().iter().map(|row| row["ProjectName"].as_str().unwrap().to_owned()).collect()
}

/// Azure refuses a list without rows, and whoever uploads the template as it is must not change any number.
#[test]
fn the_template_has_an_example_that_counts_nowhere() {
    let text = read(TEMPLATE);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), (COLUMNS, 2));
    assert_eq!(lines[1].split(',').count(), COLUMNS.split(',').count());
    assert!(
        lines[1].starts_with("00000000-0000-0000-0000-000000000000,Example") && lines[1].ends_with(",true")
    );
}

#[test]
fn there_is_no_watchlist_without_projects() {
    assert!(Snapshot::read("default").of(TYPE).is_empty());
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let state = azure.deploy(&json!({}));
    assert_eq!((&state["error"], rows(&state)), (&Value::Null, Value::Null));
    let state = azure.deploy(&json!({"projects": [{"id": "a", "name": "b"}], "deployContent": false}));
    assert_eq!((&state["error"], rows(&state)), (&Value::Null, Value::Null));
}

#[test]
fn content_is_quoted_by_the_rules_of_csv() {
    let content = Snapshot::read("fullest").one(TYPE)["properties"]["rawContent"].clone();
    let expected = [
        COLUMNS,
        r#""0b7f2f9e-2f43-4a7b-8a3a-5d0d1c2b3a4f","Support, ""Alice""","alice@contoso.com","high","false""#,
        r#""7c9e6679-7425-40de-944b-e07fc1f90ae7","=1+1","","","true""#,
    ];
    assert_eq!(content, expected.join("\r\n"));
    for name in SNAPSHOTS {
        for list in Snapshot::read(name).of(TYPE) {
            assert_eq!(list["properties"]["itemsSearchKey"], "ProjectId");
        }
    }
}

#[test]
fn rows_arrive_as_they_were_given() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let names = [
        "plain",
        "a, b",
        "\"",
        "\"\",\"",
        "=HYPERLINK(\"http://x\")",
        "'",
        " blanks ",
        "Łódź – 東京",
        "a;b\tc",
        "{0}[x]",
    ];
    let projects: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| json!({"id": format!("P-{n}"), "name": name, "owner": name}))
        .collect();
    let state = azure.deploy(&json!({"projects": projects}));
    assert_eq!(state["error"], Value::Null);
    let expected = names.iter().enumerate().map(|(n, name)| {
        json!({"ProjectId": format!("p-{n}"), "ProjectName": name, "Owner": name, "Criticality": "", "Archived": "false"})
    });
    assert_eq!(rows(&state), Value::Array(expected.collect()));
    let lines = azure.deploy(&json!({"projects": [{"id": "x", "name": "y"}]}));
    assert_eq!(rows(&lines).as_array().unwrap().len(), names.len(), "a second deployment adds nothing");
}

#[test]
fn a_name_of_several_lines_becomes_one() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let state = azure.deploy(&json!({"projects": [{"id": "x", "name": "a\nb\rc"}]}));
    assert_eq!(names(&state), ["a b c"]);
}

/// Azure would add the rows that differ from those that are there, and never take one away.
#[test]
fn a_second_deployment_leaves_what_analysts_changed() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let parameters = json!({"projects": [{"id": "a", "name": "Alice"}, {"id": "b", "name": "Bob"}]});
    let state = azure.deploy(&parameters);
    let id = state["watchlists"].as_object().unwrap().keys().next().unwrap().clone();
    let edited = json!([{"ProjectId": "a", "ProjectName": "Alicia", "Owner": "soc@contoso.com", "Criticality": "high", "Archived": "false"}]);
    azure.ask("/watchlists", &json!({id.clone(): edited}));
    for again in [parameters, json!({"projects": [{"id": "c", "name": "Carol"}]}), json!({})] {
        let state = azure.deploy(&again);
        assert_eq!((&state["error"], rows(&state)), (&Value::Null, edited.clone()), "{again}");
    }
    azure.ask("/delete", &json!([id]));
    let state = azure.deploy(&json!({"projects": [{"id": "c", "name": "Carol"}]}));
    assert_eq!(names(&state), ["Carol"], "whoever deletes the list gets a new one");
}

/// Why it is made once: the loopback Azure does as Azure does when it is written again.
#[test]
fn written_again_the_list_would_have_both_rows() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let mut always = super::json("infra/main.json");
    let nested = |template: &str| format!("/resources/{template}/properties/template");
    let path = format!("{}{}/resources/watchlist", nested("content"), nested("watchlist"));
    let list = always.pointer_mut(&path).unwrap();
    assert!(list.as_object_mut().unwrap().remove("@options").is_some());
    for name in ["Alice", "Alice", "Alicia"] {
        azure.deploy_template(&always, &json!({"projects": [{"id": "a", "name": name}]}), false);
    }
    assert_eq!(names(&azure.state()), ["Alice", "Alicia"]);
}

#[test]
fn wrong_projects_are_refused_by_name() {
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    let wrong = [
        (json!([{"id": "A", "name": "x"}, {"id": "a", "name": "y"}]), "stands twice"),
        (json!([{"name": "x"}]), "projects[0].id"),
        (json!([{"id": "", "name": "x"}]), "projects[0].id"),
        (json!([{"id": "a", "name": "x"}, {"id": "b"}]), "projects[1].name"),
        (json!([{"id": "a", "name": "x", "criticality": "High"}]), "projects[0].criticality"),
        (json!([{"id": "a", "name": "x", "archived": "yes"}]), "projects[0].archived"),
        (json!([{"id": "a", "name": "x", "ower": "y"}]), "ower"),
    ];
    for (projects, expected) in wrong {
        let state = azure.deploy(&json!({"projects": projects}));
        let problem = state["error"].as_str().unwrap_or_default();
        assert!(problem.contains(expected), "{projects}: {problem}");
        assert_eq!(rows(&state), Value::Null, "{projects}");
    }
}
