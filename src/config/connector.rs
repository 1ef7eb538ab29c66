//! The settings of `connector`, checked and turned into the values that the layers below take.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::Env;
use super::settings::{DEFAULT_LOG_FILTER, SETTINGS};
use crate::signature::Secret;

/// What `connector` runs with. Fields are `None` or empty when their setting is unusable; [`Self::problems`] says why.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// The port on 127.0.0.1 that the host talks to.
    pub(crate) port: u16,
    /// The secrets that a signature may be made with, the current secret first.
    pub(crate) secrets: Vec<Secret>,
    /// Where rows are pushed to.
    pub ingestion: Option<IngestionTarget>,
    /// The client id of the user-assigned identity; `None` means the system-assigned one.
    pub(crate) identity_client_id: Option<String>,
    /// Where rows wait that Azure Monitor did not accept in time.
    pub(crate) spool: Option<SpoolLocation>,
    /// From the last body byte to the answer.
    pub ack_deadline: Duration,
    /// The largest body in bytes, as sent and inflated.
    pub max_body_bytes: usize,
    /// The maximum number of calls a minute by this instance.
    pub max_calls_per_minute: u32,
    /// The log filter.
    pub(crate) log_filter: String,
    /// Which instance of the app this is.
    pub(crate) instance: String,
    /// The app's name in Azure; empty elsewhere.
    pub(crate) site: String,
    /// Why events cannot be taken; empty when all is well.
    pub problems: Vec<Problem>,
    /// What an operator should know, although events can be taken.
    pub notes: Vec<Problem>,
}

/// The data collection rule's stream and how to get a token for it.
#[derive(Debug, Clone)]
pub struct IngestionTarget {
    /// The URL that batches are posted to, with its api-version.
    pub url: Url,
    /// The token scope: the audience and `/.default`.
    pub scope: String,
}

/// Where the spool is.
#[derive(Debug, Clone)]
pub(crate) enum SpoolLocation {
    /// A blob container's URL.
    Container(Url),
    /// A directory with the same layout.
    Directory(PathBuf),
}

/// A setting that cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// The port that the host must set is missing or is no port: the only problem that ends the process.
#[derive(Debug, thiserror::Error)]
#[error(
    "`FUNCTIONS_CUSTOMHANDLER_PORT` {0}; the Functions host sets it, so start `connector` through the host or run `hb-sentinel demo`"
)]
pub struct PortUnusable(String);

