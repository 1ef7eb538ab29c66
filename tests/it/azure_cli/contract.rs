//! Every typed call, against the real `az` and against what it said when that was recorded.
//!
//! Two walks visit all calls. Without tools each walks over the recorded answers, call by call; with them it walks over the
//! real `az` and the loopback Azure, and what `az` is given and says must be what is recorded. `SNAPSHOTS=overwrite` records
//! it anew.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use humanbound_sentinel::azure::{
    Az, Azure, Error, PACKAGE_TAG, Runner, Scope,
    call::{File, Values},
    client::{Progress, allows},
    process::{Invocation, Output, RunError, Stdin},
};
use humanbound_sentinel::config::Confidential;
use serde_json::{Value, json};

use super::recorded::{GROUP, SUBSCRIPTION};
use crate::{
    infra::{Folder, loopback::Loopback},
    package,
};

const SKIPPED: &str = "typed calls against the real az";

/// The real `az`, or its recorded answers; keeps what was said either way.
struct Witness {
    real: Option<Arc<dyn Runner>>,
    recorded: Mutex<VecDeque<Value>>,
    seen: Mutex<Vec<Value>>,
    folder: PathBuf,
}

impl Witness {
    /// Paths are the only thing in a call that differs from run to run.
    fn without_folder(&self, text: &str) -> String {
        text.replace(self.folder.to_str().unwrap(), "FOLDER")
    }
}

#[async_trait]
impl Runner for Witness {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let call = self.without_folder(&invocation.args.join(" "));
        let stdin = match &invocation.stdin {
            Stdin::Bytes(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Stdin::Closed | Stdin::Terminal => None,
        };
        let output = if let Some(real) = &self.real {
            let output = real.run(invocation).await?;
            let stdout: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
            let stderr = self.without_folder(&output.stderr);
            self.seen.lock().unwrap().push(
                json!({"call": call, "stdin": stdin, "code": output.code, "stdout": stdout, "stderr": stderr}),
            );
            output
        } else {
            let next =
                self.recorded.lock().unwrap().pop_front().unwrap_or_else(|| panic!("not recorded: {call}"));
            assert_eq!(
                (&next["call"], &next["stdin"]),
                (&json!(call), &json!(stdin)),
                "SNAPSHOTS=overwrite records anew"
            );
            let stdout = if next["stdout"].is_null() { String::new() } else { next["stdout"].to_string() };
            let code = next["code"].as_i64().and_then(|code| i32::try_from(code).ok());
            Output { code, stdout: stdout.into(), stderr: next["stderr"].as_str().unwrap().to_owned() }
        };
        Ok(output)
    }
}

/// How the real `az` is run that speaks to this Azure.
type Real = fn(&Loopback) -> Arc<dyn Runner>;

/// Takes a walk over the recorded answers, then over the real `az` if there is one.
async fn holds<W: AsyncFn(&Az, &Azure, &Folder, Option<&Loopback>)>(name: &str, real: Real, walk: W) {
    let file = PathBuf::from("tests/fixtures").join("az").join(format!("{name}.json"));
    let overwrite = std::env::var("SNAPSHOTS").as_deref() == Ok("overwrite");
    let recorded: VecDeque<Value> = if overwrite {
        VecDeque::new()
    } else {
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap()
    };
    if !overwrite {
        step(&walk, None, None, recorded.clone()).await;
    }
    let Some(azure) = Loopback::start("AzureCloud", SKIPPED) else { return };
    azure.log_in();
    let seen = step(&walk, Some(&azure), Some(real(&azure)), VecDeque::new()).await;
    if overwrite {
        fs::write(&file, serde_json::to_string_pretty(&seen).unwrap() + "\n").unwrap();
        return;
    }
    for (seen, recorded) in seen.iter().zip(&recorded) {
        assert_eq!(seen, recorded, "{}", file.display());
    }
    assert_eq!(seen.len(), recorded.len());
}

