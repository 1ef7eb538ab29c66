//! Judges what was seen: a level and a hint for each block, and the verdict over all.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::look::{Counted, Hook, Part, Seen, Table};
use crate::cli::output::{State, cut, duration, grouped};
use crate::cli::platform::{connect_again, connect_or_choose, not_connected};
use crate::humanbound::Health;

/// A connection that is well has proven itself within this.
const PROOF_DAYS: i64 = 7;
/// The connector's heartbeat is hourly; the dashboard calls it down after as long.
const SILENT_HOURS: i64 = 3;
/// The drain runs every minute: what has waited for longer than this is stuck.
const STUCK_SECONDS: u64 = 600;

/// An instance's name is long, and its beginning is enough to distinguish it.
const NAME: usize = 12;

/// The level of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Ok,
    Unknown,
    Warning,
    Failed,
}

impl Level {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    /// As a step of the envelope, which says what could not be reached and why.
    pub(super) fn state(self) -> State {
        match self {
            Self::Ok => State::Done,
            Self::Unknown => State::NotRun,
            Self::Warning => State::Pending,
            Self::Failed => State::Failed,
        }
    }
}

/// One block of the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) id: &'static str,
    pub(super) level: Level,
    pub(super) lines: Vec<String>,
    pub(super) hint: Option<Cow<'static, str>>,
}

impl Block {
    fn new(id: &'static str, level: Level, line: impl Into<String>) -> Self {
        Self { id, level, lines: vec![line.into()], hint: None }
    }

    fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn at_least(self, level: Level) -> Self {
        Self { level: self.level.max(level), ..self }
    }
}

const RECONNECT: &str = "run `hb-sentinel connect --url URL`";

/// The blocks, in the order of an event's path.
pub(super) fn blocks(seen: &Seen) -> Vec<Block> {
    let mut blocks = vec![webhook(seen), deliveries(seen), health(seen.health.as_ref())];
    blocks.extend(instance(&seen.instance));
    blocks.push(table(&seen.table, seen.at));
    blocks.push(rotation(seen));
    blocks.push(orphans(&seen.orphans));
    blocks
}

/// The worst of all; where the webhook is unknown nothing is known to be well.
pub(super) fn verdict(blocks: &[Block]) -> Level {
    let worst = |block: &Block| match (block.level, block.id) {
        (Level::Unknown, "webhook") => Level::Warning,
        (Level::Unknown, _) => Level::Ok,
        (level, _) => level,
    };
    blocks.iter().map(worst).max().unwrap_or(Level::Ok)
}

fn webhook(seen: &Seen) -> Block {
    let live = match &seen.webhook {
        Ok(Hook::Live(webhook)) => webhook,
        Ok(Hook::Gone(id)) => {
            return Block::new("webhook", Level::Failed, format!("gone: {id}")).hint(RECONNECT);
        }
        Ok(Hook::Unremembered(url)) => {
            return Block::new("webhook", Level::Failed, "not remembered here")
                .line(format!("Humanbound delivers to {url}"))
                .hint(connect_again(url));
        }
        Ok(Hook::Missing) => {
            let told = not_connected(&seen.organisation_id, &seen.others);
            return Block::new("webhook", Level::Failed, told).hint(connect_or_choose(&seen.others));
        }
        Err(reason) => return Block::new("webhook", Level::Unknown, reason),
    };
    if !live.active {
        return Block::new("webhook", Level::Failed, "switched off")
            .line(&live.url)
            .hint("switch it on with `hb-sentinel test --yes`");
    }
    let types = match live.event_types.len() {
        0 => "all event types".to_owned(),
        1 => "1 event type".to_owned(),
        count => format!("{count} event types"),
    };
    let block = Block::new("webhook", Level::Ok, format!("active, {types}")).line(&live.url);
    match &seen.deployed_url {
        Some(url) if !crate::humanbound::same_connector(url, &live.url) => {
            block.line(format!("the deployed connector is {url}")).at_least(Level::Warning)
        }
        _ => block,
    }
}

