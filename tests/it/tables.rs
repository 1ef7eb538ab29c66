//! The documentation of the table says what the one column list says.

use serde_json::Value;

#[test]
fn the_documented_columns_are_those_of_the_list() {
    let columns: Vec<Value> =
        serde_json::from_str(include_str!("../../sentinel/tables/AISecurityEvents_CL.json")).unwrap();
    let documented = include_str!("../../sentinel/tables/README.md");
    let rows: Vec<_> = documented.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let expected: Vec<_> = columns
        .iter()
        .map(|column| {
            let text = |name: &str| column[name].as_str().unwrap();
            format!("| {} | {} | {} |", text("name"), text("type"), text("description"))
        })
        .collect();
    assert_eq!(rows, expected);
}
