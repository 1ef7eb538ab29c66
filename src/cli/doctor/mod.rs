//! `hb-sentinel doctor`: checks everything between Humanbound and the table, and says what is wrong and how to fix it.
//!
//! It changes nothing, takes no lock, and works without `az` and without a login: what cannot be checked then is "not
//! checked", and so is everything below a failure, which would only repeat it.
//!
//! Reading order: `tree` (what a check is), `machine`, `humanbound`, `connector`, `azure` and `content` (the checks),
//! `bundle` (all findings in a file for somebody who helps).

mod azure;
mod bundle;
mod connector;
mod content;
mod humanbound;
mod machine;
mod tree;

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use super::context::Context;
use super::deployed::Deployed;
use super::error::Exit;
use super::output::{Printer, State as StepState};
use super::platform::folder;
use crate::config::{self, PlatformSettings};
use crate::humanbound::Client;
use crate::state::{self, Connection, State};
use tree::{Check, Verdict};

/// Check everything, and say what is wrong and how to fix it
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 0: all is well; 3: warnings only; 1: something failed.")]
pub(crate) struct DoctorArgs {
    /// Write all that was found to FILE as JSON, without secrets, keys and e-mail addresses
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

/// What the checks look at.
struct Patient<'a> {
    context: &'a Context,
    settings: PlatformSettings,
    folder: Option<PathBuf>,
    state: Result<State, state::Error>,
    client: Result<Client, crate::humanbound::Error>,
    connection: Connection,
    deployed: Option<Deployed>,
}

impl Patient<'_> {
    /// The connector's URL: of the deployment, else of the webhook.
    fn url(&self) -> Option<String> {
        let deployed = self.deployed.as_ref().and_then(|deployed| deployed.output("connectorUrl"));
        let webhook = self.connection.webhook.as_ref().map(|webhook| webhook.url.as_str());
        deployed.or(webhook).filter(|url| !url.is_empty()).map(str::to_owned)
    }
}

/// Checks everything.
///
/// # Errors
/// The bundle cannot be written. What is wrong elsewhere is a finding.
pub(super) async fn run(args: &DoctorArgs, context: &Context) -> Result<Exit> {
    let patient = patient(context);
    let step = context.printer.step("checks", "Everything is looked at");
    let (machine, humanbound, connector, azure) = tokio::join!(
        machine::check(&patient),
        humanbound::check(&patient),
        connector::check(&patient),
        azure::check(&patient),
    );
    step.end(StepState::Done, "");
    let all = [machine, humanbound, connector, azure];
    let verdict = Check::worst(&all);
    let checks: Vec<_> = all.iter().map(Check::json).collect();
    let result = json!({ "verdict": verdict.name(), "checks": checks });
    if let Some(file) = &args.bundle {
        bundle::write(file, &result, &patient)?;
        context.printer.say("Wrote", &format!("{}; read it before you pass it on", file.display()));
    }
    context.printer.publish(result, &tree::draw(&all, Printer::width()))?;
    Ok(match verdict {
        Verdict::Ok | Verdict::NotChecked => Exit::Done,
        Verdict::Warning => Exit::Pending,
        Verdict::Failed => Exit::Failed,
    })
}

fn patient(context: &Context) -> Patient<'_> {
    let settings = config::platform(&context.env);
    let folder = folder(&settings).ok();
    let state = folder.as_deref().map_or_else(|| Ok(State::default()), state::read);
    let client = Client::open(&settings, context.organisation.as_deref(), context.timing.clone());
    let named = client.as_ref().ok().and_then(|client| client.organisation().ok()).map(str::to_owned);
    let connection = state.as_ref().ok().and_then(|state| {
        let named = named.or_else(|| context.organisation.clone());
        // Without a login, the only remembered organisation is meant.
        let only = state.connections().next().filter(|_| state.connections().count() == 1);
        named.map_or_else(|| only.map(|(_, one)| one.clone()), |id| state.get(&id).cloned())
    });
    let connection = connection.unwrap_or_default();
    let deployed = Deployed::of(context, &connection);
    Patient { context, settings, folder, state, client, connection, deployed }
}
