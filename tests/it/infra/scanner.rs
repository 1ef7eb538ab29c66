//! The predicted resources under a security scanner: every finding is fixed, or waived where the resource is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::{Value, json};

use super::{Folder, bicep_files, generated::SNAPSHOTS, read, snapshot::Snapshot};
use crate::tools;

/// The waivers by resource type: `// checkov:skip=<check>: <reason>` above the resource that it is about.
fn waivers() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for path in bicep_files() {
        let text = read(&path);
        let mut waiting = Vec::new();
        for line in text.lines() {
            if let Some((_, waiver)) = line.split_once("// checkov:skip=") {
                let (check, reason) =
                    waiver.split_once(": ").unwrap_or_else(|| panic!("{path}: {line}: no reason"));
                assert!(reason.len() > 20, "{path}: {line}: no reason");
                waiting.push(check.to_owned());
            } else if line.starts_with("resource ") {
                let kind = line.split('\'').nth(1).unwrap().split('@').next().unwrap();
                found.extend(waiting.drain(..).map(|check| (kind.to_owned(), check)));
            }
        }
        assert!(waiting.is_empty(), "{path}: waivers without a resource: {waiting:?}");
    }
    found
}

#[test]
fn findings_of_the_scanner_are_mended_or_waived_in_place() {
    let skipped = "the security scanner of the template";
    let Some(checkov) = tools::find("venv/bin/checkov", skipped) else { return };
    // The scanner knows neither Bicep's newer syntax nor nested templates, so it gets what they come to.
    let folder = Folder::new();
    for name in SNAPSHOTS {
        let flat = json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": Snapshot::read(name).resources(),
        });
        fs::write(folder.path().join(format!("{name}.json")), flat.to_string()).unwrap();
    }
    let output = Command::new(checkov)
        .args(["--framework", "arm", "--compact", "--skip-download", "--output", "json", "--directory"])
        .arg(folder.path())
        .env("BC_SKIP_MAPPING", "TRUE")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(report["summary"]["passed"].as_u64().unwrap() > 50, "{}", report["summary"]);
    assert_eq!(report["summary"]["parsing_errors"], 0);

    let mut findings = BTreeMap::new();
    for finding in report["results"]["failed_checks"].as_array().unwrap() {
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        let kind = text("resource").split('.').take(2).collect::<Vec<_>>().join(".");
        findings.insert((kind, text("check_id")), text("check_name"));
    }
    let waivers = waivers();
    let new: Vec<_> = findings.iter().filter(|(finding, _)| !waivers.contains(finding)).collect();
    assert!(new.is_empty(), "findings of the scanner: {new:#?}");
    let stale: Vec<_> = waivers.iter().filter(|waiver| !findings.contains_key(waiver)).collect();
    assert!(stale.is_empty(), "waivers of what is no longer found: {stale:#?}");
}
