//! Checks of Humanbound: the login, the organisation, its webhooks and their deliveries.

use std::collections::BTreeSet;

use super::Patient;
use super::tree::{Check, Titles};
use crate::cli::connect::MAX_WEBHOOKS;
use crate::humanbound::{Client, Delivery, EVENT_TYPES, LoginMode, Webhook, same_connector, same_id};

const BELOW_LOGIN: Titles = &[
    ("clock", "Clock"),
    ("organisation", "Organisation"),
    ("webhooks", "Webhooks"),
    ("webhook", "Our webhook"),
    ("event-types", "Event types"),
    ("duplicates", "Duplicates"),
    ("orphans", "Left over"),
    ("deliveries", "Deliveries"),
];
const BELOW_WEBHOOK: Titles = &[("event-types", "Event types"), ("deliveries", "Deliveries")];
/// How many attempts are read.
const PAGE: usize = 50;

pub(super) async fn check(patient: &Patient<'_>) -> Check {
    let branch = Check::ok(("humanbound", "Humanbound"), "");
    let of = ("login", "Login");
    let client = match &patient.client {
        Ok(client) => client,
        Err(error) => {
            return branch.with(vec![Check::failed(of, error.to_string(), error.hint()).blocks(BELOW_LOGIN)]);
        }
    };
    let organisations = match client.organisations().await {
        Ok(organisations) => organisations,
        Err(error) => {
            return branch.with(vec![Check::failed(of, error.to_string(), error.hint()).blocks(BELOW_LOGIN)]);
        }
    };
    let mode = match client.login_mode().await {
        LoginMode::Key => "an API key".to_owned(),
        LoginMode::Session { expires_at: None } => "a session".to_owned(),
        LoginMode::Session { expires_at: Some(at) } => {
            format!("a session, renewed from {} on", crate::cli::output::minute(at))
        }
    };
    let ours =
        client.organisation().ok().and_then(|id| organisations.iter().find(|one| same_id(&one.id, id)));
    let organisation = ("organisation", "Organisation");
    let organisation = match ours {
        None => Check::failed(
            organisation,
            "you do not belong to the one that is chosen",
            "choose one with `hb orgs use`, or name one with `--org`",
        ),
        Some(one) => match one.role.as_deref() {
            Some(role) if !["owner", "admin"].iter().any(|one| one.eq_ignore_ascii_case(role)) => {
                Check::warning(
                    organisation,
                    format!("{}, as {role}, who may not manage webhooks", one.name),
                    "ask an owner for the role admin",
                )
            }
            role => Check::ok(
                organisation,
                format!("{}{}", one.name, role.map_or_else(String::new, |role| format!(", as {role}"))),
            ),
        },
    };
    let clock = clock(client);
    let mut checks = vec![clock, organisation];
    checks.extend(webhooks(patient, client).await);
    branch.with(vec![Check::ok(of, mode).with(checks)])
}

fn clock(client: &Client) -> Check {
    let of = ("clock", "Clock");
    match client.clock_off() {
        None => Check::ok(of, "as the platform's"),
        Some(off) => {
            let direction = if off > 0 { "ahead of" } else { "behind" };
            Check::warning(
                of,
                format!("{} s {direction} the platform's", off.unsigned_abs()),
                "set this machine's clock",
            )
        }
    }
}

