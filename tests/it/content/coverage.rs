//! The tables of `sentinel/README.md` that come from the content itself: `make infra` writes them.

use std::{env, fs};

use crate::tools;
use crate::tools::root;

/// The names of the files of a folder of content, without their ends.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join("sentinel").join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn tables_are_what_the_content_gives() {
    let what = "the tables of sentinel/README.md";
    let Some(mut command) = tools::module("hb_content.packaging.coverage", what) else { return };
    let output = command.output().unwrap();
    assert!(output.status.success(), "\n{}", String::from_utf8_lossy(&output.stderr));
    let page = root().join("sentinel/README.md");
    if env::var("UPDATE").as_deref() == Ok("1") {
        fs::write(page, output.stdout).unwrap();
    } else {
        let current = fs::read(page).unwrap() == output.stdout;
        assert!(current, "sentinel/README.md is out of date: run `make infra` and look at the difference");
    }
}

#[test]
fn every_rule_and_hunt_has_its_section() {
    let page = fs::read_to_string(root().join("sentinel/README.md")).unwrap();
    for folder in ["analytic-rules", "hunting-queries"] {
        let names = names(folder);
        assert!(names.len() > 4, "{folder} holds only {names:?}");
        for name in names {
            let heading = format!("\n### {name}\n\n");
            let (_, section) = page.split_once(&heading).unwrap_or_else(|| panic!("no section for {name}"));
            let section = section.split("\n#").next().unwrap();
            let mut parts = vec!["Question", "Logic", "Tuning"];
            parts.extend(match folder {
                "analytic-rules" => ["Triggers", "False positives", "Response"].as_slice(),
                _ => ["Worth a look", "False positives", "Next"].as_slice(),
            });
            for part in parts {
                assert!(section.contains(&format!("- **{part}.** ")), "{name} says nothing of: {part}");
            }
        }
    }
}
