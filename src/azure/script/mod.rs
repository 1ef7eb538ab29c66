//! A plan as a script, to be read first, or run where no program but `az` may run.
//!
//! It has the same changing calls in the same order as [`super::Plan`], and the checks of a deployment. It leaves what only
//! `hb-sentinel` can do to that, or says what is left to do. Where `deploy` would recover by itself, the script stops with
//! the hint. One function quotes every value, because the names of a resource group, a workspace and an organisation may
//! contain anything.
//!
//! Reading order: [`script`], `checks` (the checks), `connect` (its end).

mod checks;
mod connect;

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    call::{Call, File, Input, Word},
    plan::{Plan, Step},
    process::Tool,
};

/// A file beside the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// Which one.
    pub file: File,
    /// Its name in the folder.
    pub name: &'static str,
    /// Its SHA-256 in lower-case hex.
    pub sha256: String,
}

/// What a script needs besides its plan.
#[derive(Debug, Clone, Default)]
pub struct ScriptOptions {
    /// The name of the folder with its files, beside the script.
    pub folder: String,
    /// The files in there.
    pub files: Vec<Beside>,
    /// The organisation to connect, when one is named.
    pub organisation: Option<String>,
    /// The version that the connector must have, when it is known.
    pub version: Option<String>,
    /// The Sentinel content that must be there, when there is any.
    pub content: Option<Content>,
    /// Where logs are asked for.
    pub logs: String,
}

/// What the template brings to Microsoft Sentinel.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// The names of its rules, and whether each is on from the start.
    pub rules: Vec<(String, bool)>,
    /// How many hunting queries it has.
    pub hunts: usize,
}

/// Any text as one word of the shell.
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02>
#[must_use]
pub fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '-';
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The plan as a script for Bash. It needs `bash`, `az` and `openssl`, and `func` and `unzip` where Core Tools publish.
#[must_use]
pub fn script(plan: &Plan, options: &ScriptOptions) -> String {
    let writer = Writer { plan, options };
    let mut text = writer.head();
    if plan.needs_secret {
        text.push_str(&writer.secret());
    }
    for step in &plan.steps {
        text.push_str(&writer.step(step));
        if step.id == "infra" {
            text.push_str(&writer.outputs());
        }
        if step.id == "publish" {
            text.push_str(&writer.checks());
        }
    }
    text.push_str(&writer.end());
    text
}

struct Writer<'a> {
    plan: &'a Plan,
    options: &'a ScriptOptions,
}

const FUNCTIONS: &str = r#"
export AZURE_CORE_COLLECT_TELEMETRY=0 AZURE_CORE_SURVEY_MESSAGE=0 AZURE_CORE_NO_COLOR=1
export AZURE_AUTO_UPGRADE_ENABLE=no AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no
export FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT=1 FUNCTIONS_WORKER_RUNTIME=custom

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 1
}

say() {
  printf '%s\n' "$1" >&2
}

check() {
  local digest
  digest="$(openssl dgst -sha256 -r "$files/$1")"
  [ "${digest%% *}" = "$2" ] || fail "$1 is not what this script was made for" 'export the script again'
}

"#;

