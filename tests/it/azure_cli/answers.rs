//! Every distinct call of the real `az` that speaks to Azure, once for every kind of bad answer to what it is made for.
//!
//! What is made of each is in `tests/fixtures/az/answers`, a line a call: `SNAPSHOTS=overwrite` writes it anew. A line
//! that changes with a new `az` is to be looked at: from it follows whether a command waits, asks for a login, or ends.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use humanbound_sentinel::azure::{
    Az, Azure, Error, PACKAGE_TAG, Runner, Scope,
    call::{File, Values},
    process::{Invocation, Output, RunError},
};
use humanbound_sentinel::config::Confidential;
use serde_json::{Value, json};

use super::recorded::{GROUP, SUBSCRIPTION};
use crate::{
    infra::{loopback::Loopback, served::Served},
    package,
};

/// A bad answer: its name, and what the loopback Azure is told to say.
struct Bad {
    name: &'static str,
    status: u16,
    body: fn() -> Value,
}

fn arm(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

/// What Azure has against a call. Each ends it.
const REFUSALS: [Bad; 4] = [
    Bad {
        name: "forbidden",
        status: 403,
        body: || {
            arm(
                "AuthorizationFailed",
                "The client 'op@contoso.com' does not have authorization to perform action \
                 'Microsoft.X/y/write' over scope '/subscriptions/s' or the scope is invalid.",
            )
        },
    },
    Bad { name: "missing", status: 404, body: || arm("ResourceNotFound", "The Resource was not found.") },
    Bad { name: "conflict", status: 409, body: || arm("Conflict", "Another operation is in progress.") },
    Bad {
        name: "expired",
        status: 401,
        body: || {
            arm("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current.")
        },
    },
];

/// What Azure cannot say now, or something in between says instead.
const OUTAGES: [Bad; 3] = [
    Bad { name: "throttled", status: 429, body: || arm("TooManyRequests", "Please try again later.") },
    Bad { name: "unavailable", status: 503, body: || arm("ServiceUnavailable", "The service is busy.") },
    Bad { name: "no JSON", status: 200, body: || json!("<html>Welcome to the hotel</html>") },
];

/// The real `az`, which is asked the same only once: another try of a client gets the same answer.
struct Once {
    az: Served,
    known: Mutex<BTreeMap<Vec<String>, Output>>,
}

#[async_trait]
impl Runner for Once {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let key = invocation.args.clone();
        if let Some(output) = self.known.lock().unwrap().get(&key) {
            return Ok(output.clone());
        }
        let output = self.az.run(invocation).await?;
        self.known.lock().unwrap().insert(key, output.clone());
        Ok(output)
    }
}

/// Where the calls go.
struct Place {
    once: Arc<Once>,
    azure: Azure,
    site: String,
    site_id: String,
    vault: String,
    storage: String,
    values: Values,
}

/// What a call is made for: the method and the address that are answered badly, and the call.
type Case = (&'static str, &'static str, &'static str, AsyncCall);
type AsyncCall = for<'a> fn(&'a Place) -> futures::future::LocalBoxFuture<'a, Result<(), Error>>;

macro_rules! call {
    ($place:ident => $call:expr) => {
        |$place| Box::pin(async move { $call.await.map(drop) })
    };
}

const CASES: [Case; 18] = [
    ("provider show", "GET", "providers/Microsoft.App$", call!(p => p.azure.provider_state("Microsoft.App"))),
    ("provider register", "POST", "Microsoft.App/register", call!(p => p.azure.register("Microsoft.App"))),
    ("group show", "GET", "resourcegroups/rg-humanbound$", call!(p => p.azure.group())),
    ("group create", "PUT", "resourcegroups/rg-humanbound$", call!(p => p.azure.create_group("westeurope"))),
    ("group delete", "DELETE", "resourcegroups/rg-humanbound$", call!(p => p.azure.delete_group())),
    (
        "deployment group create",
        "PUT",
        "deployments/hb-1$",
        call!(p => p.azure.start_deployment("hb-1", &p.values)),
    ),
    (
        "deployment group what-if",
        "POST",
        "deployments/hb-1/whatIf$",
        call!(p => p.azure.what_if("hb-1", &p.values)),
    ),
    ("rest get", "GET", "deployments/hb-1$", call!(p => p.azure.deployment("hb-1"))),
    ("rest put", "PUT", "secrets/webhook-secret$", call!(p => p.azure.put_secret(&p.vault, &secret()))),
    ("rest post", "POST", "appsettings/refresh$", call!(p => p.azure.refresh_references(&p.site_id))),
    ("rest delete", "DELETE", "/x/y$", call!(p => p.azure.delete(&below("x/y")))),
    (
        "rest post to the logs",
        "POST",
        "api.loganalytics.io",
        call!(p => p.azure.query("https://api.loganalytics.io", "w", "T")),
    ),
    (
        "config-zip",
        "POST",
        "api/publish$",
        call!(p => p.azure.publish(&p.site, &p.values.files[&File::Package])),
    ),
    ("appsettings list", "POST", "config/appsettings/list$", call!(p => p.azure.settings(&p.site))),
    (
        "appsettings set",
        "PUT",
        "config/appsettings$",
        call!(p => p.azure.set_settings(&p.site, &BTreeMap::from([("A".to_owned(), "b".to_owned())]))),
    ),
    (
        "appsettings delete",
        "PUT",
        "config/appsettings$",
        call!(p => p.azure.delete_settings(&p.site, &["DCR_STREAM_NAME"])),
    ),
    ("keys list", "POST", "host/default/listkeys$", call!(p => p.azure.keys(&p.site))),
    ("tag update", "PATCH", "tags/default$", call!(p => p.azure.tag(&p.site_id, PACKAGE_TAG, "abc"))),
];

