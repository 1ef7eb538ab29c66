//! A deployment as data: what will be changed, in order, derived only from what was found and what is wanted. `deploy` runs
//! it, and [`super::script`] writes it as a script.

use serde_json::{Map, Value};

use super::{
    call::{Call, Word},
    calls::{PACKAGE_TAG, Scope},
    found::{SecretNeed, Survey},
    options::{DeployOptions, Publisher},
    parameters::{deployment_name, parameters},
};

/// Outputs of the template that calls need: names in `infra/main.bicep`.
const SITE: &str = "connectorFunctionName";
const SITE_ID: &str = "siteResourceId";
const VAULT_ID: &str = "keyVaultResourceId";

/// One step, and the calls in it that change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `providers`, `group`, `infra`, `publish` or `secret`.
    pub id: &'static str,
    /// What it does, for people.
    pub title: String,
    /// Its calls, in order; empty when there is nothing to change.
    pub changes: Vec<Call>,
}

/// What will be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub scope: Scope,
    /// The name of the deployment.
    pub deployment: String,
    /// Its parameters, without the secret.
    pub parameters: Map<String, Value>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Whether a new secret is needed.
    pub needs_secret: bool,
    /// Whether a webhook is made or checked at the end.
    pub connects: bool,
    /// The vault that may already hold a secret.
    pub vault: Option<String>,
}

impl Plan {
    /// What follows from what was found and what is wanted.
    #[must_use]
    pub fn new(scope: Scope, found: &Survey, options: &DeployOptions) -> Self {
        let mut values = parameters(found, options);
        let deployment = deployment_name(&options.template, &values);
        // A deployment that changes nothing need not wait for existing resources.
        if found.same {
            values.insert("settled".to_owned(), Value::Bool(true));
        }
        let is_there = found.same && !options.force;
        // A deployment that does not run cannot bring a secret.
        let secret = match found.secret {
            SecretNeed::WithDeployment if is_there => SecretNeed::NewVersion,
            need => need,
        };
        let steps = vec![
            providers(&scope, found),
            group(&scope, found, options),
            infra(&scope, &deployment, is_there, secret),
            publish(&scope, is_there, found, options),
            new_secret(&scope, secret),
        ];
        Self {
            scope,
            deployment,
            parameters: values,
            steps,
            needs_secret: secret != SecretNeed::None,
            connects: !options.no_connect,
            vault: found.vault.clone(),
        }
    }

    /// Every call that changes something, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Call> {
        self.steps.iter().flat_map(|step| &step.changes)
    }
}

fn step(id: &'static str, title: impl Into<String>, changes: Vec<Call>) -> Step {
    Step { id, title: title.into(), changes }
}

fn providers(scope: &Scope, found: &Survey) -> Step {
    let changes = found.unregistered.iter().map(|namespace| scope.provider_register(namespace)).collect();
    let title = match found.unregistered.as_slice() {
        [] => "resource providers are registered".to_owned(),
        some => format!("register {}", some.join(", ")),
    };
    step("providers", title, changes)
}

fn group(scope: &Scope, found: &Survey, options: &DeployOptions) -> Step {
    match (&found.group, &options.location) {
        (Some(_), _) => step("group", format!("{} is there", scope.group), Vec::new()),
        (None, location) => {
            let location = location.as_deref().unwrap_or(DEFAULT_LOCATION);
            let title = format!("make the resource group {} in {location}", scope.group);
            step("group", title, vec![scope.group_create(location)])
        }
    }
}

/// The region of a new resource group when none is named.
pub const DEFAULT_LOCATION: &str = "westeurope";

fn infra(scope: &Scope, name: &str, is_there: bool, secret: SecretNeed) -> Step {
    if is_there {
        return step("infra", format!("{name} is deployed"), Vec::new());
    }
    let call = scope.deployment_create(name, secret == SecretNeed::WithDeployment);
    step("infra", format!("deploy the template as {name}"), vec![call])
}

fn publish(scope: &Scope, is_there: bool, found: &Survey, options: &DeployOptions) -> Step {
    if is_there && found.package.as_deref() == Some(&options.package_sha256) {
        return step("publish", "the site runs this package", Vec::new());
    }
    let publish = match options.publisher {
        Publisher::Az => scope.publish(Word::output(SITE)),
        Publisher::Func => scope.publish_with_func(Word::output(SITE)),
    };
    let tag = scope.tag(Word::output(SITE_ID), PACKAGE_TAG, &options.package_sha256);
    step("publish", "publish the package", vec![publish, tag])
}

fn new_secret(scope: &Scope, secret: SecretNeed) -> Step {
    match secret {
        SecretNeed::None => step("secret", "the secret stays", Vec::new()),
        SecretNeed::WithDeployment => step("secret", "a new secret comes with the deployment", Vec::new()),
        SecretNeed::NewVersion => {
            let put = scope.secret_put(Word::output(VAULT_ID));
            let refresh = scope.references_refresh(Word::output(SITE_ID));
            step("secret", "put a new version of the secret, and let the site fetch it", vec![put, refresh])
        }
    }
}
