//! Deployments of the resource group: starts and watches them, and finds the innermost cause of a failure.

use std::{collections::BTreeMap, time::Duration};

use futures::future::BoxFuture;
use serde_json::Value;

use super::{Azure, rest, text};
use crate::azure::{
    call::{Call, Values},
    calls::api,
    error::Error,
    fault::Fault,
};

/// How often a deployment is read; its operations are read every other time.
const POLL: Duration = Duration::from_secs(5);
/// Azure may show a deployment a little after it has accepted it.
const MAX_LOOKS: u32 = 4;
/// A first deployment takes a quarter of an hour or so.
const MAX_POLLS: u64 = 1080;
/// Polls in a row that may fail before the network counts as broken.
const MAX_FAILURES: u32 = 6;
/// How deep nested deployments are followed.
const DEPTH: usize = 4;

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Running, or about to.
    Running,
    /// Everything is deployed.
    Succeeded,
    /// Something could not be deployed.
    Failed,
    /// Somebody canceled it.
    Canceled,
}

/// A deployment as Azure shows it.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// How far it is.
    pub progress: Progress,
    /// When that was, in Azure's form of RFC 3339.
    pub timestamp: String,
    /// Its parameters, each as text, without those that are secret.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs, each as text.
    pub outputs: BTreeMap<String, String>,
    /// The ids of what it made or found, without the resources of nested deployments.
    pub resources: Vec<String>,
    /// Why it failed, by the deployment's own error.
    pub fault: Option<Fault>,
}

impl Deployment {
    /// Reads Azure's JSON; `None` when it does not describe a deployment.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let properties = value.get("properties")?;
        let values = |name: &str| {
            let all = properties.get(name).and_then(Value::as_object).into_iter().flatten();
            all.filter_map(|(name, one)| Some((name.clone(), text(one, "value")?))).collect()
        };
        let made = properties.get("outputResources").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            name: text(value, "name")?,
            id: text(value, "id")?,
            progress: match text(properties, "provisioningState")?.as_str() {
                "Succeeded" => Progress::Succeeded,
                "Failed" => Progress::Failed,
                "Canceled" => Progress::Canceled,
                _ => Progress::Running,
            },
            timestamp: text(properties, "timestamp").unwrap_or_default(),
            parameters: values("parameters"),
            outputs: values("outputs"),
            resources: made.filter_map(|resource| text(resource, "id")).collect(),
            fault: properties.get("error").and_then(Fault::from_json),
        })
    }
}

/// One thing that a deployment does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The resource id of what it makes.
    pub target: String,
    /// Its type, such as `Microsoft.Web/sites`.
    pub kind: String,
    /// How far it is: `Running`, `Succeeded`, `Failed`, …
    pub state: String,
    /// Why it failed.
    pub fault: Option<Fault>,
}

impl Operation {
    fn read(value: &Value) -> Option<Self> {
        let properties = value.get("properties")?;
        // The last operation is Azure's evaluation of outputs: it has no target.
        let target = properties.get("targetResource")?;
        Some(Self {
            target: text(target, "id")?,
            kind: text(target, "resourceType").unwrap_or_default(),
            state: text(properties, "provisioningState").unwrap_or_default(),
            fault: properties.get("statusMessage").and_then(Fault::from_json),
        })
    }

    fn is_deployment(&self) -> bool {
        self.kind.eq_ignore_ascii_case("Microsoft.Resources/deployments")
    }
}

impl Azure {
    /// Starts a deployment and returns when Azure has accepted it.
    ///
    /// # Errors
    ///
    /// What Azure finds wrong with it at once; [`Error::Rejected`] with `DeploymentActive` when one of that name is running.
    pub async fn start_deployment(&self, name: &str, values: &Values) -> Result<(), Error> {
        let call = self.scope.deployment_create(name, values.secret.is_some());
        self.start(&call, name, values).await
    }

    /// Runs the call that starts the deployment `name`, and looks whether Azure knows it. With `--no-wait`, `az` takes every
    /// answer with a good status for Azure's, even the page of a proxy.
    ///
    /// # Errors
    ///
    /// As those of [`Self::start_deployment`]; [`Error::Answer`] when Azure does not know the deployment afterwards.
    pub async fn start(&self, call: &Call, name: &str, values: &Values) -> Result<(), Error> {
        self.az.run(call, values).await?;
        for _ in 0..MAX_LOOKS {
            if self.deployment(name).await?.is_some() {
                return Ok(());
            }
            self.az.sleep(POLL).await;
        }
        Err(Error::Answer { call: call.name(), expected: "deployment" })
    }

    /// Stops a deployment that is under way.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when it has ended already, [`Error::NotFound`] when it never began.
    pub async fn cancel_deployment(&self, name: &str) -> Result<(), Error> {
        self.az.run(&self.scope.deployment_cancel(name), &Values::default()).await.map(drop)
    }

