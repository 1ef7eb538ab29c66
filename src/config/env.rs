//! Where settings come from: the process's environment, or a map in tests.

use std::collections::BTreeMap;

/// A source of environment variables.
#[derive(Debug, Clone)]
pub enum Env {
    /// The environment of this process.
    Process,
    /// Fixed values, for tests.
    Map(BTreeMap<String, String>),
}

impl Env {
    /// The value of `name`, without surrounding white space; `None` when it is unset, blank or not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.raw(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Whether `name` is set to something that is not UTF-8, which readers treat as not set.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(crate) fn is_not_text(&self, name: &str) -> bool {
        match self {
            Self::Process => matches!(std::env::var(name), Err(std::env::VarError::NotUnicode(_))),
            Self::Map(_) => false,
        }
    }

    /// The value of `name` exactly as it is set.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(crate) fn raw(&self, name: &str) -> Option<String> {
        match self {
            Self::Process => std::env::var(name).ok(),
            Self::Map(map) => map.get(name).cloned(),
        }
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self::Map(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
