//! Checks of the connector: as Humanbound reaches it, and by one instance's own status.

use serde_json::Value;

use super::Patient;
use super::tree::{Check, Titles};
use crate::config::Confidential;
use crate::humanbound::Connector;

const BELOW: Titles = &[("settings", "Settings"), ("spool", "Spool"), ("signatures", "Signatures")];
const INSTANCE: (&str, &str) = ("instance", "One instance");
const ALL: Titles = &[INSTANCE, BELOW[0], BELOW[1], BELOW[2]];
/// Events that wait for longer than a few runs of the drain mean that Azure Monitor does not take them.
const OLD_S: u64 = 900;
/// A new secret is probed for, and rejected so often at most before every instance has it.
const PROBES: u64 = 8;

pub(super) async fn check(patient: &Patient<'_>) -> Check {
    let of = ("connector", "Connector");
    let Some(url) = patient.url() else {
        return Check::not_checked(of, "no connector is known").blocks(ALL);
    };
    let connector = match Connector::new(&url, &patient.settings, patient.context.timing.clone()) {
        Ok(connector) => connector,
        Err(error) => {
            return Check::failed(of, error.to_string(), "run `hb-sentinel connect --url URL`").blocks(ALL);
        }
    };
    let health = match connector.health().await {
        Ok(health) => health,
        Err(error) => {
            let fix = "look at the Function App in the portal: is it running, and was the package published?";
            return Check::failed(of, error.to_string(), fix).blocks(ALL);
        }
    };
    let detail = format!("version {}, {}", health.version, health.status);
    let instance = instance(patient, &connector).await;
    let check = match health.status.as_str() {
        "ok" => Check::ok(of, detail),
        "degraded" => Check::warning(of, detail, "look at what the instance says below"),
        _ => Check::failed(
            of,
            detail,
            "look at the settings that the instance names below; without a secret run `hb-sentinel connect`",
        ),
    };
    check.with(vec![instance])
}

async fn instance(patient: &Patient<'_>, connector: &Connector) -> Check {
    let site = patient
        .deployed
        .as_ref()
        .and_then(|deployed| Some((deployed, deployed.output("connectorFunctionName")?)));
    let Some((deployed, site)) = site else {
        return Check::not_checked(INSTANCE, "needs a deployment, for a key").blocks(BELOW);
    };
    let key = match deployed.azure.keys(site).await {
        Ok(keys) => Confidential::new(keys.function.as_str()),
        Err(error) => return Check::not_checked(INSTANCE, format!("needs a key: {error}")).blocks(BELOW),
    };
    let status = match connector.status(&key).await {
        Ok(status) => status,
        Err(error) => {
            return Check::warning(
                INSTANCE,
                error.to_string(),
                "try again: an instance that starts takes no key yet",
            )
            .blocks(BELOW);
        }
    };
    let name = status.get("instance").and_then(Value::as_str).unwrap_or("unnamed");
    Check::ok(INSTANCE, name).with(vec![settings(&status), spool(&status), signatures(&status)])
}

fn settings(status: &Value) -> Check {
    let of = ("settings", "Settings");
    let first = |list: &str| {
        let item = status.get(list)?.as_array()?.first()?;
        let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some((format!("{} {}", text("setting"), text("message")), text("hint")))
    };
    match (first("problems"), first("notes")) {
        (Some((cause, fix)), _) => Check::failed(of, cause, fix),
        (None, Some((cause, fix))) => Check::warning(of, cause, fix),
        (None, None) => Check::ok(of, "complete"),
    }
}

fn spool(status: &Value) -> Check {
    let of = ("spool", "Spool");
    let spool = status.get("spool").cloned().unwrap_or_default();
    if let Some(error) = spool.get("error").and_then(Value::as_str) {
        return Check::failed(
            of,
            error,
            spool
                .get("hint")
                .and_then(Value::as_str)
                .unwrap_or("give the app's identity Storage Blob Data Contributor on the container `spool`"),
        );
    }
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (blobs, oldest) = (number(&spool, "blobs"), number(&spool, "oldest_s"));
    let dead = status.get("counters").map_or(0, |counters| number(counters, "dead_lettered"));
    if blobs > 0 && oldest > OLD_S {
        let cause = format!("{blobs} batches wait, the oldest for {} min", oldest / 60);
        return Check::warning(
            of,
            cause,
            "nothing is lost; look at `last_error` of `/api/status`, often a role that is not there yet",
        );
    }
    if dead > 0 {
        return Check::warning(
            of,
            format!("{dead} rows were rejected for good"),
            "look into `deadletter/` of the container `spool`",
        );
    }
    Check::ok(of, format!("{blobs} batches wait"))
}

fn signatures(status: &Value) -> Check {
    let of = ("signatures", "Signatures");
    let count = |name: &str| {
        status.get("counters").and_then(|counters| counters.get(name)?.as_u64()).unwrap_or_default()
    };
    let rejected = count("rejected_missing") + count("rejected_malformed") + count("rejected_mismatch");
    if rejected > PROBES {
        return Check::warning(
            of,
            format!("{rejected} rejected since the instance started"),
            "if deliveries fail with 401, run `hb-sentinel rotate-secret`; else somebody else posts there",
        );
    }
    Check::ok(of, format!("{rejected} rejected"))
}
