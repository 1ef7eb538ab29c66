//! What our deployments have made, divided into what an uninstall deletes, what it keeps, and what is not ours.
//!
//! Only ids that one of our deployments lists are ever deleted, each by itself: a resource group may contain anything
//! else. What Sentinel and the workspace contain outlives the connector: events, watchlist, the onboarding itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    calls::TAG,
    client::{Azure, Deployment},
    error::Error,
    parameters::NAME_PREFIX,
};

/// What is deleted, in this order, with the API version that deletes it. A resource is deleted before what it uses: a
/// rule before the parsers that it calls, a role before its identity, and diagnostic settings, which would outlive their
/// resource, before that resource.
const DELETED: [(&str, &str); 17] = [
    ("Microsoft.SecurityInsights/alertRules", "2025-09-01"),
    ("Microsoft.OperationalInsights/workspaces/savedSearches", "2026-03-01"),
    ("Microsoft.Insights/workbooks", "2023-06-01"),
    ("Microsoft.SecurityInsights/dataConnectorDefinitions", "2025-09-01"),
    ("Microsoft.Insights/scheduledQueryRules", "2026-03-01"),
    ("Microsoft.Insights/metricAlerts", "2026-01-01"),
    ("Microsoft.Insights/webtests", "2022-06-15"),
    ("Microsoft.Web/sites", "2025-03-01"),
    ("Microsoft.Web/serverfarms", "2025-03-01"),
    ("Microsoft.Authorization/roleAssignments", "2022-04-01"),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", "2024-11-30"),
    ("Microsoft.Insights/dataCollectionRules", "2024-03-11"),
    ("Microsoft.Insights/dataCollectionEndpoints", "2024-03-11"),
    ("Microsoft.Insights/components", "2020-02-02"),
    ("Microsoft.Insights/diagnosticSettings", "2021-05-01-preview"),
    ("Microsoft.Storage/storageAccounts", "2026-04-01"),
    ("Microsoft.KeyVault/vaults", "2026-02-01"),
];

/// What is kept, even when our deployment made it.
const KEPT: [&str; 5] = [
    "Microsoft.OperationalInsights/workspaces",
    TABLES,
    "Microsoft.SecurityInsights/onboardingStates",
    "Microsoft.SecurityInsights/watchlists",
    "Microsoft.OperationsManagement/solutions",
];

/// What is part of another resource, and is deleted with it.
const PARTS: [&str; 7] = [
    "Microsoft.Web/sites/config",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Storage/storageAccounts/managementPolicies",
    "Microsoft.KeyVault/vaults/secrets",
    DEPLOYMENTS,
];

const TABLES: &str = "Microsoft.OperationalInsights/workspaces/tables";
const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";
/// Deletes a table: tables are kept, and one is deleted only when its name is given.
const TABLE_VERSION: &str = "2026-03-01";
/// How deep nested deployments are followed; the templates are not deeper.
const MAX_DEPLOYMENTS: usize = 500;

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
}

impl Item {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), kind: kind(id) }
    }

    /// The last part of its id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is of this type, compared without regard to case.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// The request that deletes it; `None` for what must not be deleted.
    #[must_use]
    pub fn deletion(&self) -> Option<String> {
        let (_, version) = DELETED.iter().find(|(kind, _)| self.is(kind))?;
        Some(format!("{}?api-version={version}", self.id))
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estate {
    /// Ours, in the order of deletion.
    pub deleted: Vec<Item>,
    /// Ours, and kept.
    pub kept: Vec<Item>,
    /// In the group, and not ours; or of a kind that this version does not know.
    pub unknown: Vec<Item>,
    /// Whether the group was made for the connector.
    pub group_is_ours: bool,
    /// Whether there is a group.
    pub group_exists: bool,
}

impl Estate {
    /// Reads what our deployments have made, and what is in the group. Changes nothing.
    ///
    /// # Errors
    ///
    /// When Azure does not say, because then it is unknown what is ours.
    pub async fn read(azure: &Azure) -> Result<Self, Error> {
        let Some(group) = azure.group().await? else { return Ok(Self::default()) };
        let made = made(azure).await?;
        let present = azure.resources().await?;
        let mut estate = sort(&made, &present, &azure.scope().path());
        estate.group_exists = true;
        estate.group_is_ours = is_tagged(&group);
        Ok(estate)
    }

    /// Our table by its name, with the request that deletes it.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<String> {
        let table = self.kept.iter().find(|item| item.is(TABLES) && item.name() == name)?;
        Some(format!("{}?api-version={TABLE_VERSION}", table.id))
    }
}

fn is_tagged(value: &Value) -> bool {
    value.get("tags").and_then(|tags| tags.get(TAG.0)).and_then(Value::as_str) == Some(TAG.1)
}

/// The type in a resource id: what follows the last `providers`, without the names.
fn kind(id: &str) -> String {
    let tail = id.rsplit("/providers/").next().unwrap_or_default();
    let mut parts = tail.split('/');
    let namespace = parts.next().unwrap_or_default();
    let kinds = parts.step_by(2);
    std::iter::once(namespace).chain(kinds).collect::<Vec<_>>().join("/")
}

