//! The commands that speak to the platform, against the local platform and a real connector before a workspace.

mod connect;
mod disconnect;
mod doctor;
mod interrupt;
mod log;
mod rotate;
mod screen;
mod status;
mod sync;
pub mod transcripts;
mod uninstall;
mod words;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use humanbound_sentinel::azure::Runner;
use humanbound_sentinel::cli::{self, Captured, Sink, Surroundings};
use humanbound_sentinel::config::Env;
use humanbound_sentinel::emulator::{DispatchOptions, Organisation, Platform, PlatformOptions};
use humanbound_sentinel::humanbound::Timing;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::rig::{Folder, Rig};

pub const ORGANISATION: Uuid = Uuid::from_u128(0x6f1c_1b52_8f0a_4a55_9a3e_1c9a_7c1d_2e3f);
/// What the connector has, and the webhook signs with.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An operator's desk: a platform with a login, a connector before a workspace, a home folder.
pub struct Desk {
    pub platform: Platform,
    pub rig: Rig,
    pub home: Folder,
    /// How long the commands would have waited.
    pub waited: Arc<Mutex<Duration>>,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The envelope that is all of stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn ends(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that stderr holds all of `words`.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not said in {self:#?}");
        }
        self
    }
}

/// Options with one organisation, and without waits.
pub fn options() -> PlatformOptions {
    PlatformOptions {
        organisations: vec![Organisation { id: ORGANISATION, name: "Acme Bank".to_owned() }],
        dispatch: DispatchOptions { wait_scale: 0.0, ..DispatchOptions::default() },
        ..PlatformOptions::default()
    }
}

impl Desk {
    pub async fn with(options: PlatformOptions) -> Desk {
        let rig = Rig::builder().set("WEBHOOK_SECRET", SECRET).start().await;
        let platform = Platform::start(options).await.unwrap();
        let desk = Desk { platform, rig, home: Folder::new(), waited: Arc::default() };
        desk.log_in();
        std::fs::write(desk.home.path().join("secret"), format!("{SECRET}\n")).unwrap();
        desk
    }

    pub async fn start() -> Desk {
        Desk::with(options()).await
    }

    /// The file that `hb login` leaves.
    pub fn log_in(&self) {
        let login = self.platform.log_in();
        let content = json!({
            "api_token": login.api_token,
            "refresh_token": login.refresh_token,
            "expires_at": login.expires_at.unix_timestamp(),
            "organisation_id": ORGANISATION,
            "base_url": self.platform.base_url(),
        });
        let folder = self.home.path().join(".humanbound");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("credentials.json");
        std::fs::write(&file, content.to_string()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The connector's URL.
    pub fn url(&self) -> String {
        self.rig.host.url("/api/ingest")
    }

    /// A time in which waits pass at once, and are added up.
    pub fn at_once(&self) -> Timing {
        let waited = Arc::clone(&self.waited);
        Timing::new(OffsetDateTime::now_utc, move |pause| {
            *waited.lock().unwrap() += pause;
            tokio::task::yield_now().boxed()
        })
    }

    /// Runs a command. Its waits pass at once.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, self.at_once(), None).await
    }

    /// Runs a command before this Azure. Its waits pass at once.
    pub async fn run_before(&self, azure: Arc<dyn Runner>, arguments: &[&str]) -> Ran {
        self.run_with(arguments, self.at_once(), Some(azure)).await
    }

    /// Runs a command in a time of the caller's, and with the caller's Azure.
    pub async fn run_with(&self, arguments: &[&str], timing: Timing, runner: Option<Arc<dyn Runner>>) -> Ran {
        let captured = Arc::<Mutex<Captured>>::default();
        let home = self.home.path().to_str().unwrap();
        let env = Env::from([("HOME", home), ("USERPROFILE", home)]);
        let surroundings = Surroundings { env, timing, sink: Sink::Memory(Arc::clone(&captured)), runner };
        let code = cli::run_in(arguments, surroundings).await.unwrap();
        let captured = std::mem::take(&mut *captured.lock().unwrap());
        let ran = Ran { code, stdout: captured.stdout, stderr: captured.stderr };
        assert!(!format!("{ran:?}").contains(SECRET), "the secret is told: {ran:?}");
        ran
    }

    /// Runs `connect` with the secret that the connector has, and more arguments.
    pub async fn connect(&self, more: &[&str]) -> Ran {
        let (url, file) = (self.url(), self.home.path().join("secret"));
        let arguments = ["connect", "--url", &url, "--secret-file", file.to_str().unwrap()];
        self.run(&[&arguments[..], more].concat()).await
    }

    /// Remembers this of the organisation, beside what is there.
    pub fn remember(&self, members: &Value) {
        let file = self.home.path().join(".humanbound/sentinel.json");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| r#"{"version":2}"#.to_owned());
        let mut state: Value = serde_json::from_str(&text).unwrap();
        let ours = &mut state["connections"][ORGANISATION.to_string()];
        for (name, value) in members.as_object().unwrap() {
            ours[name] = value.clone();
        }
        std::fs::write(&file, state.to_string()).unwrap();
    }

    /// What is remembered of the organisation.
    pub fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.home.path().join(".humanbound/sentinel.json")).unwrap();
        assert!(!text.contains(SECRET), "the secret is kept: {text}");
        let mut state: Value = serde_json::from_str(&text).unwrap();
        state["connections"][ORGANISATION.to_string()].take()
    }

    /// The ids of the platform's webhooks.
    pub fn webhooks(&self) -> Vec<String> {
        self.platform.webhooks().iter().map(|webhook| webhook.id.to_string()).collect()
    }

    /// Types of the events that arrived in the table.
    pub async fn arrived(&self) -> Vec<String> {
        self.rig.rows().await.iter().map(|row| row["EventType"].as_str().unwrap().to_owned()).collect()
    }
}
