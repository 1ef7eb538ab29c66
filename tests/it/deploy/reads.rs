//! What the Azure that remembers says to whoever only looks.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::world::{World, argument, below, vault_path};
use crate::azure_cli::recorded::{Answer, Recording};
use crate::cli::Desk;

fn gone() -> Answer {
    Answer::error(1, r#"ERROR: Not Found({"error": {"code": "ResourceNotFound", "message": "gone"}})"#)
}

fn list(items: &Value) -> Answer {
    Answer::json(&json!({ "value": items }))
}

pub async fn answer(desk: &Desk, world: &Mutex<World>, call: &Recording) -> Answer {
    let line = call.line();
    if line.contains("loganalytics") {
        let rows = desk.arrived().await.len();
        return Answer::json(
            &json!({"tables": [{"name": "t", "columns": [{"name": "Count"}], "rows": [[rows]]}]}),
        );
    }
    let mut world = world.lock().unwrap();
    if line.starts_with("rest ") {
        let url = argument(call, "--url");
        return get(&mut world, url.split('?').next().unwrap());
    }
    tool(&world, &line, call)
}

fn tool(world: &World, line: &str, call: &Recording) -> Answer {
    if line.starts_with("version") {
        Answer::json(&json!({"azure-cli": "2.91.0"}))
    } else if line.starts_with("--version") {
        Answer { stdout: "4.0.7030\n".to_owned(), ..Answer::default() }
    } else if line.starts_with("account show") {
        let named = call.args.iter().position(|word| word == "--subscription").map(|at| &call.args[at + 1]);
        let found = world.accounts.iter().find(|one| match named {
            Some(id) => one["id"] == **id || one["name"] == **id,
            None => one["isDefault"] == true,
        });
        found.map_or_else(|| Answer::error(1, "ERROR: Please run 'az login' to setup account."), Answer::json)
    } else if line.starts_with("account list") {
        Answer::json(&json!(world.accounts))
    } else if line.starts_with("cloud show") {
        Answer::json(&json!({"name": "AzureCloud", "endpoints": {}}))
    } else if line.starts_with("provider show") {
        let name = argument(call, "--namespace");
        let state = if world.unregistered.contains(&name) { "NotRegistered" } else { "Registered" };
        Answer::json(&json!({ "registrationState": state }))
    } else if line.starts_with("group show") {
        let group = world.group.as_ref();
        group.map_or_else(|| Answer::error(3, "ERROR: (ResourceGroupNotFound) gone"), Answer::json)
    } else if line.starts_with("functionapp keys list") {
        Answer::json(&json!({"functionKeys": {"default": crate::host::FUNCTION_KEY}}))
    } else if line.starts_with("deployment group what-if") {
        Answer::json(&json!({"changes": [
            {"changeType": "NoChange", "resourceId": below("a/b/c")},
            {"changeType": "Modify", "resourceId": below("Microsoft.Web/sites/x")},
        ]}))
    } else {
        panic!("no answer for: {line}")
    }
}

fn get(world: &mut World, path: &str) -> Answer {
    let last = path.rsplit('/').next().unwrap();
    let maybe = |value: Option<Value>| value.map_or_else(gone, |value| Answer::json(&value));
    if path.ends_with("/permissions") {
        list(&world.permissions)
    } else if path.ends_with("/deletedVaults") {
        let vault =
            json!({"name": "kv-hb-x", "properties": {"vaultId": vault_path(), "location": "westeurope"}});
        list(&if world.deleted_vault { json!([vault]) } else { json!([]) })
    } else if path.ends_with("/vaults") {
        let vault = json!({"name": "kv-hb-x", "id": vault_path()});
        list(&if world.has_vault { json!([vault]) } else { json!([]) })
    } else if path.ends_with("/secrets/webhook-secret") {
        let uri = format!("https://kv-hb-x.vault.azure.net/secrets/webhook-secret/{}", world.versions);
        maybe(world.secret.is_some().then(|| json!({"properties": {"secretUriWithVersion": uri}})))
    } else if path.ends_with("/deployments") {
        let all: Vec<_> = world.deployments.iter().map(|(_, body, polls)| shown(body, *polls)).collect();
        list(&json!(all))
    } else if path.ends_with("/operations") {
        list(&json!([{"properties": {
            "provisioningState": "Running",
            "targetResource": {"id": below("Microsoft.Web/sites/x"), "resourceType": "Microsoft.Web/sites"},
        }}]))
    } else if path.contains("/deployments/") {
        let found = world.deployments.iter_mut().find(|(name, ..)| name == last);
        maybe(found.map(|(_, body, polls)| {
            *polls = polls.saturating_sub(1);
            shown(body, *polls)
        }))
    } else if path.ends_with("/watchlistItems") {
        world.list.as_ref().map_or_else(gone, |items| list(&json!(items.values().collect::<Vec<_>>())))
    } else if path.contains("/watchlistItems/") {
        maybe(world.list.as_ref().and_then(|items| items.get(last).cloned()))
    } else if path.contains("/watchlists/") {
        maybe(world.list.as_ref().map(|_| json!({"name": last})))
    } else {
        content(world, path)
    }
}

fn content(world: &World, path: &str) -> Answer {
    let last = path.rsplit('/').next().unwrap();
    let maybe = |value: Option<Value>| value.map_or_else(gone, |value| Answer::json(&value));
    let rules = [
        ("Humanbound critical finding on an AI agent", true),
        ("Humanbound drift of an AI agent", true),
        ("Humanbound feed is silent or tests are paused", false),
        ("Humanbound posture of an AI agent fell", true),
        ("Humanbound finding on an AI agent is back", true),
    ];
    if path.contains("/onboardingStates/") {
        maybe(world.has_content.then(|| json!({"name": last})))
    } else if path.ends_with("/alertRules") {
        let rules = rules.map(|(name, on)| json!({"properties": {"displayName": name, "enabled": on}}));
        list(&if world.has_content { json!(rules) } else { json!([]) })
    } else if path.ends_with("/savedSearches") {
        let searches: Vec<_> = (0..6).map(|n| json!({"id": format!("{path}/humanbound_{n}")})).collect();
        list(&if world.has_content { json!(searches) } else { json!([]) })
    } else if path.contains("/workspaces/") {
        maybe(world.workspaces.get(last).cloned())
    } else if path.contains("/sites/") {
        maybe((world.has_vault).then(|| json!({ "tags": world.tags })))
    } else {
        panic!("nothing is known of {path}")
    }
}

/// A deployment that is still looked at `polls` times before it has ended.
fn shown(body: &Value, polls: usize) -> Value {
    let mut body = body.clone();
    if polls > 0 {
        body["properties"]["provisioningState"] = json!("Running");
        body["properties"]["outputs"] = Value::Null;
    }
    body
}
