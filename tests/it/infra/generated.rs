//! The files of `infra/` that come from others: `make infra` writes them, a test says when it has to.

use std::{env, fs};

use serde_json::Value;

use super::{Folder, bicep, bicep_files, files, json, read, root};

const CONTENT_FILES: &str = "infra/modules/content-files.bicep";
pub const CONNECTOR_PAGE: &str = "sentinel/connector/DataConnectorDefinition.json";
pub const SNAPSHOTS: [&str; 2] = ["default", "fullest"];

/// Where the predicted deployment takes place, so that ids are the same on every machine.
pub const PLACE: [&str; 8] = [
    "--subscription-id",
    "00000000-0000-0000-0000-000000000000",
    "--tenant-id",
    "11111111-1111-1111-1111-111111111111",
    "--resource-group",
    "rg-humanbound",
    "--location",
    "westeurope",
];

pub fn updating() -> bool {
    env::var("UPDATE").as_deref() == Ok("1")
}

/// Writes `wanted` when updating, else fails when the file says something else.
pub fn settle(path: &str, wanted: &str) {
    if updating() {
        fs::write(root().join(path), wanted).unwrap();
    } else {
        assert!(read(path) == wanted, "{path} is out of date: run `make infra` and look at the difference");
    }
}

/// An exported list; without a kind the compiler looks at what the files hold.
fn list(name: &str, kind: &str, description: &str, items: &[String]) -> String {
    let items = if items.is_empty() { String::new() } else { format!("\n{}\n", items.join("\n")) };
    let kind = if kind.is_empty() { String::new() } else { format!(" {kind}[]") };
    format!("\n@export()\n@description('{description}')\nvar {name}{kind} = [{items}]\n")
}

/// The list of the content's files, which the compiler wants by name.
fn content_files() -> String {
    let loaded = |folder: &str| {
        let load = |path: &String| format!("  loadYamlContent('../../{path}')");
        files(folder, "yaml").iter().map(load).collect::<Vec<_>>()
    };
    let hunts: Vec<_> = files("sentinel/hunting-queries", "yaml")
        .iter()
        .map(|path| {
            let name = path.rsplit('/').next().unwrap().trim_end_matches(".yaml");
            format!("  {{ name: '{name}', content: loadYamlContent('../../{path}') }}")
        })
        .collect();
    let workbooks: Vec<_> = files("sentinel/workbooks", "json")
        .iter()
        .map(|path| format!("  loadTextContent('../../{path}')"))
        .collect();
    let pages = [format!("  loadJsonContent('../../{CONNECTOR_PAGE}')")];
    [
        "metadata name = 'Content files'\n".to_owned(),
        "metadata description = 'The files of sentinel/, by kind. Written by `make infra`; a file that is missing here fails the tests.'\n"
            .to_owned(),
        "\nimport { huntType, parserType, ruleType } from 'content-types.bicep'\n".to_owned(),
        list("parsers", "parserType", "Functions that queries share.", &loaded("sentinel/parsers")),
        list("analyticRules", "ruleType", "Analytic rules.", &loaded("sentinel/analytic-rules")),
        list("huntingQueries", "huntType", "Hunting queries, with the names of their files.", &hunts),
        list("workbooks", "string", "Workbooks, as text.", &workbooks),
        list("connectorPages", "", "Pages of data connectors.", &pages),
    ]
    .concat()
}

/// The template without what tells the compiler's version, which differs between machines.
fn without_generator(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("_generator");
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

#[test]
fn generated_files_are_what_their_sources_give() {
    settle(CONTENT_FILES, &content_files());
    let Some(compiler) = bicep::find("the comparison of infra/main.json with its sources") else { return };
    let version = bicep::version(compiler);
    eprintln!("Bicep {version}");

    let (built, said) = bicep::run(compiler, &["build", "main.bicep", "--stdout"]);
    assert_eq!(said, "", "the compiler has something to say");
    let built = format!("{}\n", built.trim_end());
    let generator = json("infra/main.json")["metadata"]["_generator"]["version"].clone();
    if updating() || generator.as_str().unwrap_or_default().starts_with(&version) {
        settle("infra/main.json", &built);
    } else {
        let built = without_generator(serde_json::from_str(&built).unwrap());
        assert!(
            built == without_generator(json("infra/main.json")),
            "infra/main.json is out of date: run `make infra` and look at the difference"
        );
    }

    for name in SNAPSHOTS {
        // The compiler writes a snapshot beside its parameters, and those must be beside the template.
        let folder = Folder::new();
        let parameters = folder.0.join(format!("{name}.bicepparam"));
        let template = root().join("infra/main.bicep");
        let text = read(&format!("infra/snapshots/{name}.bicepparam"));
        let relative = pathdiff(&folder.0, &template);
        fs::write(&parameters, text.replace("'../main.bicep'", &format!("'{relative}'"))).unwrap();
        let mut arguments = vec!["snapshot", parameters.to_str().unwrap(), "--mode", "overwrite"];
        arguments.extend(PLACE);
        bicep::run(compiler, &arguments);
        // The compiler's own order of the outputs changes from run to run; this one is by name.
        let snapshot = fs::read_to_string(folder.0.join(format!("{name}.snapshot.json"))).unwrap();
        let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
        assert_eq!(snapshot["diagnostics"], Value::Array(Vec::new()), "{name}");
        let text = serde_json::to_string_pretty(&snapshot).unwrap();
        settle(&format!("infra/snapshots/{name}.snapshot.json"), &format!("{text}\n"));
    }
}

/// The way from a folder to a file, for a compiler that takes relative paths only.
pub fn pathdiff(from: &std::path::Path, to: &std::path::Path) -> String {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = to.components().skip(shared).map(|part| part.as_os_str().to_str().unwrap().to_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[test]
fn compiler_and_linter_have_nothing_to_say() {
    let Some(compiler) = bicep::find("the linter of Bicep") else { return };
    assert_eq!(bicep::run(compiler, &["lint", "--pattern", "**/*.bicep"]), (String::new(), String::new()));
}

#[test]
fn bicep_files_are_formatted() {
    let Some(compiler) = bicep::find("the formatter of Bicep") else { return };
    let folder = Folder::new();
    let all = bicep_files();
    for (index, path) in all.iter().enumerate() {
        fs::write(folder.0.join(format!("{index}.bicep")), read(path)).unwrap();
    }
    fs::copy(root().join("infra/bicepconfig.json"), folder.0.join("bicepconfig.json")).unwrap();
    let pattern = format!("{}/*.bicep", folder.0.to_str().unwrap());
    bicep::run(compiler, &["format", "--pattern", &pattern]);
    for (index, path) in all.iter().enumerate() {
        let formatted = fs::read_to_string(folder.0.join(format!("{index}.bicep"))).unwrap();
        assert!(formatted == read(path), "{path} is not formatted: run `bicep format {path}`");
    }
}
