//! The file of the old `hb sentinel`, which stands at the same path: flat, and with the webhook's secret in it.

use serde::{Deserialize, Serialize};

/// What the old file says, without the secret: that is not even read.
///
/// Until the caller has decided, it stays in the new file under `legacy`, so that a run that ends early does not forget
/// the webhook.
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
