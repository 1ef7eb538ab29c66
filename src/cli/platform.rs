//! How every command for the platform begins: it opens the platform and the state, migrates what an older program left,
//! and removes webhooks that an earlier run could not.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};

use super::context::Context;
use super::error::{Exit, Explain as _, usage};
use crate::config::{self, PlatformSettings};
use crate::home;
use crate::humanbound::{self, Client, Deletion, backfill, same_connector};
use crate::state::{self, Connection, Legacy, Store};

/// What a platform's error becomes in a command.
pub(crate) trait Told<T> {
    /// With the way out and the exit code of the error.
    fn told(self) -> Result<T>;
}

impl<T> Told<T> for Result<T, humanbound::Error> {
    fn told(self) -> Result<T> {
        self.or_else(|error| {
            let (hint, exit) = (error.hint(), exit_of(error.exit_code()));
            Err(error).exit(exit).hint(hint)
        })
    }
}

impl<T> Told<T> for Result<T, state::Error> {
    fn told(self) -> Result<T> {
        self.or_else(|error| {
            let hint = error.hint();
            Err(error).hint(hint)
        })
    }
}

fn exit_of(code: u8) -> Exit {
    match code {
        2 => Exit::Usage,
        4 => Exit::LoginNeeded,
        _ => Exit::Failed,
    }
}

impl<T> Told<T> for Result<T, backfill::Error> {
    fn told(self) -> Result<T> {
        self.or_else(|error| {
            let (hint, code, exit) = (error.hint(), error.code(), exit_of(error.exit_code()));
            Err(error).exit(exit).hint(hint).code(code)
        })
    }
}

/// The platform and what is remembered of it. While this lives no other run changes the state.
pub(crate) struct Platform {
    pub(crate) client: Client,
    pub(crate) organisation: String,
    pub(crate) settings: PlatformSettings,
    pub(crate) store: Store,
}

/// The folder that `hb-sentinel` shares with `hb`.
pub(crate) fn folder(settings: &PlatformSettings) -> Result<PathBuf> {
    let home = settings.home.as_deref().ok_or_else(|| {
        usage("no home folder is known", "set `HOME`, where the login of `hb` and the state are kept")
    })?;
    Ok(home::folder(home))
}

/// The platform and what is remembered of it, for a command that only reads: it changes nothing, and waits for no other
/// run.
pub(crate) fn look(context: &Context) -> Result<(Client, Connection)> {
    let settings = config::platform(&context.env);
    let client = Client::open(&settings, context.organisation.as_deref(), context.timing.clone()).told()?;
    let state = state::read(&folder(&settings)?).told()?;
    let connection = state.get(client.organisation().told()?).cloned().unwrap_or_default();
    Ok((client, connection))
}

impl Platform {
    /// Opens both and cleans up after earlier runs. `purpose` is shown by another run that waits for this one.
    pub(crate) async fn open(context: &Context, purpose: &str) -> Result<Self> {
        let settings = config::platform(&context.env);
        let folder = folder(&settings)?;
        let client =
            Client::open(&settings, context.organisation.as_deref(), context.timing.clone()).told()?;
        let organisation = client.organisation().told()?.to_owned();
        let store = Store::open(&folder, purpose, state::PATIENCE).await.told()?;
        if let Some(aside) = &store.set_aside {
            context
                .printer
                .warn(&format!("the state could not be read and was moved to {}", aside.display()));
        }
        let mut platform = Self { client, organisation, settings, store };
        platform.check_base_url()?;
        platform.migrate(context).await?;
        platform.remove_orphans(context).await?;
        Ok(platform)
    }

    /// Opens the state of the organisation that somebody is logged in to, and calls nothing; `None` without a login.
    pub(crate) async fn open_offline(context: &Context, purpose: &str) -> Result<Option<Self>> {
        let settings = config::platform(&context.env);
        let opened = Client::open(&settings, context.organisation.as_deref(), context.timing.clone());
        let Ok(client) = opened else { return Ok(None) };
        let Ok(organisation) = client.organisation().map(str::to_owned) else { return Ok(None) };
        let store = Store::open(&folder(&settings)?, purpose, state::PATIENCE).await.told()?;
        Ok(Some(Self { client, organisation, settings, store }))
    }

