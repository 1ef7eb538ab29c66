//! A check and those below it: what was found, why it is wrong, how to fix it; as text and as JSON.

use serde_json::{Value, json};

use crate::azure;

/// How a check ended, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Ok,
    /// A check above it failed, or what it checks does not exist.
    NotChecked,
    Warning,
    Failed,
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotChecked => "not checked",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The ids and titles of checks, for when they cannot be made.
pub(super) type Titles = &'static [(&'static str, &'static str)];

/// One check.
#[derive(Debug, Clone)]
pub(super) struct Check {
    id: &'static str,
    title: &'static str,
    verdict: Verdict,
    /// What was found; of what is wrong, the cause.
    detail: String,
    fix: Option<String>,
    below: Vec<Check>,
}

impl Check {
    fn new(id: &'static str, title: &'static str, verdict: Verdict, detail: String) -> Self {
        Self { id, title, verdict, detail, fix: None, below: Vec::new() }
    }

    pub(super) fn ok(of: (&'static str, &'static str), detail: impl Into<String>) -> Self {
        Self::new(of.0, of.1, Verdict::Ok, detail.into())
    }

    pub(super) fn warning(
        of: (&'static str, &'static str),
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(of.0, of.1, Verdict::Warning, cause.into()) }
    }

    pub(super) fn failed(
        of: (&'static str, &'static str),
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { fix: Some(fix.into()), ..Self::new(of.0, of.1, Verdict::Failed, cause.into()) }
    }

    pub(super) fn not_checked(of: (&'static str, &'static str), why: impl Into<String>) -> Self {
        Self::new(of.0, of.1, Verdict::NotChecked, why.into())
    }

    pub(super) fn with(self, below: Vec<Self>) -> Self {
        Self { below, ..self }
    }

    /// This check failed, so everything below is not checked.
    pub(super) fn blocks(self, below: Titles) -> Self {
        let why = format!("needs: {}", self.title);
        self.with(below.iter().map(|of| Self::not_checked(*of, why.clone())).collect())
    }

    /// The worst of these and of all below them.
    pub(super) fn worst(all: &[Self]) -> Verdict {
        let one = |check: &Self| check.verdict.max(Self::worst(&check.below));
        all.iter().map(one).max().unwrap_or(Verdict::Ok)
    }

    pub(super) fn json(&self) -> Value {
        let below: Vec<_> = self.below.iter().map(Self::json).collect();
        json!({
            "id": self.id, "title": self.title, "state": self.verdict.name(),
            "detail": self.detail, "fix": self.fix, "checks": below,
        })
    }
}

/// A failed call, with Azure's hint, where one is known.
pub(super) fn broken(of: (&'static str, &'static str), error: &azure::Error, fix: &str) -> Check {
    Check::failed(of, error.to_string(), error.hint().unwrap_or_else(|| fix.to_owned()))
}

/// The tree in lines of at most `width` characters.
pub(super) fn draw(all: &[Check], width: usize) -> String {
    let mut text = String::new();
    for check in all {
        one(&mut text, check, ("", ""), width);
    }
    text
}

/// A check behind `first`; what follows it stands behind `rest`.
fn one(text: &mut String, check: &Check, (first, rest): (&str, &str), width: usize) {
    let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
    let line = format!("{:<11} {}{detail}", check.verdict.name(), check.title);
    let bar = if check.below.is_empty() { "  " } else { "│ " };
    wrap(text, &line, first, &format!("{rest}{bar}          "), width);
    if let Some(fix) = &check.fix {
        let begin = format!("{rest}{bar}          ");
        wrap(text, &format!("fix: {fix}"), &begin, &begin, width);
    }
    for (index, below) in check.below.iter().enumerate() {
        let is_last = index + 1 == check.below.len();
        let (branch, onward) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        one(text, below, (&format!("{rest}{branch}"), &format!("{rest}{onward}")), width);
    }
}

/// Words in lines: the first behind `first`, the others behind `rest`. A word that is longer than a line is left whole.
fn wrap(text: &mut String, words: &str, first: &str, rest: &str, width: usize) {
    let mut line = first.to_owned();
    let mut is_begun = false;
    // The first word is a label with blanks behind it, which stay.
    for word in words.split_inclusive(' ') {
        let length = line.chars().count() + word.trim_end().chars().count();
        if is_begun && length > width && !word.trim().is_empty() {
            text.push_str(line.trim_end());
            text.push('\n');
            rest.clone_into(&mut line);
        }
        line.push_str(word);
        is_begun = true;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_is_drawn_within_its_width_and_names_each_fix() {
        let webhooks = Check::failed(
            ("webhooks", "Webhooks"),
            "no webhook leads to the connector that was deployed here",
            "run `hb-sentinel connect`",
        );
        let login = Check::ok(("login", "Login"), "a session").with(vec![
            Check::warning(("clock", "Clock"), "400 s ahead", "set it"),
            webhooks.blocks(&[("ours", "Ours")]),
        ]);
        for width in [60, 80] {
            let text = draw(std::slice::from_ref(&login), width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            assert!(
                text.contains("fix: run `hb-sentinel connect`")
                    && text.contains("not checked Ours: needs: Webhooks")
            );
        }
        let expected = "\
ok          Login: a session
├─ warning     Clock: 400 s ahead
│              fix: set it
└─ failed      Webhooks: no webhook leads to the connector that was deployed
   │           here
   │           fix: run `hb-sentinel connect`
   └─ not checked Ours: needs: Webhooks
";
        assert_eq!(draw(std::slice::from_ref(&login), 80), expected);
        assert_eq!(Check::worst(&[login]), Verdict::Failed);
    }
}
