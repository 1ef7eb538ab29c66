//! The four checks of a deployment: the connector answers, Sentinel is enabled, its rules and its hunting queries exist.
//!
//! Each is shown with its reason. All are made, so that one run reports everything.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::args::TEMPLATE;
use super::run::Run;
use crate::azure::Error;
use crate::azure::calls::api::{SEARCHES, SENTINEL};
use crate::azure::calls::segment;
use crate::azure::script::Content;
use crate::cli::error::Explain as _;
use crate::cli::output::State;
use crate::cli::platform::Told as _;
use crate::humanbound::Connector;

/// How often to check for something that may not be visible yet, and the pause between.
const TRIES: usize = 5;
/// The host takes up to three minutes to start what was published.
const HEALTH_TRIES: usize = 18;
const PAUSE: Duration = Duration::from_secs(10);
/// How the template names hunting queries.
const HUNT: &str = "humanbound_";

/// A reason why a check failed; none when it did not.
type Verdict = Result<String, String>;

/// Makes all checks; what failed, in words.
///
/// # Errors
/// Azure or this machine cannot be asked.
pub(super) async fn all(run: &Run<'_>, has_secret: bool) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    let verdict = health(run, has_secret).await?;
    show(run, "health", "The connector answers", verdict, &mut failed);
    if run.has_content() {
        let found = sentinel(run).await.told()?;
        show(run, "sentinel", "Microsoft Sentinel is on", found, &mut failed);
        let found = rules(run).await.told()?;
        show(run, "rules", "Analytic rules", found, &mut failed);
        let found = hunts(run).await.told()?;
        show(run, "hunts", "Hunting queries", found, &mut failed);
    } else {
        let step = run.context.printer.step("content", "Sentinel content");
        step.end(State::Skipped, "not deployed here");
    }
    Ok(failed)
}

fn show(run: &Run<'_>, id: &'static str, title: &str, verdict: Verdict, failed: &mut Vec<String>) {
    let step = run.context.printer.step(id, title);
    match verdict {
        Ok(detail) => step.done(detail),
        Err(reason) => {
            step.end(State::Failed, reason.clone());
            failed.push(format!("{id}: {reason}"));
        }
    }
}

/// The connector says `ok`, and is the one that was published.
async fn health(run: &Run<'_>, has_secret: bool) -> Result<Verdict> {
    let url = run.output("connectorUrl")?;
    let connector = Connector::new(url, &run.settings, run.context.timing.clone()).told()?;
    let mut reason = String::new();
    for attempt in 0..HEALTH_TRIES {
        if attempt > 0 {
            run.context.timing.sleep(PAUSE).await;
        }
        match connector.health().await {
            Ok(health) => {
                match unhealthy(&health.status, &health.version, run.package.is_named, has_secret) {
                    None => return Ok(Ok(format!("version {}, {}", health.version, health.status))),
                    Some(problem) => reason = problem,
                }
            }
            Err(error) => reason = error.to_string(),
        }
    }
    Ok(Err(reason))
}

/// What is wrong with an answer.
fn unhealthy(status: &str, version: &str, is_named: bool, has_secret: bool) -> Option<String> {
    let ours = env!("CARGO_PKG_VERSION");
    // A package that somebody named may be of another version.
    if version != ours && !is_named {
        return Some(format!("version {version} runs, and {ours} was published"));
    }
    match status {
        // `degraded` is temporary, for example while events wait.
        "ok" | "degraded" => None,
        // There is nothing to verify signatures with yet.
        "misconfigured" if !has_secret => None,
        other => Some(format!("the connector says that it is {other}")),
    }
}

async fn sentinel(run: &Run<'_>) -> Result<Verdict, Error> {
    let workspace = run.workspace();
    let url = format!(
        "{workspace}/providers/Microsoft.SecurityInsights/onboardingStates/default?api-version={SENTINEL}"
    );
    until(run, async || {
        Ok(match run.azure.get(&url).await? {
            Some(_) => Ok(String::new()),
            None => Err("it is not on for the workspace".to_owned()),
        })
    })
    .await
}

