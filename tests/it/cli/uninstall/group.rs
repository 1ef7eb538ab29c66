//! A resource group in small behind recorded calls of `az`: what our deployments made, and one foreign thing of each kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use humanbound_sentinel::azure::Runner;
use humanbound_sentinel::azure::process::{Invocation, Output, RunError};
use serde_json::{Value, json};

use crate::azure_cli::recorded::{GROUP, SUBSCRIPTION};

pub const WORKSPACE: &str = "Microsoft.OperationalInsights/workspaces/law-humanbound";

/// What our deployments made, below the group's providers; those that stand by themselves are listed with the group.
pub const OURS: [&str; 26] = [
    "Microsoft.KeyVault/vaults/kv-hb-x",
    "Microsoft.KeyVault/vaults/kv-hb-x/secrets/webhook-secret",
    "Microsoft.KeyVault/vaults/kv-hb-x/providers/Microsoft.Insights/diagnosticSettings/audit",
    "Microsoft.Storage/storageAccounts/sthbx",
    "Microsoft.Storage/storageAccounts/sthbx/blobServices/default/containers/spool",
    "Microsoft.Storage/storageAccounts/sthbx/providers/Microsoft.Authorization/roleAssignments/r1",
    "Microsoft.Insights/components/appi-humanbound",
    "Microsoft.Insights/dataCollectionRules/dcr-humanbound",
    "Microsoft.Insights/dataCollectionEndpoints/dce-humanbound",
    "Microsoft.ManagedIdentity/userAssignedIdentities/id-humanbound-connector",
    "Microsoft.Web/serverfarms/plan-humanbound",
    "Microsoft.Web/sites/func-humanbound-x",
    "Microsoft.Web/sites/func-humanbound-x/config/appsettings",
    "Microsoft.Insights/scheduledQueryRules/alert-spool",
    "Microsoft.Insights/metricAlerts/alert-rows",
    "Microsoft.Insights/webtests/health",
    "Microsoft.Insights/workbooks/w1",
    WORKSPACE,
    "Microsoft.OperationalInsights/workspaces/law-humanbound/tables/AISecurityEvents_CL",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/savedSearches/humanbound_posture",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/savedSearches/AISecurityFindings",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/alertRules/a1",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/watchlists/HumanboundProjects",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/onboardingStates/default",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/dataConnectorDefinitions/Humanbound",
    "Microsoft.Resources/deployments/pause",
];

/// Somebody else's, of each kind that we delete.
pub const FOREIGN: [&str; 15] = [
    "Microsoft.KeyVault/vaults/kv-theirs",
    "Microsoft.Storage/storageAccounts/sttheirs",
    "Microsoft.Storage/storageAccounts/sthbx/providers/Microsoft.Authorization/roleAssignments/theirs",
    "Microsoft.Insights/components/appi-theirs",
    "Microsoft.Insights/dataCollectionRules/dcr-theirs",
    "Microsoft.Insights/dataCollectionEndpoints/dce-theirs",
    "Microsoft.ManagedIdentity/userAssignedIdentities/id-theirs",
    "Microsoft.Web/serverfarms/plan-theirs",
    "Microsoft.Web/sites/func-theirs",
    "Microsoft.Insights/scheduledQueryRules/alert-theirs",
    "Microsoft.Insights/metricAlerts/metric-theirs",
    "Microsoft.Insights/webtests/test-theirs",
    "Microsoft.Insights/workbooks/theirs",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/savedSearches/theirs",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/alertRules/theirs",
];

pub fn path(below: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/{below}")
}

#[derive(Default)]
struct Changing {
    resources: BTreeMap<String, String>,
    is_there: bool,
    tags: Value,
    workspace_tags: Value,
    spool: BTreeMap<&'static str, Value>,
    calls: Vec<String>,
    changes: Vec<String>,
    /// The deletion of this number fails, counted from one.
    fails_at: Option<usize>,
}

pub struct Group(Mutex<Changing>);

impl Group {
    pub fn new(foreign: bool) -> Arc<Self> {
        let more = if foreign { &FOREIGN[..] } else { &[] };
        let all = OURS.iter().chain(more).map(|below| (path(below).to_lowercase(), path(below)));
        let tags = json!({ "humanbound-sentinel": "created" });
        let spool = [("pending/", json!(0)), ("deadletter/", json!(0)), ("oversize/", json!(0))];
        let changing = Changing {
            resources: all.collect(),
            is_there: true,
            tags: tags.clone(),
            workspace_tags: tags,
            spool: spool.into(),
            ..Changing::default()
        };
        Arc::new(Self(Mutex::new(changing)))
    }

    pub fn untag(&self) {
        self.0.lock().unwrap().tags = json!({});
    }

    pub fn untag_workspace(&self) {
        self.0.lock().unwrap().workspace_tags = json!({});
    }

    /// How much of the spool there is: a number, or `null` where it cannot be counted.
    pub fn spool(&self, prefix: &'static str, number: Value) {
        self.0.lock().unwrap().spool.insert(prefix, number);
    }

    pub fn fail_at(&self, deletion: Option<usize>) {
        let mut changing = self.0.lock().unwrap();
        changing.fails_at = deletion;
        changing.changes.clear();
    }

    pub fn has(&self, below: &str) -> bool {
        self.0.lock().unwrap().resources.contains_key(&path(below).to_lowercase())
    }

    pub fn is_there(&self) -> bool {
        self.0.lock().unwrap().is_there
    }

    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    /// What was changed, in order: the ids that were deleted.
    pub fn changes(&self) -> Vec<String> {
        self.0.lock().unwrap().changes.clone()
    }
}

