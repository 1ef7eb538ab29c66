//! Checks of Azure: the login, the group and its deployment, the Function App, the vault, the roles.

use std::collections::BTreeSet;

use serde_json::Value;
use time::OffsetDateTime;

use super::Patient;
use super::content;
use super::tree::{Check, Titles, broken};
use crate::azure::client::Progress;
use crate::azure::survey::PROVIDERS;
use crate::azure::{self, PACKAGE_TAG};
use crate::cli::deployed::Deployed;

const SIGN_IN: (&str, &str) = ("sign-in", "Sign-in of az");
const BELOW_SIGN_IN: Titles = &[
    ("cloud", "Cloud"),
    ("providers", "Resource providers"),
    ("group", "Resource group"),
    ("deployment", "Deployment"),
    ("app", "Function App"),
    ("references", "References to the vault"),
    ("rotation", "Rotation"),
    ("vault", "Key vault"),
    ("roles", "Roles of the identity"),
    ("content", "Sentinel content"),
    ("table", "Table"),
];
const APP: Titles = &[("references", "References to the vault"), ("rotation", "Rotation")];
const DEPLOY: &str = "run `hb-sentinel deploy`";
/// Roles that the connector's identity works with; `infra/modules/roles.bicep`, and
/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>.
const ROLES: [(&str, &str); 4] = [
    ("3913510d-42f4-4e42-8a64-420c390055eb", "Monitoring Metrics Publisher"),
    ("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User"),
    ("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor"),
    ("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "Storage Blob Data Owner"),
];

pub(super) async fn check(patient: &Patient<'_>) -> Check {
    let of = ("azure", "Azure");
    let Some(deployed) = &patient.deployed else {
        return Check::not_checked(of, "no deployment is remembered here");
    };
    let scope = deployed.azure.scope();
    let account = match patient.context.az.account(Some(&scope.subscription)).await {
        Ok(account) => account,
        Err(error) => {
            return Check::ok(of, "")
                .with(vec![broken(SIGN_IN, &error, "run `az login`").blocks(BELOW_SIGN_IN)]);
        }
    };
    if !account.enabled {
        let check = Check::failed(
            SIGN_IN,
            format!("the subscription {} is disabled", account.name),
            "enable it in the portal",
        );
        return Check::ok(of, "").with(vec![check.blocks(BELOW_SIGN_IN)]);
    }
    let (cloud, providers, group) = tokio::join!(
        cloud(patient, deployed),
        providers(deployed),
        group(deployed, patient.context.timing.now())
    );
    let mut checks = vec![cloud, providers];
    checks.push(group);
    let sign_in = Check::ok(SIGN_IN, format!("subscription {}", account.name)).with(checks);
    Check::ok(of, "").with(vec![sign_in])
}

async fn cloud(patient: &Patient<'_>, deployed: &Deployed) -> Check {
    let of = ("cloud", "Cloud");
    let known = deployed.known.cloud.as_deref();
    match patient.context.az.cloud().await {
        Ok(cloud) if known.is_none_or(|known| known == cloud.name) => Check::ok(of, cloud.name),
        Ok(cloud) => {
            let known = known.unwrap_or_default();
            Check::failed(
                of,
                format!("az is set to {}, and {known} was deployed to", cloud.name),
                format!("run `az cloud set --name {known}`"),
            )
        }
        Err(error) => broken(of, &error, "run `az cloud show`"),
    }
}

async fn providers(deployed: &Deployed) -> Check {
    let of = ("providers", "Resource providers");
    let states = futures::future::join_all(PROVIDERS.map(|name| deployed.azure.provider_state(name))).await;
    let mut missing = Vec::new();
    for (name, state) in PROVIDERS.iter().zip(states) {
        match state {
            Ok(state) if state == "Registered" => {}
            Ok(_) => missing.push(*name),
            Err(error) => return broken(of, &error, "run this again"),
        }
    }
    match missing.as_slice() {
        [] => Check::ok(of, "all registered"),
        [first, ..] => Check::failed(
            of,
            format!("not registered: {}", missing.join(", ")),
            format!("run `az provider register --namespace {first} --wait`"),
        ),
    }
}

async fn group(deployed: &Deployed, now: OffsetDateTime) -> Check {
    let of = ("group", "Resource group");
    let below = BELOW_SIGN_IN.get(3..).unwrap_or_default();
    match deployed.azure.group().await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return Check::failed(of, format!("{} is gone", deployed.azure.scope().group), DEPLOY)
                .blocks(below);
        }
        Err(error) => return broken(of, &error, "run this again").blocks(below),
    }
    let (deployment, app, vault, roles, content, table) = tokio::join!(
        deployment(deployed),
        app(deployed),
        vault(deployed),
        roles(deployed),
        content::check(deployed),
        content::table(deployed, now),
    );
    let checks = vec![deployment, app, vault, roles, content, table];
    Check::ok(of, deployed.azure.scope().group.clone()).with(checks)
}

async fn deployment(deployed: &Deployed) -> Check {
    let of = ("deployment", "Deployment");
    let newest = match deployed.azure.deployments(azure::parameters::NAME_PREFIX).await {
        Ok(all) => all.into_iter().next(),
        Err(error) => return broken(of, &error, "run this again"),
    };
    let Some(newest) = newest else {
        return Check::warning(
            of,
            "none is in the group's history",
            "nothing, unless something below is wrong",
        );
    };
    match newest.progress {
        Progress::Succeeded => Check::ok(of, newest.name),
        Progress::Running => Check::warning(of, format!("{} is under way", newest.name), "wait for it"),
        Progress::Canceled => Check::warning(of, format!("{} was canceled", newest.name), DEPLOY),
        Progress::Failed => {
            let why = newest.fault.map_or_else(|| "failed".to_owned(), |fault| format!("failed: {fault}"));
            Check::failed(of, format!("{} {why}", newest.name), DEPLOY)
        }
    }
}

