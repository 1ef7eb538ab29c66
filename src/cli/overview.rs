//! `hb-sentinel` without a command: what it is, its commands in order, and the current state, from local files only.

use anyhow::Result;
use clap::CommandFactory as _;
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::Cli;
use super::context::Context;
use super::error::Exit;
use super::output::{minute, wrap};
use super::platform::folder;
use crate::config;
use crate::humanbound::{Client, LoginMode};
use crate::state::{self, Connection};

const WHAT: &str =
    "Humanbound's findings about your AI agents, as rows of a table in your Microsoft Sentinel.";
/// The commands in the order in which one needs them.
const STEPS: [&str; 9] =
    ["demo", "deploy", "connect", "test", "status", "sync", "rotate-secret", "doctor", "uninstall"];

/// Where one stands.
struct Standing {
    login: Option<String>,
    /// Why there is no login, in the words of whoever looked.
    no_login: Option<String>,
    connection: Connection,
    /// Why the state says nothing.
    no_state: Option<String>,
}

/// Tells it on stdout.
///
/// # Errors
/// Stdout cannot be written.
pub(super) async fn run(context: &Context) -> Result<Exit> {
    let standing = stand(context).await;
    let width = context.printer.columns();
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("hb-sentinel {version}\n{}\n\n", wrap(WHAT, width).join("\n"));
    text.push_str(&commands(width));
    text.push_str("\nWhere you stand:\n");
    let next = next(&standing);
    for (name, value) in told(&standing).into_iter().chain([("next", next.clone())]) {
        entry(&mut text, name, &value, width);
    }
    let webhook = &standing.connection.webhook;
    let tested_at = webhook.as_ref().and_then(|webhook| webhook.tested_at?.format(&Rfc3339).ok());
    let result = json!({
        "version": version, "login": standing.login,
        "organisation": standing.connection.organisation_name,
        "connected_to": webhook.as_ref().map(|webhook| &webhook.url),
        "tested_at": tested_at, "next": next,
    });
    context.printer.publish(result, &text)?;
    Ok(Exit::Done)
}

/// The commands that there are, each with its line of `--help`.
fn commands(width: usize) -> String {
    let cli = Cli::command();
    let mut text = "Commands, in the order in which you need them:\n".to_owned();
    for command in STEPS.iter().filter_map(|name| cli.find_subcommand(name)) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        entry(&mut text, command.get_name(), &about, width);
    }
    let others = cli.get_subcommands().map(clap::Command::get_name).filter(|name| !STEPS.contains(name));
    let others: Vec<_> = others.filter(|name| *name != "help").collect();
    entry(&mut text, "more", &format!("{}; each explains itself with --help", others.join(", ")), width);
    text
}

fn entry(text: &mut String, name: &str, value: &str, width: usize) {
    const NAME: usize = 13;
    let mut head = format!("  {name:NAME$}");
    for line in wrap(value, width.saturating_sub(NAME + 4)) {
        text.extend([head.as_str(), "  ", &line, "\n"]);
        head = " ".repeat(NAME + 2);
    }
}

async fn stand(context: &Context) -> Standing {
    let settings = config::platform(&context.env);
    let client = Client::open(&settings, context.organisation.as_deref(), context.timing.clone());
    let (login, no_login) = match &client {
        Ok(client) => (Some(mode(client).await), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let state = folder(&settings).map_err(|error| error.to_string());
    let state = state.and_then(|folder| state::read(&folder).map_err(|error| error.to_string()));
    let organisation = client.as_ref().ok().and_then(|client| client.organisation().ok());
    let connection = state.as_ref().ok().and_then(|state| match organisation {
        Some(id) => state.get(id),
        None => state.connections().next().map(|(_, connection)| connection),
    });
    let connection = connection.cloned().unwrap_or_default();
    Standing { login, no_login, connection, no_state: state.err() }
}

async fn mode(client: &Client) -> String {
    match client.login_mode().await {
        LoginMode::Key => "an API key".to_owned(),
        LoginMode::Session { expires_at: Some(at) } => format!("hb login, until {} UTC", minute(at)),
        LoginMode::Session { expires_at: None } => "hb login".to_owned(),
    }
}

fn told(standing: &Standing) -> Vec<(&'static str, String)> {
    let Connection { webhook, organisation_name, azure, .. } = &standing.connection;
    let login = standing.login.clone().or_else(|| standing.no_login.clone()).unwrap_or_default();
    let connected = match (webhook, &standing.no_state) {
        (Some(webhook), _) => {
            let name = organisation_name.as_deref().unwrap_or("the organisation");
            format!("{name} delivers to {}", webhook.url)
        }
        (None, Some(problem)) => problem.clone(),
        (None, None) => "no".to_owned(),
    };
    let tested = webhook.as_ref().and_then(|webhook| webhook.tested_at);
    let mut told = vec![("login", login), ("connected", connected)];
    if let Some(group) = azure.as_ref().and_then(|azure| azure.resource_group.clone()) {
        told.insert(1, ("deployed", format!("resource group {group}")));
    }
    if webhook.is_some() {
        told.push(("tested", tested.map_or_else(|| "never".to_owned(), |at| format!("{} UTC", minute(at)))));
    }
    told
}

fn next(standing: &Standing) -> String {
    let tested = standing.connection.webhook.as_ref().map(|webhook| webhook.tested_at);
    match (standing.login.is_some(), tested) {
        (false, _) => "hb login".to_owned(),
        (true, None) if has("deploy") && standing.connection.azure.is_none() => {
            "hb-sentinel deploy".to_owned()
        }
        (true, None) => "hb-sentinel connect --url URL".to_owned(),
        (true, Some(None)) => "hb-sentinel test".to_owned(),
        (true, Some(Some(_))) => "hb-sentinel status".to_owned(),
    }
}

fn has(name: &str) -> bool {
    Cli::command().find_subcommand(name).is_some()
}