impl Changing {
    fn answer(&mut self, line: &str, url: &str) -> Result<Value, String> {
        let gone = || {
            Err(r#"ERROR: Not Found({"error": {"code": "ResourceNotFound", "message": "gone"}})"#.to_owned())
        };
        let group = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}");
        if line.contains("storage blob list") {
            let number = self.spool.iter().find(|(prefix, _)| line.contains(&format!("--prefix {prefix}")));
            let number = number.unwrap().1.clone();
            return if number.is_null() {
                Err("ERROR: (AuthorizationPermissionMismatch) no role".to_owned())
            } else {
                Ok(number)
            };
        }
        if line.starts_with("group show") {
            let shown = json!({ "location": "westeurope", "tags": self.tags });
            return if self.is_there { Ok(shown) } else { Err("3".to_owned()) };
        }
        if line.starts_with("account show") {
            return Ok(json!({ "id": SUBSCRIPTION, "name": "s", "tenantId": "t", "state": "Enabled" }));
        }
        if line.starts_with("cloud show") {
            return Ok(json!({ "name": "AzureCloud", "endpoints": {} }));
        }
        if line.contains("/query") {
            return Ok(json!({ "tables": [{ "columns": [{ "name": "Count" }], "rows": [[12345]] }] }));
        }
        if line.contains("--method delete") {
            return self.delete(url, &group);
        }
        if let Some((deployment, _)) = url.split_once("/operations?") {
            let nested = format!("{group}/providers/Microsoft.Resources/deployments/content");
            let targets = if deployment.ends_with("hb-sentinel-1") { vec![nested] } else { Vec::new() };
            return Ok(json!({ "value": targets.iter().map(|id| json!({ "properties": {
                "provisioningState": "Succeeded",
                "targetResource": { "id": id, "resourceType": "Microsoft.Resources/deployments" },
            } })).collect::<Vec<_>>() }));
        }
        if url.contains("/deployments?") {
            return Ok(json!({ "value": deployments(&group) }));
        }
        if url.contains("/resources?") {
            let is_listed = |id: &&String| {
                let below = id.strip_prefix(group.as_str()).unwrap_or_default();
                below.split('/').count() == 5 && !id.contains("/deployments/")
            };
            let listed = self.resources.values().filter(is_listed);
            return Ok(json!({ "value": listed.map(|id| {
                let tags = if id.ends_with(WORKSPACE) { self.workspace_tags.clone() } else { json!({}) };
                json!({ "id": id, "tags": tags })
            }).collect::<Vec<_>>() }));
        }
        match self.resources.get(&url.to_lowercase()) {
            Some(id) => Ok(json!({ "id": id })),
            None => gone(),
        }
    }

    fn delete(&mut self, url: &str, group: &str) -> Result<Value, String> {
        if self.fails_at == Some(self.changes.len() + 1) {
            return Err(
                r#"ERROR: Conflict({"error": {"code": "ScopeLocked", "message": "a lock"}})"#.to_owned()
            );
        }
        self.changes.push(url.to_owned());
        if url == group {
            self.resources.clear();
            self.is_there = false;
            return Ok(Value::Null);
        }
        let key = url.to_lowercase();
        let is_known = self.resources.contains_key(&key);
        self.resources.retain(|id, _| *id != key && !id.starts_with(&format!("{key}/")));
        if is_known {
            Ok(Value::Null)
        } else {
            Err(r#"ERROR: Not Found({"error": {"code": "ResourceNotFound", "message": "gone"}})"#.to_owned())
        }
    }
}

/// A deployment of ours, one within it, and somebody else's that made the foreign things.
fn deployments(group: &str) -> Vec<Value> {
    let resources = |all: &[&str]| all.iter().map(|below| json!({ "id": path(below) })).collect::<Vec<_>>();
    let deployment = |name: &str, resources: Vec<Value>| {
        json!({
            "id": format!("{group}/providers/Microsoft.Resources/deployments/{name}"), "name": name,
            "properties": { "provisioningState": "Succeeded", "timestamp": "2026-11-28T06:00:00Z", "outputResources": resources,
                "outputs": { "workspaceId": { "value": "w" }, "connectorUrl": { "value": "https://func-humanbound-x.azurewebsites.net/api/ingest" } } },
        })
    };
    vec![
        deployment("hb-sentinel-1", resources(&OURS[..12])),
        deployment("content", resources(&OURS[12..])),
        deployment("theirs", resources(&FOREIGN)),
    ]
}

#[async_trait]
impl Runner for Group {
    async fn run(&self, invocation: Invocation) -> Result<Output, RunError> {
        let line = invocation.args.join(" ");
        let url = invocation.args.iter().skip_while(|word| *word != "--url").nth(1);
        let url = url.map(|url| {
            if url.contains("/operations?") || url.contains("deployments?") || url.contains("/resources?") {
                url.clone()
            } else {
                url.split('?').next().unwrap().to_owned()
            }
        });
        let mut changing = self.0.lock().unwrap();
        changing.calls.push(line.clone());
        Ok(match changing.answer(&line, &url.unwrap_or_default()) {
            Ok(Value::Null) => Output { code: Some(0), stdout: String::new().into(), stderr: String::new() },
            Ok(answer) => Output { code: Some(0), stdout: answer.to_string().into(), stderr: String::new() },
            Err(error) if error == "3" => Output {
                code: Some(3),
                stdout: String::new().into(),
                stderr: "ERROR: (ResourceGroupNotFound) gone".to_owned(),
            },
            Err(stderr) => Output { code: Some(1), stdout: String::new().into(), stderr },
        })
    }
}
