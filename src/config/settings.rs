//! The list of the connector's settings. A test compares README's table with it.

/// Libraries do not log by default, so that every line is one of the log contract.
pub(super) const DEFAULT_LOG_FILTER: &str = "humanbound_sentinel=info,connector=info";

/// One environment variable that `connector` reads.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// Its default; `None` means that it must be set.
    pub default: Option<&'static str>,
    /// What it is for, in a sentence.
    pub description: &'static str,
}

const fn required(name: &'static str, description: &'static str) -> Setting {
    Setting { name, default: None, description }
}

const fn optional(name: &'static str, default: &'static str, description: &'static str) -> Setting {
    Setting { name, default: Some(default), description }
}

/// Every setting of `connector`, in the order of README's table.
pub const SETTINGS: &[Setting] = &[
    required("FUNCTIONS_CUSTOMHANDLER_PORT", "Port on 127.0.0.1; set by the Functions host."),
    required("WEBHOOK_SECRET", "Secret that Humanbound signs with, as text; usually a Key Vault reference."),
    optional("WEBHOOK_SECRET_PREVIOUS", "none", "Secret that is accepted as well during a rotation."),
    required(
        "LOGS_INGESTION_ENDPOINT",
        "Logs ingestion endpoint of the data collection rule or endpoint, `https://…`.",
    ),
    required("DCR_IMMUTABLE_ID", "Immutable id of the data collection rule, `dcr-` and 32 hex digits."),
    optional("DCR_STREAM_NAME", "Custom-AISecurityEvents", "Stream of the data collection rule."),
    optional(
        "LOGS_INGESTION_AUDIENCE",
        "https://monitor.azure.com",
        "Token audience; `https://monitor.azure.us` or `https://monitor.azure.cn` in sovereign clouds.",
    ),
    optional(
        "HB_IDENTITY_CLIENT_ID",
        "system-assigned identity",
        "Client id of the user-assigned managed identity.",
    ),
    optional(
        "SPOOL_CONTAINER_URL",
        "see SPOOL_DIR",
        "Blob container for events that Azure Monitor did not accept in time.",
    ),
    optional(
        "SPOOL_DIR",
        "see SPOOL_CONTAINER_URL",
        "Directory with the same layout, outside Azure only; set exactly one of the two.",
    ),
    optional(
        "ACK_DEADLINE_MS",
        "8000",
        "Maximum milliseconds from the last body byte to the answer; 1000 to 200000.",
    ),
    optional(
        "MAX_BODY_BYTES",
        "1048576",
        "Maximum body size in bytes, as sent and inflated; 1024 to 16777216.",
    ),
    optional(
        "MAX_CALLS_PER_MINUTE",
        "6000",
        "Maximum calls of the Logs Ingestion API by this instance. It makes fewer while the data collection rule, which takes 12,000 a minute from all instances together, answers 429.",
    ),
    optional(
        "RUST_LOG",
        DEFAULT_LOG_FILTER,
        "Log filter in the syntax of the `tracing` crates; by default, only the connector's own lines are logged.",
    ),
];
