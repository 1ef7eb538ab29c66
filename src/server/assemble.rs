//! From the settings to the layers. What a bad setting leaves out is `None`, and every event is answered 503.

use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::body::UnverifiedBudget;
use super::rejections::Rejections;
use super::{App, log};
use crate::config::{ConnectorConfig, Problem, SpoolLocation};
use crate::counters::Counters;
use crate::delivery::drain::Drain;
use crate::delivery::pace::Pacer;
use crate::delivery::push::LogsIngestion;
use crate::delivery::spool::{BlobStore, DirectoryStore, SCOPE, Store};
use crate::delivery::token::{Identity, TokenSource};
use crate::delivery::{Delivery, Parts, http};

/// What the handlers work with, and the task that delivers, on the runtime `delivery`.
pub(super) fn assemble(mut config: ConnectorConfig, delivery: Handle) -> (Arc<App>, JoinHandle<()>) {
    let pacer = Arc::new(Pacer::new(config.max_calls_per_minute, Instant::now()));
    let (ingestion, store, faults) = connect(&mut config, &pacer);
    log::problems(&faults);
    config.problems.extend(faults);
    let parts = Arc::new(Parts::new(ingestion, store, pacer, Arc::new(Counters::default())));
    let (delivery, committer) = Delivery::start(Arc::clone(&parts), delivery);
    let app = App {
        secrets: config.secrets,
        max_body_bytes: config.max_body_bytes,
        ack_deadline: config.ack_deadline,
        problems: config.problems,
        notes: config.notes,
        delivery,
        dedup: Arc::default(),
        drain: Drain::new(parts, config.site.clone()),
        unverified: UnverifiedBudget::default(),
        rejections: Rejections::default(),
        instance: config.instance,
        site: config.site,
        started: OffsetDateTime::now_utc(),
    };
    (Arc::new(app), committer)
}

/// The ways to Azure Monitor and to the spool, with what is wrong with them.
fn connect(
    config: &mut ConnectorConfig,
    pacer: &Arc<Pacer>,
) -> (Option<LogsIngestion>, Option<Store>, Vec<Problem>) {
    let client = match http::client() {
        Ok(client) => client,
        Err(problem) => {
            let fault = Problem {
                setting: "SSL_CERT_FILE",
                message: format!("no TLS client can be made: {problem:?}"),
                hint: "check that the system's root certificates are there".to_owned(),
            };
            return (None, None, vec![fault]);
        }
    };
    let mut faults = Vec::new();
    let identity = Identity::new(client.clone(), config.identity_client_id.clone());
    let store = config.spool.take().map(|spool| store(spool, &client, &identity));
    let store = store.and_then(|store| store.map_err(|fault| faults.push(fault)).ok());
    let ingestion = config.ingestion.take().map(|target| {
        let tokens = TokenSource::new(identity, target.scope);
        LogsIngestion::new(client, target.url, tokens, Arc::clone(pacer))
    });
    (ingestion, store, faults)
}

fn directory(root: PathBuf) -> Result<Store, Problem> {
    let store = DirectoryStore::new(root);
    store.check().map_err(|error| Problem {
        setting: "SPOOL_DIR",
        message: format!("cannot be written to: {error}"),
        hint: error.hint().to_owned(),
    })?;
    Ok(Store::Directory(store))
}

fn store(spool: SpoolLocation, client: &reqwest::Client, identity: &Identity) -> Result<Store, Problem> {
    let url = match spool {
        SpoolLocation::Directory(root) => return directory(root),
        SpoolLocation::Container(url) => url,
    };
    // Made once more with the first fetch; what is wrong with the environment is found here.
    identity.credential().map_err(|error| Problem {
        setting: "HB_IDENTITY_CLIENT_ID",
        message: format!("no managed identity: {error}"),
        hint: "give the app a user-assigned identity and set its client id".to_owned(),
    })?;
    let tokens = TokenSource::new(identity.clone(), SCOPE.to_owned());
    BlobStore::new(client, url, tokens).map(Store::Blob).map_err(|error| Problem {
        setting: "SPOOL_CONTAINER_URL",
        message: error.to_string(),
        hint: "use https://ACCOUNT.blob.core.windows.net/spool".to_owned(),
    })
}
