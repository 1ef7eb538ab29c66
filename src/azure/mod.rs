//! Azure as the operator reaches it: through `az` and `func`, without a client library of our own.
//!
//! # Reading order
//!
//! 1. [`process`]: how a program is run. [`Runner`] is the seam: processes of this machine, or recorded answers.
//! 2. [`call`] and [`calls`]: a call as data, and every call there is. Secrets go through standard input only.
//! 3. [`fault`], [`error`], [`catalogue`]: what went wrong in Azure's words, and what to do about it.
//! 4. [`client`]: typed calls on top, with the retries, pages and polls that `az` leaves to its caller.
//! 5. [`survey`]: reads what exists, as [`found`]. [`options`], [`parameters`] and [`plan`]: what will be changed, as data.
//! 6. [`estate`]: what deployments have made, and what may be deleted of it.
//! 7. [`script`]: the same plan as a script for Bash.
//!
//! # How a command uses it
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use humanbound_sentinel::azure::{Az, Error, Scope, System};
//! # async fn command() -> Result<(), Error> {
//! let system = System::new().observed(|ended| eprintln!("{} {:?}", ended.tool.name(), ended.args));
//! let az = Az::new(Arc::new(system));
//! let account = az.account(None).await?;
//! let azure = az.azure(Scope { subscription: account.subscription, group: "rg-humanbound".to_owned() });
//! let newest = azure.deployments("hb-sentinel-").await?.into_iter().next();
//! # drop(newest);
//! # Ok(())
//! # }
//! ```
//!
//! A deployment reads first and then runs what it has planned: `Survey` → [`Plan::new`] → for each step, for each of its
//! calls, [`Azure::run`] with the [`Values`](call::Values) that fill it in (the files, the secret, and after `infra` the
//! outputs of [`Azure::watch`]); [`Azure::publish_by`] for the call that publishes. Only [`calls`] builds calls that change
//! something, so a plan that was shown, a run, and an exported script cannot differ.
//!
//! An [`Error`] has a [`hint`](Error::hint) where the remedy is known; [`Error::Login`] is exit code 4. Dropping a future
//! ends the program that it waits for, so an interrupt only has to stop waiting. A deployment continues in Azure all the
//! same.

pub mod call;
pub mod calls;
pub mod catalogue;
pub mod client;
pub mod error;
pub mod estate;
pub mod fault;
pub mod found;
pub mod options;
pub mod parameters;
pub mod plan;
pub mod process;
pub mod script;
pub mod survey;
mod windows;

pub use calls::{Method, PACKAGE_TAG, Scope, TAG};
pub use client::{Az, Azure, Rest};
pub use error::Error;
pub use estate::Estate;
pub use fault::Fault;
pub use found::Survey;
pub use options::{DeployOptions, Publisher};
pub use plan::Plan;
pub use process::{Runner, System, Tool};
