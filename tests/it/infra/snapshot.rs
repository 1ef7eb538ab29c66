//! The resources that the compiler predicts: what is promised of them, for the default and the fullest parameters.

use std::collections::{BTreeMap, BTreeSet};

use humanbound_sentinel::config::SETTINGS;
use serde_json::{Value, json};

use super::{generated::SNAPSHOTS, json as read_json, read};

pub struct Snapshot(Value);

impl Snapshot {
    pub fn read(name: &str) -> Self {
        Self(read_json(&format!("infra/snapshots/{name}.snapshot.json")))
    }

    pub fn resources(&self) -> &Vec<Value> {
        self.0["predictedResources"].as_array().unwrap()
    }

    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.resources().iter().filter(|resource| resource["type"] == kind).collect()
    }

    #[track_caller]
    pub fn one(&self, kind: &str) -> &Value {
        match self.of(kind)[..] {
            [resource] => resource,
            ref found => panic!("{} resources of the type {kind}", found.len()),
        }
    }
}

fn both() -> [(&'static str, Snapshot); 2] {
    SNAPSHOTS.map(|name| (name, Snapshot::read(name)))
}

/// The setting's names in the expression that puts the list together: what is written like one.
fn settings(snapshot: &Snapshot) -> BTreeSet<String> {
    let config = snapshot.one("Microsoft.Web/sites/config");
    assert!(config["name"].as_str().unwrap().ends_with("/appsettings"));
    let expression = config["properties"].as_str().unwrap();
    let is_name = |text: &&str| {
        text.starts_with("AzureWebJobsStorage__")
            || text.contains('_') && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    expression.split('\'').skip(1).step_by(2).filter(is_name).map(str::to_owned).collect()
}

#[test]
fn app_settings_are_those_that_the_connector_and_the_host_read() {
    let of_the_host = [
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__accountName",
        "AzureWebJobsStorage__blobServiceUri",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
    ];
    // Given by the host, for laptops only, or right by default: nothing for a template to say.
    let unset =
        ["FUNCTIONS_CUSTOMHANDLER_PORT", "SPOOL_DIR", "ACK_DEADLINE_MS", "MAX_BODY_BYTES", "RUST_LOG"];
    for (name, snapshot) in both() {
        let expected: BTreeSet<String> = SETTINGS
            .iter()
            .map(|setting| setting.name)
            .filter(|setting| !unset.contains(setting))
            .filter(|setting| *setting != "WEBHOOK_SECRET_PREVIOUS")
            .chain(of_the_host)
            .chain((name == "fullest").then_some("WEBHOOK_SECRET_DEPLOYED"))
            .map(str::to_owned)
            .collect();
        assert_eq!(settings(&snapshot), expected, "{name}");
    }
}

#[test]
fn columns_have_the_type_names_of_the_table_and_of_the_stream() {
    let columns = read_json("sentinel/tables/AISecurityEvents_CL.json");
    let mapped = |types: &[(&str, &str)]| {
        let types: BTreeMap<_, _> = types.iter().copied().collect();
        let columns = columns.as_array().unwrap().iter();
        columns
            .map(|column| {
                let kind = column["type"].as_str().unwrap();
                (column["name"].as_str().unwrap().to_owned(), (*types.get(kind).unwrap_or(&kind)).to_owned())
            })
            .collect::<Vec<_>>()
    };
    let found = |columns: &Value| {
        let text = |column: &Value, name: &str| column[name].as_str().unwrap().to_owned();
        columns
            .as_array()
            .unwrap()
            .iter()
            .map(|column| (text(column, "name"), text(column, "type")))
            .collect::<Vec<_>>()
    };
    for (name, snapshot) in both() {
        let table = &snapshot.one("Microsoft.OperationalInsights/workspaces/tables")["properties"];
        let expected = mapped(&[("bool", "boolean"), ("datetime", "dateTime")]);
        assert_eq!(found(&table["schema"]["columns"]), expected, "{name}");
        assert_eq!(table["plan"], "Analytics");
        let described = |column: &Value| column["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(table["schema"]["columns"].as_array().unwrap().iter().all(described));

        let rule = snapshot.one("Microsoft.Insights/dataCollectionRules");
        assert_eq!(rule["kind"], "Direct", "no blank, and it cannot be changed later");
        let streams = rule["properties"]["streamDeclarations"].as_object().unwrap();
        assert_eq!(streams.keys().collect::<Vec<_>>(), ["Custom-AISecurityEvents"]);
        assert_eq!(
            found(&streams["Custom-AISecurityEvents"]["columns"]),
            mapped(&[("bool", "boolean")]),
            "{name}"
        );
        let flow = &rule["properties"]["dataFlows"];
        let expected = json!([{
            "streams": ["Custom-AISecurityEvents"], "destinations": ["workspace"],
            "transformKql": "source", "outputStream": "Custom-AISecurityEvents_CL",
        }]);
        assert_eq!(*flow, expected);
    }
}

#[test]
fn what_waits_in_the_spool_is_never_deleted() {
    for (name, snapshot) in both() {
        let policy = snapshot.one("Microsoft.Storage/storageAccounts/managementPolicies");
        let rules = policy["properties"]["policy"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 1);
        let definition = &rules[0]["definition"];
        assert_eq!(definition["filters"]["prefixMatch"], json!(["spool/deadletter/", "spool/oversize/"]));
        let table = snapshot.one("Microsoft.OperationalInsights/workspaces/tables");
        let kept = &table["properties"]["totalRetentionInDays"];
        let expected = json!({"baseBlob": {"delete": {"daysAfterModificationGreaterThan": kept}}});
        assert_eq!(definition["actions"], expected, "{name}");
    }
}

#[test]
fn storage_and_vault_take_no_keys_and_forget_slowly() {
    for (name, snapshot) in both() {
        let package = if name == "fullest" { "package-b2" } else { "package" };
        let storage = &snapshot.one("Microsoft.Storage/storageAccounts")["properties"];
        assert_eq!(storage["allowSharedKeyAccess"], false);
        assert_eq!(storage["allowBlobPublicAccess"], false);
        assert_eq!(storage["minimumTlsVersion"], "TLS1_2");
        let blobs = &snapshot.one("Microsoft.Storage/storageAccounts/blobServices")["properties"];
        for policy in ["deleteRetentionPolicy", "containerDeleteRetentionPolicy"] {
            assert_eq!(blobs[policy], json!({"enabled": true, "days": 7}));
        }
        let containers = snapshot.of("Microsoft.Storage/storageAccounts/blobServices/containers");
        let last =
            |resource: &&Value| resource["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let expected = ["azure-webjobs-hosts", "azure-webjobs-secrets", package, "spool"];
        assert_eq!(containers.iter().map(last).collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
        let vault = &snapshot.one("Microsoft.KeyVault/vaults")["properties"];
        assert_eq!(vault["enableRbacAuthorization"], true);
        assert_eq!(vault["enablePurgeProtection"], true);
        assert_eq!(snapshot.one("Microsoft.Insights/components")["properties"]["DisableLocalAuth"], true);
    }
    let mode =
        |name| Snapshot::read(name).one("Microsoft.KeyVault/vaults")["properties"]["createMode"].clone();
    assert_eq!((mode("default"), mode("fullest")), (json!("default"), json!("recover")));
}

#[test]
fn the_app_is_a_custom_handler_on_flex_consumption() {
    for (name, snapshot) in both() {
        let plan = snapshot.one("Microsoft.Web/serverfarms");
        assert_eq!(plan["sku"], json!({"name": "FC1", "tier": "FlexConsumption"}));
        let site = snapshot.one("Microsoft.Web/sites");
        assert_eq!(site["kind"], "functionapp,linux");
        assert_eq!(site["identity"]["type"], "UserAssigned");
        let properties = &site["properties"];
        assert_eq!(properties["httpsOnly"], true);
        assert!(
            properties["siteConfig"].get("appSettings").is_none(),
            "{name}: this would drop what others set"
        );
        assert_eq!(properties["functionAppConfig"]["runtime"], json!({"name": "custom", "version": "1.0"}));
        let deployment = &properties["functionAppConfig"]["deployment"]["storage"];
        assert_eq!(deployment["authentication"]["type"], "UserAssignedIdentity");
        let container = if name == "fullest" { ", 'package-b2')" } else { ", 'package')" };
        assert!(deployment["value"].as_str().unwrap().contains(container));
        assert!(
            site["name"].as_str().is_none_or(|name| name.len() <= 32),
            "{name}: the host cuts its id off"
        );
        let policies = snapshot.of("Microsoft.Web/sites/basicPublishingCredentialsPolicies");
        assert_eq!(policies.len(), 2);
        assert!(policies.iter().all(|policy| policy["properties"]["allow"] == false));
    }
    let scale = |name| {
        let snapshot = Snapshot::read(name);
        snapshot.one("Microsoft.Web/sites")["properties"]["functionAppConfig"]["scaleAndConcurrency"].clone()
    };
    let expected = json!({
        "instanceMemoryMB": 2048, "maximumInstanceCount": 40, "alwaysReady": [],
        "triggers": {"http": {"perInstanceConcurrency": 500}},
    });
    assert_eq!(scale("default"), expected);
    assert_eq!(scale("fullest")["alwaysReady"], json!([{"name": "http", "instanceCount": 2}]));
}

#[test]
fn source_ranges_do_not_lock_the_operator_out() {
    let site = |name| Snapshot::read(name).one("Microsoft.Web/sites")["properties"]["siteConfig"].clone();
    let ranges = |rules: &Value| {
        let rules = rules.as_array().unwrap().iter();
        rules.map(|rule| rule["ipAddress"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let open = site("default");
    assert_eq!(open["ipSecurityRestrictionsDefaultAction"], "Allow");
    assert_eq!(open["scmIpSecurityRestrictionsDefaultAction"], "Allow");
    let narrow = site("fullest");
    assert_eq!(narrow["ipSecurityRestrictionsDefaultAction"], "Deny");
    assert_eq!(
        ranges(&narrow["ipSecurityRestrictions"]),
        ["203.0.113.0/24", "2001:db8::/48", "198.51.100.7/32", "ApplicationInsightsAvailability"],
        "the health test comes from addresses that only its tag knows"
    );
    assert_eq!(narrow["scmIpSecurityRestrictionsUseMain"], false);
    assert_eq!(narrow["scmIpSecurityRestrictionsDefaultAction"], "Deny");
    assert_eq!(ranges(&narrow["scmIpSecurityRestrictions"]), ["198.51.100.7/32"]);
}

#[test]
fn an_existing_workspace_is_only_added_to() {
    let snapshot = Snapshot::read("fullest");
    assert!(snapshot.of("Microsoft.OperationalInsights/workspaces").is_empty());
    let theirs = [
        "Microsoft.OperationalInsights/workspaces/savedSearches",
        "Microsoft.OperationalInsights/workspaces/tables",
        "Microsoft.SecurityInsights/alertRules",
        "Microsoft.SecurityInsights/dataConnectorDefinitions",
        "Microsoft.SecurityInsights/onboardingStates",
        "Microsoft.SecurityInsights/watchlists",
        "Microsoft.Insights/workbooks",
    ];
    for resource in snapshot.resources() {
        let (id, kind) = (resource["id"].as_str().unwrap(), resource["type"].as_str().unwrap());
        let is_theirs = theirs.contains(&kind) || id.contains("/settings/SentinelHealth/");
        let group = if is_theirs { "/resourceGroups/rg-soc/" } else { "/resourceGroups/rg-humanbound/" };
        assert!(id.contains(group), "{id} is not in {group}");
    }
    // A rule must be where its workspace is, which only the workspace knows.
    for kind in ["Microsoft.Insights/dataCollectionRules", "Microsoft.Insights/scheduledQueryRules"] {
        for resource in snapshot.of(kind) {
            assert!(resource["location"].as_str().unwrap().contains("workspace-"), "{kind}");
        }
    }
}

#[test]
fn the_ingestion_endpoint_can_be_private() {
    let default = Snapshot::read("default");
    assert!(default.of("Microsoft.Insights/dataCollectionEndpoints").is_empty());
    let rule = default.one("Microsoft.Insights/dataCollectionRules");
    assert_eq!(rule["properties"]["dataCollectionEndpointId"], Value::Null);

    let fullest = Snapshot::read("fullest");
    let endpoint = fullest.one("Microsoft.Insights/dataCollectionEndpoints");
    assert_eq!(endpoint["properties"]["networkAcls"]["publicNetworkAccess"], "Disabled");
    let rule = fullest.one("Microsoft.Insights/dataCollectionRules");
    assert_eq!(rule["properties"]["dataCollectionEndpointId"], endpoint["id"]);
    let settings = fullest.one("Microsoft.Web/sites/config")["properties"].as_str().unwrap().to_owned();
    assert!(settings.contains("dce-humanbound', '2024-03-11').logsIngestion.endpoint"), "{settings}");
}

#[test]
fn new_workspaces_have_the_retention_and_no_cap() {
    let snapshot = Snapshot::read("default");
    let workspace = &snapshot.one("Microsoft.OperationalInsights/workspaces")["properties"];
    assert_eq!(workspace["retentionInDays"], 90);
    let table = &snapshot.one("Microsoft.OperationalInsights/workspaces/tables")["properties"];
    assert_eq!((&table["retentionInDays"], &table["totalRetentionInDays"]), (&json!(730), &json!(730)));
    assert_eq!(workspace["workspaceCapping"]["dailyQuotaGb"], -1);
    let described =
        read_json("infra/main.json")["parameters"]["dailyCapGb"]["metadata"]["description"].clone();
    assert!(
        described.as_str().unwrap().contains("discards events that the connector has already acknowledged")
    );
}

#[test]
fn snapshots_hold_no_secret() {
    for name in SNAPSHOTS {
        let snapshot = read(&format!("infra/snapshots/{name}.snapshot.json"));
        assert!(!snapshot.contains("the-current-secret"));
    }
    let snapshot = Snapshot::read("fullest");
    let secret = snapshot.one("Microsoft.KeyVault/vaults/secrets");
    let condition = secret["condition"].as_str().unwrap();
    assert!(condition.starts_with("[not(empty("), "an empty secret keeps the live one: {condition}");
}

#[test]
fn what_can_be_tagged_is() {
    let snapshot = Snapshot::read("fullest");
    let untaggable = [
        "roleAssignments",
        "diagnosticSettings",
        "onboardingStates",
        "alertRules",
        "watchlists",
        "dataConnectorDefinitions",
    ];
    for resource in snapshot.resources() {
        let kind = resource["type"].as_str().unwrap();
        let is_child = kind.matches('/').count() > 1;
        if is_child || untaggable.iter().any(|name| kind.ends_with(name)) {
            continue;
        }
        let mut tags = resource["tags"].as_object().unwrap().clone();
        // By such a tag Azure finds the component that a test belongs to.
        tags.retain(|name, _| !name.contains("hidden-link:"));
        assert_eq!(Value::Object(tags), json!({"owner": "ciso", "environment": "production"}), "{kind}");
    }
}
