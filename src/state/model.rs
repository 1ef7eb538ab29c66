//! The members of the state file. Each keeps unknown members in `rest`.
//!
//! Times are RFC 3339 in UTC. No member may hold a secret, nor may an output of a deployment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::Legacy;

/// The format that this version writes.
pub(super) const VERSION: u64 = 2;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    version: u64,
    #[serde(default)]
    connections: BTreeMap<String, Connection>,
    /// What an older `hb sentinel` left, until the caller has decided on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy: Option<Legacy>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Default for State {
    fn default() -> Self {
        Self { version: VERSION, connections: BTreeMap::new(), legacy: None, rest: Map::new() }
    }
}

impl State {
    /// What an older `hb sentinel` left, and nothing else.
    pub(super) fn of_legacy(legacy: Legacy) -> Self {
        Self { legacy: Some(legacy), ..Self::default() }
    }

    /// What is known of an organisation. The case of its id does not matter.
    #[must_use]
    pub fn get(&self, organisation: &str) -> Option<&Connection> {
        self.connections.get(&key(organisation))
    }

    /// What is known of an organisation, to be changed; nothing at first.
    pub fn connection(&mut self, organisation: &str) -> &mut Connection {
        self.connections.entry(key(organisation)).or_default()
    }

    /// Forgets an organisation, and returns what was known of it.
    pub fn forget(&mut self, organisation: &str) -> Option<Connection> {
        self.connections.remove(&key(organisation))
    }

    /// The organisations that are connected, each by its name and id, without `organisation`.
    #[must_use]
    pub fn connected_beside(&self, organisation: &str) -> Vec<String> {
        let others = self.connections.iter().filter(|(id, _)| **id != key(organisation));
        let connected = others.filter(|(_, connection)| connection.webhook.is_some());
        let told = connected.map(|(id, connection)| match &connection.organisation_name {
            Some(name) => format!("{name} ({id})"),
            None => id.clone(),
        });
        told.collect()
    }

    /// All organisations by their ids, in lower case.
    pub fn connections(&self) -> impl Iterator<Item = (&str, &Connection)> {
        self.connections.iter().map(|(id, connection)| (id.as_str(), connection))
    }
}

fn key(organisation: &str) -> String {
    organisation.trim().to_lowercase()
}

/// One organisation's connection to a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// The organisation's name.
    pub organisation_name: Option<String>,
    /// The platform's base URL, since ids mean nothing on another.
    pub base_url: Option<String>,
    /// The webhook that delivers.
    pub webhook: Option<Webhook>,
    /// A webhook whose creation was requested, and whose outcome is unknown.
    pub pending: Option<Pending>,
    /// Webhooks of ours that should have been deleted but could not be.
    pub orphans: Vec<String>,
    /// A rotation of the secret that is not finished.
    pub rotation: Option<Rotation>,
    /// What was deployed.
    pub azure: Option<Azure>,
    /// How far a backfill has come.
    pub sync: Option<Backfill>,
    /// When the watchlist was last written.
    #[serde(with = "rfc3339::option")]
    pub watchlist_at: Option<OffsetDateTime>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The webhook that delivers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Webhook {
    /// Its id on the platform.
    pub id: String,
    /// The connector's URL.
    pub url: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    #[serde(with = "rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
    /// When its test event last arrived.
    #[serde(with = "rfc3339::option")]
    pub tested_at: Option<OffsetDateTime>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A webhook whose creation was requested.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pending {
    /// The connector's URL.
    pub url: String,
    /// Its name.
    pub name: String,
    /// When it was requested.
    #[serde(with = "rfc3339::option")]
    pub since: Option<OffsetDateTime>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An unfinished rotation of the secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rotation {
    /// The last step that was done, 1 to 4.
    pub phase: u8,
    /// The webhook that still signs with the old secret.
    pub old_webhook: Option<String>,
    /// The versioned address of the old secret in the vault; an address, not the secret.
    pub previous_uri: Option<String>,
    /// When the old webhook was removed; events that it signed may still arrive for a while.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<OffsetDateTime>,
    /// Since when events may be missing, where the old webhook had to go before the new one was made.
    #[serde(with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub gap_since: Option<OffsetDateTime>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What was deployed, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Azure {
    /// The cloud's name, as `az cloud show` has it.
    pub cloud: Option<String>,
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The subscription's id.
    pub subscription: Option<String>,
    /// The resource group's name.
    pub resource_group: Option<String>,
    /// Whether the group is ours.
    pub group_created: bool,
    /// Whether the workspace is ours.
    pub workspace_created: bool,
    /// The region.
    pub location: Option<String>,
    /// The last deployment's name.
    pub deployment: Option<String>,
    /// SHA-256 of its template, in hex.
    pub template_sha256: Option<String>,
    /// SHA-256 of its parameters without the secret, in hex.
    pub parameters_sha256: Option<String>,
    /// SHA-256 of the package that runs, in hex.
    pub package_sha256: Option<String>,
    /// What published it: `az` or `func`.
    pub publisher: Option<String>,
    /// The deployment's outputs.
    pub outputs: Map<String, Value>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How far `sync` has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backfill {
    /// A hash of webhook, filters and range: another key is another backfill.
    pub key: Option<String>,
    /// Windows that were replayed.
    pub windows_done: u64,
    /// Where the next window begins.
    #[serde(with = "rfc3339::option")]
    pub next: Option<OffsetDateTime>,
    /// Events that the platform said to have queued.
    pub queued: u64,
    /// How many of these may have been queued more than once.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// How many windows were so full that they were asked for by event type.
    #[serde(skip_serializing_if = "is_zero")]
    pub by_type: u64,
    /// Windows that hold more than the platform replays for one request.
    pub incomplete: Vec<Window>,
    /// Up to where the last finished backfill went.
    #[serde(with = "rfc3339::option")]
    pub through: Option<OffsetDateTime>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A stretch of time, both ends included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its first second.
    #[serde(with = "rfc3339")]
    pub since: OffsetDateTime,
    /// Its last second.
    #[serde(with = "rfc3339")]
    pub until: OffsetDateTime,
    /// The event type that it is narrowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The project that it is narrowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Window {
    /// The stretch from `since` to `until`.
    #[must_use]
    pub fn new(since: OffsetDateTime, until: OffsetDateTime) -> Self {
        Self { since, until, event_type: None, project_id: None, rest: Map::new() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
