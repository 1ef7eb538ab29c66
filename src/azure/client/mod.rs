//! Typed calls of `az` and `func`.
//!
//! [`Az`] is the tool itself: version, account, cloud, login. [`Azure`] is one subscription and resource group, reached
//! through it. `rest` adds retries, pages and waiting to `az rest`; the other modules have one kind of resource each.

mod account;
mod deployment;
mod rest;
mod site;
mod storage;
mod vault;

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::Value;

use super::{
    call::{Call, Values},
    calls::Scope,
    error::Error,
    process::{Output, Runner, Stdin},
};

pub use account::{Account, Cloud, Permission, allows};
pub use deployment::{Deployment, Operation, Progress};
pub use rest::Rest;
pub use site::Keys;
pub use vault::{DeletedVault, SecretVersion};

type Sleeper = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// The Azure CLI.
#[derive(Clone)]
pub struct Az {
    runner: Arc<dyn Runner>,
    sleeper: Sleeper,
}

impl fmt::Debug for Az {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Az").finish_non_exhaustive()
    }
}

impl Az {
    /// With programs of this machine, or with recorded answers.
    #[must_use]
    pub fn new(runner: Arc<dyn Runner>) -> Self {
        Self { runner, sleeper: Arc::new(|pause| Box::pin(tokio::time::sleep(pause))) }
    }

    /// Waits with `sleeper` between tries and polls, so that a test need not wait.
    #[must_use]
    pub fn sleeping(
        mut self,
        sleeper: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.sleeper = Arc::new(sleeper);
        self
    }

    /// A resource group through this tool.
    #[must_use]
    pub fn azure(&self, scope: Scope) -> Azure {
        Azure { az: self.clone(), scope }
    }

    /// Runs a call; `None` when it printed nothing, which may be an empty answer or `null`.
    ///
    /// # Errors
    ///
    /// When the call could not be run, failed, or printed something other than JSON.
    pub async fn run(&self, call: &Call, values: &Values) -> Result<Option<Value>, Error> {
        let output = self.output(call, values).await?;
        let text = output.stdout.trim();
        if text.is_empty() {
            return Ok(None);
        }
        serde_json::from_str(text)
            .map(Some)
            .map_err(|_| Error::Answer { call: call.name(), expected: "JSON" })
    }

    /// The answer of a call that needs nothing to be filled in.
    async fn json(&self, call: &Call) -> Result<Value, Error> {
        let answer = self.run(call, &Values::default()).await?;
        answer.ok_or_else(|| Error::Answer { call: call.name(), expected: "answer" })
    }

    async fn output(&self, call: &Call, values: &Values) -> Result<Output, Error> {
        let missing = |expected| Error::Answer { call: call.name(), expected };
        self.invoke(call.resolve(values).map_err(missing)?).await
    }

    async fn invoke(&self, invocation: super::process::Invocation) -> Result<Output, Error> {
        let output = self.runner.run(invocation).await?;
        match output.code {
            Some(0) => Ok(output),
            code => Err(Error::of(code, &output.stderr)),
        }
    }

    async fn sleep(&self, pause: Duration) {
        (self.sleeper)(pause).await;
    }

    /// Logs in, with the operator's terminal.
    ///
    /// # Errors
    ///
    /// When the login failed; its text went to the terminal.
    pub async fn login(&self, tenant: Option<&str>) -> Result<(), Error> {
        let call = Call::az(&["login"]).word("--only-show-errors").with("--output", "none");
        let call = tenant.into_iter().fold(call, |call, tenant| call.with("--tenant", tenant));
        let missing = |expected| Error::Answer { call: call.name(), expected };
        let mut invocation = call.resolve(&Values::default()).map_err(missing)?;
        invocation.stdin = Stdin::Terminal;
        // A person may have to find a telephone for the second factor.
        invocation.timeout = Duration::from_secs(15 * 60);
        self.invoke(invocation).await.map(drop)
    }
}

/// One resource group, which need not exist yet, in one subscription.
#[derive(Debug, Clone)]
pub struct Azure {
    az: Az,
    scope: Scope,
}

impl Azure {
    /// Which one.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Runs a call of a plan.
    ///
    /// # Errors
    ///
    /// Those of [`Az::run`].
    pub async fn run(&self, call: &Call, values: &Values) -> Result<Option<Value>, Error> {
        self.az.run(call, values).await
    }
}

/// A member of a JSON object as text; numbers and booleans as they are written.
fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}
