//! `connector`: the custom handler that the Azure Functions host starts.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use humanbound_sentinel::config::{self, ConnectorConfig, Env, Problem, SpoolLocation};
use humanbound_sentinel::delivery::counters::Counters;
use humanbound_sentinel::delivery::drain::Drain;
use humanbound_sentinel::delivery::pace::Pacer;
use humanbound_sentinel::delivery::push::LogsIngestion;
use humanbound_sentinel::delivery::spool::{BlobStore, DirectoryStore, Store};
use humanbound_sentinel::delivery::token::{Identity, TokenSource};
use humanbound_sentinel::delivery::{Delivery, Parts, http};
use humanbound_sentinel::server::{self, App, Rejections, UnverifiedBudget};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;

fn main() -> ExitCode {
    let config = match config::connector(&Env::Process) {
        Ok(config) => config,
        Err(problem) => {
            start_log("error");
            error!(event = "config_invalid", setting = "FUNCTIONS_CUSTOMHANDLER_PORT", %problem);
            return ExitCode::from(64);
        }
    };
    start_log(&config.log_filter);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("no runtime").and_then(|runtime| {
        let outcome = runtime.block_on(run(config));
        // A disk that hangs must not keep a failed process alive.
        runtime.shutdown_background();
        outcome
    });
    // It never ends on its own, so this is a fault: 0 would tell the host that all is well and to stay down.
    if let Err(problem) = outcome {
        error!(event = "connector_stopped", problem = format!("{problem:#}"));
    }
    ExitCode::FAILURE
}

/// One JSON object a line: information on stdout, faults on stderr. The host makes every line of stderr an error
/// unless it contains `warn`, which the level of such a line does. A panic tells where it was, but not its text, which
/// may hold a part of an event.
fn start_log(filter: &str) {
    let writer = std::io::stderr.with_max_level(tracing::Level::WARN).or_else(std::io::stdout);
    let parsed = EnvFilter::try_new(filter);
    let unusable = parsed.as_ref().err().map(ToString::to_string);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(parsed.unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(writer)
        .init();
    if let Some(problem) = unusable {
        warn!(event = "config_note", setting = "RUST_LOG", problem, hint = "use for example `info`");
    }
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        error!(event = "panicked", at, "this is a bug; please report it");
    }));
}

async fn run(config: ConnectorConfig) -> anyhow::Result<()> {
    report(&config.problems);
    for note in &config.notes {
        warn!(event = "config_note", setting = note.setting, problem = note.message, hint = note.hint);
    }
    let port = config.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("port {port} cannot be bound on 127.0.0.1"))?;
    let (app, committer) = assemble(config);
    warm_up(&app);
    info!(event = "connector_started", version = env!("CARGO_PKG_VERSION"), port, instance = app.instance);
    tokio::select! {
        () = server::serve(listener, app) => anyhow::bail!("the listener ended"),
        ended = committer => {
            ended.context("the delivery task failed")?;
            anyhow::bail!("the delivery task ended")
        }
    }
}

/// Fetches the first tokens while nobody waits.
fn warm_up(app: &App) {
    let parts = Arc::clone(app.delivery.parts());
    tokio::spawn(async move {
        if let Some(ingestion) = &parts.ingestion {
            ingestion.warm_up().await;
        }
        if let Some(store) = &parts.store {
            store.warm_up().await;
        }
    });
}

/// Builds the layers from the settings. What a bad setting leaves out is `None`, and every event is answered 503.
fn assemble(mut config: ConnectorConfig) -> (Arc<App>, tokio::task::JoinHandle<()>) {
    let pacer = Arc::new(Pacer::new(config.max_calls_per_minute, Instant::now()));
    let mut faults = Vec::new();
    let (ingestion, store) = match http::client() {
        Ok(client) => {
            let identity = Identity::new(client.clone(), config.identity_client_id.clone());
            let store = config.spool.take().map(|spool| store(spool, &client, &identity));
            let ingestion = config.ingestion.take().map(|target| {
                let tokens = TokenSource::new(identity, target.scope);
                LogsIngestion::new(client, target.url, tokens, Arc::clone(&pacer))
            });
            (ingestion, store.and_then(|store| store.map_err(|fault| faults.push(fault)).ok()))
        }
        Err(problem) => {
            faults.push(Problem {
                setting: "SSL_CERT_FILE",
                message: format!("no TLS client can be made: {problem:?}"),
                hint: "check that the system's root certificates are there".to_owned(),
            });
            (None, None)
        }
    };
    report(&faults);
    config.problems.extend(faults);
    let parts = Arc::new(Parts { ingestion, store, pacer, counters: Arc::new(Counters::default()) });
    let (delivery, committer) = Delivery::start(Arc::clone(&parts));
    let app = App {
        secrets: config.secrets,
        max_body_bytes: config.max_body_bytes,
        ack_deadline: config.ack_deadline,
        problems: config.problems,
        notes: config.notes,
        delivery,
        repeats: Arc::default(),
        drain: Drain::new(parts),
        unverified: UnverifiedBudget::default(),
        rejections: Rejections::default(),
        instance: config.instance,
        started: OffsetDateTime::now_utc(),
    };
    (Arc::new(app), committer)
}

fn store(spool: SpoolLocation, client: &reqwest::Client, identity: &Identity) -> Result<Store, Problem> {
    let url = match spool {
        SpoolLocation::Directory(root) => return Ok(Store::Directory(DirectoryStore::new(root))),
        SpoolLocation::Container(url) => url,
    };
    let credential = identity.credential().map_err(|error| Problem {
        setting: "HB_IDENTITY_CLIENT_ID",
        message: format!("no managed identity: {error}"),
        hint: "give the app a user-assigned identity and set its client id".to_owned(),
    })?;
    BlobStore::new(client, url, credential).map(Store::Blob).map_err(|error| Problem {
        setting: "SPOOL_CONTAINER_URL",
        message: error.to_string(),
        hint: "use https://ACCOUNT.blob.core.windows.net/spool".to_owned(),
    })
}

fn report(problems: &[Problem]) {
    for Problem { setting, message, hint } in problems {
        error!(event = "config_invalid", setting, problem = message, hint);
    }
}
