//! Microsoft's own analyzer over every KQL text: it has nothing to say of ours, and something of what is wrong.

use serde_json::Value;

use crate::tools;

/// Runs a module of `content/` that gives KQL to the analyzer: whether it succeeded, and what it printed.
pub fn run(module: &str, skipped: &str) -> Option<(bool, String)> {
    let mut command = tools::module(module, skipped)?;
    tools::find("node_modules/@kusto/language-service-next/Kusto.Language.Bridge.min.js", skipped)?;
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    // What goes to stderr is for people, except when there is nothing else.
    let text = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    Some((output.status.success(), text))
}

#[test]
fn has_nothing_to_say_of_our_queries() {
    let Some((passed, text)) =
        run("hb_content.kql.analyzer", "the check of every query with Microsoft's analyzer")
    else {
        return;
    };
    assert!(passed, "\n{text}");
    let results: Value = serde_json::from_str(&text).unwrap();
    let results = results.as_object().unwrap();
    for part in ["function:HumanboundEvents", "analytic-rules/", "hunting-queries/", "infra/alerts/"] {
        assert!(results.keys().any(|name| name.contains(part)), "nothing of {part} was checked");
    }
    for chosen in ["(one)", "(several)"] {
        let count = results.keys().filter(|name| name.ends_with(chosen)).count();
        assert!(count > 20, "{count} queries of the workbook were checked with values {chosen}");
    }
    for (name, result) in results {
        let columns = result["columns"].as_array().unwrap_or_else(|| panic!("{name} gives no table"));
        assert!(!columns.is_empty(), "{name} gives no columns");
        assert!(columns.iter().all(|column| column["type"] != "unknown"), "{name}: {columns:?}");
    }
}

#[test]
fn sees_what_is_wrong_and_lets_pass_what_is_right() {
    let Some((passed, text)) = run("tests.analyzer_cases", "the proof that the analyzer can fail") else {
        return;
    };
    assert!(passed, "\n{text}");
}
