//! The Function App: its settings, keys and references, its tags, and the package that it runs.

use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

use serde_json::Value;
use zeroize::Zeroizing;

use super::{Azure, text};
use crate::azure::{
    call::{Call, File, Values},
    calls::{PACKAGE_TAG, api},
    error::Error,
};

/// Pauses after failed tries to publish while the site is not ready: five tries in all.
const PAUSES: [u64; 4] = [10, 20, 40, 60];
/// The identity's role on the container `package` becomes effective after some minutes: ten tries, a minute apart.
/// <https://github.com/Azure/azure-functions-core-tools/issues/4346>
const ROLE_TRIES: usize = 10;
const ROLE_PAUSE: Duration = Duration::from_secs(60);

/// The keys of the host and its functions, which cannot be printed.
#[derive(Clone)]
pub struct Keys {
    /// The key that every function accepts.
    pub function: Zeroizing<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(redacted)")
    }
}

impl Azure {
    /// The settings of a site, by its name.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn settings(&self, site: &str) -> Result<BTreeMap<String, String>, Error> {
        let answer = self.az.json(&self.scope.settings_list(site)).await?;
        let setting =
            |setting: &Value| Some((text(setting, "name")?, text(setting, "value").unwrap_or_default()));
        Ok(answer.as_array().into_iter().flatten().filter_map(setting).collect())
    }

    /// Writes some settings, keeps the others, and reads them back, because Azure accepts anything.
    ///
    /// # Errors
    ///
    /// What Azure answers, or [`Error::NotKept`].
    pub async fn set_settings(&self, site: &str, settings: &BTreeMap<String, String>) -> Result<(), Error> {
        let json = Value::from_iter(settings.clone()).to_string();
        self.az.run(&self.scope.settings_set(site, json), &Values::default()).await?;
        let kept = self.settings(site).await?;
        match settings.iter().find(|(name, value)| kept.get(*name) != Some(value)) {
            Some((name, _)) => Err(Error::NotKept { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Deletes settings; one that does not exist is no error.
    ///
    /// # Errors
    ///
    /// What Azure answers, or [`Error::NotKept`].
    pub async fn delete_settings(&self, site: &str, names: &[&str]) -> Result<(), Error> {
        self.az.run(&self.scope.settings_delete(site, names), &Values::default()).await?;
        let kept = self.settings(site).await?;
        match names.iter().find(|name| kept.contains_key(**name)) {
            Some(name) => Err(Error::NotKept { name: (*name).to_owned() }),
            None => Ok(()),
        }
    }

    /// The keys of a site.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn keys(&self, site: &str) -> Result<Keys, Error> {
        let call = self.scope.keys_list(site);
        let answer = self.az.json(&call).await?;
        let key = answer.get("functionKeys").and_then(|keys| text(keys, "default"));
        let key = key.ok_or_else(|| Error::Answer { call: call.name(), expected: "function key" })?;
        Ok(Keys { function: Zeroizing::new(key) })
    }

    /// The state of each setting that refers to a vault, by the site's resource id: `Resolved`, or why not.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn references(&self, site: &str) -> Result<BTreeMap<String, String>, Error> {
        let url = format!("{site}/config/configreferences/appsettings?api-version={}", api::SITES);
        let listed = self.list(&url).await?;
        let read = |item: &Value| Some((text(item, "name")?, text(item.get("properties")?, "status")?));
        Ok(listed.iter().filter_map(read).collect())
    }

    /// Makes a site resolve its references again, by its resource id.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn refresh_references(&self, site: &str) -> Result<(), Error> {
        self.patiently(&self.scope.references_refresh(site), &Values::default()).await.map(drop)
    }

    /// Adds a tag to a resource, by its id, and keeps its others.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn tag(&self, id: &str, name: &str, value: &str) -> Result<(), Error> {
        self.az.run(&self.scope.tag(id, name, value), &Values::default()).await.map(drop)
    }

    /// The digest of the package that a site runs, from its tag, by the site's resource id.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn package_tag(&self, site: &str) -> Result<Option<String>, Error> {
        let answer = self.get(&format!("{site}?api-version={}", api::SITES)).await?;
        Ok(answer.and_then(|site| text(site.get("tags")?, PACKAGE_TAG)))
    }

    /// Publishes a package as it is, repeatedly while the site is not ready for it.
    ///
    /// # Errors
    ///
    /// The last answer of the publishing site.
    pub async fn publish(&self, site: &str, package: &Path) -> Result<(), Error> {
        let files = [(File::Package, package.to_owned())].into();
        self.publish_by(&self.scope.publish(site), &Values { files, ..Values::default() }).await
    }

    /// Publishes with Core Tools what was unpacked into `folder`.
    ///
    /// # Errors
    ///
    /// The last output of Core Tools.
    pub async fn publish_with_func(&self, site: &str, folder: &Path) -> Result<(), Error> {
        let files = [(File::Unpacked, folder.to_owned())].into();
        self.publish_by(&self.scope.publish_with_func(site), &Values { files, ..Values::default() }).await
    }

    /// Runs a call that publishes, of this module or of a plan, with the retries above.
    ///
    /// # Errors
    ///
    /// What the last try said.
    pub async fn publish_by(&self, call: &Call, values: &Values) -> Result<(), Error> {
        let mut pauses = PAUSES.iter().map(|seconds| Duration::from_secs(*seconds));
        let mut roles = std::iter::repeat_n(ROLE_PAUSE, ROLE_TRIES);
        loop {
            let error = match self.az.run_text(call, values).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let pause = match retry(&error) {
                Retry::NotReady => pauses.next(),
                Retry::Role => roles.next(),
                Retry::Never => None,
            };
            let Some(pause) = pause else { return Err(error) };
            self.az.sleep(pause).await;
        }
    }
}

impl super::Az {
    /// Runs a call whose output is not read: Core Tools print a log.
    async fn run_text(&self, call: &Call, values: &Values) -> Result<(), Error> {
        self.output(call, values).await.map(drop)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Retry {
    /// The site is new, or another publishing is under way.
    NotReady,
    /// A role is not effective yet.
    Role,
    /// It would fail again.
    Never,
}

/// What a failed publishing calls for. `az` may go on asking for the state of an upload that was rejected, so what counts
/// is the status that it tells: <https://github.com/Azure/azure-cli/issues/24644>.
fn retry(error: &Error) -> Retry {
    let (Error::Rejected(fault) | Error::NotFound(fault)) = error else { return Retry::Never };
    let mentions = |words: &[&str]| words.iter().any(|word| fault.says(word));
    match fault.status {
        Some(404 | 409 | 429 | 500..=599) => Retry::NotReady,
        Some(403)
            if mentions(&[
                "AuthorizationPermissionMismatch",
                "AuthorizationFailure",
                "blob",
                "container",
            ]) =>
        {
            Retry::Role
        }
        None if mentions(&["There may be an ongoing deployment", "Failed to retrieve deployment status"]) => {
            Retry::NotReady
        }
        _ => Retry::Never,
    }
}
