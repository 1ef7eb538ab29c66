//! The linter of parsers, rules, hunts and workbooks: it finds nothing in ours, and each of its rules can find something.

use super::analyzer::run;

#[test]
fn finds_nothing_in_our_content() {
    let Some((passed, text)) = run("hb_content.lint", "the linter of Sentinel content") else { return };
    assert!(passed, "\n{text}");
}

#[test]
fn every_rule_has_a_case_that_breaks_it() {
    let Some((passed, text)) = run("tests.lint_cases", "the cases of the linter of Sentinel content") else {
        return;
    };
    assert!(passed, "\n{text}");
}
