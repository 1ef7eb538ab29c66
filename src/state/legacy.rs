//! The state file of the old `hb sentinel`, at the same path: flat, and with the webhook's secret in it.

use serde::{Deserialize, Serialize};

/// The content of the old file, without the secret, which is not even read.
///
/// It stays in the new file under `legacy` until the caller has decided on it, so that a run that ends early does not
/// forget the webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legacy {
    /// The webhook's id on the platform.
    pub webhook_id: String,
    /// Where it delivers to.
    #[serde(default)]
    pub connector_url: Option<String>,
    /// When it was made, in the old command's words.
    #[serde(default)]
    pub connected_at: Option<String>,
    /// The organisation's name, if a deployment made it.
    #[serde(default)]
    pub organisation_name: Option<String>,
}
