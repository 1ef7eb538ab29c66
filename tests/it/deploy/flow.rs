//! The flow: fresh, again, in two halves, beside an existing workspace, and only planned.

use std::time::Duration;

use serde_json::json;

use super::Stage;

#[tokio::test]
async fn deploys_once_and_changes_nothing_the_second_time() {
    let stage = Stage::start().await;
    let first = stage.deploy(&["--yes", "--json"]).await.ends(0);
    let told = first.json();
    assert_eq!(told["result"]["state"], "deployed", "{first:#?}");
    assert_eq!((&told["result"]["row"], &told["result"]["test"]), (&json!("seen"), &json!("delivered")));
    let steps: Vec<_> =
        told["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    let expected = [
        "tools",
        "platform",
        "login",
        "providers",
        "permissions",
        "group",
        "survey",
        "secret",
        "plan",
        "register",
        "group",
        "infra",
        "publish",
        "health",
        "sentinel",
        "rules",
        "hunts",
        "probe",
        "webhook",
        "ping",
        "row",
        "watchlist",
    ];
    assert_eq!(steps, expected);
    first.says(&["warning: nobody is told of alerts"]);
    assert_eq!(stage.desk().arrived().await, ["webhook.test"]);
    assert_eq!((stage.azure.secrets().len(), stage.desk().webhooks().len()), (1, 1));
    assert_eq!(stage.desk().state()["azure"]["resource_group"], "rg-humanbound");

    stage.azure.forget_calls();
    *stage.desk().waited.lock().unwrap() = Duration::ZERO;
    let again = stage.deploy(&["--json"]).await.ends(0);
    // What takes time besides az: the pauses between two looks.
    let waited = *stage.desk().waited.lock().unwrap();
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    assert_eq!(again.json()["result"]["state"], "unchanged");
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
    assert_eq!(stage.desk().webhooks().len(), 1);
}

#[tokio::test]
async fn connects_later_what_was_deployed_alone() {
    let stage = Stage::start().await;
    // Nobody needs to be logged in to Humanbound.
    std::fs::remove_dir_all(stage.desk().home.path().join(".humanbound")).unwrap();
    let ran = stage.deploy(&["--no-connect", "--yes", "--json"]).await.ends(0);
    assert!(stage.azure.secrets().is_empty() && stage.desk().webhooks().is_empty());
    ran.says(&["hint: connect Humanbound: run this again without `--no-connect`"]);
    stage.desk().log_in();
    stage.deploy(&["--yes"]).await.ends(0);
    assert_eq!((stage.azure.secrets().len(), stage.desk().webhooks().len()), (1, 1));

    // The same with a login: then the deployment is the same, and the secret is put into its vault.
    let stage = Stage::start().await;
    let name = ["--set", "organisationName=Acme Bank", "--yes"];
    stage.deploy(&[&["--no-connect"], &name[..]].concat()).await.ends(0);
    stage.azure.forget_calls();
    stage.deploy(&name).await.ends(0);
    let changes = stage.azure.changes();
    assert!(changes[0].contains("/secrets/webhook-secret") && changes[1].contains("/refresh"), "{changes:?}");
    assert_eq!((changes.len(), stage.desk().webhooks().len()), (2, 1), "{changes:?}");
}

