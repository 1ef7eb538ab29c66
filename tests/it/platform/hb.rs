//! Humanbound's own client, `hb` of the Python package `humanbound`, with a home folder of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use humanbound_sentinel::emulator::{Login, Platform, PlatformOptions};
use serde_json::{Value, json};
use tokio::process::Command;

use super::ORGANISATION;
use crate::rig::Folder;
use crate::tls::{Tls, TlsFront};
use crate::tools;

/// The client, logged in to a running platform.
pub struct Hb {
    pub platform: Platform,
    pub login: Login,
    program: PathBuf,
    home: Folder,
    tls: Tls,
    front: TlsFront,
    variables: Vec<(&'static str, String)>,
}

/// What a run of the client came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// What it printed, after a run to which nothing can be objected.
    #[track_caller]
    pub fn well(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        assert!(!self.stdout.contains("Error"), "{}", self.stdout);
        self.stdout
    }
}

impl Hb {
    /// `None` after one line on stderr when the client is not installed.
    pub async fn start(options: PlatformOptions) -> Option<Hb> {
        let program = tools::find("venv/bin/hb", "Humanbound's client against the local platform")?;
        let platform = Platform::start(options).await.unwrap();
        let login = platform.log_in();
        let home = Folder::new();
        let tls = Tls::new(home.path());
        let front = TlsFront::start(&tls, platform.port()).await;
        let hb = Hb { platform, login, program, home, tls, front, variables: Vec::new() };
        hb.write_credentials(hb.login.expires_at.unix_timestamp());
        Some(hb)
    }

    /// Uses an API key from now on, with which the client does not read its file.
    pub fn with_key(mut self, key: &str) -> Hb {
        self.variables = vec![
            ("HUMANBOUND_API_KEY", key.to_owned()),
            ("HUMANBOUND_ORG_ID", ORGANISATION.to_string()),
            ("HUMANBOUND_BASE_URL", self.platform.base_url()),
        ];
        self
    }

    fn credentials_file(&self) -> PathBuf {
        self.home.path().join(".humanbound/credentials.json")
    }

    /// The file that the login would have left.
    pub fn write_credentials(&self, expires_at: i64) {
        let content = json!({
            "api_token": self.login.api_token,
            "expires_at": expires_at,
            "refresh_token": self.login.refresh_token,
            "organisation_id": ORGANISATION,
            "project_id": null,
            "base_url": self.platform.base_url(),
            "of_a_later_version": true,
        });
        let file = self.credentials_file();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content.to_string()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The file as it is now, or `None` when it is gone.
    pub fn credentials(&self) -> Option<Value> {
        let content = std::fs::read(self.credentials_file()).ok()?;
        Some(serde_json::from_slice(&content).unwrap())
    }

    pub async fn run(&self, arguments: &[&str]) -> Run {
        let child = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("HUMANBOUND_AUTH0_DOMAIN", self.front.authority())
            .env("REQUESTS_CA_BUNDLE", &self.tls.ca_file)
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("HB_TELEMETRY_DISABLED", "1")
            .env("CI", "true")
            .env("COLUMNS", "200")
            .env("PYTHONIOENCODING", "utf-8")
            .envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), child).await.unwrap().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
