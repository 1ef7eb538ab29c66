//! Surveys what exists: the steps of [`crate::azure::survey`], each shown as it ends.

use anyhow::Result;

use super::account;
use super::run::Run;
use crate::azure::survey::{Finding, Stopped, read_on};
use crate::azure::{Error, Survey};
use crate::cli::output::{Printer, Running, State};
use crate::cli::platform::{Platform, Told as _};
use crate::humanbound::{Webhook, same_connector};

/// The steps in the order in which they end, with their titles.
const STEPS: [(&str, &str); 5] = [
    ("providers", "Resource providers"),
    ("permissions", "Permissions"),
    ("group", "Resource group"),
    ("survey", "What is there"),
    ("secret", "The webhook's secret"),
];

/// Reads everything that a plan depends on, and waits for a running deployment of ours.
///
/// # Errors
/// What cannot be read, with its step.
pub(super) async fn look(run: &mut Run<'_>, memory: &mut Option<Platform>, all: &[Webhook]) -> Result<()> {
    let mut has_logged_in = false;
    loop {
        match once(run, memory, all).await {
            Err(Stopped { source, .. })
                if matches!(source, Error::Login(_)) && run.context.is_interactive && !has_logged_in =>
            {
                has_logged_in = true;
                account::log_in(run.context, &source).await?;
            }
            Err(stopped) => return Err(stopped.source).told(),
            Ok(found) => {
                let running = found.running.clone();
                run.found = found;
                let Some(running) = running.filter(|_| !run.args.dry_run && !run.args.exports()) else {
                    return Ok(());
                };
                super::infra::wait(run, &running.name).await?;
            }
        }
    }
}

async fn once(run: &Run<'_>, memory: &mut Option<Platform>, all: &[Webhook]) -> Result<Survey, Stopped> {
    let printer = &run.context.printer;
    let mut steps = Steps { printer, left: STEPS.iter(), current: None };
    steps.begin();
    let is_live = is_live(run, memory, all).await.map_err(|source| Stopped { step: "survey", source })?;
    let tools = Survey {
        az_version: run.found.az_version.clone(),
        func_version: run.found.func_version.clone(),
        ..Survey::default()
    };
    read_on(&run.azure, &run.options, is_live, tools, |finding| steps.end(finding)).await
}

struct Steps<'a> {
    printer: &'a Printer,
    left: std::slice::Iter<'static, (&'static str, &'static str)>,
    current: Option<Running<'a>>,
}

impl Steps<'_> {
    fn begin(&mut self) {
        self.current = self.left.next().map(|(id, title)| self.printer.step(id, *title));
    }

    fn end(&mut self, finding: &Finding) {
        if let Some(step) = self.current.take() {
            step.done(finding.detail.clone());
        }
        if let Some(warning) = &finding.warning {
            self.printer.warn(warning);
        }
        self.begin();
    }
}

/// Whether Humanbound has a webhook that leads to a connector of this group, whose secret must then stay.
async fn is_live(run: &Run<'_>, memory: &mut Option<Platform>, all: &[Webhook]) -> Result<bool, Error> {
    let Some(platform) = memory.as_mut().filter(|_| !run.args.no_connect) else { return Ok(false) };
    Ok(ours(run, platform, all).await?.is_some())
}

/// The webhook that leads to a connector of this group, be it the one of an earlier name: the remembered one first. All of
/// them have the secret of the one vault.
pub(super) async fn ours<'a>(
    run: &Run<'_>,
    platform: &mut Platform,
    all: &'a [Webhook],
) -> Result<Option<&'a Webhook>, Error> {
    if all.is_empty() {
        return Ok(None);
    }
    let mut urls = run.deployed_outputs("connectorUrl").await?;
    urls.extend(remembered(run, platform));
    let leads = |webhook: &&Webhook| urls.iter().any(|url| same_connector(&webhook.url, url));
    let known = platform.connection().webhook.as_ref().map(|webhook| webhook.id.clone());
    let known = all.iter().filter(leads).find(|webhook| Some(&webhook.id) == known.as_ref());
    Ok(known.or_else(|| all.iter().find(leads)))
}

/// The connector's URL, where this group was deployed to before.
fn remembered(run: &Run<'_>, platform: &mut Platform) -> Option<String> {
    let azure = platform.connection().azure.as_ref()?;
    let is_this = azure.resource_group.as_deref() == Some(&run.args.resource_group)
        && azure.subscription.as_deref() == Some(&run.azure.scope().subscription);
    is_this.then(|| azure.outputs.get("connectorUrl")?.as_str().map(str::to_owned)).flatten()
}

/// Checks the programs that are needed, and the package.
///
/// # Errors
/// One that is needed is missing, or there is no package.
pub(super) async fn tools(
    context: &crate::cli::context::Context,
    args: &super::DeployArgs,
) -> Result<(Survey, super::package::Package)> {
    let step = context.printer.step("tools", "Tools");
    let publisher = args.options()?.publisher;
    let looked = crate::azure::survey::tools(&context.az, publisher).await;
    let (found, finding) = looked.map_err(|stopped| stopped.source).told()?;
    let package = super::package::find(args.package.as_deref())?;
    let short: String = package.sha256.chars().take(8).collect();
    step.end(State::Done, format!("{}, {} ({short})", finding.detail, package.title()));
    if let Some(warning) = finding.warning {
        context.printer.warn(&warning);
    }
    Ok((found, package))
}
