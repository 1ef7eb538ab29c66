//! An exported script and a live run change the same, call by call and in the same order.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Stage;
use super::azure::is_change;
use crate::azure_cli::recorded::Recording;
use crate::azure_cli::script::{read_calls, stubs};

/// What differs from run to run: the folder of a file, and the secret.
fn plain(call: &Recording) -> (Vec<String>, Option<Value>) {
    let word = |word: &String| match word.rsplit_once('/') {
        Some((folder, file)) if [".json", ".zip"].iter().any(|kind| file.ends_with(kind)) => {
            format!("{}FOLDER/{file}", if folder.starts_with('@') { "@" } else { "" })
        }
        _ => word.clone(),
    };
    let mut body: Option<Value> = call.stdin.as_deref().and_then(|text| serde_json::from_str(text).ok());
    for pointer in ["/webhookSecret/value", "/properties/value"] {
        if let Some(secret) = body.as_mut().and_then(|body| body.pointer_mut(pointer)) {
            assert!(secret.as_str().unwrap().len() >= 32);
            *secret = json!("SECRET");
        }
    }
    (call.args.iter().map(word).collect(), body)
}

/// What a script changes that is exported at this stage.
async fn scripted(stage: &Stage, arguments: &[&str]) -> Vec<(Vec<String>, Option<Value>)> {
    let folder = stage.desk().home.path().join("export");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    let script = folder.join("deploy.sh");
    stage.deploy(&[arguments, &["--output", script.to_str().unwrap()]].concat()).await.ends(0);
    stubs(&folder.join("bin"));
    let outputs = outputs(&folder, stage);
    let (found, calls) = {
        let world = stage.azure.world.lock().unwrap();
        (if world.deployments.is_empty() { "0" } else { "1" }, folder.join("calls"))
    };
    let path = std::env::var("PATH").unwrap();
    let health = ["ok", env!("CARGO_PKG_VERSION")].join(" ");
    let health = if arguments.contains(&"--no-connect") { "misconfigured".to_owned() } else { health };
    // The package is named, so that only its status counts.
    let health = health.split(' ').next().unwrap();
    let ended = Command::new("bash")
        .arg(&script)
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .env("CALLS", &calls)
        .env("OUTPUTS", outputs)
        .env("DEPLOYED", found)
        .env("SECRET", if stage.azure.world.lock().unwrap().secret.is_some() { "1" } else { "0" })
        .env("HEALTH", health)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let made = read_calls(&calls).into_iter().filter(|call| call.tool == "az");
    let made = made.map(|call| Recording { args: call.args, stdin: Some(call.stdin) });
    let made: Vec<_> = made.filter(|call| is_change(call) && !call.line().contains("/query")).collect();
    made.iter().map(plain).collect()
}

/// The outputs of a deployment, a file each.
fn outputs(folder: &Path, stage: &Stage) -> std::path::PathBuf {
    let place = folder.join("outputs");
    std::fs::create_dir_all(&place).unwrap();
    let world = stage.azure.world.lock().unwrap();
    let body =
        super::world::deployment("d", &stage.azure.front.url(), "log-humanbound", &Value::Null, &world);
    for (name, output) in body["properties"]["outputs"].as_object().unwrap() {
        let text = output["value"].as_str().map_or_else(|| output["value"].to_string(), str::to_owned);
        std::fs::write(place.join(name), text).unwrap();
    }
    place
}

/// What a live run changes.
async fn live(stage: &Stage, arguments: &[&str]) -> Vec<(Vec<String>, Option<Value>)> {
    stage.azure.forget_calls();
    stage.deploy(&[arguments, &["--yes"]].concat()).await.ends(0);
    let calls = stage.azure.calls.lock().unwrap();
    calls.iter().filter(|(_, call)| is_change(call)).map(|(_, call)| plain(call)).collect()
}

fn with_workspace(stage: &Stage) {
    let mut world = stage.azure.world.lock().unwrap();
    world.group = Some(json!({"location": "northeurope"}));
    world.workspaces.insert("soc".to_owned(), json!({"id": "w", "location": "northeurope"}));
}

#[tokio::test]
async fn script_and_run_change_the_same() {
    let name = ["--set", "organisationName=Acme Bank"];
    let cases: [(&str, &[&str], usize); 5] = [
        ("fresh", &[], 5),
        ("no connect", &["--no-connect"], 5),
        ("existing workspace", &["--workspace", "soc"], 4),
        ("second run", &[], 0),
        ("connected later", &name, 2),
    ];
    for (case, arguments, count) in cases {
        let stage = Stage::start().await;
        match case {
            "existing workspace" => with_workspace(&stage),
            "second run" => drop(stage.deploy(&["--yes"]).await.ends(0)),
            "connected later" => {
                drop(stage.deploy(&[&["--no-connect", "--yes"], &name[..]].concat()).await.ends(0));
            }
            _ => {}
        }
        let scripted = scripted(&stage, arguments).await;
        let live = live(&stage, arguments).await;
        assert_eq!(scripted, live, "{case}");
        assert_eq!(live.len(), count, "{case}: {live:#?}");
    }
}
