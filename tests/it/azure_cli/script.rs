//! The exported script: run with a stub for `az`, it makes the calls of the plan and no other, whatever things are called.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use humanbound_sentinel::azure::{
    DeployOptions, Plan, Publisher, Scope, Survey,
    call::{File, Values},
    parameters,
    process::Stdin,
    script::{Beside, Content, ScriptOptions, quote, script},
};
use humanbound_sentinel::config::Confidential;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    recorded::{GROUP, SUBSCRIPTION},
    scenarios::{self, outputs, survey_of},
};
use crate::{rig::Folder, tools};

const HOSTILE: &str = "a'b$(touch x)\"; #";

/// Writes down each call: the tool, the number of arguments, the arguments, standard input; each ends in a NUL. It answers
/// like a subscription in which all goes well.
pub const STUB: &str = r#"#!/bin/bash
stdin=""
for word in "$@"; do
  case "$word" in @-|-) stdin="$(cat)" ;; esac
done
printf '%s\0' "${0##*/}" "$#" "$@" "$stdin" >>"$CALLS"
line=" $* "
case "$line" in
  *" properties.provisioningState "*) echo Succeeded ;;
  *" deployment group show "*)
    [ "$DEPLOYED" = 1 ] || [ -e "$CALLS.created" ] || exit 3
    for name in "$OUTPUTS"/*; do
      case "$line" in *".outputs.${name##*/}."*) cat "$name" ;; esac
    done ;;
  *" deployment group create "*) : >"$CALLS.created" ;;
  *" --method get "*webhook-secret*) [ "$SECRET" = 1 ] ;;
  *"/api/health "*) echo "${HEALTH-ok 1.2.3}" ;;
  *" https://next "*) echo "3 " ;;
  *alertRules*) echo "2 https://next" ;;
  *savedSearches*) echo "${HUNTS:-6} " ;;
  *onboardingStates*) [ "$SENTINEL" != 0 ] ;;
  *"/query "*) echo "${ROWS-1}" ;;
  *" -q "*) mkdir -p "${@: -1}" ;;
esac
"#;

/// A call that a script made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub tool: String,
    pub args: Vec<String>,
    pub stdin: String,
}

pub fn read_calls(path: &Path) -> Vec<Made> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut fields = text.split_terminator('\0').map(str::to_owned);
    let mut calls = Vec::new();
    while let Some(tool) = fields.next() {
        let count = fields.next().unwrap().parse().unwrap();
        let args = fields.by_ref().take(count).collect();
        calls.push(Made { tool, args, stdin: fields.next().unwrap() });
    }
    calls
}

