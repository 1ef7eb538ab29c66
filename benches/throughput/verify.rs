//! After the clock has stopped: is every event that was acknowledged really there, and only once?

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::event;
use crate::load::{Fate, Outcome};

/// Where the acknowledged events of a run are.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Verified {
    /// Events answered 200 or 202.
    pub(crate) acknowledged: u64,
    /// Events answered 200 whose row is not in the table. It must be 0.
    pub(crate) missing_in_table: u64,
    /// Events answered 202 whose row is neither in the spool nor in the table. It must be 0.
    pub(crate) missing_in_spool: u64,
    /// Rows that are in the table more often than once. Delivery is at least once, but without faults this is 0.
    pub(crate) duplicates: u64,
}

impl Verified {
    /// Those of another run as well.
    pub(crate) fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.missing_in_table += other.missing_in_table;
        self.missing_in_spool += other.missing_in_spool;
        self.duplicates += other.duplicates;
    }
}

/// A row, of which only the number of its event is read.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(rename = "Data", borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    finding_id: Option<&'a str>,
}

/// Looks for the events of `outcome` in the `bodies` that the workspace accepted and in the spool.
pub(crate) fn rows(bodies: &[Bytes], outcome: &Outcome, spool: &Path) -> anyhow::Result<Verified> {
    let mut table: HashMap<u64, u32> = HashMap::new();
    for body in bodies {
        count(body, &mut table)?;
    }
    let mut spooled = HashMap::new();
    for file in files(&spool.join("pending"))? {
        count(&std::fs::read(file)?, &mut spooled)?;
    }
    let (mut verified, mut missing_in_table, mut missing_in_spool) = (0, 0, 0);
    for event in outcome.events(Fate::Stored) {
        verified += 1;
        missing_in_table += u64::from(!table.contains_key(&event));
    }
    for event in outcome.events(Fate::Spooled) {
        verified += 1;
        missing_in_spool += u64::from(!spooled.contains_key(&event) && !table.contains_key(&event));
    }
    let duplicates = table.values().map(|times| u64::from(times.saturating_sub(1))).sum();
    Ok(Verified { acknowledged: verified, missing_in_table, missing_in_spool, duplicates })
}

/// Counts the events in a compressed `body`, by number.
pub(crate) fn count(body: &[u8], events: &mut HashMap<u64, u32>) -> anyhow::Result<()> {
    let mut text = Vec::with_capacity(body.len() * 8);
    MultiGzDecoder::new(body).read_to_end(&mut text)?;
    let rows: Vec<Row<'_>> = serde_json::from_slice(&text).context("an accepted body is no array of rows")?;
    // The connector's own rows have no such number.
    for number in rows.iter().filter_map(|row| row.data.finding_id).filter_map(event::number) {
        *events.entry(number).or_default() += 1;
    }
    Ok(())
}

/// Every file below `folder`, which need not be there.
fn files(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}
