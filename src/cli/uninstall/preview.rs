//! Shows, before anything is changed, what is deleted, what stays, and what is not ours.

use std::collections::BTreeMap;

use super::UninstallArgs;
use crate::azure::Estate;
use crate::azure::estate::Item;
use crate::cli::context::Context;
use crate::cli::deployed::Deployed;
use crate::cli::output::grouped;

/// Types in words; another is shown as it is.
const NOUNS: [(&str, &str); 20] = [
    ("Microsoft.SecurityInsights/alertRules", "analytic rule"),
    ("Microsoft.OperationalInsights/workspaces/savedSearches", "parser or hunt"),
    ("Microsoft.Insights/workbooks", "workbook"),
    ("Microsoft.SecurityInsights/dataConnectorDefinitions", "connector page"),
    ("Microsoft.Insights/scheduledQueryRules", "alert"),
    ("Microsoft.Insights/metricAlerts", "alert"),
    ("Microsoft.Insights/webtests", "health test"),
    ("Microsoft.Web/sites", "Function App"),
    ("Microsoft.Web/serverfarms", "plan"),
    ("Microsoft.Authorization/roleAssignments", "role assignment"),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", "identity"),
    ("Microsoft.Insights/dataCollectionRules", "data collection rule"),
    ("Microsoft.Insights/dataCollectionEndpoints", "data collection endpoint"),
    ("Microsoft.Insights/components", "Application Insights"),
    ("Microsoft.Insights/diagnosticSettings", "diagnostic setting"),
    ("Microsoft.Storage/storageAccounts", "storage account"),
    ("Microsoft.KeyVault/vaults", "key vault"),
    ("Microsoft.OperationalInsights/workspaces", "workspace"),
    ("Microsoft.OperationalInsights/workspaces/tables", "table"),
    ("Microsoft.SecurityInsights/watchlists", "watchlist"),
];

pub(super) fn noun(item: &Item) -> String {
    let known = NOUNS.iter().find(|(kind, _)| item.is(kind));
    known.map_or_else(|| item.kind.clone(), |(_, noun)| (*noun).to_owned())
}

/// Shows it. Events that cannot be counted are no reason to stop, because the number only informs the operator.
pub(super) async fn show(args: &UninstallArgs, context: &Context, deployed: &Deployed, estate: &Estate) {
    let printer = &context.printer;
    let scope = deployed.azure.scope();
    printer.say("From", &format!("resource group {} of subscription {}", scope.group, scope.subscription));
    lines(context, "Delete", &estate.deleted);
    if estate.deleted.iter().any(|item| item.is("Microsoft.KeyVault/vaults")) {
        printer.say("", "the key vault keeps its name for 7 days, soft-deleted; a deployment recovers it");
    }
    if args.delete_table.is_some() || args.delete_group.is_some() {
        let rows = deployed.query("AISecurityEvents_CL | count").await.ok();
        let count = rows.as_ref().and_then(|rows| rows.first()?.get("Count")?.as_u64());
        let events = count.map_or_else(|| "an unknown number of".to_owned(), grouped);
        if let Some(table) = &args.delete_table {
            printer.say("Delete", &format!("table {table}, with {events} events"));
        }
        if let Some(group) = args.delete_group.as_ref().filter(|_| estate.group_exists) {
            printer.say(
                "Delete",
                &format!("resource group {group}, with all that follows and {events} events:"),
            );
            let inside = format!("{}/", scope.path().to_lowercase());
            let mut kept = estate.kept.clone();
            kept.retain(|item| item.id.to_lowercase().starts_with(&inside));
            lines(context, "with", &kept);
            return;
        }
    }
    lines(context, "Keep", &estate.kept);
    lines(context, "Not ours", &estate.unknown);
}

/// One line for each kind.
fn lines(context: &Context, label: &str, items: &[Item]) {
    let mut kinds: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut order = Vec::new();
    for item in items {
        let noun = noun(item);
        if !order.contains(&noun) {
            order.push(noun.clone());
        }
        kinds.entry(noun).or_default().push(item.name());
    }
    for noun in order {
        let names = kinds.remove(&noun).unwrap_or_default();
        context.printer.say(label, &format!("{noun}: {}", names.join(", ")));
    }
}
