//! Every body in `tests/fixtures` against its row in `tests/fixtures/rows`.
//!
//! To make a row anew, delete its file and run the tests: the missing file is written, the test fails once, and the file is
//! there to be read and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use humanbound_sentinel::record;

use super::row::{self, RECEIVED, TABLE};
use super::tree::{self, Tree};

/// The documented event types: <https://github.com/humanbound/humanbound/blob/37451bce02b5301cb6773013f208f61a6fbdc2b1/docs/docs/integrations/siem.md>.
const DOCUMENTED: [&str; 14] = [
    "finding.created",
    "finding.regressed",
    "finding.assigned",
    "finding.acknowledged",
    "finding.resolution_verified",
    "finding.resolution_failed",
    "posture.grade_changed",
    "drift.detected",
    "campaign.completed",
    "ascam.activity_started",
    "ascam.paused",
    "ascam.resumed",
    "quality.degraded",
    "quality.regression",
];

fn folder(name: &str) -> PathBuf {
    crate::tools::root().join("tests/fixtures").join(name)
}

/// The bodies of the three folders by name.
fn bodies() -> BTreeMap<String, Vec<u8>> {
    let mut bodies = BTreeMap::new();
    for kind in ["events", "variants", "hostile"] {
        for entry in fs::read_dir(folder(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(
                bodies.insert(name.clone(), fs::read(&path).unwrap()).is_none(),
                "two fixtures are called {name}"
            );
        }
    }
    bodies
}

/// A row with one column a line, in the order it has.
fn page(row: &[u8]) -> String {
    let mut members = tree::members(std::str::from_utf8(row).unwrap()).unwrap();
    let version = members.last_mut().unwrap();
    assert_eq!(version, &("ConnectorVersion".to_owned(), format!("\"{}\"", env!("CARGO_PKG_VERSION"))));
    "\"<version>\"".clone_into(&mut version.1);
    let lines: Vec<String> = members.iter().map(|(name, raw)| format!("  \"{name}\": {raw}")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

#[test]
fn every_body_becomes_the_row_on_file() {
    let mut wrong = Vec::new();
    for (name, body) in bodies() {
        let path = folder("rows").join(format!("{name}.json"));
        let page = page(&record::map(&body, RECEIVED).unwrap().row);
        match fs::read_to_string(&path) {
            Ok(on_file) if on_file == page => {}
            Ok(on_file) => wrong.push(format!("{name}: the row on file\n{on_file}is now\n{page}")),
            Err(_) => {
                fs::write(&path, page).unwrap();
                wrong.push(format!(
                    "{name}: had no row on file; wrote {}, read it and run again",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_on_file_has_its_body() {
    let bodies = bodies();
    for entry in fs::read_dir(folder("rows")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(bodies.contains_key(name), "{} has no body", path.display());
    }
}

#[test]
fn columns_data_and_additional_fields_together_hold_every_value() {
    for body in bodies().values() {
        row::of(body);
    }
}

#[test]
fn the_fixtures_fill_every_column_of_the_table() {
    let filled: BTreeSet<String> = bodies().values().flat_map(|body| row::of(body).into_keys()).collect();
    let table: BTreeSet<String> = TABLE.iter().map(|column| column.name.clone()).collect();
    assert_eq!(table.len(), TABLE.len(), "a column is listed twice");
    assert_eq!(filled, table);
}

#[test]
fn a_row_has_its_columns_in_the_order_of_the_table() {
    for body in bodies().values() {
        let mapped = record::map(body, RECEIVED).unwrap();
        let columns = tree::members(std::str::from_utf8(&mapped.row).unwrap()).unwrap().into_iter();
        let places: Vec<usize> =
            columns.map(|(name, _)| TABLE.iter().position(|column| column.name == name).unwrap()).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    }
}

#[test]
fn the_table_describes_its_columns_in_types_that_a_stream_can_have() {
    for column in TABLE.iter() {
        assert!(
            matches!(
                column.kind.as_str(),
                "string" | "int" | "long" | "real" | "bool" | "datetime" | "dynamic"
            ),
            "{column:?}"
        );
        assert!(column.description.ends_with('.'), "{column:?}");
        assert!(
            column.name.len() <= 45 && column.name.chars().all(|c| c.is_ascii_alphanumeric()),
            "{column:?}"
        );
        assert!(
            !["Title", "Type", "TenantId", "Id", "UniqueId"].contains(&column.name.as_str()),
            "{column:?}"
        );
    }
}

#[test]
fn there_is_a_fixture_for_every_documented_event_and_only_it_is_in_it() {
    let events: BTreeMap<String, Vec<u8>> = fs::read_dir(folder("events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    for name in DOCUMENTED {
        assert!(events.contains_key(name), "no fixture for {name}");
    }
    for (name, body) in events {
        let body = Tree::parse(std::str::from_utf8(&body).unwrap()).unwrap();
        assert_eq!(body.object()["event_type"].text(), name);
    }
}
