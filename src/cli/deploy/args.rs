//! The arguments of `deploy`, and the template's parameters that follow from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::azure::{DeployOptions, Publisher};
use crate::cli::error::usage;

/// The compiled template, so that one downloaded program deploys.
pub(super) const TEMPLATE: &str = include_str!("../../../infra/main.json");

/// Parameters with an argument of their own. The secret must never be in an argument, because other users can list it.
const OURS: [&str; 4] = ["webhookSecret", "tags", "useExistingWorkspace", "settled"];

/// Who publishes the package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Program {
    /// The Azure CLI: the package as it is, byte for byte
    Az,
    /// Azure Functions Core Tools, which make a new zip
    Func,
}

/// Deploy the connector to Azure, connect Humanbound to it, and prove it with a test event
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Running it again changes nothing that is there, and goes on where an earlier run stopped.

Examples:
  hb-sentinel deploy --resource-group rg-humanbound
  hb-sentinel deploy --rg rg-humanbound --dry-run
  hb-sentinel deploy --rg rg-humanbound --workspace soc --workspace-group rg-soc --yes
  hb-sentinel deploy --rg rg-humanbound --retention 90 --action-group /subscriptions/…/actionGroups/soc
  hb-sentinel deploy --rg rg-humanbound --export-only"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct DeployArgs {
    /// The resource group; it is created if it does not exist
    #[arg(long, visible_alias = "rg", value_name = "NAME")]
    pub(super) resource_group: String,
    /// The region [default: that of the group; westeurope for a new one]
    #[arg(long, value_name = "REGION")]
    pub(super) location: Option<String>,
    /// The Log Analytics workspace, new or existing [default: log-humanbound]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    /// The resource group of an existing workspace, if it is another one
    #[arg(long, value_name = "NAME", requires = "workspace")]
    pub(super) workspace_group: Option<String>,
    /// The subscription, by id or name [default: that of `az`, if there is only one]
    #[arg(long, value_name = "ID")]
    pub(super) subscription: Option<String>,
    /// The package [default: the one inside this program, or beside it, or in dist/]
    #[arg(long, value_name = "FILE")]
    pub(super) package: Option<PathBuf>,
    /// What publishes the package
    #[arg(long, value_enum, default_value = "az")]
    pub(super) publisher: Program,
    /// Deploy and check only: no secret, no webhook, no login of Humanbound
    #[arg(long)]
    pub(super) no_connect: bool,
    /// Write a script that does the same, with its files, instead of deploying
    #[arg(long)]
    pub(super) export_only: bool,
    /// Where the script goes; implies --export-only [default: sentinel-deploy-GROUP.sh]
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Show the plan only, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Also show what the template would change, as Azure predicts it
    #[arg(long)]
    pub(super) what_if: bool,
    /// Deploy and publish even what is already there
    #[arg(long)]
    pub(super) force: bool,
    /// What the webhook is called
    #[arg(long, value_name = "NAME", default_value = "Sentinel Connector")]
    pub(super) name: String,
    /// How long to wait for the test event's row
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = crate::cli::span::span)]
    pub(super) wait_row: std::time::Duration,
    #[command(flatten)]
    pub(super) template: TemplateArgs,
}

/// Parameters of the template that many need.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Template options")]
pub(super) struct TemplateArgs {
    /// Days of the table's interactive retention, 30 to 730 [default: 730]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(30..=730))]
    retention: Option<u32>,
    /// Days of the table's total retention, up to 4383 [default: as --retention]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(30..=4383))]
    total_retention: Option<u32>,
    /// An action group that alerts notify, by its resource id; up to five times
    #[arg(long, value_name = "ID")]
    action_group: Vec<String>,
    /// Addresses that may send webhooks, in CIDR notation [default: any]
    #[arg(long, value_name = "CIDR")]
    allow_source: Vec<String>,
    /// Addresses from which operators publish and read the status, in CIDR notation [default: any]
    #[arg(long, value_name = "CIDR")]
    operator_source: Vec<String>,
    /// The subnet for outgoing calls, by its resource id
    #[arg(long, value_name = "ID")]
    subnet: Option<String>,
    /// Send through a data collection endpoint, for a private link scope
    #[arg(long)]
    private_networking: bool,
    /// A tag of every resource
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Vec<String>,
    /// Any other parameter of infra/main.bicep, as JSON or as plain text
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl DeployArgs {
    /// Whether a script is written instead.
    pub(super) fn exports(&self) -> bool {
        self.export_only || self.output.is_some()
    }

    /// What is wanted, as far as arguments say.
    ///
    /// # Errors
    /// An invalid parameter or tag.
    pub(super) fn options(&self) -> Result<DeployOptions> {
        Ok(DeployOptions {
            location: self.location.clone(),
            workspace: self.workspace.clone(),
            workspace_group: self.workspace_group.clone(),
            tags: self.template.tags()?,
            parameters: self.template.parameters()?,
            template: TEMPLATE.to_owned(),
            publisher: match self.publisher {
                Program::Az => Publisher::Az,
                Program::Func => Publisher::Func,
            },
            no_connect: self.no_connect,
            force: self.force,
            ..DeployOptions::default()
        })
    }
}

impl TemplateArgs {
    fn tags(&self) -> Result<BTreeMap<String, String>> {
        self.tag.iter().map(|tag| pair("--tag", tag)).collect()
    }

    fn parameters(&self) -> Result<Map<String, Value>> {
        let mut all = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.to_owned(), value);
            }
        };
        let list = |items: &[String]| (!items.is_empty()).then(|| json!(items));
        set("retentionInDays", self.retention.map(Value::from));
        set("totalRetentionInDays", self.total_retention.map(Value::from));
        set("alertActionGroupIds", list(&self.action_group));
        set("allowedSourceRanges", list(&self.allow_source));
        set("operatorSourceRanges", list(&self.operator_source));
        set("integrationSubnetId", self.subnet.clone().map(Value::from));
        set("privateNetworking", self.private_networking.then_some(Value::Bool(true)));
        for text in &self.set {
            let (name, value) = pair("--set", text)?;
            check(&name)?;
            // A value is read as JSON, so a text that looks like a number becomes one; what is not JSON is a text.
            set(&name, Some(serde_json::from_str(&value).unwrap_or(Value::String(value))));
        }
        Ok(all)
    }
}

fn pair(option: &str, text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(usage(format!("`{option}` takes NAME=VALUE"), format!("write `{option} name=value`"))),
    }
}

/// Whether the template has such a parameter, and whether it may be set so.
fn check(name: &str) -> Result<()> {
    if OURS.contains(&name) {
        return Err(usage(
            format!("the parameter {name} cannot be set with `--set`"),
            "leave it out: `deploy` sets it, and keeps a secret out of every list of processes",
        ));
    }
    let template: Value = serde_json::from_str(TEMPLATE)?;
    let known = template.get("parameters").and_then(Value::as_object);
    if known.is_some_and(|known| known.contains_key(name)) {
        return Ok(());
    }
    let known = known.into_iter().flat_map(Map::keys).map(String::as_str);
    let known: Vec<_> = known.filter(|name| !OURS.contains(name)).collect();
    Err(usage(
        format!("the template has no parameter {name}"),
        format!("use one of {}; infra/main.bicep describes each", known.join(", ")),
    ))
}
