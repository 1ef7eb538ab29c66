//! `~/.humanbound/credentials.json`, which belongs to `hb`: its members by their names; unknown members are kept.
//!
//! Members that `hb` 2.13.0 writes (`humanbound_cli/client.py`, `_save_credentials`): `api_token`, `expires_at` (seconds
//! since 1970, as a fraction), `refresh_token`, `organisation_id`, `project_id`, `base_url`, `username`, `email` and
//! `default_organisation_id`.

use std::path::Path;
use std::{fmt, fs, io};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Error;
use crate::config::Confidential;
use crate::home;

/// The file's content.
#[derive(Clone)]
pub(super) struct Credentials(Map<String, Value>);

impl Credentials {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = match fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(super::not_logged_in("there are no credentials of `hb`"));
            }
            Err(source) => return Err(Error::File { path: path.to_owned(), source }),
        };
        serde_json::from_slice(&text)
            .map(Self)
            .map_err(|_| super::not_logged_in(format!("{} is not what `hb` writes", path.display())))
    }

    /// Replaces the file by this.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let text = serde_json::to_vec(&self.0).map(Zeroizing::new).map_err(|error| failed(error.into()))?;
        home::write(path, &text).map_err(failed)
    }

    /// A member that is text and says something.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    pub(super) fn api_token(&self) -> Option<Confidential> {
        self.text("api_token").map(Confidential::new)
    }

    /// When the login behind the session ends; `None` when the file does not say.
    pub(super) fn expires_at(&self) -> Option<OffsetDateTime> {
        let number = self.0.get("expires_at")?.to_string();
        // Whole seconds suffice, because a session is renewed a minute early.
        let seconds = number.split('.').next()?.parse().ok()?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
