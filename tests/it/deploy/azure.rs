//! An Azure that remembers: what `az` is asked to change is there afterwards, with a real connector behind its site.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use humanbound_sentinel::azure::process::{Invocation, Output, RunError, Stdin, Tool};
use humanbound_sentinel::azure::{Runner, System};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::front::Front;
use super::reads;
use super::world::{World, account, argument, deployment, is_ours, item, workspace_id};
use crate::azure_cli::recorded::{Answer, Recording, SUBSCRIPTION};
use crate::cli::Desk;
use crate::host::Host;

/// How a call ends that is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It fails, and nothing of it was done.
    Fails,
    /// The program ends while it waits for the call, of which Azure has done nothing.
    Before,
    /// The same, and Azure has done all of it.
    After,
}

pub struct FakeAzure {
    pub desk: Arc<Desk>,
    pub front: Front,
    /// The address of an app whose name has a suffix.
    pub beside: Front,
    pub world: Mutex<World>,
    pub calls: Mutex<Vec<(Tool, Recording)>>,
    /// Answers instead of the usual ones: words, answer, how often.
    faults: Mutex<Vec<(String, Answer, usize)>>,
    /// Which changing call is interrupted, counted from 0.
    pub breaks: Mutex<Option<(usize, Break)>>,
    pub changed: Mutex<usize>,
    pub broken: Notify,
    connector: tokio::sync::Mutex<Host>,
    pub missing: Mutex<Vec<Tool>>,
    /// A program in the place of Core Tools.
    pub func: Mutex<Option<System>>,
}

impl FakeAzure {
    pub async fn start(desk: Desk) -> Arc<FakeAzure> {
        let connector = connector(&desk, "").await;
        let world = World {
            unregistered: vec!["Microsoft.App".to_owned()],
            accounts: vec![account("Contoso", SUBSCRIPTION, true)],
            permissions: json!([{"actions": ["*"], "notActions": []}]),
            ..World::default()
        };
        Arc::new(FakeAzure {
            desk: Arc::new(desk),
            front: Front::before(connector.address()).await,
            beside: Front::before(connector.address()).await,
            world: Mutex::new(world),
            calls: Mutex::default(),
            faults: Mutex::default(),
            breaks: Mutex::default(),
            changed: Mutex::default(),
            broken: Notify::new(),
            connector: tokio::sync::Mutex::new(connector),
            missing: Mutex::default(),
            func: Mutex::default(),
        })
    }

    /// Answers what holds `words` so, `times` times.
    pub fn fault(&self, words: &str, times: usize, answer: Answer) {
        self.faults.lock().unwrap().push((words.to_owned(), answer, times));
    }

