//! Resources of a template as Bicep, whose compiler knows the members of Azure's types; of a template it does not.

use std::fmt::Write as _;

use serde_json::Value;

/// Resources that Sentinel reads out of a package, and that no type describes.
const WITHOUT_TYPE: [&str; 2] =
    ["Microsoft.SecurityInsights/alertRuleTemplates", "Microsoft.OperationalInsights/savedSearches"];

/// A value as Bicep writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}: {}", text(name), literal(value)));
            format!("{{\n{}\n}}", members.collect::<Vec<_>>().join("\n"))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[\n{}\n]", items.join("\n"))
        }
        Value::String(value) => text(value),
        other => other.to_string(),
    }
}

fn text(value: &str) -> String {
    let mut escaped = value.replace('\\', "\\\\").replace('\'', "\\'").replace("${", "\\${");
    for (character, written) in [('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t")] {
        escaped = escaped.replace(character, written);
    }
    format!("'{escaped}'")
}

/// Adds a resource and those of the template in it.
fn add(resource: &Value, bicep: &mut String, count: &mut usize) {
    let kind = resource["type"].as_str().unwrap();
    let kind =
        kind.replace("Microsoft.OperationalInsights/workspaces/providers/", "Microsoft.SecurityInsights/");
    let inner = &resource["properties"]["mainTemplate"]["resources"];
    for resource in inner.as_array().into_iter().flatten() {
        add(resource, bicep, count);
    }
    if WITHOUT_TYPE.contains(&kind.as_str()) {
        return;
    }
    *count += 1;
    let version = resource["apiVersion"].as_str().unwrap();
    let parent = if kind.starts_with("Microsoft.SecurityInsights/") {
        "scope: workspace\n"
    } else if kind.matches('/').count() == 2 {
        "parent: workspace\n"
    } else {
        ""
    };
    write!(bicep, "resource r{count} '{kind}@{version}' = {{\nname: 'resource{count}'\n{parent}").unwrap();
    for name in ["kind", "location", "properties"] {
        if let Some(value) = resource.get(name) {
            writeln!(bicep, "{name}: {}", literal(value)).unwrap();
        }
    }
    bicep.push_str("}\n");
}

/// A file with all of them.
pub fn typed(resources: &[Value]) -> String {
    let mut bicep = "resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {\nname: 'log-humanbound'\n}\n".to_owned();
    let mut count = 0;
    for resource in resources {
        add(resource, &mut bicep, &mut count);
    }
    assert!(count > 50, "{count} resources were found");
    bicep
}