async fn step<W: AsyncFn(&Az, &Azure, &Folder, Option<&Loopback>)>(
    walk: &W,
    loopback: Option<&Loopback>,
    real: Option<Arc<dyn Runner>>,
    recorded: VecDeque<Value>,
) -> Vec<Value> {
    let folder = Folder::new();
    let witness = Arc::new(Witness {
        real,
        recorded: Mutex::new(recorded),
        seen: Mutex::default(),
        folder: folder.path().to_owned(),
    });
    let az = Az::new(Arc::clone(&witness) as Arc<dyn Runner>).sleeping(|_| Box::pin(std::future::ready(())));
    let azure = az.azure(Scope { subscription: SUBSCRIPTION.to_owned(), group: GROUP.to_owned() });
    walk(&az, &azure, &folder, loopback).await;
    assert!(witness.recorded.lock().unwrap().is_empty(), "some of what was recorded is not asked any more");
    std::mem::take(&mut *witness.seen.lock().unwrap())
}

fn secret() -> Confidential {
    Confidential::new("0123456789abcdef0123456789abcdef")
}

/// With `az` started anew for each call, as the operator's commands start it.
#[tokio::test]
async fn account_group_and_deployment() {
    holds("group", |azure| Arc::new(azure.system()), async |az, azure, folder, _| {
        assert!(az.version().await.unwrap().starts_with("2."));
        let account = az.account(None).await.unwrap();
        assert_eq!((account.subscription.as_str(), account.enabled, account.default), (SUBSCRIPTION, true, true));
        assert_eq!(az.accounts().await.unwrap(), [account]);
        let cloud = az.cloud().await.unwrap();
        assert_eq!((cloud.name.as_str(), cloud.logs.as_str()), ("AzureCloud", "https://api.loganalytics.io"));
        assert_eq!(azure.provider_state("Microsoft.Web").await.unwrap(), "Registered");
        azure.register("Microsoft.Web").await.unwrap();
        let permissions = azure.permissions(&azure.scope().subscription_path()).await.unwrap();
        assert!(allows(&permissions, "Microsoft.Web/sites/write"));
        assert!(azure.deleted_vaults().await.unwrap().is_empty());
        assert_eq!(azure.group().await.unwrap(), None);
        assert!(azure.deployments("hb-sentinel-").await.unwrap().is_empty());
        azure.create_group("westeurope").await.unwrap();
        assert!(azure.resources().await.unwrap().is_empty());
        assert_eq!(azure.group().await.unwrap().unwrap()["tags"], json!({"humanbound-sentinel": "created"}));

        let (template, parameters) = (folder.path().join("template.json"), folder.path().join("parameters.json"));
        let text = json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "parameters": {"name": {"type": "string"}, "webhookSecret": {"type": "securestring", "defaultValue": ""}},
            "resources": [],
            "outputs": {"name": {"type": "string", "value": "[parameters('name')]"}},
        });
        fs::write(&template, text.to_string()).unwrap();
        fs::write(&parameters, r#"{"name":{"value":"a'b$(touch x)\"; #"}}"#).unwrap();
        let files = [(File::Template, template), (File::Parameters, parameters.clone())].into();
        let values = Values { files, secret: Some(secret()), ..Values::default() };
        azure.start_deployment("hb-sentinel-1", &values).await.unwrap();
        let deployment = azure.watch("hb-sentinel-1", |_, _| {}).await.unwrap();
        assert_eq!((deployment.progress, deployment.outputs["name"].as_str()), (Progress::Succeeded, "a'b$(touch x)\"; #"));
        assert_eq!(azure.deployments("hb-sentinel-").await.unwrap()[0].name, "hb-sentinel-1");
        let operations = azure.operations(&deployment.id).await.unwrap();
        assert_eq!(operations[0].state, "Succeeded");
        // What has ended, and what never began, cannot be canceled.
        let ended = azure.cancel_deployment("hb-sentinel-1").await.unwrap_err();
        assert_eq!(ended.code(), Some("DeploymentCannotBeCancelled"), "{ended:?}");
        let none = azure.cancel_deployment("hb-sentinel-2").await.unwrap_err();
        assert!(matches!(none, Error::NotFound(_)), "{none:?}");
        // What is wrong with it at once: a parameter without a value, as `az` makes one of null.
        fs::write(&parameters, r#"{"name":{"value":null}}"#).unwrap();
        let error = azure.start_deployment("hb-sentinel-2", &Values { secret: None, ..values }).await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidTemplate"), "{error:?}");
        assert!(azure.deployment("hb-sentinel-2").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn site_vault_and_workspace() {
    holds(
        "site",
        |azure| Arc::new(azure.served()),
        async |_, azure, folder, loopback| {
            if let Some(loopback) = loopback {
                loopback.deploy(&json!({"webhookSecret": "s3cret", "deployContent": false}));
                loopback.ask("/manage", &json!({"page": 1, "rows": [["e", 1]]}));
            }
            let below =
                |kind: &str| format!("{}/providers/{kind}?api-version=2023-07-01", azure.scope().path());
            let vaults = azure.list(&below("Microsoft.KeyVault/vaults")).await.unwrap();
            let vault = vaults[0]["id"].as_str().unwrap();
            let sites = azure.list(&below("Microsoft.Web/sites")).await.unwrap();
            let (site, name) = (sites[0]["id"].as_str().unwrap(), sites[0]["name"].as_str().unwrap());

            let one = azure.secret_version(vault).await.unwrap().unwrap();
            azure.put_secret(vault, &secret()).await.unwrap();
            let two = azure.secret_version(vault).await.unwrap().unwrap();
            assert!(one != two && two.uri.contains("/secrets/webhook-secret/"));
            azure.refresh_references(site).await.unwrap();
            assert_eq!(azure.references(site).await.unwrap()["WEBHOOK_SECRET"], "Resolved");

            let previous = format!("@Microsoft.KeyVault(SecretUri={})", two.uri);
            let settings = [("WEBHOOK_SECRET_PREVIOUS".to_owned(), previous)].into();
            azure.set_settings(name, &settings).await.unwrap();
            assert!(azure.settings(name).await.unwrap().contains_key("LOGS_INGESTION_ENDPOINT"));
            azure.delete_settings(name, &["WEBHOOK_SECRET_PREVIOUS"]).await.unwrap();
            assert_eq!(azure.keys(name).await.unwrap().function.as_str(), "function");

            let package = folder.path().join("connector.zip");
            fs::write(&package, package::sample()).unwrap();
            azure.publish(name, &package).await.unwrap();
            assert_eq!(azure.package_tag(site).await.unwrap(), None);
            azure.tag(site, PACKAGE_TAG, "abc").await.unwrap();
            assert_eq!(azure.package_tag(site).await.unwrap().as_deref(), Some("abc"));

            // A page has one item.
            let items = format!("{}/providers/Microsoft.X/lists/l/watchlistItems", azure.scope().path());
            for id in ["a", "b"] {
                azure
                    .put(&format!("{items}/{id}?api-version=2025-09-01"), &json!({"properties": {"id": id}}))
                    .await
                    .unwrap();
            }
            assert_eq!(azure.list(&format!("{items}?api-version=2025-09-01")).await.unwrap().len(), 2);
            azure.delete(&format!("{items}/a?api-version=2025-09-01")).await.unwrap();
            assert_eq!(azure.list(&format!("{items}?api-version=2025-09-01")).await.unwrap().len(), 1);
            let rows =
                azure.query("https://api.loganalytics.io", "w", "AISecurityEvents_CL | count").await.unwrap();
            assert_eq!(rows, [json!({"EventId": "e", "Rows": 1})]);
            let nothing = azure.publish("func-none", &package).await.unwrap_err();
            assert!(matches!(nothing, Error::Rejected(_) | Error::NotFound(_)), "{nothing:?}");
        },
    )
    .await;
}