#[tokio::test]
async fn uses_a_workspace_that_is_there() {
    let stage = Stage::start().await;
    {
        let mut world = stage.azure.world.lock().unwrap();
        world.group = Some(json!({"location": "northeurope"}));
        world.workspaces.insert("soc".to_owned(), json!({"id": "w", "location": "northeurope"}));
    }
    let ran = stage.deploy(&["--workspace", "soc", "--yes", "--json"]).await.ends(0);
    assert_eq!(ran.json()["result"]["workspace"], "soc");
    let kept = stage.desk().state();
    assert_eq!(
        (&kept["azure"]["group_created"], &kept["azure"]["workspace_created"]),
        (&json!(false), &json!(false))
    );
    stage.azure.forget_calls();
    stage.deploy(&["--workspace", "soc"]).await.ends(0);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    let stage = Stage::start().await;
    let ran = stage.deploy(&["--dry-run", "--what-if", "--json"]).await.ends(0);
    let plan = &ran.json()["result"];
    assert_eq!((&plan["new_secret"], &plan["connects"]), (&json!(true), &json!(true)));
    assert!(plan["steps"][2]["changes"][0].as_str().unwrap().starts_with("az deployment group create"));
    let ran = stage.deploy(&["--dry-run"]).await.ends(0);
    assert!(ran.stdout.contains("make the resource group rg-humanbound in westeurope"), "{ran:?}");
    // Nobody can be asked, and nobody said yes.
    let ran = stage.deploy(&[]).await.ends(2).says(&["agree to the plan with `--yes`"]);
    assert!(ran.stderr.contains("make a webhook in Acme Bank"), "{ran:?}");
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
    assert!(stage.desk().webhooks().is_empty());

    stage.deploy(&["--yes"]).await.ends(0);
    stage.azure.forget_calls();
    let ran = stage.deploy(&["--force", "--dry-run", "--what-if"]).await.ends(0);
    ran.says(&["Azure's own prediction: Modify 1, NoChange 1", "Microsoft.Web/sites/x"]);
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn writes_the_script_instead() {
    let stage = Stage::start().await;
    let script = stage.desk().home.path().join("it's.sh");
    let ran = stage.deploy(&["--output", script.to_str().unwrap(), "--json"]).await.ends(0);
    assert_eq!(ran.json()["result"]["script"], script.to_str().unwrap());
    let folder = stage.desk().home.path().join("it's.sh.d");
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let names: Vec<_> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(names, ["template.json", "parameters.json", "connector.zip"]);
    assert_eq!(std::fs::read(folder.join("connector.zip")).unwrap(), crate::package::sample());
    let text = std::fs::read_to_string(&script).unwrap();
    for words in ["set -euo pipefail", "openssl rand -hex 32", "az deployment group create", "config-zip"] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    assert_eq!(stage.azure.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn rejects_what_the_template_does_not_have() {
    let stage = Stage::start().await;
    for (words, told) in [
        ("webhookSecret=0123456789abcdef0123456789abcdef", "cannot be set with `--set`"),
        ("nonsense=1", "the template has no parameter nonsense"),
        ("nonsense", "takes NAME=VALUE"),
    ] {
        let ran = stage.deploy(&["--set", words]).await.ends(2).says(&[told]);
        assert!(!ran.stderr.contains("use one of") || !ran.stderr.contains(", webhookSecret,"), "{ran:?}");
    }
    stage
        .deploy(&["--yes", "--set", "alwaysReadyCount=1", "--retention", "90", "--action-group", "/a"])
        .await
        .ends(0);
    let kept = stage.desk().state();
    assert_eq!(kept["azure"]["outputs"]["notified"], "true");
}

#[tokio::test]
async fn names_of_projects_follow_and_what_analysts_wrote_stays() {
    use humanbound_sentinel::emulator::Project;
    use uuid::Uuid;
    let project = |n: u128, name: &str| Project {
        organisation_id: crate::cli::ORGANISATION,
        id: Uuid::from_u128(n),
        name: name.to_owned(),
        archived: false,
    };
    let mut options = crate::cli::options();
    options.projects = vec![project(1, "Support agent"), project(2, "Sales agent")];
    let stage = Stage::with(crate::cli::Desk::with(options).await).await;
    stage.deploy(&["--yes"]).await.ends(0);
    let edit = |n: u128, column: &str, value: &str| {
        let mut world = stage.azure.world.lock().unwrap();
        let id = Uuid::from_u128(n).to_string();
        let items = world.list.as_mut().unwrap();
        let item =
            items.values_mut().find(|item| item["properties"]["itemsKeyValue"]["ProjectId"] == *id).unwrap();
        item["properties"]["itemsKeyValue"][column] = json!(value);
    };
    edit(1, "Owner", "alice@contoso.com");
    edit(2, "ProjectName", "An old name");
    edit(2, "Criticality", "high");
    stage.azure.forget_calls();
    stage.deploy(&[]).await.ends(0);
    let changes = stage.azure.changes();
    assert_eq!(changes.len(), 1, "one item, not the list: {changes:?}");
    let world = stage.azure.world.lock().unwrap();
    let columns: Vec<_> = world
        .list
        .as_ref()
        .unwrap()
        .values()
        .map(|item| item["properties"]["itemsKeyValue"].clone())
        .collect();
    assert!(columns.iter().any(|item| item["Owner"] == "alice@contoso.com"), "{columns:?}");
    assert!(columns.iter().any(|item| item["Criticality"] == "high" && item["ProjectName"] == "Sales agent"));
}
