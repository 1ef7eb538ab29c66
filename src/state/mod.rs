//! What `hb-sentinel` remembers between two runs: `~/.humanbound/sentinel.json`.
//!
//! The truth is in Azure and on the platform; this file only makes finding it faster, and says what is ours. It never holds
//! a secret. Unknown members, which a later version may have added, are kept; a file of a later format is left alone.
//!
//! A command that changes something opens a [`Store`], which holds `sentinel.lock` for the run, and saves after each
//! step; a command that only reads calls [`read`]:
//!
//! ```no_run
//! # async fn command() -> Result<(), humanbound_sentinel::state::Error> {
//! # let home = std::path::PathBuf::new();
//! use humanbound_sentinel::{home, state};
//!
//! let mut store = state::Store::open(&home::folder(&home), "connect", state::PATIENCE).await?;
//! if let Some(legacy) = &store.state.legacy {
//!     // GET webhook `legacy.webhook_id` in the current organisation: take it over, or ask and discard it.
//!     println!("an older `hb sentinel` made {}", legacy.webhook_id);
//!     store.state.legacy = None;
//! }
//! store.state.connection("ORGANISATION").orphans.clear();
//! store.save()?;
//! # Ok(())
//! # }
//! ```
//!
//! Read [`Store`] first, then `model` for what is remembered.

mod legacy;
mod model;
mod store;

pub use legacy::Legacy;
pub use model::{Azure, Backfill, Connection, Pending, Rotation, State, Webhook, Window};
pub use store::{Error, PATIENCE, Store, read};