/// The only stable version of the API.
/// <https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview>
const API_VERSION: &str = "2023-01-01";
/// Set on an instance in Azure; the first that distinguishes instances is used. Flex Consumption sets no
/// `WEBSITE_INSTANCE_ID`:
/// `EnvironmentExtensions.cs` of <https://github.com/Azure/azure-functions-host>.
const IN_AZURE: [&str; 3] = ["WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "WEBSITE_SITE_NAME"];
/// The hosts that a token for ingestion may go to, besides this machine.
/// <https://learn.microsoft.com/azure/azure-monitor/data-collection/data-collection-endpoint-overview>
const INGESTION_HOSTS: [&str; 3] = [".monitor.azure.com", ".monitor.azure.us", ".monitor.azure.cn"];
/// The hosts that a token for storage may go to, besides this machine.
/// <https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints>
const STORAGE_HOSTS: [&str; 4] = [
    ".blob.core.windows.net",
    ".blob.storage.azure.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
];
/// What an unresolved Key Vault reference leaves in the variable.
/// <https://learn.microsoft.com/azure/app-service/app-service-key-vault-references>
const UNRESOLVED_REFERENCE: &str = "@microsoft.keyvault(";

/// Reads the settings of `connector` from `env`.
///
/// # Errors
/// [`PortUnusable`] when there is no port to bind; every other problem is in [`ConnectorConfig::problems`].
pub fn connector(env: &Env) -> Result<ConnectorConfig, PortUnusable> {
    let absent = if env.is_not_text("FUNCTIONS_CUSTOMHANDLER_PORT") { NOT_TEXT } else { "is not set" };
    let port = env.get("FUNCTIONS_CUSTOMHANDLER_PORT").ok_or_else(|| PortUnusable(absent.to_owned()))?;
    let port = match port.parse() {
        Ok(0) | Err(_) => return Err(PortUnusable(format!("is `{port}`, which is no port"))),
        Ok(port) => port,
    };
    let mut reader = Reader { env, problems: Vec::new(), notes: Vec::new() };
    let secrets = reader.secrets();
    let ingestion = reader.ingestion();
    let identity_client_id = reader.identity_client_id();
    let spool = reader.spool();
    let ack_deadline = reader.number("ACK_DEADLINE_MS", 8_000, 1_000, 200_000);
    let max_body_bytes = reader.number("MAX_BODY_BYTES", 1_048_576, 1_024, 16_777_216);
    let max_calls_per_minute = reader.number("MAX_CALLS_PER_MINUTE", 6_000, 1, 10_000_000);
    reader.not_text();
    Ok(ConnectorConfig {
        port,
        secrets,
        ingestion,
        identity_client_id,
        spool,
        ack_deadline: Duration::from_millis(u64::from(ack_deadline)),
        max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
        max_calls_per_minute,
        log_filter: env.get("RUST_LOG").unwrap_or_else(|| DEFAULT_LOG_FILTER.to_owned()),
        instance: IN_AZURE
            .iter()
            .find_map(|name| env.get(name))
            .map_or_else(|| uuid::Uuid::new_v4().simple().to_string(), |id| id.chars().take(64).collect()),
        site: env.get("WEBSITE_SITE_NAME").unwrap_or_default(),
        problems: reader.problems,
        notes: reader.notes,
    })
}

/// What is wrong with a value that cannot be read as text.
const NOT_TEXT: &str = "is not UTF-8";

struct Reader<'a> {
    env: &'a Env,
    problems: Vec<Problem>,
    notes: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, setting: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem { setting, message: message.into(), hint: hint.into() });
    }

    fn note(&mut self, setting: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.notes.push(Problem { setting, message: message.into(), hint: hint.into() });
    }

    /// Reports settings that are set but cannot be read, instead of reporting them as missing. The secrets have their own
    /// check, because either is enough.
    fn not_text(&mut self) {
        for setting in SETTINGS.iter().filter(|setting| !setting.name.starts_with("WEBHOOK_SECRET")) {
            if self.env.is_not_text(setting.name) {
                self.problems.retain(|problem| problem.setting != setting.name);
                self.problem(setting.name, NOT_TEXT, "set it anew, as text in UTF-8");
            }
        }
    }

    /// Either usable secret is enough, so that a rotation that stopped halfway does not stop the feed.
    fn secrets(&mut self) -> Vec<Secret> {
        let current = self.secret("WEBHOOK_SECRET");
        let previous = self.secret("WEBHOOK_SECRET_PREVIOUS");
        match (&current, &previous) {
            (Err(why), Ok(_)) => {
                let hint = "set it to the secret of the webhook; until then only WEBHOOK_SECRET_PREVIOUS is accepted";
                self.note("WEBHOOK_SECRET", why.clone(), hint);
            }
            (Err(why), Err(_)) => {
                let hint = if why.contains("Key Vault") {
                    "give the app's identity the role Key Vault Secrets User on the vault, check the secret's name, then change any app setting so that the reference is resolved again"
                } else {
                    "set it to the secret of the webhook, best through a Key Vault reference"
                };
                self.problem("WEBHOOK_SECRET", why.clone(), hint);
            }
            (Ok(_), _) => {}
        }
        if let Err(why) = &previous
            && (self.env.get("WEBHOOK_SECRET_PREVIOUS").is_some() || why == NOT_TEXT)
        {
            let hint = "remove the setting when the rotation is over, or repair the reference";
            self.note("WEBHOOK_SECRET_PREVIOUS", why.clone(), hint);
        }
        current.into_iter().chain(previous).collect()
    }

    fn secret(&mut self, name: &'static str) -> Result<Secret, String> {
        let raw = self.env.raw(name).unwrap_or_default();
        let text = raw.trim_end_matches(['\r', '\n']);
        if text.trim_start().to_ascii_lowercase().starts_with(UNRESOLVED_REFERENCE) {
            return Err("still reads as a Key Vault reference: the platform could not resolve it".to_owned());
        }
        let secret = if text.trim().is_empty() { None } else { Secret::new(text) };
        let absent = if self.env.is_not_text(name) { NOT_TEXT } else { "is not set" };
        let secret = secret.ok_or_else(|| absent.to_owned())?;
        if text.len() != raw.len() {
            self.note(name, "ended with a line break, which was removed", "store the secret without it");
        }
        Ok(secret)
    }

    fn ingestion(&mut self) -> Option<IngestionTarget> {
        let endpoint = self.endpoint("LOGS_INGESTION_ENDPOINT", "the Bicep output `dceEndpoint`");
        let endpoint = endpoint.filter(|url| {
            let known = is_loopback(url) || is_below(url, &INGESTION_HOSTS);
            if !known {
                let hint =
                    "use the logs ingestion endpoint of the data collection rule; a token is sent there";
                self.problem("LOGS_INGESTION_ENDPOINT", "is not a host of Azure Monitor", hint);
            }
            known
        });
        let rule = self.env.get("DCR_IMMUTABLE_ID");
        let valid = rule
            .as_deref()
            .and_then(|id| id.strip_prefix("dcr-"))
            .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !valid {
            let what = if rule.is_some() { "is not `dcr-` and 32 hex digits" } else { "is not set" };
            let hint = "use the rule's immutableId (the Bicep output `dcrImmutableId`), not its resource id";
            self.problem("DCR_IMMUTABLE_ID", what, hint);
        }
        let stream = self.env.get("DCR_STREAM_NAME").unwrap_or_else(|| "Custom-AISecurityEvents".to_owned());
        let stream_valid = stream.strip_prefix("Custom-").is_some_and(|name| !name.is_empty())
            && stream.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !stream_valid {
            let hint = "use the name in the rule's streamDeclarations, for example Custom-AISecurityEvents";
            self.problem(
                "DCR_STREAM_NAME",
                "is not `Custom-` and a name of letters, digits, `-` and `_`",
                hint,
            );
        }
        let audience = self.env.get("LOGS_INGESTION_AUDIENCE");
        let audience = audience.unwrap_or_else(|| "https://monitor.azure.com".to_owned());
        let audience_valid = audience.starts_with("https://")
            && Url::parse(&audience).is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()));
        if !audience_valid {
            let hint = "use https://monitor.azure.com, https://monitor.azure.us or https://monitor.azure.cn";
            self.problem("LOGS_INGESTION_AUDIENCE", "is not `https://` and a host", hint);
        }
        let rule = rule.filter(|_| valid && stream_valid && audience_valid)?;
        let mut url = endpoint?;
        url.set_path(&format!("/dataCollectionRules/{rule}/streams/{stream}"));
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        Some(IngestionTarget { url, scope: format!("{}/.default", audience.trim_end_matches('/')) })
    }

    fn identity_client_id(&mut self) -> Option<String> {
        let id = self.env.get("HB_IDENTITY_CLIENT_ID")?;
        if uuid::Uuid::try_parse(&id).is_err() {
            let hint = "use the client id of the managed identity (a GUID), not its resource id or object id";
            self.problem("HB_IDENTITY_CLIENT_ID", "is not a GUID", hint);
            return None;
        }
        Some(id)
    }

    fn spool(&mut self) -> Option<SpoolLocation> {
        let directory = self.env.get("SPOOL_DIR");
        match (self.env.get("SPOOL_CONTAINER_URL").is_some(), directory) {
            (true, Some(_)) => {
                let hint = "keep exactly one of SPOOL_CONTAINER_URL and SPOOL_DIR; in Azure the container";
                self.problem("SPOOL_DIR", "is set beside SPOOL_CONTAINER_URL", hint);
                None
            }
            (true, None) => {
                let mut url =
                    self.endpoint("SPOOL_CONTAINER_URL", "https://ACCOUNT.blob.core.windows.net/spool")?;
                let known = is_loopback(&url) || is_below(&url, &STORAGE_HOSTS);
                let container = url.path().trim_end_matches('/').to_owned();
                if !known || url.scheme() != "https" || container.is_empty() {
                    let hint = "use https://ACCOUNT.blob.core.windows.net/spool";
                    let message = "is not the https URL of a container in Azure Blob storage";
                    self.problem("SPOOL_CONTAINER_URL", message, hint);
                    return None;
                }
                // A slash at the end would become part of every blob's name, and no listing would find it.
                url.set_path(&container);
                Some(SpoolLocation::Container(url))
            }
            (false, Some(_)) if IN_AZURE.iter().any(|name| self.env.get(name).is_some()) => {
                let hint =
                    "set SPOOL_CONTAINER_URL instead: an instance's disk vanishes and `drain` runs elsewhere";
                self.problem("SPOOL_DIR", "cannot be used in Azure", hint);
                None
            }
            (false, Some(directory)) => Some(SpoolLocation::Directory(PathBuf::from(directory))),
            (false, None) => {
                let hint = "set it to the URL of the spool container (off Azure: SPOOL_DIR)";
                self.problem("SPOOL_CONTAINER_URL", "is not set", hint);
                None
            }
        }
    }

    /// Plain http is only for a workspace on this machine, because every call carries a token.
    fn endpoint(&mut self, name: &'static str, example: &str) -> Option<Url> {
        let Some(text) = self.env.get(name) else {
            self.problem(name, "is not set", format!("set it to {example}"));
            return None;
        };
        let url = match Url::parse(&text) {
            Ok(url) if url.has_host() => url,
            _ => {
                self.problem(name, "is not a URL", format!("set it to {example}"));
                return None;
            }
        };
        let plain = url.scheme() == "http" && is_loopback(&url);
        let user = !url.username().is_empty() || url.password().is_some();
        let bare = !user && url.query().is_none() && url.fragment().is_none();
        if (url.scheme() == "https" || plain) && bare {
            return Some(url);
        }
        let hint = format!("use https without user name, query or fragment: {example}");
        self.problem(name, "is not an https URL (plain http is for loopback addresses)", hint);
        None
    }

    fn number(&mut self, name: &'static str, default: u32, min: u32, max: u32) -> u32 {
        let Some(text) = self.env.get(name) else { return default };
        match text.parse() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                let hint =
                    format!("set it to a whole number from {min} to {max}, or remove it for {default}");
                self.problem(name, format!("is not a whole number from {min} to {max}"), hint);
                default
            }
        }
    }
}

/// Whether `url` is on this machine: `localhost` or a loopback address.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the host of `url` ends with one of `suffixes`.
fn is_below(url: &Url, suffixes: &[&str]) -> bool {
    url.host_str().is_some_and(|host| suffixes.iter().any(|suffix| host.ends_with(suffix)))
}
