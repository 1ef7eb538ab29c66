//! A receipt: one name in the spool that lists the blobs of a call which is settled, written before they are deleted.
//!
//! To delete the blobs of a call one by one takes long when they are many, and a process that is killed meanwhile would
//! leave the rest to be sent again. One write says it of all of them, so that the next call may begin while they are
//! deleted. A receipt lies below `settled/`, where a blob's own marker lies too, and is deleted after its blobs.

use bytes::Bytes;
use uuid::Uuid;

use super::DELETES;
use super::settle::{Case, Settler};
use crate::delivery::spool::{PENDING, written};

/// Receipts. No marker of a blob begins like this, since a blob's name goes on with the year.
const RECEIPTS: &str = "settled/receipts/";

/// Whether a name below `settled/` is a receipt.
pub(super) fn is_receipt(name: &str) -> bool {
    name.starts_with(RECEIPTS)
}

impl Settler {
    /// Writes a receipt for a call that is settled whole, unless its blobs are deleted as fast; answers its name. Without one
    /// the blobs must be gone before the next call begins.
    pub(super) async fn write_receipt(&self, case: &Case) -> Option<String> {
        // A foreign blob may come again with other rows under a name that a receipt would call settled.
        let is_ours = || case.blobs.iter().all(|blob| written(&blob.name).is_some());
        if case.blobs.len() <= DELETES || !case.open.is_empty() || !is_ours() {
            return None;
        }
        let names: Vec<String> = case.blobs.iter().map(|blob| blob.name.clone()).collect();
        let receipt = format!("{RECEIPTS}{}", Uuid::now_v7().simple());
        let store = self.store().ok()?;
        store.put(&receipt, Bytes::from(names.join("\n"))).await.ok()?;
        self.lock().receipts.insert(receipt.clone(), names);
        Some(receipt)
    }

    /// Learns from a receipt which blobs an earlier process has settled.
    pub(super) async fn recall_receipt(&self, receipt: &str) {
        let Ok(store) = self.store() else { return };
        match store.get(receipt).await {
            Ok(content) => {
                let content = content.unwrap_or_default();
                let text = String::from_utf8_lossy(&content);
                let names = text.lines().filter(|name| name.starts_with(PENDING)).map(str::to_owned);
                let names: Vec<String> = names.collect();
                let mut memory = self.lock();
                memory.undeleted.extend(names.iter().cloned());
                memory.receipts.insert(receipt.to_owned(), names);
            }
            // Its call is sent again, which is better than to stop for it.
            Err(problem) => self.faults.skipped(receipt, &problem.to_string()),
        }
    }

    /// Deletes a receipt whose blobs are gone; otherwise the end of a run tries again.
    pub(super) async fn drop_receipt(&self, receipt: String) {
        let is_needed = {
            let memory = self.lock();
            let names = memory.receipts.get(&receipt);
            names.is_some_and(|names| names.iter().any(|name| memory.undeleted.contains(name)))
        };
        let Ok(store) = self.store() else { return };
        if !is_needed && store.delete(&receipt).await.is_ok() {
            self.lock().receipts.remove(&receipt);
        }
    }

    /// Deletes the receipts that are not needed any more.
    pub(super) async fn drop_receipts(&self) {
        let receipts: Vec<String> = self.lock().receipts.keys().cloned().collect();
        for receipt in receipts {
            self.drop_receipt(receipt).await;
        }
    }
}