    /// The lines of the calls so far that change something.
    pub fn changes(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(_, call)| is_change(call)).map(|(_, call)| call.line()).collect()
    }

    pub fn forget_calls(&self) {
        self.calls.lock().unwrap().clear();
        *self.changed.lock().unwrap() = 0;
    }

    /// Every secret that was ever given to it.
    pub fn secrets(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter_map(|(_, call)| secret_in(call)).collect()
    }

    fn planned(&self, line: &str) -> Option<Answer> {
        let mut faults = self.faults.lock().unwrap();
        let (_, answer, times) =
            faults.iter_mut().find(|(words, _, times)| *times > 0 && line.contains(words.as_str()))?;
        *times -= 1;
        Some(answer.clone())
    }

    fn interruption(&self, call: &Recording) -> Option<Break> {
        if !is_change(call) {
            return None;
        }
        let mut changed = self.changed.lock().unwrap();
        let index = *changed;
        *changed += 1;
        let mut breaks = self.breaks.lock().unwrap();
        let (at, how) = (*breaks)?;
        (at == index).then(|| {
            *breaks = None;
            how
        })
    }

    async fn change(&self, call: &Recording) -> Answer {
        if let Some(secret) = secret_in(call) {
            self.take_secret(secret).await;
        }
        let mut world = self.world.lock().unwrap();
        let line = call.line();
        let value = |option: &str| argument(call, option);
        if line.starts_with("provider register") {
            let name = value("--namespace");
            world.unregistered.retain(|one| *one != name);
        } else if line.starts_with("group create") {
            world.group =
                Some(json!({"location": value("--location"), "tags": {"humanbound-sentinel": "created"}}));
        } else if line.starts_with("deployment group create") {
            return self.deploy(&mut world, call);
        } else if line.contains("config-zip") || line.contains("functionapp publish") {
            world.published += 1;
        } else if line.starts_with("tag update") {
            let tags = value("--tags");
            let (name, text) = tags.split_once('=').unwrap();
            world.tags.insert(name.to_owned(), json!(text));
        } else if line.contains("/watchlistItems/") {
            let url = value("--url");
            let name = url.split("/watchlistItems/").nth(1).unwrap().split('?').next().unwrap().to_owned();
            let mut item: Value = serde_json::from_str(call.stdin.as_ref().unwrap()).unwrap();
            item["id"] = json!(url.split('?').next().unwrap());
            item["etag"] = json!(format!("\"{}\"", world.list.as_ref().map_or(0, BTreeMap::len)));
            world.list.as_mut().unwrap().insert(name, item.clone());
            return Answer::json(&item);
        } else if line.contains("/watchlists/") {
            world.list = Some(BTreeMap::new());
            return Answer::json(&json!({"properties": {"provisioningState": "Succeeded"}}));
        } else {
            // The vault has the secret already, and the connector too.
            assert!(line.contains("/secrets/") || line.contains("/refresh"), "what does this change? {line}");
        }
        Answer::silent()
    }

    /// A deployment makes everything at once and says that it runs for two more looks.
    fn deploy(&self, world: &mut World, call: &Recording) -> Answer {
        if world.group.is_none() {
            return Answer::error(3, "ERROR: (ResourceGroupNotFound) Resource group could not be found.");
        }
        let file =
            call.args.iter().filter_map(|word| word.strip_prefix('@')).find(|file| *file != "-").unwrap();
        let parameters: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let parameters = &parameters["parameters"];
        assert!(parameters["webhookSecret"].is_null(), "a secret in a file: {parameters}");
        let recovers = parameters["recoverKeyVault"]["value"] == true;
        if world.deleted_vault && !recovers {
            return Answer::error(
                1,
                "ERROR: (ConflictError) A vault with the same name already exists in deleted state.",
            );
        }
        assert!(world.deleted_vault || !recovers, "there is no vault to recover");
        world.deleted_vault = false;
        world.has_vault = true;
        world.has_content = true;
        world.notified = parameters["alertActionGroupIds"]["value"].is_array();
        let workspace = parameters["workspaceName"]["value"].as_str().unwrap();
        let existing = parameters["useExistingWorkspace"]["value"] == true;
        assert_eq!(
            existing,
            world.workspaces.contains_key(workspace) && !is_ours(&world.workspaces[workspace])
        );
        let made = json!({"id": workspace_id(workspace), "tags": parameters["tags"]["value"]});
        world.workspaces.entry(workspace.to_owned()).or_insert(made);
        if world.list.is_none() && parameters["projects"]["value"].is_array() {
            let items = parameters["projects"]["value"].as_array().unwrap();
            world.list = Some(items.iter().map(|one| (one["id"].to_string(), item(one))).collect());
        }
        let name = argument(call, "--name");
        let is_beside = parameters["nameSuffix"]["value"].as_str().is_some_and(|suffix| !suffix.is_empty());
        let url = if is_beside { self.beside.url() } else { self.front.url() };
        let body = deployment(&name, &url, workspace, parameters, world);
        world.deployments.retain(|(old, ..)| *old != name);
        world.deployments.push((name, body, 3));
        Answer::silent()
    }

    /// The vault has a new version, and the connector gets it.
    async fn take_secret(&self, secret: String) {
        let connector = connector(&self.desk, &secret).await;
        self.front.lead_to(connector.address());
        self.beside.lead_to(connector.address());
        *self.connector.lock().await = connector;
        let mut world = self.world.lock().unwrap();
        world.secret = Some(secret);
        world.versions += 1;
    }
}

/// A connector that has this secret; with an empty one it is misconfigured.
pub async fn connector(desk: &Desk, secret: &str) -> Host {
    desk.rig.instance(&BTreeMap::from([("WEBHOOK_SECRET".to_owned(), secret.to_owned())])).await
}

pub fn is_change(call: &Recording) -> bool {
    let line = call.line();
    let begins = [
        "provider register",
        "group create",
        "deployment group create",
        "deployment group cancel",
        "tag update",
    ];
    let rest =
        ["put", "post", "delete"].iter().any(|method| line.starts_with(&format!("rest --method {method}")));
    begins.iter().any(|words| line.starts_with(words))
        || line.contains("config-zip")
        || line.contains("functionapp publish")
        || (rest && !line.contains("loganalytics"))
}

fn secret_in(call: &Recording) -> Option<String> {
    let text: Value = serde_json::from_str(call.stdin.as_ref()?).ok()?;
    let value = text["webhookSecret"]["value"].as_str().or(text["properties"]["value"].as_str())?;
    Some(value.to_owned())
}

#[async_trait]
impl Runner for FakeAzure {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        if self.missing.lock().unwrap().contains(&invocation.tool) {
            return Err(RunError::Missing(invocation.tool));
        }
        let stdin = match &invocation.stdin {
            Stdin::Bytes(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Stdin::Closed | Stdin::Terminal => None,
        };
        let call = Recording { args: invocation.args.clone(), stdin };
        self.calls.lock().unwrap().push((invocation.tool, call.clone()));
        let func = self.func.lock().unwrap().clone().filter(|_| invocation.tool == Tool::Func);
        if let Some(func) = func {
            return func.run(invocation).await;
        }
        let answer = match self.interruption(&call) {
            Some(Break::Fails) => Answer::error(1, "ERROR: Connection aborted."),
            Some(Break::Before) => self.hang().await,
            Some(Break::After) => {
                self.change(&call).await;
                self.hang().await
            }
            None => match self.planned(&call.line()) {
                Some(answer) => answer,
                None if is_change(&call) => self.change(&call).await,
                None => reads::answer(&self.desk, &self.world, &call).await,
            },
        };
        Ok(Output { code: Some(answer.code), stdout: answer.stdout.into(), stderr: answer.stderr })
    }
}

impl FakeAzure {
    async fn hang(&self) -> Answer {
        self.broken.notify_one();
        std::future::pending().await
    }
}