/// Programs that a script may run, each the stub.
pub fn stubs(bin: &Path) {
    for name in ["az", "func", "hb-sentinel", "unzip"] {
        fs::write(bin.join(name), STUB).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Nobody waits here.
    fs::write(bin.join("sleep"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(bin.join("sleep"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Content of which one rule is off from the start.
fn content() -> Content {
    let rules = (0..5).map(|n| (format!("Humanbound rule {n}"), n > 0)).collect();
    Content { rules, hunts: 6 }
}

struct Exported {
    folder: Folder,
    plan: Plan,
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// The script of a plan with its files, in a folder with a stub on its own path.
fn export(scope: Scope, found: &Survey, options: &DeployOptions) -> Exported {
    let folder = Folder::new();
    let plan = Plan::new(scope, found, options);
    let beside = folder.path().join("it's.d");
    let bin = folder.path().join("bin");
    fs::create_dir_all(&beside).unwrap();
    fs::create_dir_all(&bin).unwrap();
    let contents = [
        (File::Template, "template.json", options.template.clone().into_bytes()),
        (File::Parameters, "parameters.json", parameters::file(&plan.parameters).to_string().into_bytes()),
        (File::Package, "connector.zip", crate::package::sample()),
    ];
    let files = contents.map(|(file, name, bytes)| {
        fs::write(beside.join(name), &bytes).unwrap();
        Beside { file, name, sha256: digest(&bytes) }
    });
    let options = ScriptOptions {
        folder: "it's.d".to_owned(),
        files: files.to_vec(),
        organisation: options.organisation.clone(),
        version: Some("1.2.3".to_owned()),
        content: Some(content()),
        logs: "https://logs.example".to_owned(),
    };
    fs::write(folder.path().join("deploy.sh"), script(&plan, &options)).unwrap();
    stubs(&bin);
    Exported { folder, plan }
}

impl Exported {
    fn path(&self) -> PathBuf {
        self.folder.path().join("deploy.sh")
    }

    /// Runs it, and gives back its exit code, what it said, and the calls it made.
    fn run(&self, deployed: bool, secret: bool) -> (i32, String, Vec<Made>) {
        self.run_with(deployed, secret, &[])
    }

    fn run_with(&self, deployed: bool, secret: bool, more: &[(&str, &str)]) -> (i32, String, Vec<Made>) {
        let answers = self.folder.path().join("outputs");
        fs::create_dir_all(&answers).unwrap();
        for (name, output) in outputs().as_object().unwrap() {
            fs::write(answers.join(name), output["value"].as_str().unwrap()).unwrap();
        }
        let calls = self.folder.path().join("calls");
        let path = std::env::var("PATH").unwrap();
        let flag = |value: bool| if value { "1" } else { "0" };
        let output = Command::new("bash")
            .arg(self.path())
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()))
            .env("CALLS", &calls)
            .env("OUTPUTS", &answers)
            .env("DEPLOYED", flag(deployed))
            .env("SECRET", flag(secret))
            .envs(more.iter().copied())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), errors, read_calls(&calls))
    }

    /// The changing calls of the plan as they would be run here, with this secret.
    fn planned(&self, secret: Option<Confidential>) -> Vec<(Vec<String>, String)> {
        let beside = self.folder.path().canonicalize().unwrap().join("it's.d");
        let files = [
            (File::Template, beside.join("template.json")),
            (File::Parameters, beside.join("parameters.json")),
            (File::Package, beside.join("connector.zip")),
            (File::Unpacked, beside.join("package")),
        ];
        let outputs = outputs();
        let outputs = outputs.as_object().unwrap().iter();
        let outputs =
            outputs.map(|(name, output)| (name.clone(), output["value"].as_str().unwrap().to_owned()));
        let values = Values { files: files.into(), outputs: outputs.collect(), secret };
        let resolve = |call: &humanbound_sentinel::azure::call::Call| {
            let invocation = call.resolve(&values).unwrap();
            let stdin = match &invocation.stdin {
                Stdin::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                Stdin::Closed | Stdin::Terminal => String::new(),
            };
            (invocation.args, stdin)
        };
        self.plan.changes().map(resolve).collect()
    }
}

fn scope(group: &str) -> Scope {
    Scope { subscription: SUBSCRIPTION.to_owned(), group: group.to_owned() }
}

/// The calls that change something, of those that a script made.
fn changing(calls: &[Made]) -> Vec<(Vec<String>, String)> {
    let reads = |args: &[String]| {
        args.iter().any(|word| word == "show" || word == "list")
            || args.windows(2).any(|pair| pair == ["--method", "get"])
            || args.iter().any(|word| word.ends_with("/query"))
    };
    let ours = calls.iter().filter(|call| call.tool == "az" || call.tool == "func");
    let changing = ours.filter(|call| !reads(&call.args));
    changing.map(|call| (call.args.clone(), call.stdin.clone())).collect()
}

/// The secret that the script made: whatever stands where the plan has its own.
fn secret_in(calls: &[Made]) -> Option<Confidential> {
    calls.iter().filter_map(|call| serde_json::from_str::<Value>(&call.stdin).ok()).find_map(|text| {
        let value = text["webhookSecret"]["value"].as_str().or(text["properties"]["value"].as_str())?;
        Some(Confidential::new(value))
    })
}

#[tokio::test]
async fn script_makes_the_changing_calls_of_the_plan() {
    for scenario in scenarios::all() {
        let (found, _) = survey_of(&scenario).await;
        let exported = export(scope(GROUP), &found, &scenario.options);
        let has_secret = scenario.name == "second run" || scenario.name == "secret left over";
        let (code, errors, calls) = exported.run(found.newest.is_some(), has_secret);
        let left_over = scenario.name == "secret left over";
        assert_eq!(code, if left_over { 3 } else { 0 }, "{}: {errors}", scenario.name);
        let secret = secret_in(&calls);
        let needed = exported.plan.needs_secret && !left_over;
        assert_eq!(secret.is_some(), needed, "{}", scenario.name);
        if left_over {
            // A script does not know who signs with it: it leaves the secret, and says so.
            assert!(
                errors.contains("the vault has a secret already") && errors.contains("left to do"),
                "{errors}"
            );
            assert!(changing(&calls).iter().all(|(args, _)| args[0] == "provider"), "{calls:?}");
            continue;
        }
        assert_eq!(changing(&calls), exported.planned(secret), "{}", scenario.name);
        let ours = calls.iter().find(|call| call.tool == "hb-sentinel").map(|call| call.args[0].as_str());
        let expected = if needed { Some("connect") } else { exported.plan.connects.then_some("test") };
        assert_eq!(ours, expected, "{}", scenario.name);
        let looks_for_the_row = calls.iter().any(|call| call.stdin.contains("AISecurityEvents_CL"));
        assert_eq!(looks_for_the_row, exported.plan.connects, "{}", scenario.name);
        for call in &calls {
            let secret = secret_in(&calls);
            let args = call.args.join(" ");
            assert!(secret.is_none_or(|secret| !args.contains(secret.expose())), "{}: {args}", scenario.name);
        }
    }
}

#[tokio::test]
async fn nothing_that_is_in_a_name_is_run() {
    for publisher in [Publisher::Az, Publisher::Func] {
        let scenario = scenarios::all().remove(0);
        let (found, _) = survey_of(&scenario).await;
        let options = DeployOptions {
            workspace: Some(HOSTILE.to_owned()),
            organisation: Some(HOSTILE.to_owned()),
            location: Some(HOSTILE.to_owned()),
            publisher,
            ..scenario.options
        };
        let exported = export(scope(HOSTILE), &found, &options);
        let (code, errors, calls) = exported.run(false, false);
        assert_eq!(code, 0, "{errors}");
        assert_eq!(changing(&calls), exported.planned(secret_in(&calls)));
        let connect = calls.iter().find(|call| call.tool == "hb-sentinel").unwrap();
        assert!(connect.args.contains(&HOSTILE.to_owned()), "{connect:?}");
        assert!(!exported.folder.path().join("x").exists() && !Path::new("x").exists());
        let written = fs::read_to_string(exported.folder.path().join("it's.d/parameters.json")).unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(written["parameters"]["organisationName"]["value"], HOSTILE);
    }
}

#[tokio::test]
async fn script_stops_when_a_file_is_another() {
    let scenario = scenarios::all().remove(0);
    let (found, _) = survey_of(&scenario).await;
    let exported = export(scope(GROUP), &found, &scenario.options);
    fs::write(exported.folder.path().join("it's.d/template.json"), "{ }").unwrap();
    let (code, errors, calls) = exported.run(false, false);
    assert!(code == 1 && calls.is_empty());
    assert!(errors.contains("template.json is not what this script was made for"), "{errors}");
}

#[tokio::test]
async fn script_ends_as_a_deployment_would() {
    type Case<'a> = (&'a [(&'a str, &'a str)], i32, &'a str);
    let cases: [Case<'_>; 8] = [
        (&[], 0, "the test event is a row of AISecurityEvents_CL"),
        (&[("HEALTH", "")], 1, "error: the connector does not answer"),
        (&[("HEALTH", "ok 1.2.2")], 1, "error: the connector says: ok 1.2.2"),
        (&[("HEALTH", "misconfigured 1.2.3")], 1, "error: the connector says: misconfigured"),
        (&[("SENTINEL", "0")], 1, "error: Microsoft Sentinel is not on"),
        (&[("HUNTS", "5")], 1, "error: hunting queries: 5 of 6 are there"),
        (&[("ROWS", "0")], 3, "a new table takes up to 15 minutes"),
        (&[("ROWS", "")], 3, "look with: hb-sentinel status"),
    ];
    for (answers, code, words) in cases {
        let scenario = scenarios::all().remove(0);
        let (found, _) = survey_of(&scenario).await;
        let exported = export(scope(GROUP), &found, &scenario.options);
        let (ended, errors, calls) = exported.run_with(false, false, answers);
        assert_eq!(ended, code, "{answers:?}: {errors}");
        assert!(errors.contains(words), "{answers:?}: {errors}");
        let is_connected = calls.iter().any(|call| call.tool == "hb-sentinel");
        assert_eq!(is_connected, code != 1, "{answers:?}: nothing is connected before all is checked");
    }
}

#[tokio::test]
async fn script_says_what_is_left_where_nothing_can_be_connected() {
    let scenario = scenarios::all().remove(0);
    let (found, _) = survey_of(&scenario).await;
    let exported = export(scope(GROUP), &found, &scenario.options);
    fs::remove_file(exported.folder.path().join("bin/hb-sentinel")).unwrap();
    let (code, errors, _) = exported.run(false, false);
    assert_eq!(code, 3, "{errors}");
    let url = "https://func-humanbound-x.azurewebsites.net/api/ingest";
    let line = format!(
        "az keyvault secret show --vault-name kv-hb-x --name webhook-secret --query value -o tsv | hb-sentinel connect --url {url} --secret-file - --org Contoso"
    );
    assert!(errors.contains(&line) && errors.contains("hb-sentinel status"), "{errors}");
}

#[tokio::test]
async fn shellcheck_has_nothing_to_say() {
    let Some(shellcheck) = tools::find("venv/bin/shellcheck", "the linter of exported scripts") else {
        return;
    };
    for scenario in scenarios::all() {
        let (found, _) = survey_of(&scenario).await;
        let options = DeployOptions { organisation: Some(HOSTILE.to_owned()), ..scenario.options };
        let exported = export(scope(HOSTILE), &found, &options);
        let output = Command::new(&shellcheck).arg(exported.path()).output().unwrap();
        assert!(output.status.success(), "{}: {}", scenario.name, String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn every_text_is_one_word_of_the_shell() {
    for text in [
        HOSTILE, "", "a", "-n", "~", "a b", "*", "'", "''", "\\", "a\nb", "$HOME", "`id`", "!x", "{a,b}", "é",
    ] {
        let output =
            Command::new("bash").arg("-c").arg(format!("printf '%s\\0' {}", quote(text))).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{text}\0"));
    }
}
