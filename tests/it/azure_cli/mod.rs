//! `az` and `func` as the operator's commands use them: over recorded answers, and as the real `az` gives them.

mod answers;
mod client;
mod contract;
mod faults;
mod process;
pub mod recorded;
pub mod scenarios;
pub mod script;
mod secrets;
mod survey;
