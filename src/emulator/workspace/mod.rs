//! [`Workspace`]: the running fake and everything a test or the demo may ask of it.
//!
//! Reading order: `call` (the protocol), `body`, `ingestion` (its checks), `table` (the stored form of a row), `identity`
//! (the tokens), `fault`, `store`, `tally`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use thiserror::Error;
use time::OffsetDateTime;

mod answer;
mod body;
mod call;
mod fault;
mod identity;
mod ingestion;
mod store;
mod table;
mod tally;

pub use fault::{Fault, FaultRule};
pub use ingestion::Throttle;
pub use store::Store;
pub use table::Adjustments;
pub use tally::{Calls, Recorded};

use super::listener::{self, Listener};
use identity::Identity;
use ingestion::Ingestion;

/// The DCR stream, as design and Bicep name it.
const STREAM: &str = "Custom-AISecurityEvents";

/// The clock of the workspace; the default is the system's.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// What to start; the default behaves as Azure is documented to, and keeps its rows in memory.
#[derive(Clone)]
pub struct WorkspaceOptions {
    /// Where accepted rows go.
    pub store: Store,
    /// The largest body of a call in bytes, compressed and uncompressed alike. Documented as "1 MB"
    /// without saying which; 1,048,576 is what Microsoft's Python client fills its chunks to, and since it
    /// does not count the separators between rows, neither does the workspace.
    /// <https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api>
    pub body_limit: usize,
    /// How many calls are accepted, or `None` for no limit. The documentation says 12,000 a minute for one DCR.
    pub throttle: Option<Throttle>,
    /// How long an issued token is valid. A real one lives up to 24 hours.
    pub token_lifetime: Duration,
    /// Added to every ingestion call, between its arrival and its answer.
    pub latency: Duration,
    /// How many of the latest requests [`Workspace::recorded`] remembers.
    pub recorded_limit: usize,
    /// The clock of token expiry and of received rows.
    pub clock: Clock,
}

impl Default for WorkspaceOptions {
    fn default() -> Self {
        Self {
            store: Store::Memory,
            body_limit: 1_048_576,
            throttle: Some(Throttle { calls: 12_000, per: Duration::from_secs(60) }),
            token_lifetime: Duration::from_secs(24 * 60 * 60),
            latency: Duration::ZERO,
            recorded_limit: 10_000,
            clock: Arc::new(OffsetDateTime::now_utc),
        }
    }
}

impl std::fmt::Debug for WorkspaceOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkspaceOptions")
            .field("store", &self.store)
            .field("body_limit", &self.body_limit)
            .field("throttle", &self.throttle)
            .field("token_lifetime", &self.token_lifetime)
            .field("latency", &self.latency)
            .field("recorded_limit", &self.recorded_limit)
            .finish_non_exhaustive()
    }
}

/// Why the workspace could not start, or its rows could not be read.
#[derive(Debug, Error)]
pub enum Error {
    /// No port on the loopback interface.
    #[error("the local workspace cannot listen on 127.0.0.1")]
    Bind(#[source] io::Error),
    /// The folder or the file of rows cannot be made or read.
    #[error("the local workspace cannot keep its rows in `{path}`")]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A stored row cannot be read back, which means that someone else wrote to the file.
    #[error("a stored row is not JSON")]
    Row(#[from] serde_json::Error),
}

/// A running workspace. Dropping it stops everything: ports, connections, the writer.
#[derive(Debug)]
pub struct Workspace {
    ingestion: Arc<Ingestion>,
    identity: Arc<Identity>,
    ingestion_listener: Listener,
    identity_listener: Listener,
}

impl Workspace {
    /// Starts the identity endpoint and the ingestion endpoint, each on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`Error::Bind`] and [`Error::Store`].
    pub async fn start(options: WorkspaceOptions) -> Result<Self, Error> {
        let identity = Arc::new(Identity::new(options.token_lifetime, options.clock.clone()));
        let ingestion = Arc::new(Ingestion::new(STREAM, identity.clone(), &options)?);
        let ingestion_listener =
            listener::serve(call::router(ingestion.clone())).await.map_err(Error::Bind)?;
        let identity_listener =
            listener::serve(identity::router(identity.clone())).await.map_err(Error::Bind)?;
        Ok(Self { ingestion, identity, ingestion_listener, identity_listener })
    }

    /// The logs ingestion endpoint, `http://127.0.0.1:PORT` (setting `LOGS_INGESTION_ENDPOINT`).
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.ingestion_listener.address)
    }