async fn rules(run: &Run<'_>) -> Result<Verdict, Error> {
    let workspace = run.workspace();
    let url = format!("{workspace}/providers/Microsoft.SecurityInsights/alertRules?api-version={SENTINEL}");
    let wanted = wanted_rules();
    until(run, async || {
        let there = run.azure.list(&url).await?;
        let state = |name: &str| {
            let properties = there.iter().filter_map(|rule| rule.get("properties"));
            let mut named =
                properties.filter(|one| one.get("displayName").and_then(Value::as_str) == Some(name));
            named.next().map(|one| one.get("enabled").and_then(Value::as_bool).unwrap_or(false))
        };
        let missing: Vec<_> =
            wanted.iter().filter(|(name, _)| state(name).is_none()).map(|(name, _)| name.as_str()).collect();
        if !missing.is_empty() {
            return Ok(Err(format!("missing: {}", missing.join(", "))));
        }
        let off: Vec<_> = wanted
            .iter()
            .filter(|(name, enabled)| *enabled && state(name) == Some(false))
            .map(|(name, _)| name.as_str())
            .collect();
        if !off.is_empty() {
            return Ok(Err(format!("switched off: {}", off.join(", "))));
        }
        Ok(Ok(wanted.len().to_string()))
    })
    .await
}

async fn hunts(run: &Run<'_>) -> Result<Verdict, Error> {
    let url = format!("{}/savedSearches?api-version={SEARCHES}", run.workspace());
    let wanted = wanted_hunts();
    until(run, async || {
        let there = run.azure.list(&url).await?;
        let ids = there.iter().filter_map(|search| search.get("id")?.as_str());
        let names = ids.filter_map(|id| id.rsplit('/').next()).map(str::to_lowercase);
        let count = names.filter(|name| name.starts_with(HUNT)).count();
        Ok(if count >= wanted {
            Ok(count.to_string())
        } else {
            Err(format!("{count} of {wanted} are there"))
        })
    })
    .await
}

/// Checks several times, because what was just made may not be visible at once.
async fn until(
    run: &Run<'_>,
    mut look: impl AsyncFnMut() -> Result<Verdict, Error>,
) -> Result<Verdict, Error> {
    let mut verdict = look().await?;
    for _ in 1..TRIES {
        if verdict.is_ok() {
            break;
        }
        run.context.timing.sleep(PAUSE).await;
        verdict = look().await?;
    }
    Ok(verdict)
}

/// What the template brings.
pub(super) fn content() -> Content {
    Content { rules: wanted_rules(), hunts: wanted_hunts() }
}

/// The rules of the template by name, and whether each is on from the start.
fn wanted_rules() -> Vec<(String, bool)> {
    let mut rules = Vec::new();
    visit(&template(), &mut |object| {
        if object.get("triggerOperator").is_some_and(Value::is_string)
            && let (Some(_), Some(name)) = (text(object, "id"), text(object, "name"))
        {
            rules.push((name, object.get("enabled").and_then(Value::as_bool).unwrap_or(true)));
        }
    });
    rules
}

/// How many hunting queries the template has.
fn wanted_hunts() -> usize {
    let mut count = 0;
    visit(&template(), &mut |object| {
        count += object.get("huntingQueries").and_then(Value::as_array).map_or(0, Vec::len);
    });
    count
}

fn template() -> Value {
    serde_json::from_str(TEMPLATE).unwrap_or_default()
}

fn text(object: &serde_json::Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

/// Shows every object of a document to `see`.
fn visit(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            see(object);
            object.values().for_each(|inner| visit(inner, see));
        }
        Value::Array(items) => items.iter().for_each(|inner| visit(inner, see)),
        _ => {}
    }
}

/// The error of a deployment that exists but does not work.
///
/// # Errors
/// Always.
pub(super) fn fail(run: &Run<'_>, failed: &[String]) -> Result<()> {
    let group = segment(&run.azure.scope().group);
    let site = run.output("connectorFunctionName").unwrap_or("the Function App");
    let hint = if failed.iter().any(|reason| reason.starts_with("health")) {
        format!(
            "look at the log of {site}: `az webapp log tail --resource-group {group} --name {site}`; then run this again"
        )
    } else {
        "wait some minutes and run this again with `--force`; what is there stays".to_owned()
    };
    Err(anyhow::anyhow!("deployed, and not as it should be: {}", failed.join("; ")))
        .hint(hint)
        .code("CheckFailed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_says_what_must_be_there() {
        let rules = wanted_rules();
        assert_eq!(rules.len(), 5);
        assert!(rules.iter().all(|(name, _)| name.starts_with("Humanbound")), "{rules:?}");
        assert_eq!(rules.iter().filter(|(_, enabled)| !enabled).count(), 1);
        assert_eq!(wanted_hunts(), 6);
    }

    #[test]
    fn without_a_secret_a_connector_may_be_misconfigured() {
        let ours = env!("CARGO_PKG_VERSION");
        assert_eq!(unhealthy("ok", ours, false, true), None);
        assert_eq!(unhealthy("misconfigured", ours, false, false), None);
        assert!(unhealthy("misconfigured", ours, false, true).is_some());
        assert!(unhealthy("ok", "0.0.1", false, true).is_some());
        assert_eq!(unhealthy("ok", "0.0.1", true, true), None);
    }
}
