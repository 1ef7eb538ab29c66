//! What is read before anything is changed.

use humanbound_sentinel::azure::{
    Az, Error, Plan, Publisher, Scope,
    call::Effect,
    found::SecretNeed,
    survey::{self, SignIn},
};
use serde_json::json;

use super::{
    recorded::{Answer, GROUP, Recorded, SUBSCRIPTION},
    scenarios::{self, Scenario, survey_of},
};

#[tokio::test]
async fn survey_only_reads() {
    for scenario in scenarios::all() {
        let (found, _) = survey_of(&scenario).await;
        let plan = Plan::new(
            Scope { subscription: SUBSCRIPTION.to_owned(), group: GROUP.to_owned() },
            &found,
            &scenario.options,
        );
        assert!(plan.changes().all(|call| call.effect == Effect::Changes));
        let calls = scenario.answers.calls();
        assert!(calls.len() > 12, "{}", scenario.name);
        for call in calls {
            let line = call.line();
            let changes = [
                "put",
                "post",
                "delete",
                "patch",
                "register",
                "create",
                "set",
                "update",
                "config-zip",
                "publish",
            ];
            assert!(
                !call.args.iter().any(|word| changes.contains(&word.as_str())),
                "{}: {line}",
                scenario.name
            );
            assert!(call.stdin.is_none(), "{line}");
        }
    }
}

#[tokio::test]
async fn survey_tells_each_step_in_order() {
    let scenarios = scenarios::all();
    let (found, said) = survey_of(&scenarios[0]).await;
    let told: Vec<_> = said.iter().map(|finding| (finding.step, finding.detail.as_str())).collect();
    assert_eq!(
        told,
        [
            ("tools", "az 2.91.0, func 4.0.7030"),
            ("providers", "to be registered: Microsoft.App"),
            ("permissions", "enough"),
            ("group", "rg-humanbound is to be made"),
            ("survey", "nothing of ours yet"),
            ("secret", "a new one"),
        ]
    );
    assert!(said.iter().all(|finding| finding.warning.is_none()));
    assert_eq!(
        (found.secret, found.same, found.unregistered),
        (SecretNeed::WithDeployment, false, vec!["Microsoft.App".to_owned()])
    );
    let (found, said) = survey_of(&scenarios[1]).await;
    assert!(found.same && found.secret == SecretNeed::None && found.workspace.unwrap().ours);
    assert_eq!(found.package.as_deref(), Some(scenarios[1].options.package_sha256.as_str()));
    assert!(said[4].detail.starts_with("deployed before, as hb-sentinel-"), "{said:?}");
    assert_eq!(survey_of(&scenarios[2]).await.0.secret, SecretNeed::None);
    let (found, _) = survey_of(&scenarios[3]).await;
    assert!(!found.workspace.unwrap().ours && found.group.is_some_and(|group| !group.ours));
    assert_eq!(survey_of(&scenarios[5]).await.0.secret, SecretNeed::NewVersion);
}

/// The fresh scenario, with these answers before its own.
fn with(first: impl FnOnce(&std::sync::Arc<Recorded>)) -> Scenario {
    let mut scenario = scenarios::all().remove(0);
    let answers = Recorded::new();
    first(&answers);
    answers.append(&scenario.answers);
    scenario.answers = answers;
    scenario
}

#[tokio::test]
async fn doubts_warn_and_stop_nothing() {
    let reader = json!({"value": [{"actions": ["*/read"], "notActions": []}]});
    let scenario = with(|answers| {
        answers
            .always("version --only", Answer::json(&json!({"azure-cli": "2.77.0"})))
            .always("--version", Answer::error(1, "func: not found"))
            .always("permissions", Answer::json(&reader));
    });
    let (found, said) = survey_of(&scenario).await;
    assert_eq!(said[0].detail, "az 2.77.0, func not needed: az publishes");
    assert!(said[0].warning.as_ref().unwrap().contains("az upgrade"));
    assert!(said[2].warning.as_ref().unwrap().contains("Microsoft.Authorization/roleAssignments/write"));
    assert!(found.func_version.is_none() && found.missing_actions.len() == 10);
    // Permissions that cannot be read are a doubt too.
    let scenario = with(|answers| {
        answers.always("permissions", Answer::error(1, "ERROR: (AuthorizationFailed) m"));
    });
    assert!(survey_of(&scenario).await.1[2].warning.is_some());
    // Whoever publishes with Core Tools needs them.
    let mut scenario = with(|answers| {
        answers.always("--version", Answer::error(1, "func: not found"));
    });
    scenario.options.publisher = Publisher::Func;
    let (az, azure) = (scenario.answers.az(), scenario.answers.azure());
    let stopped = survey::read(&az, &azure, &scenario.options, false, |_| {}).await.unwrap_err();
    assert_eq!(stopped.step, "tools");
}

#[tokio::test]
async fn vault_that_was_deleted_with_this_group_is_found() {
    let deleted = |name: &str, group: &str| {
        json!({"name": name, "properties": {"location": "westeurope",
            "vaultId": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}")}})
    };
    let all = json!({"value": [
        deleted("kv-other", GROUP), deleted("kv-hb-1", "rg-humanbound-2"), deleted("kv-hb-2", &GROUP.to_uppercase()),
    ]});
    let scenario = with(|answers| {
        answers.always("deletedVaults", Answer::json(&all));
    });
    let (found, said) = survey_of(&scenario).await;
    assert_eq!(found.deleted_vault.unwrap().name, "kv-hb-2");
    assert!(said[4].warning.as_ref().unwrap().contains("kv-hb-2"));
}

async fn signed_in(accounts: serde_json::Value, named: Option<&str>) -> Result<SignIn, survey::Stopped> {
    let first = accounts[0].clone();
    let recorded = Recorded::new()
        .always(
            "account show",
            if first.is_null() {
                Answer::error(1, "ERROR: Please run 'az login' to setup account.")
            } else {
                Answer::json(&first)
            },
        )
        .always("account list", Answer::json(&accounts))
        .always("cloud show", Answer::json(&json!({"name": "AzureCloud", "endpoints": {}})));
    let az: Az = recorded.az();
    survey::sign_in(&az, named).await
}

#[tokio::test]
async fn subscription_is_the_one_that_is_named_or_the_only_one() {
    let account = |id: &str, state: &str| json!({"id": id, "name": id, "tenantId": "t", "state": state, "user": {"name": "u"}, "isDefault": true});
    let one = signed_in(json!([account("a", "Enabled"), account("b", "Disabled")]), None).await.unwrap();
    assert!(matches!(one, SignIn::One(account, _) if account.subscription == "a"));
    let two = json!([account("a", "Enabled"), account("b", "Enabled")]);
    assert!(matches!(signed_in(two.clone(), None).await.unwrap(), SignIn::Several(all) if all.len() == 2));
    assert!(matches!(signed_in(two, Some("a")).await.unwrap(), SignIn::One(..)));
    let nobody = signed_in(json!([]), None).await.unwrap_err();
    assert!(matches!(nobody.source, Error::Login(_)) && nobody.step == "login");
}