    /// Azure's prediction of what a deployment would change: its JSON, of which `changes` matters.
    ///
    /// # Errors
    ///
    /// What Azure finds wrong with it.
    pub async fn what_if(&self, name: &str, values: &Values) -> Result<Value, Error> {
        let call = self.scope.deployment_what_if(name);
        let answer = self.az.run(&call, values).await?;
        answer.ok_or_else(|| Error::Answer { call: call.name(), expected: "prediction" })
    }

    /// A deployment by its name, or `None`.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn deployment(&self, name: &str) -> Result<Option<Deployment>, Error> {
        let url = format!("{}?api-version={}", self.scope.deployment_path(name), api::DEPLOYMENTS);
        Ok(self.get(&url).await?.as_ref().and_then(Deployment::read))
    }

    /// A deployment by its resource id, in any resource group, or `None`.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn deployment_by_id(&self, id: &str) -> Result<Option<Deployment>, Error> {
        let url = format!("{id}?api-version={}", api::DEPLOYMENTS);
        Ok(self.get(&url).await?.as_ref().and_then(Deployment::read))
    }

    /// The deployments of the group whose names begin with `prefix`, the newest first; none when there is no group.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn deployments(&self, prefix: &str) -> Result<Vec<Deployment>, Error> {
        let path = format!("{}/providers/Microsoft.Resources/deployments", self.scope.path());
        let all = self.list(&format!("{path}?api-version={}", api::DEPLOYMENTS)).await?;
        let mut ours: Vec<_> = all
            .iter()
            .filter_map(Deployment::read)
            .filter(|deployment| deployment.name.starts_with(prefix))
            .collect();
        ours.sort_by(|a, b| b.timestamp.cmp(&a.timestamp));
        Ok(ours)
    }

    /// The operations of a deployment, by its resource id.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn operations(&self, deployment: &str) -> Result<Vec<Operation>, Error> {
        let url = format!("{deployment}/operations?api-version={}", api::DEPLOYMENTS);
        Ok(self.list(&url).await?.iter().filter_map(Operation::read).collect())
    }

    /// Waits until a deployment has ended, and reports its progress to `observe`. A failure has the innermost cause.
    ///
    /// # Errors
    ///
    /// When Azure cannot be reached for longer than a moment, or the deployment is gone or never ends. A failed deployment
    /// is no error here.
    pub async fn watch(
        &self,
        name: &str,
        mut observe: impl FnMut(&Deployment, &[Operation]) + Send,
    ) -> Result<Deployment, Error> {
        let mut failures = 0;
        for poll in 0..MAX_POLLS {
            match self.look(name, poll % 2 == 0).await {
                Ok((deployment, operations)) => {
                    failures = 0;
                    observe(&deployment, &operations);
                    match deployment.progress {
                        Progress::Running => {}
                        Progress::Failed => return Ok(self.explained(deployment).await),
                        Progress::Succeeded | Progress::Canceled => return Ok(deployment),
                    }
                }
                Err(error) if failures < MAX_FAILURES && rest::is_passing(&error) => failures += 1,
                Err(error) => return Err(error),
            }
            self.az.sleep(POLL).await;
        }
        Err(Error::Pending {
            what: format!("the deployment {name}"),
            minutes: POLL.as_secs() * MAX_POLLS / 60,
        })
    }

    async fn look(&self, name: &str, with_operations: bool) -> Result<(Deployment, Vec<Operation>), Error> {
        let gone = || {
            Error::NotFound(Fault { message: format!("the deployment {name} is gone"), ..Fault::default() })
        };
        let deployment = self.deployment(name).await?.ok_or_else(gone)?;
        let wanted = with_operations && deployment.progress == Progress::Running;
        let operations = if wanted { self.operations(&deployment.id).await? } else { Vec::new() };
        Ok((deployment, operations))
    }

    /// The deployment with the causes from its operations, which say more than its own error.
    async fn explained(&self, mut deployment: Deployment) -> Deployment {
        let mut faults = Vec::new();
        // A cause that cannot be read is no reason to hide that the deployment failed.
        if self.causes(&deployment.id, DEPTH, &mut faults).await.is_ok() && !faults.is_empty() {
            let first = faults.remove(0);
            deployment.fault = Some(Fault { others: faults, ..first });
        }
        deployment
    }

    /// The faults of what failed, down into nested deployments.
    fn causes<'a>(
        &'a self,
        deployment: &'a str,
        depth: usize,
        faults: &'a mut Vec<Fault>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for operation in self.operations(deployment).await? {
                if operation.state != "Failed" {
                    continue;
                }
                let before = faults.len();
                if operation.is_deployment() && depth > 0 {
                    self.causes(&operation.target, depth - 1, faults).await?;
                }
                if faults.len() == before
                    && let Some(fault) = operation.fault
                {
                    let target = fault.target.or(Some(operation.target));
                    faults.push(Fault { target, ..fault });
                }
            }
            Ok(())
        })
    }
}