    /// What is remembered of this organisation.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.store.state.connection(&self.organisation)
    }

    /// The live webhook, of a command that needs one; `so` says what follows when there is none.
    ///
    /// # Errors
    /// The organisation is not connected, as far as is remembered here.
    pub(crate) async fn needed(
        &self,
        live: Option<humanbound::Webhook>,
        so: &str,
    ) -> Result<humanbound::Webhook> {
        match live {
            Some(live) => Ok(live),
            None => self.no_webhook(so).await,
        }
    }

    /// Ends a command that needs a webhook; `so` says what follows when there is none.
    ///
    /// # Errors
    /// Always: the organisation is not connected, as far as is remembered here.
    pub(crate) async fn no_webhook<T>(&self, so: &str) -> Result<T> {
        let others = self.store.state.connected_beside(&self.organisation);
        let told = not_connected(&self.organisation, &others);
        if !others.is_empty() {
            return Err(anyhow!(told)).hint(connect_or_choose(&others)).code("NotConnected");
        }
        // The state may have been lost, and Humanbound delivers all the same. Who may not list webhooks is told the rest.
        let found = self.client.webhooks_to_connectors().await.unwrap_or_default();
        let (told, hint) = match found.first() {
            Some(one) => (
                format!("no connection is remembered here, and Humanbound delivers to {}", one.url),
                connect_again(&one.url),
            ),
            None => (format!("{told}{so}"), connect_or_choose(&[]).to_owned()),
        };
        Err(anyhow!(told)).hint(hint).code("NotConnected")
    }

    pub(crate) fn save(&self) -> Result<()> {
        self.store.save().told()
    }

    /// Ids are valid only on their own platform.
    fn check_base_url(&mut self) -> Result<()> {
        let now = self.client.base_url().to_string();
        let connection = self.connection();
        same_platform(connection, &now)?;
        connection.base_url = Some(now);
        Ok(())
    }

    /// The file of the old `hb sentinel` knew one webhook. It is taken over when this organisation has it.
    async fn migrate(&mut self, context: &Context) -> Result<()> {
        let Some(Legacy { webhook_id, connector_url, .. }) = self.store.state.legacy.clone() else {
            return Ok(());
        };
        match self.client.webhook(&webhook_id).await {
            Ok(webhook) => {
                context
                    .printer
                    .say("Migrated", &format!("the connection of the old `hb sentinel` to {}", webhook.url));
                let connection = self.connection();
                connection.webhook.get_or_insert_with(|| remember(&webhook));
            }
            Err(humanbound::Error::NotFound { .. }) => {
                let url = connector_url.unwrap_or_else(|| "an unknown URL".to_owned());
                context.printer.warn(&format!(
                    "the webhook of the old `hb sentinel` to {url} is not in this organisation and is forgotten"
                ));
            }
            Err(error) => {
                return Err(error).told().context("the webhook of the old `hb sentinel` cannot be looked up");
            }
        }
        self.store.state.legacy = None;
        self.save()
    }

    /// Every command tries again to delete webhooks that an earlier run could not delete.
    async fn remove_orphans(&mut self, context: &Context) -> Result<()> {
        let orphans = std::mem::take(&mut self.connection().orphans);
        if orphans.is_empty() {
            return Ok(());
        }
        let mut left = Vec::new();
        for id in orphans {
            match self.client.delete_webhook(&id).await {
                Ok(Deletion::Deleted) => {
                    context.printer.say("Removed", &format!("webhook {id}, left by an earlier run"));
                }
                Ok(Deletion::NotThere) => {}
                Err(error) => {
                    context
                        .printer
                        .warn(&format!("webhook {id} of an earlier run cannot be removed yet: {error}"));
                    left.push(id);
                }
            }
        }
        self.connection().orphans = left;
        self.save()
    }

    /// Deletes a webhook, or remembers that it is to be deleted.
    pub(crate) async fn remove(&mut self, context: &Context, id: &str) -> Result<bool> {
        match self.client.delete_webhook(id).await {
            Ok(_) => Ok(true),
            Err(error) => {
                context.printer.warn(&format!(
                    "webhook {id} cannot be removed now and will be by a later command: {error}"
                ));
                let orphans = &mut self.connection().orphans;
                if !orphans.iter().any(|orphan| orphan == id) {
                    orphans.push(id.to_owned());
                }
                self.save()?;
                Ok(false)
            }
        }
    }

    /// The live webhook: the remembered one, else one that leads to `url`.
    pub(crate) async fn live(&mut self, url: Option<&str>) -> Result<Option<humanbound::Webhook>> {
        if let Some(known) = self.connection().webhook.clone() {
            match self.client.webhook(&known.id).await {
                Ok(webhook) => return Ok(Some(webhook)),
                Err(humanbound::Error::NotFound { .. }) => {}
                Err(error) => return Err(error).told(),
            }
        }
        let Some(url) = url else { return Ok(None) };
        let all = self.client.webhooks().await.told()?;
        Ok(all.into_iter().find(|webhook| same_connector(&webhook.url, url)))
    }
}

/// Checks that `connection` is one to the platform at `now`.
///
/// # Errors
/// It has a webhook on another.
pub(crate) fn same_platform(connection: &Connection, now: &str) -> Result<()> {
    match &connection.base_url {
        Some(before) if before != now && connection.webhook.is_some() => Err(usage(
            format!("this organisation is connected on {before}, and {now} is called"),
            "unset `HUMANBOUND_BASE_URL`, or run `hb-sentinel disconnect --force` first",
        )),
        _ => Ok(()),
    }
}

/// Says that `organisation` is not connected, and which organisations are instead, if any.
pub(crate) fn not_connected(organisation: &str, others: &[String]) -> String {
    match others {
        [] => "nothing is connected".to_owned(),
        _ => format!("the organisation {organisation} is not connected; connected: {}", others.join(", ")),
    }
}

/// The way out of [`not_connected`].
pub(crate) fn connect_or_choose(others: &[String]) -> &'static str {
    match others {
        [] => "run `hb-sentinel connect --url URL`",
        _ => "name another organisation with `--org ID`, or run `hb-sentinel connect --url URL`",
    }
}

/// The way out where Humanbound delivers to `url`, and nothing here remembers it.
pub(crate) fn connect_again(url: &str) -> String {
    format!("run `hb-sentinel connect --url {url}` if that is yours")
}

/// A webhook of the platform, as it is remembered.
pub(crate) fn remember(webhook: &humanbound::Webhook) -> state::Webhook {
    state::Webhook {
        id: webhook.id.clone(),
        url: webhook.url.clone(),
        name: webhook.name.clone(),
        ..state::Webhook::default()
    }
}