fn deliveries(seen: &Seen) -> Block {
    let counted = match &seen.deliveries {
        Ok(counted) => counted,
        Err(reason) => return Block::new("deliveries", Level::Unknown, reason),
    };
    let Counted { looked_at, succeeded, recent_failures, by_code, last_error } = counted;
    let codes: Vec<_> = by_code.iter().map(|(code, count)| format!("{count} × {code}")).collect();
    let text = match looked_at {
        0 => "none yet".to_owned(),
        _ => format!("{succeeded} of the last {looked_at} arrived ({})", codes.join(", ")),
    };
    let mut block = Block::new("deliveries", Level::Ok, text);
    if let Some(error) = last_error {
        block = block.line(format!("last error: {error}"));
    }
    if *looked_at > 0 && *succeeded == 0 {
        return block.at_least(Level::Failed).hint("run `hb-sentinel test`, which says why");
    }
    if *recent_failures > 0 {
        return block
            .at_least(Level::Warning)
            .hint("bring what did not arrive with `hb-sentinel sync --since DATE`");
    }
    if proven(seen).is_none_or(|at| at < seen.at - time::Duration::days(PROOF_DAYS)) {
        return block
            .line("none is known to have arrived within 7 days")
            .at_least(Level::Warning)
            .hint("run `hb-sentinel test`");
    }
    block
}

/// When an event was last known to have arrived. Deliveries have no times.
fn proven(seen: &Seen) -> Option<OffsetDateTime> {
    let success = seen.instance.as_ref().ok().and_then(|status| status.get("last_success")?.as_str());
    let success = success.and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
    let row = seen.table.as_ref().ok().and_then(|table| table.last_row);
    [seen.tested_at, success, row].into_iter().flatten().max()
}

fn health(health: Option<&Part<Health>>) -> Block {
    match health {
        None => Block::new("connector", Level::Unknown, "no connector is known"),
        Some(Err(reason)) => {
            Block::new("connector", Level::Failed, reason).hint("check that the function app runs")
        }
        Some(Ok(health)) => {
            let level = match health.status.as_str() {
                "ok" => Level::Ok,
                "misconfigured" => Level::Failed,
                _ => Level::Warning,
            };
            Block::new("connector", level, format!("{}, version {}", health.status, health.version))
        }
    }
}

/// Counters, spool and problems of the instance that answered.
fn instance(instance: &Part<Value>) -> Vec<Block> {
    let status = match instance {
        Ok(status) => status,
        Err(reason) => {
            let text = format!("as are spool and problems: {reason}");
            return vec![Block::new("counters", Level::Unknown, text)];
        }
    };
    vec![counters(status), spool(status.get("spool")), problems(status)]
}

fn counters(status: &Value) -> Block {
    let number =
        |name: &str| status.get("counters").and_then(|counters| counters.get(name)?.as_u64()).unwrap_or(0);
    let rejected = ["rejected_missing", "rejected_malformed", "rejected_mismatch"]
        .iter()
        .map(|name| number(name))
        .sum::<u64>();
    let name = status.get("instance").and_then(Value::as_str).unwrap_or("unnamed");
    let level = if number("dead_lettered") > 0 { Level::Warning } else { Level::Ok };
    let text = [
        ("stored", number("stored")),
        ("spooled", number("spooled")),
        ("rejected", rejected),
        ("unavailable", number("unavailable")),
        ("dead-lettered", number("dead_lettered")),
    ]
    .map(|(name, count)| format!("{} {name}", grouped(count)));
    Block::new("counters", level, text.join(", "))
        .line(format!("instance {}, since its start", cut(name, NAME)))
}

fn spool(spool: Option<&Value>) -> Block {
    let blobs = spool.and_then(|spool| spool.get("blobs")?.as_u64());
    let Some(blobs) = blobs else {
        let error = spool.and_then(|spool| spool.get("error")?.as_str()).unwrap_or("cannot be read");
        return Block::new("spool", Level::Warning, error);
    };
    let oldest = spool.and_then(|spool| spool.get("oldest_s")?.as_u64()).unwrap_or(0);
    if blobs == 0 {
        return Block::new("spool", Level::Ok, "empty");
    }
    let level = if oldest > STUCK_SECONDS { Level::Warning } else { Level::Ok };
    let age = duration(Duration::from_secs(oldest));
    Block::new("spool", level, format!("{} blobs wait, the oldest for {age}", grouped(blobs)))
}

fn problems(status: &Value) -> Block {
    let problems = status.get("problems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let Some((first, rest)) = problems.split_first() else {
        return Block::new("problems", Level::Ok, "none");
    };
    let text = |problem: &Value| {
        let word = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{}: {}", word("setting"), word("message"))
    };
    rest.iter().map(text).fold(Block::new("problems", Level::Warning, text(first)), Block::line)
}

