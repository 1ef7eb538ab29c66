//! The client of the platform, against servers that answer what a test has written down.

mod answers;
mod authority;
mod calls;
mod network;
mod server;
mod session;
mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use humanbound_sentinel::config::{self, Env, PlatformSettings};
use humanbound_sentinel::humanbound::{Client, Error, Timing};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::rig::Folder;
use authority::Authority;
use server::Server;

const NOW: OffsetDateTime = datetime!(2026-11-28 12:00 UTC);
const ORGANISATION: &str = "1B4E28BA-2FA1-11D2-883F-0016D3CCA427";

/// A home folder, a platform, a login service, and a clock that no one waits for.
struct Stage {
    home: Folder,
    authority: Authority,
    platform: Server,
    auth0: Server,
    variables: BTreeMap<String, String>,
    sleeps: Arc<Mutex<Vec<Duration>>>,
}

impl Stage {
    /// Nobody is logged in.
    async fn new() -> Stage {
        let home = Folder::new();
        let authority = Authority::new(home.path());
        let platform = Server::start(None).await;
        let auth0 = Server::start(Some(authority.server(2020, 2090))).await;
        let variables = [
            ("HOME", home.path().display().to_string()),
            ("USERPROFILE", home.path().display().to_string()),
            ("HUMANBOUND_BASE_URL", format!("http://127.0.0.1:{}/api/", platform.port)),
            ("HUMANBOUND_AUTH0_DOMAIN", format!("127.0.0.1:{}", auth0.port)),
            ("HUMANBOUND_AUTH0_CLIENT_ID", "the-client".to_owned()),
            ("SSL_CERT_FILE", authority.file.display().to_string()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Stage { home, authority, platform, auth0, variables, sleeps: Arc::default() }
    }

    /// With an API key.
    async fn with_key() -> Stage {
        Stage::new().await.set("HUMANBOUND_API_KEY", " hb_key \n").set("HUMANBOUND_ORG_ID", ORGANISATION)
    }

    /// With a session that ends in `seconds`.
    async fn with_session(seconds: i64) -> Stage {
        let stage = Stage::new().await;
        stage.write(&credentials(seconds));
        stage
    }

    fn set(mut self, name: &str, value: impl Into<String>) -> Stage {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    fn settings(&self) -> PlatformSettings {
        config::platform(&Env::Map(self.variables.clone()))
    }

    fn timing(&self) -> Timing {
        let sleeps = self.sleeps.clone();
        Timing::new(
            || NOW,
            move |pause| {
                sleeps.lock().unwrap().push(pause);
                futures::future::ready(()).boxed()
            },
        )
    }

    fn open(&self) -> Result<Client, Error> {
        Client::open(&self.settings(), None, self.timing())
    }

    fn client(&self) -> Client {
        self.open().unwrap()
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".humanbound/credentials.json")
    }

    fn write(&self, credentials: &Value) {
        std::fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        std::fs::write(self.file(), credentials.to_string()).unwrap();
    }

    fn read(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    fn sleeps(&self) -> Vec<u128> {
        self.sleeps.lock().unwrap().iter().map(Duration::as_millis).collect()
    }
}

/// What `hb` 2.13.0 writes, for a session that ends in `seconds`, and a member that it does not know.
fn credentials(seconds: i64) -> Value {
    json!({
        "api_token": "session-1",
        "expires_at": format!("{}.25", NOW.unix_timestamp() + seconds).parse::<serde_json::Number>().unwrap(),
        "refresh_token": "refresh-1",
        "organisation_id": ORGANISATION,
        "project_id": null,
        "base_url": "https://api.humanbound.ai/api",
        "username": "alice",
        "email": "alice@acme.example",
        "default_organisation_id": ORGANISATION,
        "a_later_member": { "number": 1 },
    })
}
