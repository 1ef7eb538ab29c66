//! `uninstall`: what is ours goes, in order, and nothing else; it is refused where events would be lost.

mod azure;
mod group;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Desk, Ran};
use crate::azure_cli::recorded::{GROUP, SUBSCRIPTION};
use group::{FOREIGN, Group, OURS, WORKSPACE, path};

/// What of ours stays, with what is part of it.
const KEPT: [&str; 4] = [
    WORKSPACE,
    "Microsoft.OperationalInsights/workspaces/law-humanbound/tables/AISecurityEvents_CL",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/watchlists/HumanboundProjects",
    "Microsoft.OperationalInsights/workspaces/law-humanbound/providers/Microsoft.SecurityInsights/onboardingStates/default",
];

async fn desk() -> Desk {
    let desk = Desk::start().await;
    desk.connect(&[]).await.ends(0);
    let outputs = json!({ "connectorUrl": desk.url(), "workspaceId": "w", "storageName": "sthbx" });
    desk.remember(&json!({
        "azure": { "subscription": SUBSCRIPTION, "resource_group": GROUP, "outputs": outputs },
    }));
    desk
}

async fn run(desk: &Desk, group: &Arc<Group>, arguments: &[&str]) -> Ran {
    desk.run_before(Arc::clone(group) as _, &[&["uninstall"], arguments].concat()).await
}

/// Only what was made by us is gone, and all of that but what is kept.
fn is_clean(group: &Group, foreign: bool) {
    for below in OURS {
        assert!(!group.has(below) || KEPT.contains(&below) || below.contains("/deployments/"), "{below}");
    }
    for below in KEPT {
        assert!(group.has(below), "{below}");
    }
    for below in FOREIGN {
        // What is part of what was ours went with it.
        let is_part = below.contains("/sthbx/");
        assert!(!foreign || is_part || group.has(below), "{below}");
    }
}

#[tokio::test]
async fn preview_changes_nothing_and_parts_what_goes_from_what_stays() {
    let (desk, group) = (desk().await, Group::new(true));
    let ran = run(&desk, &group, &[]).await.ends(2);
    assert!(group.changes().is_empty());
    for call in group.calls() {
        let words = ["put", "post", "patch", "delete", "set", "update", "create"];
        let is_changing = call.split(' ').any(|word| words.contains(&word)) && !call.contains("/query");
        assert!(!is_changing, "{call}");
    }
    assert_eq!(desk.webhooks().len(), 1);
    assert_eq!(desk.state()["azure"]["resource_group"], GROUP);
    let ran = ran.says(&[
        "Delete Function App: func-humanbound-x",
        "7 days",
        "Keep workspace: law-humanbound",
        "Keep table: AISecurityEvents_CL",
        "Keep watchlist: HumanboundProjects",
        "Not ours Function App: func-theirs",
        "hint: look at the list, then run it again with `--yes`",
    ]);
    assert!(!ran.stderr.contains("Delete Function App: func-theirs"));
}

#[tokio::test]
async fn deletes_ours_in_order_and_nothing_foreign() {
    let (desk, group) = (desk().await, Group::new(true));
    let ran = run(&desk, &group, &["--yes", "--json"]).await.ends(0).json();
    is_clean(&group, true);
    let kinds = [
        "alertRules/",
        "savedSearches/",
        "savedSearches/",
        "workbooks/",
        "dataConnectorDefinitions/",
        "scheduledQueryRules/",
        "metricAlerts/",
        "webtests/",
        "sites/",
        "serverfarms/",
        "roleAssignments/",
        "userAssignedIdentities/",
        "dataCollectionRules/",
        "dataCollectionEndpoints/",
        "components/",
        "diagnosticSettings/",
        "storageAccounts/",
        "vaults/",
    ];
    let changes = group.changes();
    assert_eq!(changes.len(), kinds.len(), "{changes:#?}");
    for (id, kind) in changes.iter().zip(kinds) {
        let (_, tail) = id.rsplit_once("/providers/").unwrap();
        assert!(tail.contains(kind), "{id} is no {kind}");
        assert!(OURS.iter().any(|below| path(below) == *id), "{id} is not ours");
    }
    assert_eq!(ran["result"]["deleted"].as_array().unwrap().len(), kinds.len());
    let listed = FOREIGN.iter().filter(|below| below.split('/').count() == 3).count();
    assert_eq!(ran["result"]["unknown"].as_array().unwrap().len(), listed);
    assert!(desk.webhooks().is_empty());
    let state = desk.state();
    assert_eq!(
        (&state["azure"], &state["webhook"], &state["rotation"]),
        (&json!(null), &json!(null), &json!(null))
    );
}