/// The spool's storage account speaks XML, and has codes of its own.
const BLOBS: Case = (
    "storage blob list",
    "GET",
    "blob.core.windows.net",
    call!(p => p.azure.count_blobs(&p.storage, "spool", "pending/")),
);

fn secret() -> Confidential {
    Confidential::new("0123456789abcdef0123456789abcdef")
}

fn below(rest: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.X/{rest}?api-version=2025-01-01"
    )
}

fn place(loopback: &Loopback, az: Served) -> Place {
    let state = loopback.deploy(&json!({ "webhookSecret": "s3cret", "deployContent": false }));
    let of = |kind: &str| {
        let all = state["resources"].as_array().unwrap().iter();
        let mut found = all.filter(|one| one["type"] == kind).map(|one| one["id"].as_str().unwrap());
        found.next().unwrap().to_owned()
    };
    let name = |id: &str| id.rsplit('/').next().unwrap().to_owned();
    let file = |name: &str, content: &[u8]| {
        let path = loopback.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "resources": [],
        "parameters": { "webhookSecret": { "type": "securestring", "defaultValue": "" } },
    });
    let files = [
        (File::Template, file("template.json", template.to_string().as_bytes())),
        (File::Parameters, file("parameters.json", b"{}")),
        (File::Package, file("connector.zip", &package::sample())),
    ];
    let once = Arc::new(Once { az, known: Mutex::default() });
    let az = Az::new(Arc::clone(&once) as Arc<dyn Runner>).sleeping(|_| Box::pin(std::future::ready(())));
    let site_id = of("Microsoft.Web/sites");
    Place {
        once,
        azure: az.azure(Scope { subscription: SUBSCRIPTION.to_owned(), group: GROUP.to_owned() }),
        site: name(&site_id),
        site_id,
        vault: of("Microsoft.KeyVault/vaults"),
        storage: name(&of("Microsoft.Storage/storageAccounts")),
        values: Values { files: files.into(), secret: Some(secret()), ..Values::default() },
    }
}

/// What is made of an answer, as one line.
fn told(outcome: &Result<(), Error>) -> String {
    let error = match outcome {
        Ok(()) => return "fine".to_owned(),
        Err(error) => error,
    };
    let kind = match error {
        Error::Login(_) => "login",
        Error::NotFound(_) => "not found",
        Error::Rejected(_) => "rejected",
        _ => "other",
    };
    let fault = error.fault().cloned().unwrap_or_default();
    let passing = if fault.is_passing() { ", passing" } else { "" };
    let status = fault.status.map(|status| format!(" {status}")).unwrap_or_default();
    let (text, hint) = (error.to_string(), error.hint());
    let hint = hint.map(|hint| format!(" => {hint}")).unwrap_or_default();
    format!("{kind}{status}{passing}: {text}{hint}")
}

async fn holds(file: &str, answers: &[Bad], skipped: &str) {
    let Some(loopback) = Loopback::start("AzureCloud", skipped) else { return };
    loopback.sign_in();
    let place = place(&loopback, loopback.served());
    let mut text = String::new();
    for (name, method, path, call) in CASES.iter().chain([&BLOBS]) {
        writeln!(text, "{name}").unwrap();
        for bad in answers {
            let (status, body) = (bad.status, (bad.body)());
            let fault =
                json!({ "method": method, "path": path, "status": status, "body": body, "times": 1000 });
            loopback.ask("/fault", &fault);
            let outcome = call(&place).await;
            loopback.ask("/faults/end", &json!({}));
            place.once.known.lock().unwrap().clear();
            let line = told(&outcome).replace(loopback.folder.path().to_str().unwrap(), "FOLDER");
            writeln!(text, "  {}: {line}", bad.name).unwrap();
        }
    }
    let path = PathBuf::from("tests/fixtures/az/answers").join(file);
    if std::env::var("SNAPSHOTS").as_deref() == Ok("overwrite") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "{}", path.display());
}

#[tokio::test]
async fn refusals_of_azure_are_understood() {
    holds("refusals.txt", &REFUSALS, "refusals told by the real az").await;
}

#[tokio::test]
async fn outages_of_azure_are_understood() {
    holds("outages.txt", &OUTAGES, "outages told by the real az").await;
}