    /// The DCR's immutable id: `dcr-` and 32 hex digits (setting `DCR_IMMUTABLE_ID`).
    #[must_use]
    pub fn dcr_immutable_id(&self) -> &str {
        &self.ingestion.dcr
    }

    /// The DCR's stream (setting `DCR_STREAM_NAME`).
    #[must_use]
    pub fn stream(&self) -> &str {
        self.ingestion.stream
    }

    /// The value of `IDENTITY_ENDPOINT`.
    #[must_use]
    pub fn identity_endpoint(&self) -> String {
        format!("http://{}{}", self.identity_listener.address, identity::PATH)
    }

    /// The value of `IDENTITY_HEADER`, the secret of the identity endpoint.
    #[must_use]
    pub fn identity_header(&self) -> &str {
        &self.identity.header
    }

    /// The client id of the one user-assigned identity (setting `HB_IDENTITY_CLIENT_ID`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.identity.client_id
    }

    /// The settings that point a connector at this workspace, as names and values of environment variables.
    #[must_use]
    pub fn connector_settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LOGS_INGESTION_ENDPOINT", self.endpoint()),
            ("DCR_IMMUTABLE_ID", self.dcr_immutable_id().to_owned()),
            ("DCR_STREAM_NAME", self.stream().to_owned()),
            ("HB_IDENTITY_CLIENT_ID", self.client_id().to_owned()),
            ("IDENTITY_ENDPOINT", self.identity_endpoint()),
            ("IDENTITY_HEADER", self.identity_header().to_owned()),
        ]
    }

    /// Makes ingestion calls fail from now on; replaces every earlier fault.
    pub fn set_fault(&self, fault: impl Into<FaultRule>) {
        self.ingestion.faults.replace(vec![fault.into()]);
    }

    /// Adds a fault behind those in force; the first that applies to a call wins.
    pub fn add_fault(&self, fault: impl Into<FaultRule>) {
        self.ingestion.faults.add(fault.into());
    }

    /// Ends every fault of the ingestion endpoint. A call that already hangs stays so.
    pub fn clear_fault(&self) {
        self.ingestion.faults.replace(Vec::new());
    }

    /// Makes the identity endpoint fail from now on; replaces an earlier fault.
    pub fn set_identity_fault(&self, fault: impl Into<FaultRule>) {
        self.identity.faults.replace(vec![fault.into()]);
    }

    /// Ends the faults of the identity endpoint.
    pub fn clear_identity_fault(&self) {
        self.identity.faults.replace(Vec::new());
    }

    /// Grants or revokes the role Monitoring Metrics Publisher; without it every call gets the 403 that Azure answers for
    /// up to 30 minutes after a role assignment. It is granted at the start.
    pub fn set_role_assigned(&self, assigned: bool) {
        self.ingestion.set_role_assigned(assigned);
    }

    /// Changes the latency of the ingestion calls that arrive from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.ingestion.set_latency(latency);
    }

    /// Every token issued so far now gets 401.
    pub fn revoke_tokens(&self) {
        self.identity.revoke();
    }

    /// How many tokens were issued.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        self.identity.issued()
    }

    /// The stored rows in the order of their arrival, each an object whose members are the table's columns.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::Row`] when the file of rows cannot be read.
    pub async fn rows(&self) -> Result<Vec<Value>, Error> {
        self.ingestion.rows().await
    }

    /// The accepted bodies in the order of their arrival, compressed as they came, with [`Store::Bodies`].
    #[must_use]
    pub fn bodies(&self) -> Vec<Bytes> {
        let mut bodies = Vec::new();
        self.ingestion.store.for_each_kept(|kept| bodies.push(kept.body.clone()));
        bodies
    }

    /// How many rows were accepted. With [`Store::Bodies`] and [`Store::None`] the bodies are not read, so that this stays
    /// 0; count [`Workspace::rows`] there.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.ingestion.store.count()
    }

    /// The file the rows are in, one JSON object a line, with [`Store::Dir`].
    #[must_use]
    pub fn rows_path(&self) -> Option<&Path> {
        self.ingestion.store.path()
    }

    /// The outcomes of the ingestion calls so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.ingestion.tally.calls()
    }

    /// The latest ingestion calls, oldest first.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.ingestion.tally.recorded()
    }

    /// What was changed in accepted rows, as Azure Monitor would.
    #[must_use]
    pub fn adjustments(&self) -> Adjustments {
        self.ingestion.adjustments()
    }
}