fn table(table: &Part<Table>, now: OffsetDateTime) -> Block {
    let Table { last_row, rows_24h, heartbeat } = match table {
        Ok(table) => table,
        Err(reason) => return Block::new("table", Level::Unknown, reason),
    };
    let ago = |at: &Option<OffsetDateTime>| {
        at.map_or_else(
            || "none in 30 days".to_owned(),
            |at| format!("{} ago", duration((now - at).unsigned_abs())),
        )
    };
    let block = Block::new("table", Level::Ok, format!("last row {}", ago(last_row))).line(format!(
        "{} rows in 24 h, heartbeat {}",
        grouped(*rows_24h),
        ago(heartbeat)
    ));
    if heartbeat.is_none_or(|at| at < now - time::Duration::hours(SILENT_HOURS)) {
        return block.at_least(Level::Warning).hint("see why the connector's timer does not run");
    }
    block
}

fn rotation(seen: &Seen) -> Block {
    match (&seen.rotation, &seen.previous) {
        (Some(rotation), _) => {
            let text = format!("phase {} of 4 is done; the old secret is still accepted", rotation.phase);
            Block::new("rotation", Level::Warning, text).hint("go on with `hb-sentinel rotate-secret`")
        }
        (None, Ok(true)) => {
            Block::new("rotation", Level::Warning, "none, yet the connector accepts a previous secret")
                .hint("end it with `hb-sentinel rotate-secret --finish`")
        }
        (None, Ok(false)) => Block::new("rotation", Level::Ok, "none"),
        (None, Err(reason)) => Block::new(
            "rotation",
            Level::Unknown,
            format!("none was begun here; of others nothing is known: {reason}"),
        ),
    }
}

fn orphans(orphans: &[String]) -> Block {
    if orphans.is_empty() {
        return Block::new("orphans", Level::Ok, "none");
    }
    Block::new("orphans", Level::Warning, format!("webhooks to be removed: {}", orphans.join(", ")))
        .hint("run `hb-sentinel test`, which removes them first")
}

/// The result, as programs read it. What could not be seen is null; the steps of the envelope say why.
pub(super) fn result(seen: &Seen, verdict: Level) -> Value {
    let verdict = match verdict {
        Level::Ok | Level::Unknown => "ok",
        Level::Warning => "degraded",
        Level::Failed => "down",
    };
    let webhook = match &seen.webhook {
        Ok(Hook::Live(webhook)) => json!({
            "id": webhook.id, "name": webhook.name, "url": webhook.url, "active": webhook.active,
            "event_types": webhook.event_types,
        }),
        _ => Value::Null,
    };
    let deliveries = seen.deliveries.as_ref().ok().map(|counted| {
        json!({
            "looked_at": counted.looked_at, "succeeded": counted.succeeded, "by_code": counted.by_code,
            "last_error": counted.last_error,
        })
    });
    let time = |at: Option<OffsetDateTime>| at.and_then(|at| at.format(&Rfc3339).ok());
    let table = seen.table.as_ref().ok().map(|table| {
        json!({ "last_row": time(table.last_row), "rows_24h": table.rows_24h, "heartbeat": time(table.heartbeat) })
    });
    let previous = seen.previous.as_ref().ok();
    let rotation = (seen.rotation.is_some() || previous == Some(&true)).then(|| {
        let rotation = seen.rotation.as_ref();
        json!({
            "phase": rotation.map(|rotation| rotation.phase),
            "old_webhook": rotation.and_then(|rotation| rotation.old_webhook.clone()),
            "previous_secret": previous,
        })
    });
    json!({
        "verdict": verdict, "webhook": webhook, "deliveries": deliveries, "connector": connector(seen),
        "table": table, "rotation": rotation, "orphans": seen.orphans,
    })
}

fn connector(seen: &Seen) -> Value {
    let Some(Ok(health)) = &seen.health else { return Value::Null };
    let mut connector = Map::new();
    connector.insert("health".to_owned(), health.status.clone().into());
    connector.insert("version".to_owned(), health.version.clone().into());
    for name in ["instance", "counters", "spool", "problems"] {
        let value = seen.instance.as_ref().ok().and_then(|status| status.get(name)).cloned();
        connector.insert(name.to_owned(), value.unwrap_or(Value::Null));
    }
    connector.into()
}