impl Writer<'_> {
    fn head(&self) -> String {
        let mut text = String::from(
            "#!/usr/bin/env bash\n# Nothing in a value is to be expanded.\n# shellcheck disable=SC2016\n# Deploys the Humanbound Sentinel Connector. Made by `hb-sentinel deploy --export-only`.\n\
             # Its files stand beside it; it needs bash, az and openssl.\nset -euo pipefail\n\n",
        );
        let here = r#"files="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"/"#;
        put(&mut text, format_args!("{here}{}\n", quote(&self.options.folder)));
        text.push_str(FUNCTIONS);
        let uses_func = self.plan.changes().any(|call| call.tool == Tool::Func);
        let tools: &[&str] = if uses_func { &["az", "openssl", "func", "unzip"] } else { &["az", "openssl"] };
        for tool in tools {
            put(
                &mut text,
                format_args!(
                    "command -v {tool} >/dev/null || fail '{tool} is not installed' 'install {tool}'\n"
                ),
            );
        }
        for Beside { name, sha256, .. } in &self.options.files {
            put(&mut text, format_args!("check {} {}\n", quote(name), quote(sha256)));
        }
        let show = self.command(&Call::az(&["account", "show"]).silent(&self.plan.scope.subscription));
        put(
            &mut text,
            format_args!("{show} || fail 'nobody is signed in to the subscription' 'run az login'\n"),
        );
        if uses_func {
            text.push_str(
                "rm -rf -- \"$files/package\"\nunzip -q \"$files/connector.zip\" -d \"$files/package\"\n",
            );
        }
        text
    }

    /// An existing secret stays, because a webhook may sign with it.
    fn secret(&self) -> String {
        let vault = match &self.plan.vault {
            Some(vault) => format!("vault={}\n", quote(vault)),
            None => format!("vault=\"$({} 2>/dev/null || true)\"\n", self.output("keyVaultResourceId")),
        };
        let get = super::calls::rest(super::Method::Get, "VAULT").silent(&self.plan.scope.subscription);
        let version = super::calls::api::VAULTS;
        let name = super::calls::SECRET_NAME;
        let address = format!("\"$vault/secrets/{name}?api-version={version}\"");
        let get = self.command(&get).replace(&quote("VAULT"), &address);
        format!(
            "\nwebhook_secret=''\n{vault}if [ -n \"$vault\" ] && {get} 2>/dev/null; then\n  \
             say 'the vault has a secret already: no new one is made, and nothing is connected'\nelse\n  \
             webhook_secret=\"$(openssl rand -hex 32)\"\nfi\n"
        )
    }

    fn step(&self, step: &Step) -> String {
        let mut text = format!("\nsay {}\n", quote(&step.title));
        let hint = match step.id {
            "providers" => "ask the owner of the subscription to register it",
            "publish" => "wait a minute, then run this script again",
            "infra" => "see what is wrong above, correct it, then run this script again",
            _ => "see what is wrong above, then run this script again",
        };
        let failed = format!("|| fail {} {}\n", quote(&format!("{} failed", step.id)), quote(hint));
        let is_secret = |call: &Call| matches!(call.input, Input::Secret { .. });
        // What needs a secret, and what follows it, is done only when there is a new secret.
        let only_with_secret = step.id == "secret" && !step.changes.is_empty();
        if only_with_secret {
            text.push_str("if [ -n \"$webhook_secret\" ]; then\n");
        }
        for call in &step.changes {
            let command = self.command(call);
            if step.id == "infra" && is_secret(call) {
                let without = self.command(&self.plan.scope.deployment_create(&self.plan.deployment, false));
                put(
                    &mut text,
                    format_args!(
                        "if [ -n \"$webhook_secret\" ]; then\n{command} {failed}else\n{without} {failed}fi\n"
                    ),
                );
            } else {
                put(&mut text, format_args!("{command} {failed}"));
            }
        }
        if only_with_secret {
            text.push_str("fi\n");
        }
        text
    }

    /// Waits for the deployment, and reads what the calls after it need.
    fn outputs(&self) -> String {
        let show = self.show("properties.provisioningState");
        let operations = self.command(
            &Call::az(&["deployment", "operation", "group", "list"])
                .with("--resource-group", &self.plan.scope.group)
                .with("--name", &self.plan.deployment)
                .with("--query", "[?properties.provisioningState=='Failed'].properties.statusMessage")
                .json(&self.plan.scope.subscription),
        );
        let mut text = format!(
            "state=''\nfor ((poll = 0; poll < 540; poll++)); do\n  state=\"$({show})\"\n  case \"$state\" in\n    \
             Succeeded | Failed | Canceled) break ;;\n  esac\n  sleep 10\ndone\nif [ \"$state\" != Succeeded ]; then\n  \
             {operations} >&2 || true\n  fail \"the deployment is $state\" {}\nfi\n",
            quote("see what is wrong above, correct it, then run this script again")
        );
        let mut names: BTreeSet<String> = BTreeSet::from(["connectorUrl".to_owned()]);
        let read = [
            (self.options.content.is_some(), "workspaceResourceId"),
            (self.plan.connects, "workspaceId"),
            (self.plan.connects && self.plan.needs_secret, "keyVaultResourceId"),
        ];
        names.extend(read.into_iter().filter(|(is_read, _)| *is_read).map(|(_, name)| name.to_owned()));
        for call in self.plan.changes() {
            names.extend(call.args.iter().flat_map(Word::outputs).map(str::to_owned));
        }
        for name in names {
            put(&mut text, format_args!("{}=\"$({})\"\n", variable(&name), self.output(&name)));
        }
        text
    }

    fn show(&self, query: &str) -> String {
        let call = Call::az(&["deployment", "group", "show"])
            .with("--resource-group", &self.plan.scope.group)
            .with("--name", &self.plan.deployment)
            .with("--query", query)
            .with("--subscription", &self.plan.scope.subscription);
        self.command(&call.plain("tsv"))
    }

    fn output(&self, name: &str) -> String {
        self.show(&format!("properties.outputs.{name}.value"))
    }

    /// A call as a command. A shell builtin pipes the secret in, so no list of processes shows it.
    fn command(&self, call: &Call) -> String {
        let words: Vec<String> = call
            .args
            .iter()
            .map(|word| word.render(quote, |file| self.path(file), |name| format!("\"${}\"", variable(name))))
            .collect();
        let mut command = call.tool.name().to_owned();
        for word in &words {
            // Each option begins a new line.
            command.push_str(if word.starts_with("--") { " \\\n    " } else { " " });
            command.push_str(word);
        }
        if let Some(folder) = call.folder {
            command = format!("(cd -- {} && {command})", self.path(folder));
        }
        match &call.input {
            // A command in a loop, or under a terminal, must not read input that is not meant for it.
            Input::Closed => format!("{command} </dev/null"),
            Input::Text(text) => format!("printf '%s' {} | {command}", quote(text)),
            Input::Secret { before, after } => {
                format!(
                    "printf '%s\"%s\"%s' {} \"$webhook_secret\" {} | {command}",
                    quote(before),
                    quote(after)
                )
            }
        }
    }

    fn path(&self, file: File) -> String {
        let name = self
            .options
            .files
            .iter()
            .find(|beside| beside.file == file)
            .map_or("package", |beside| beside.name);
        format!("\"$files\"/{}", quote(name))
    }
}

/// Writing to a string cannot fail.
fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).ok();
}

/// `connectorFunctionName` as `connector_function_name`.
fn variable(output: &str) -> String {
    let mut name = String::new();
    for c in output.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