async fn webhooks(patient: &Patient<'_>, client: &Client) -> Vec<Check> {
    let of = ("webhooks", "Webhooks");
    let all = match client.webhooks().await {
        Ok(all) => all,
        Err(error) => {
            let below = BELOW_LOGIN.get(3..).unwrap_or_default();
            return vec![Check::failed(of, error.to_string(), error.hint()).blocks(below)];
        }
    };
    let url = patient.url();
    let known = patient.connection.webhook.as_ref().map(|webhook| webhook.id.as_str());
    let leads = |webhook: &&Webhook| url.as_deref().is_some_and(|url| same_connector(&webhook.url, url));
    let ours =
        all.iter().find(|webhook| Some(webhook.id.as_str()) == known).or_else(|| all.iter().find(leads));
    let mut below = vec![our_webhook(client, ours, url.as_deref()).await];
    let others: Vec<_> = all
        .iter()
        .filter(leads)
        .filter(|webhook| ours.is_none_or(|ours| ours.id != webhook.id))
        .map(|webhook| webhook.id.as_str())
        .collect();
    let duplicates = ("duplicates", "Duplicates");
    below.push(match others.as_slice() {
        [] => Check::ok(duplicates, "none"),
        [first, ..] => {
            let cause = format!("{} leads to the connector too", others.join(", "));
            Check::warning(duplicates, cause, format!("remove it with `hb webhooks remove {first}`"))
        }
    });
    let orphans = ("orphans", "Left over");
    below.push(match patient.connection.orphans.as_slice() {
        [] => Check::ok(orphans, "none"),
        some => Check::warning(
            orphans,
            format!("{} could not be removed", some.join(", ")),
            "run `hb-sentinel test`, which tries again",
        ),
    });
    vec![Check::ok(of, format!("{} of {MAX_WEBHOOKS}", all.len())).with(below)]
}

async fn our_webhook(client: &Client, ours: Option<&Webhook>, url: Option<&str>) -> Check {
    let of = ("webhook", "Our webhook");
    let Some(webhook) = ours else {
        let fix = if url.is_some() {
            "run `hb-sentinel connect`"
        } else {
            "run `hb-sentinel deploy`, or `hb-sentinel connect --url URL`"
        };
        return Check::failed(of, "none leads to the connector", fix).blocks(BELOW_WEBHOOK);
    };
    if !webhook.active {
        let fix = "run `hb-sentinel test --yes`, which switches it on";
        return Check::failed(of, format!("{} is switched off", webhook.id), fix).blocks(BELOW_WEBHOOK);
    }
    if url.is_some_and(|url| !same_connector(&webhook.url, url)) {
        let cause = format!("{} leads to {}", webhook.id, webhook.url);
        return Check::failed(of, cause, "run `hb-sentinel connect`, which leads it to what was deployed")
            .blocks(BELOW_WEBHOOK);
    }
    let deliveries = match client.deliveries(&webhook.id, 1, PAGE).await {
        Ok(page) => deliveries(&page.items),
        Err(error) => Check::warning(("deliveries", "Deliveries"), error.to_string(), error.hint()),
    };
    Check::ok(of, webhook.id.clone()).with(vec![event_types(webhook), deliveries])
}

fn event_types(webhook: &Webhook) -> Check {
    let of = ("event-types", "Event types");
    let known =
        EVENT_TYPES.iter().filter(|known| webhook.event_types.iter().any(|one| one == **known)).count();
    // The last two are not in the documentation: a platform need not know them.
    if webhook.event_types.is_empty() || known + 2 >= EVENT_TYPES.len() {
        return Check::ok(of, "all");
    }
    let fix = "make it anew: `hb-sentinel disconnect`, then `hb-sentinel connect`";
    Check::warning(of, format!("only {}; the others do not arrive", webhook.event_types.len()), fix)
}

fn deliveries(attempts: &[Delivery]) -> Check {
    let of = ("deliveries", "Deliveries");
    let is_good = |attempt: &&Delivery| matches!(attempt.status_code, Some(200..=299));
    let arrived: BTreeSet<_> = attempts.iter().filter(is_good).map(|attempt| &attempt.event_id).collect();
    let lost = attempts.iter().find(|attempt| !arrived.contains(&attempt.event_id));
    let Some(lost) = lost else {
        return Check::ok(of, format!("the last {} attempts came through", attempts.len()));
    };
    let cause = lost.error.clone().or_else(|| lost.status_code.map(|code| format!("HTTP {code}")));
    let cause = format!("an event did not arrive: {}", cause.unwrap_or_else(|| "no answer".to_owned()));
    match lost.status_code {
        Some(401) => Check::failed(
            of,
            cause,
            "run `hb-sentinel rotate-secret`: connector and webhook have different secrets",
        ),
        _ => Check::warning(of, cause, "run `hb-sentinel sync --since 7d`, which delivers it again"),
    }
}