async fn app(deployed: &Deployed) -> Check {
    let of = ("app", "Function App");
    let Some(site) = deployed.output("siteResourceId") else {
        return Check::not_checked(of, "the deployment names none").blocks(APP);
    };
    let shown = match deployed.azure.get(&format!("{site}?api-version=2025-03-01")).await {
        Ok(Some(shown)) => shown,
        Ok(None) => return Check::failed(of, "it is gone", DEPLOY).blocks(APP),
        Err(error) => return broken(of, &error, "run this again").blocks(APP),
    };
    let name = site.rsplit('/').next().unwrap_or_default();
    let state =
        shown.get("properties").and_then(|properties| properties.get("state")?.as_str()).unwrap_or("Running");
    if state != "Running" {
        let fix = format!(
            "run `az functionapp start --resource-group {} --name {name}`",
            deployed.azure.scope().group
        );
        return Check::failed(of, format!("{name} is {state}"), fix).blocks(APP);
    }
    let tag = shown.get("tags").and_then(|tags| tags.get(PACKAGE_TAG)?.as_str());
    let known = deployed.known.package_sha256.as_deref();
    let (references, rotation) = tokio::join!(references(deployed, site), rotation(deployed, name));
    let check = if known.is_some() && tag != known {
        Check::warning(of, format!("{name} runs another package than was published from here"), DEPLOY)
    } else {
        Check::ok(of, format!("{name} runs"))
    };
    check.with(vec![references, rotation])
}

async fn references(deployed: &Deployed, site: &str) -> Check {
    let of = ("references", "References to the vault");
    let all = match deployed.azure.references(site).await {
        Ok(all) => all,
        Err(error) => return broken(of, &error, "run this again"),
    };
    let bad: Vec<_> = all.iter().filter(|(_, state)| *state != "Resolved").collect();
    match bad.as_slice() {
        [] => Check::ok(of, "all resolved"),
        [(name, state), ..] => Check::failed(
            of,
            format!("{name} is not resolved: {state}"),
            "give the app's identity Key Vault Secrets User on the vault, then run `hb-sentinel deploy`",
        ),
    }
}

async fn rotation(deployed: &Deployed, site: &str) -> Check {
    let of = ("rotation", "Rotation");
    match deployed.azure.settings(site).await {
        Ok(settings) if settings.contains_key("WEBHOOK_SECRET_PREVIOUS") => Check::warning(
            of,
            "the previous secret is still accepted",
            "run `hb-sentinel rotate-secret`, which goes on, or `hb-sentinel rotate-secret --finish`",
        ),
        Ok(_) => Check::ok(of, "none under way"),
        Err(error) => broken(of, &error, "run this again"),
    }
}

async fn vault(deployed: &Deployed) -> Check {
    let of = ("vault", "Key vault");
    let Some(vault) = deployed.output("keyVaultResourceId") else {
        return Check::not_checked(of, "the deployment names none");
    };
    match deployed.azure.secret_version(vault).await {
        Ok(Some(_)) => Check::ok(of, "has a webhook secret"),
        Ok(None) => {
            let deleted = deployed.azure.deleted_vaults().await.unwrap_or_default();
            if deleted.iter().any(|one| one.id.eq_ignore_ascii_case(vault)) {
                return Check::failed(
                    of,
                    "it is soft-deleted",
                    "run `hb-sentinel deploy`, which recovers it",
                );
            }
            Check::failed(of, "it has no webhook secret", "run `hb-sentinel connect`, which makes one")
        }
        Err(error) => broken(of, &error, "run this again"),
    }
}

async fn roles(deployed: &Deployed) -> Check {
    let of = ("roles", "Roles of the identity");
    let group = deployed.azure.scope().path();
    let identity = format!(
        "{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-humanbound-connector?api-version=2024-11-30"
    );
    let principal = match deployed.azure.get(&identity).await {
        Ok(Some(identity)) => identity
            .get("properties")
            .and_then(|properties| Some(properties.get("principalId")?.as_str()?.to_owned())),
        Ok(None) => return Check::failed(of, "the identity is gone", DEPLOY),
        Err(error) => return broken(of, &error, "run this again"),
    };
    let principal = principal.unwrap_or_default();
    let url = format!(
        "{group}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=principalId%20eq%20'{principal}'"
    );
    let assigned = match deployed.azure.list(&url).await {
        Ok(assigned) => assigned,
        Err(error) => return broken(of, &error, "run this again"),
    };
    let given: BTreeSet<_> = assigned.iter().filter_map(role).collect();
    let missing: Vec<_> = ROLES.iter().filter(|(id, _)| !given.contains(id)).map(|(_, name)| *name).collect();
    match missing.as_slice() {
        [] => Check::ok(of, "all four"),
        some => Check::failed(
            of,
            format!("missing: {}", some.join(", ")),
            "run `hb-sentinel deploy`, which assigns them; they take up to 30 min",
        ),
    }
}

fn role(assignment: &Value) -> Option<&str> {
    assignment.get("properties")?.get("roleDefinitionId")?.as_str()?.rsplit('/').next()
}
