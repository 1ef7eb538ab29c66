//! Who may do what: every role assignment that the template makes, and where the documents say it.

use std::collections::BTreeSet;

use super::{generated::SNAPSHOTS, read, snapshot::Snapshot};

const PUBLISHER: &str = "3913510d-42f4-4e42-8a64-420c390055eb";
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
const BLOB_CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
const BLOB_OWNER: &str = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";
const BLOB_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
const CONNECTOR: &str = "id-humanbound-connector";
const PUBLISHING: &str = "id-humanbound-package";
const OPERATORS: &str = "22222222-2222-2222-2222-222222222222";

/// Who has which role on what; names that Azure makes are cut off.
fn expected(name: &str) -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let mut all = BTreeSet::from([
        (CONNECTOR, PUBLISHER, "dataCollectionRules/dcr-humanbound"),
        (CONNECTOR, PUBLISHER, "components/appi-humanbound"),
        (CONNECTOR, SECRETS_USER, "vaults/kv-hb-"),
        (CONNECTOR, BLOB_CONTRIBUTOR, "containers/spool"),
        (CONNECTOR, BLOB_OWNER, "containers/azure-webjobs-hosts"),
        (CONNECTOR, BLOB_OWNER, "containers/azure-webjobs-secrets"),
        (CONNECTOR, BLOB_READER, "storageAccounts/sthb"),
    ]);
    if name == "fullest" {
        all.insert((PUBLISHING, BLOB_CONTRIBUTOR, "containers/package-b2"));
        all.insert((OPERATORS, BLOB_READER, "containers/spool"));
    } else {
        all.insert((PUBLISHING, BLOB_CONTRIBUTOR, "containers/package"));
    }
    all
}

#[test]
fn roles_are_the_narrowest() {
    for name in SNAPSHOTS {
        let snapshot = Snapshot::read(name);
        let roles = snapshot.of("Microsoft.Authorization/roleAssignments");
        let expected = expected(name);
        assert_eq!(roles.len(), expected.len(), "{name}");
        let mut found = BTreeSet::new();
        for role in roles {
            let properties = &role["properties"];
            let text = |name: &str| properties[name].as_str().unwrap();
            // The id is the scope's, or an expression whose first text is the scope.
            let id = role["id"].as_str().unwrap();
            let scope = id.split('\'').nth(1).unwrap_or(id);
            let scope = scope.split("/providers/Microsoft.Authorization").next().unwrap();
            let of = expected.iter().find(|(principal, role, on)| {
                let cut = on.starts_with("vaults/") || on.starts_with("storageAccounts/");
                let last = scope.rsplitn(3, '/').take(2).collect::<Vec<_>>();
                let last = format!("{}/{}", last[1], last[0]);
                text("principalId").contains(principal)
                    && text("roleDefinitionId").ends_with(role)
                    && if cut { last.starts_with(on) } else { last == *on }
            });
            found.insert(*of.unwrap_or_else(|| panic!("{name}: nobody asked for {role}")));
            let is_group = text("principalId") == OPERATORS;
            assert_eq!(text("principalType"), if is_group { "Group" } else { "ServicePrincipal" });
            assert!(text("description").len() > 20);
            // An assignment that outlived its identity would otherwise block its successor.
            assert!(is_group || role["name"].as_str().unwrap().contains("principalId"));
        }
        assert_eq!(found, expected, "{name}");
    }
}

/// The connector's token cannot replace what runs; only what publishes can.
#[test]
fn publishing_has_an_identity_of_its_own() {
    for name in SNAPSHOTS {
        let snapshot = Snapshot::read(name);
        let site = snapshot.one("Microsoft.Web/sites");
        let identities: Vec<_> =
            site["identity"]["userAssignedIdentities"].as_object().unwrap().keys().collect();
        assert_eq!(identities.len(), 2);
        let storage = &site["properties"]["functionAppConfig"]["deployment"]["storage"]["authentication"];
        assert!(storage["userAssignedIdentityResourceId"].as_str().unwrap().ends_with(PUBLISHING));
        assert!(site["properties"]["keyVaultReferenceIdentity"].as_str().unwrap().ends_with(CONNECTOR));
        let settings = snapshot.one("Microsoft.Web/sites/config")["properties"].as_str().unwrap();
        assert!(settings.contains(CONNECTOR) && !settings.contains(PUBLISHING), "the host and the connector");
    }
}

#[test]
fn documents_name_the_roles_that_the_template_grants() {
    let names = [
        (PUBLISHER, "Monitoring Metrics Publisher"),
        (SECRETS_USER, "Key Vault Secrets User"),
        (BLOB_CONTRIBUTOR, "Storage Blob Data Contributor"),
        (BLOB_OWNER, "Storage Blob Data Owner"),
        (BLOB_READER, "Storage Blob Data Reader"),
    ];
    let (template, readme, troubleshooting) =
        (read("infra/modules/roles.bicep"), read("infra/README.md"), read("TROUBLESHOOTING.md"));
    for (id, name) in names {
        assert!(template.contains(id), "{name} is no longer granted");
        assert!(readme.contains(&format!("| {name} |")), "infra/README.md does not name {name}");
        assert!(troubleshooting.contains(&format!("*{name}*")), "TROUBLESHOOTING.md does not name {name}");
    }
}
