//! The previous secret: referred to by its version while events may be signed with it, and dropped afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::Rotating;
use crate::cli::error::Explain as _;
use crate::cli::platform::Told as _;
use crate::cli::webhook::ping::{self, Arrival};
use crate::config::Confidential;
use crate::humanbound::Webhook;

/// The setting of the connector that holds it.
const PREVIOUS: &str = "WEBHOOK_SECRET_PREVIOUS";
/// An app applies a changed setting within a minute or two; it is polled for five.
const LOOKS: usize = 60;
const LOOK: Duration = Duration::from_secs(5);

/// A setting that refers to a secret by its address with the version.
/// <https://learn.microsoft.com/azure/app-service/app-service-key-vault-references>
fn reference(uri: &str) -> String {
    format!("@Microsoft.KeyVault(SecretUri={uri})")
}

impl Rotating<'_> {
    /// Phase 1: the version that the live webhook signs with becomes the previous secret.
    pub(super) async fn keep_previous(&mut self, live: &Webhook) -> Result<()> {
        let step = self.context.printer.step("previous", "The old secret stays accepted");
        let newest = self.deployed.azure.secret_version(&self.vault).await.told()?;
        let newest = newest.ok_or_else(|| anyhow!("the vault has no `webhook-secret`"));
        let uri = newest.hint("run `hb-sentinel deploy`, which makes one").code("SecretMissing")?.uri;
        let there = self.deployed.azure.settings(&self.app.0).await.told()?.remove(PREVIOUS);
        // Another value is of a rotation that this program knows nothing of: what it refers to may be in use.
        if there.as_ref().is_some_and(|there| *there != reference(&uri)) {
            return Err(anyhow!("{PREVIOUS} is set already, by a rotation that is not remembered"))
                .hint("run `hb-sentinel rotate-secret --finish`, which proves that it is not needed and removes it")
                .code("RotationUnknown");
        }
        if there.is_none() {
            self.set_previous(&uri).await?;
        }
        self.wait_for_previous(&|text| step.progress(text)).await?;
        let rotation = self.rotation();
        rotation.old_webhook = Some(live.id.clone());
        rotation.previous_uri = Some(uri);
        self.reach(1)?;
        step.done("");
        Ok(())
    }

    /// Restores it where somebody removed it meanwhile.
    pub(super) async fn hold_previous(&mut self) -> Result<()> {
        let Some(uri) = self.rotation().previous_uri.clone() else { return Ok(()) };
        let settings = self.deployed.azure.settings(&self.app.0).await.told()?;
        if settings.get(PREVIOUS) == Some(&reference(&uri)) {
            return Ok(());
        }
        self.set_previous(&uri).await?;
        let printer = &self.context.printer;
        self.wait_for_previous(&|text| printer.verbose(text)).await
    }

    async fn set_previous(&self, uri: &str) -> Result<()> {
        let settings = BTreeMap::from([(PREVIOUS.to_owned(), reference(uri))]);
        self.deployed.azure.set_settings(&self.app.0, &settings).await.told()
    }

    pub(super) async fn has_previous(&self) -> Result<bool> {
        Ok(self.deployed.azure.settings(&self.app.0).await.told()?.contains_key(PREVIOUS))
    }

    /// Waits until neither Azure nor the connector finds anything wrong with it.
    async fn wait_for_previous(&self, told: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let key = self.deployed.azure.keys(&self.app.0).await.told()?;
        let key = Confidential::new(key.function.as_str());
        let mut reason = String::new();
        for look in 0..LOOKS {
            if look > 0 {
                told(&format!("{reason}; looking again in {} s", LOOK.as_secs()));
                self.context.timing.sleep(LOOK).await;
            }
            let references = self.deployed.azure.references(&self.app.1).await.told()?;
            if let Some(state) = references.get(PREVIOUS).filter(|state| *state != "Resolved") {
                reason = format!("Azure has not resolved it: {state}");
                continue;
            }
            match self.connector.status(&key).await {
                Ok(status) => match fault(&status) {
                    Some(message) => reason = format!("the connector says that it {message}"),
                    None => return Ok(()),
                },
                // A starting instance accepts no key yet.
                Err(error) => reason = error.to_string(),
            }
        }
        Err(anyhow!("the old secret cannot be kept as {PREVIOUS}: {reason}"))
            .hint("look at the app's identity, which needs Key Vault Secrets User on the vault, and run this again")
            .code("PreviousNotResolved")
    }

    /// Phase 5: a test event, the setting is dropped, another test event. A failure restores the setting.
    pub(super) async fn drop_previous(&mut self) -> Result<Arrival> {
        let id = self.current().ok_or_else(|| anyhow!("no webhook is remembered"))?;
        ping::until_it_arrives(self.context, &self.platform, &id).await?;
        let there = self.deployed.azure.settings(&self.app.0).await.told()?.remove(PREVIOUS);
        let step = self.context.printer.step("drop", "Only the new secret is accepted");
        self.deployed.azure.delete_settings(&self.app.0, &[PREVIOUS]).await.told()?;
        step.done("");
        let error = match ping::until_it_arrives(self.context, &self.platform, &id).await {
            Ok(arrival) => return Ok(arrival),
            Err(error) => error,
        };
        if let Some(there) = there {
            let settings = BTreeMap::from([(PREVIOUS.to_owned(), there)]);
            self.deployed.azure.set_settings(&self.app.0, &settings).await.told()?;
            self.context
                .printer
                .warn(&format!("{PREVIOUS} is set again, since the webhook seems to need it"));
        }
        Err(error)
    }
}

/// What the connector's status says is wrong with the previous secret.
fn fault(status: &Value) -> Option<String> {
    let all = ["problems", "notes"].iter().filter_map(|list| status.get(*list)?.as_array()).flatten();
    let mut ours = all.filter(|item| item.get("setting").and_then(Value::as_str) == Some(PREVIOUS));
    Some(ours.next()?.get("message").and_then(Value::as_str).unwrap_or("is wrong").to_owned())
}
