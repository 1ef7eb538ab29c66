//! The key vault through the control plane: no role on its data is needed, and no value can be read.

use super::{Azure, text};
use crate::azure::{
    call::Values,
    calls::{SECRET_NAME, api},
    error::Error,
};
use crate::config::Confidential;

/// A version of the webhook secret: its address, not its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// Its address with the version: <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates>.
    pub uri: String,
}

/// A soft-deleted vault, whose name is reserved until it is purged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedVault {
    /// Its name.
    pub name: String,
    /// The resource id that it had.
    pub id: String,
    /// The region that it was in, the only one that it can be recovered to.
    pub location: String,
}

impl Azure {
    /// The newest version of the webhook secret in a vault, by the vault's resource id; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn secret_version(&self, vault: &str) -> Result<Option<SecretVersion>, Error> {
        let answer = self.get(&format!("{vault}/secrets/{SECRET_NAME}?api-version={}", api::VAULTS)).await?;
        let uri = answer.and_then(|answer| text(answer.get("properties")?, "secretUriWithVersion"));
        Ok(uri.map(|uri| SecretVersion { uri }))
    }

    /// Writes a new version of the webhook secret. It goes through standard input, and nothing of the answer is printed.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn put_secret(&self, vault: &str, secret: &Confidential) -> Result<(), Error> {
        let values = Values { secret: Some(secret.clone()), ..Values::default() };
        self.patiently(&self.scope.secret_put(vault), &values).await.map(drop)
    }

    /// The soft-deleted vaults of the subscription.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn deleted_vaults(&self) -> Result<Vec<DeletedVault>, Error> {
        let path = format!("{}/providers/Microsoft.KeyVault/deletedVaults", self.scope.subscription_path());
        let listed = self.list(&format!("{path}?api-version={}", api::VAULTS)).await?;
        let read = |value: &serde_json::Value| {
            let properties = value.get("properties")?;
            Some(DeletedVault {
                name: text(value, "name")?,
                id: text(properties, "vaultId")?,
                location: text(properties, "location").unwrap_or_default(),
            })
        };
        Ok(listed.iter().filter_map(read).collect())
    }
}
