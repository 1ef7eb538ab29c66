//! The storage account as the operator sees it: how much waits in its spool.

use serde_json::Value;

use super::Azure;
use crate::azure::error::Error;

impl Azure {
    /// How many blobs of a container have names that begin with `prefix`; more than 5,000 are not counted further.
    ///
    /// # Errors
    ///
    /// When Azure does not say: the operator needs Storage Blob Data Reader on the container.
    pub async fn count_blobs(&self, account: &str, container: &str, prefix: &str) -> Result<u64, Error> {
        let call = self.scope.blobs_count(account, container, prefix);
        let answer = self.az.json(&call).await?;
        Value::as_u64(&answer).ok_or_else(|| Error::Answer { call: call.name(), expected: "number" })
    }
}
