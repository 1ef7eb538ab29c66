//! What the deployed `connector` is built from: without the operator's half, it has none of its crates.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tools::root;

/// Crates of the operator's that others of the connector's bring in too.
const SHARED: [&str; 3] = ["base64", "rand", "zeroize"];

/// The names in the tree of the build that `make dist` deploys, as deep as `depth` says.
fn tree(depth: &str) -> BTreeSet<String> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(["tree", "--locked", "--offline", "--no-default-features", "--edges", "normal"]);
    command.args(["--prefix", "none", "--format", "{lib}", "--depth", depth]);
    command.args(["--target", "x86_64-unknown-linux-gnu"]).current_dir(root());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    // A library's name has underscores where its package's has hyphens.
    names.lines().filter_map(|line| line.split(' ').next()).map(|name| name.replace('_', "-")).collect()
}

/// What feature `operator` switches on, read from the manifest.
fn operator() -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let feature = manifest.split("\noperator = [").nth(1).unwrap().split(']').next().unwrap();
    feature
        .split('"')
        .filter_map(|word| word.strip_prefix("dep:"))
        .map(|name| name.replace('_', "-"))
        .collect()
}

#[test]
fn connector_has_no_crate_of_the_operators() {
    let operator = operator();
    assert!(operator.contains("clap") && operator.contains("indicatif"), "{operator:?}");
    let direct = tree("1");
    assert!(direct.contains("axum"), "{direct:?}");
    assert_eq!(direct.intersection(&operator).collect::<Vec<_>>(), Vec::<&String>::new());
    let all = tree("99");
    let found: Vec<_> = all.intersection(&operator).map(String::as_str).collect();
    assert_eq!(found, SHARED, "of {} crates", all.len());
}
