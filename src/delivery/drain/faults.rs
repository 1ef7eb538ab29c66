//! What storage did not do during one run, and who is to blame: one blob, or storage itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::error;

use super::Stop;
use crate::delivery::spool::SpoolError;

/// So many different blobs in a row, and storage itself is to blame: as many as are read ahead.
const MAX_IN_A_ROW: usize = 32;
/// Lines that tell of single blobs in one run; what goes beyond is only counted.
const MAX_LINES: usize = 20;

/// Faults of one kind of operation.
#[derive(Default)]
struct Streak {
    successes: usize,
    faults: usize,
    in_a_row: usize,
    last: Option<SpoolError>,
}

/// What one kind of operation came to.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A blob is read.
    Read,
    /// A blob is written or deleted.
    Write,
}

#[derive(Default)]
struct State {
    reads: Streak,
    writes: Streak,
    told: usize,
}

impl State {
    fn streak(&mut self, kind: Kind) -> &mut Streak {
        match kind {
            Kind::Read => &mut self.reads,
            Kind::Write => &mut self.writes,
        }
    }
}

/// The faults of one run. One blob's fault is told and holds up nothing; only when several different ones fail, and
/// none works, is it storage that is broken.
#[derive(Default)]
pub(super) struct Faults(Mutex<State>);

impl Faults {
    /// An operation worked, so that storage is there.
    pub(super) fn worked(&self, kind: Kind) {
        let mut state = self.lock();
        let streak = state.streak(kind);
        streak.successes += 1;
        streak.in_a_row = 0;
    }

    /// An operation on the blob `name` failed.
    ///
    /// # Errors
    /// When so many have failed in a row that storage is to blame.
    pub(super) fn failed(&self, kind: Kind, name: &str, error: SpoolError) -> Result<(), Stop> {
        self.skipped(name, &error.to_string());
        let mut state = self.lock();
        let streak = state.streak(kind);
        streak.faults += 1;
        // What storage says about one blob is no sign that storage is broken.
        if error.concerns_one_blob() {
            return Ok(());
        }
        streak.in_a_row += 1;
        let message = error.to_string();
        streak.last = Some(error);
        if streak.in_a_row < MAX_IN_A_ROW { Ok(()) } else { Err(Stop::Spool(message)) }
    }

    /// Tells of a blob that is left where it is.
    pub(super) fn skipped(&self, name: &str, problem: &str) {
        let mut state = self.lock();
        state.told += 1;
        if state.told <= MAX_LINES {
            let hint = "look at the blob; the others go on without it";
            error!(event = "blob_skipped", name, problem, hint);
        }
    }

    /// What the whole run says: several blobs failed and none worked.
    ///
    /// # Errors
    /// When storage is to blame.
    pub(super) fn verdict(&self) -> Result<(), Stop> {
        let state = self.lock();
        for streak in [&state.reads, &state.writes] {
            if streak.faults > 1
                && streak.successes == 0
                && let Some(error) = &streak.last
            {
                return Err(Stop::Spool(error.to_string()));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