#[tokio::test]
async fn goes_on_after_a_failure_at_each_deletion() {
    let desk = desk().await;
    // As the program writes it.
    desk.run(&["disconnect"]).await.ends(0);
    let remembered = desk.state()["azure"].clone();
    for deletion in 1..=18 {
        let group = Group::new(true);
        desk.remember(&json!({ "azure": remembered }));
        group.fail_at(Some(deletion));
        let ran = run(&desk, &group, &["--yes"]).await.ends(1);
        ran.says(&["error: delete: ", "is not deleted", "a lock", "run `hb-sentinel uninstall` again"]);
        assert_eq!(group.changes().len(), deletion - 1);
        assert_eq!(desk.state()["azure"], remembered);
        group.fail_at(None);
        run(&desk, &group, &["--yes"]).await.ends(0);
        is_clean(&group, true);
        assert_eq!(desk.state()["azure"], json!(null));
    }
}

#[tokio::test]
async fn refuses_while_something_waits_or_nobody_knows() {
    for (prefix, number, words) in [
        ("pending/", json!(3), "3 batches of events"),
        ("deadletter/", json!(2), "2 dead letters"),
        ("oversize/", json!(1), "1 complete bodies"),
        ("pending/", Value::Null, "nobody knows how much `pending/`"),
        ("oversize/", Value::Null, "nobody knows how much `oversize/`"),
    ] {
        let (desk, group) = (desk().await, Group::new(false));
        group.spool(prefix, number);
        let ran = run(&desk, &group, &["--yes"]).await.ends(1);
        ran.says(&[words, "the webhook is gone already", "--discard-spool"]);
        assert!(group.changes().is_empty() && desk.webhooks().is_empty());
        assert_eq!(desk.state()["azure"]["resource_group"], GROUP);
        run(&desk, &group, &["--yes", "--discard-spool"]).await.ends(0);
        is_clean(&group, false);
    }
}

#[tokio::test]
async fn tables_and_groups_go_only_by_their_names() {
    let (desk, group) = (desk().await, Group::new(false));
    run(&desk, &group, &["--yes", "--delete-table", "SecurityEvent"])
        .await
        .ends(2)
        .says(&["AISecurityEvents_CL"]);
    run(&desk, &group, &["--yes", "--delete-group", "rg-other"]).await.ends(2).says(&[GROUP]);
    assert!(group.changes().is_empty());
    let ran = run(&desk, &group, &["--yes", "--delete-table", "AISecurityEvents_CL"]).await.ends(0);
    ran.says(&["table AISecurityEvents_CL, with 12,345 events"]);
    assert!(!group.has(KEPT[1]) && group.has(WORKSPACE));
}

#[tokio::test]
async fn the_group_goes_with_its_workspace_when_it_is_ours_alone() {
    let (desk, group) = (desk().await, Group::new(false));
    let ran = run(&desk, &group, &["--delete-group", GROUP]).await.ends(0);
    ran.says(&["with all that follows and 12,345 events", "workspace: law-humanbound"]);
    assert!(!group.is_there());
    // Nothing is deleted twice; a diagnostic setting would outlive what it is of.
    let changes = group.changes();
    assert!(changes.len() == 2 && changes[0].contains("/diagnosticSettings/"), "{changes:?}");
    assert_eq!(desk.state()["azure"], json!(null));

    let refused = async |group: Arc<Group>, words: &str| {
        let desk = desk_of(&group).await;
        run(&desk, &group, &["--yes", "--delete-group", GROUP]).await.ends(2).says(&[words]);
        assert!(group.changes().is_empty() && desk.webhooks().len() == 1);
    };
    refused(Group::new(true), "holds what is not ours").await;
    let group = Group::new(false);
    group.untag();
    refused(group, "was not made for the connector").await;
    let group = Group::new(false);
    group.untag_workspace();
    refused(group, "law-humanbound").await;
}

async fn desk_of(_: &Group) -> Desk {
    desk().await
}

#[tokio::test]
async fn without_a_state_the_group_is_named() {
    let (desk, group) = (Desk::start().await, Group::new(true));
    run(&desk, &group, &["--yes"]).await.ends(2).says(&["--rg RG"]);
    run(&desk, &group, &["--yes", "--rg", GROUP]).await.ends(0);
    is_clean(&group, true);
}

#[tokio::test]
async fn the_webhook_can_be_kept() {
    let (desk, group) = (desk().await, Group::new(false));
    run(&desk, &group, &["--yes", "--keep-webhook"]).await.ends(0);
    assert_eq!(desk.webhooks().len(), 1);
    assert_eq!(desk.state()["webhook"]["id"], json!(desk.webhooks()[0]));
}