/// Whether a deployment is ours: by its name, or by outputs that only our template has.
fn is_ours(deployment: &Deployment) -> bool {
    let has = |name: &str| deployment.outputs.contains_key(name);
    deployment.name.starts_with(NAME_PREFIX) || (has("connectorFunctionName") && has("dcrImmutableId"))
}

/// The ids that our deployments, and those nested in them, list as made: by their lower-case form, with their own.
async fn made(azure: &Azure) -> Result<BTreeMap<String, String>, Error> {
    let all = azure.deployments("").await?;
    let mut waiting: Vec<String> =
        all.iter().filter(|deployment| is_ours(deployment)).map(|deployment| deployment.id.clone()).collect();
    let listed: BTreeMap<_, _> =
        all.into_iter().map(|deployment| (deployment.id.to_lowercase(), deployment)).collect();
    let (mut made, mut seen) = (BTreeMap::new(), BTreeSet::new());
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.to_lowercase()) || seen.len() > MAX_DEPLOYMENTS {
            continue;
        }
        let deployment = match listed.get(&id.to_lowercase()) {
            Some(deployment) => Some(deployment.clone()),
            None => azure.deployment_by_id(&id).await?,
        };
        // Azure deletes old deployments: what only they listed is not known to be ours.
        let Some(deployment) = deployment else { continue };
        let mut ids = deployment.resources.clone();
        // A pause makes nothing, and there are many of them.
        let is_pause = deployment.progress == super::client::Progress::Succeeded && ids.is_empty();
        if !is_pause || is_ours(&deployment) {
            let operations = azure.operations(&deployment.id).await?.into_iter();
            let done = operations.filter(|operation| {
                operation.state == "Succeeded" || operation.kind.eq_ignore_ascii_case(DEPLOYMENTS)
            });
            ids.extend(done.map(|operation| operation.target));
        }
        for id in ids {
            if kind(&id).eq_ignore_ascii_case(DEPLOYMENTS) {
                waiting.push(id);
            } else {
                made.insert(id.to_lowercase(), id);
            }
        }
    }
    Ok(made)
}

fn sort(made: &BTreeMap<String, String>, present: &[Value], group: &str) -> Estate {
    let mut estate = Estate::default();
    let is = |kinds: &[&str], item: &Item| kinds.iter().any(|kind| item.is(kind));
    let there: BTreeMap<_, _> = present
        .iter()
        .filter_map(|resource| Some((resource.get("id")?.as_str()?.to_lowercase(), resource)))
        .collect();
    let below = format!("{}/providers/", group.to_lowercase());
    for (key, id) in made {
        let item = Item::new(id);
        // The list of the group has all top-level resources: what is missing there is already gone.
        let is_listed = key.strip_prefix(&below).is_some_and(|rest| rest.split('/').count() == 3);
        if is(&PARTS, &item) || (is_listed && !there.contains_key(key)) {
        } else if item.deletion().is_some() {
            estate.deleted.push(item);
        } else if is(&KEPT, &item) {
            estate.kept.push(item);
        } else {
            estate.unknown.push(item);
        }
    }
    for (key, resource) in &there {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or(key);
        let item = Item::new(id);
        let is_workspace = item.is("Microsoft.OperationalInsights/workspaces");
        if is(&PARTS, &item) {
        } else if !made.contains_key(key) && is_solution(&item, &estate.kept) {
            estate.kept.push(item);
        } else if !made.contains_key(key) {
            estate.unknown.push(item);
        } else if is_workspace && !is_tagged(resource) {
            // A deployment also lists what it found.
            estate.kept.retain(|kept| !kept.id.eq_ignore_ascii_case(&item.id));
            estate.unknown.push(item);
        }
    }
    let order = |item: &Item| DELETED.iter().position(|(kind, _)| item.is(kind));
    estate.deleted.sort_by_key(order);
    estate
}

/// Azure makes the solution `SecurityInsights(WORKSPACE)` when Sentinel is enabled for a workspace.
fn is_solution(item: &Item, kept: &[Item]) -> bool {
    item.is("Microsoft.OperationsManagement/solutions")
        && kept.iter().any(|kept| {
            kept.is("Microsoft.OperationalInsights/workspaces")
                && item.name().to_lowercase().ends_with(&format!("({})", kept.name().to_lowercase()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_template_has_its_fate() {
        let template = include_str!("../../infra/main.json");
        let types: BTreeSet<_> = template
            .match_indices("\"type\": \"Microsoft.")
            .filter_map(|(at, _)| template.get(at..)?.split('"').nth(3))
            .collect();
        assert!(types.len() > 20);
        for kind in types {
            let fates = [
                DELETED.iter().any(|(known, _)| *known == kind),
                KEPT.contains(&kind),
                PARTS.contains(&kind),
            ];
            assert_eq!(fates.iter().filter(|fate| **fate).count(), 1, "{kind}");
        }
    }

    #[test]
    fn types_are_read_from_ids() {
        let workspace =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";
        for (below, expected) in [
            ("", "Microsoft.OperationalInsights/workspaces"),
            ("/tables/t", TABLES),
            ("/providers/Microsoft.SecurityInsights/alertRules/r", "Microsoft.SecurityInsights/alertRules"),
        ] {
            assert_eq!(kind(&format!("{workspace}{below}")), expected);
        }
    }
}
