//! A call as data: what [`super::Az`] runs, what a [`super::Plan`] lists, and what [`super::script`] writes.
//!
//! An argument is a [`Word`]. Most are known in advance; some name a file, or an output of a deployment that has not run
//! yet. A secret is never part of an argument: [`Input`] says where on standard input it goes.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::Value;
use zeroize::Zeroizing;

use super::process::{Invocation, Stdin, Tool};
use crate::config::Confidential;

/// A file that a deployment needs, without its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// The template, as JSON.
    Template,
    /// Its parameters, without the secret.
    Parameters,
    /// The package, as a zip.
    Package,
    /// A folder with what is in the package.
    Unpacked,
}

/// A part of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    File(File),
    Output(&'static str),
}

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word(Vec<Part>);

impl Word {
    /// The path of a file.
    #[must_use]
    pub fn file(file: File) -> Self {
        Self(vec![Part::File(file)])
    }

    /// The value of an output of the deployment, by its name in `infra/main.bicep`.
    #[must_use]
    pub fn output(name: &'static str) -> Self {
        Self(vec![Part::Output(name)])
    }

    /// Both, one after the other, as one argument.
    #[must_use]
    pub fn then(mut self, next: impl Into<Word>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// The argument, or the name of an output in it that is not known yet.
    pub(super) fn resolve(&self, values: &Values) -> Result<String, &'static str> {
        let part = |part: &Part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::File(file) => values.files.get(file).map(|path| path.display().to_string()).ok_or("file"),
            Part::Output(name) => values.outputs.get(*name).cloned().ok_or(*name),
        };
        self.0.iter().map(part).collect()
    }

    /// The outputs of the deployment that it needs.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|part| match part {
            Part::Output(name) => Some(*name),
            Part::Text(_) | Part::File(_) => None,
        })
    }

    /// The argument as text of another language, with one function for each kind of part.
    pub(super) fn render(
        &self,
        text: impl Fn(&str) -> String,
        file: impl Fn(File) -> String,
        output: impl Fn(&str) -> String,
    ) -> String {
        let part = |part: &Part| match part {
            Part::Text(value) => text(value),
            Part::File(value) => file(*value),
            Part::Output(name) => output(name),
        };
        self.0.iter().map(part).collect()
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self(vec![Part::Text(text)])
    }
}

impl From<&String> for Word {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

/// What a call reads on standard input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input {
    /// Nothing.
    #[default]
    Closed,
    /// A text that anybody may see, most often JSON.
    Text(String),
    /// The webhook secret as a JSON string, between these two texts.
    Secret {
        /// The text before it.
        before: &'static str,
        /// The text after it.
        after: &'static str,
    },
}

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It makes, changes or deletes something.
    Changes,
}

/// One call of `az` or `func`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which program.
    pub tool: Tool,
    /// All arguments.
    pub args: Vec<Word>,
    /// What it reads.
    pub input: Input,
    /// The folder it runs in; that of this process when there is none.
    pub folder: Option<File>,
    /// Whether it only reads.
    pub effect: Effect,
    /// How long it may take.
    pub timeout: Duration,
}

/// How long a call that only reads may take. `az` itself takes a second or two.
const SHORT: Duration = Duration::from_secs(120);

impl Call {
    /// `az` with these words, on the account that is signed in.
    pub(super) fn az(words: &[&str]) -> Self {
        let args = words.iter().map(|word| Word::from(*word)).collect();
        Self {
            tool: Tool::Az,
            args,
            input: Input::Closed,
            folder: None,
            effect: Effect::Reads,
            timeout: SHORT,
        }
    }

    /// Another option and its value.
    pub(super) fn with(mut self, option: &str, value: impl Into<Word>) -> Self {
        self.args.push(option.into());
        self.args.push(value.into());
        self
    }

    /// Another word.
    pub(super) fn word(mut self, word: impl Into<Word>) -> Self {
        self.args.push(word.into());
        self
    }

    pub(super) fn reading(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    pub(super) fn changing(mut self) -> Self {
        self.effect = Effect::Changes;
        self
    }

    pub(super) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// In this subscription, and with an answer in JSON. Not `az account set`: that would change the operator's own setting.
    pub(super) fn json(self, subscription: &str) -> Self {
        self.with("--subscription", subscription).plain("json")
    }

    /// In this subscription, and without an answer, which may repeat what was written.
    pub(super) fn silent(self, subscription: &str) -> Self {
        self.with("--subscription", subscription).plain("none")
    }

    /// For the few commands that take no subscription.
    pub(super) fn plain(self, format: &str) -> Self {
        self.word("--only-show-errors").with("--output", format)
    }

    /// The call as one line for people; what is not known yet is in angle brackets.
    #[must_use]
    pub fn text(&self) -> String {
        let word = |word: &Word| {
            word.render(
                str::to_owned,
                |file| format!("<{file:?}>").to_lowercase(),
                |name| format!("<{name}>"),
            )
        };
        let words = self.args.iter().map(word);
        [self.tool.name().to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The first words: what the call is called in an error.
    pub(super) fn name(&self) -> String {
        let nothing = Values::default();
        let words = self
            .args
            .iter()
            .map_while(|word| word.resolve(&nothing).ok().filter(|word| !word.starts_with('-')));
        [self.tool.name().to_owned()].into_iter().chain(words.take(4)).collect::<Vec<_>>().join(" ")
    }

    /// The call with everything filled in, or what is missing.
    ///
    /// # Errors
    ///
    /// The name of an output that `values` lacks, `file`, or `secret`.
    pub fn resolve(&self, values: &Values) -> Result<Invocation, &'static str> {
        let stdin = match (&self.input, &values.secret) {
            (Input::Closed, _) => Stdin::Closed,
            (Input::Text(text), _) => Stdin::Bytes(Zeroizing::new(text.clone().into_bytes())),
            (Input::Secret { before, after }, Some(secret)) => {
                let quoted = Zeroizing::new(Value::from(secret.expose()).to_string());
                Stdin::Bytes(Zeroizing::new(
                    [before.as_bytes(), quoted.as_bytes(), after.as_bytes()].concat(),
                ))
            }
            (Input::Secret { .. }, None) => return Err("secret"),
        };
        let args = self.args.iter().map(|word| word.resolve(values)).collect::<Result<_, _>>()?;
        let folder = self.folder.map(|file| values.files.get(&file).cloned().ok_or("file")).transpose()?;
        Ok(Invocation { tool: self.tool, args, stdin, folder, timeout: self.timeout })
    }
}

/// What is filled into calls: paths, outputs of the deployment, and the secret.
#[derive(Debug, Clone, Default)]
pub struct Values {
    /// Where files are.
    pub files: BTreeMap<File, PathBuf>,
    /// Outputs of the deployment, by name.
    pub outputs: BTreeMap<String, String>,
    /// The webhook secret, when a new one is needed.
    pub secret: Option<Confidential>,
}
