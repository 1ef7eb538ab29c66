//! The eight routes of webhooks.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::super::Service;
use super::super::answer::{Page, Rejection};
use super::super::history::Range;
use super::super::options::{ReplayAnswer, TestAnswer};
use super::super::webhook::{self, Webhook};
use super::enter;

type Answer = Result<Response, Rejection>;

/// Ids of the organisation and of the webhook.
type Ids = Path<(String, String)>;

fn found(
    service: &Service,
    headers: &HeaderMap,
    Path((organisation, id)): &Ids,
) -> Result<Webhook, Rejection> {
    service.webhooks.get(enter(service, headers, organisation)?, id)
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(organisation): Path<String>,
) -> Answer {
    let organisation = enter(&service, &headers, &organisation)?;
    let all: Vec<_> = service.webhooks.of(organisation).iter().map(Webhook::shown).collect();
    Ok(Json(json!({ "data": all })).into_response())
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(organisation): Path<String>,
    body: Bytes,
) -> Answer {
    let organisation = enter(&service, &headers, &organisation)?;
    let webhook = webhook::read(&body, organisation, &service.options)?;
    let shown = webhook.shown();
    service.webhooks.add(webhook, service.options.webhook_limit)?;
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

pub(super) async fn show(State(service): State<Arc<Service>>, headers: HeaderMap, ids: Ids) -> Answer {
    Ok(Json(found(&service, &headers, &ids)?.shown()).into_response())
}

pub(super) async fn update(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    ids: Ids,
    body: Bytes,
) -> Answer {
    let changed = webhook::change(found(&service, &headers, &ids)?, &body)?;
    service.webhooks.replace(&changed);
    Ok(Json(changed.shown()).into_response())
}

pub(super) async fn remove(State(service): State<Arc<Service>>, headers: HeaderMap, ids: Ids) -> Answer {
    let webhook = found(&service, &headers, &ids)?;
    service.webhooks.remove(webhook.id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sends a ping and waits for its outcome. Its real body is unknown.
pub(super) async fn test(State(service): State<Arc<Service>>, headers: HeaderMap, ids: Ids) -> Answer {
    let webhook = active(found(&service, &headers, &ids)?)?;
    let milliseconds = service.now().unix_timestamp_nanos() / 1_000_000;
    let ping = json!({
        "event_type": "webhook.test",
        "organisation_id": webhook.organisation_id,
        "project_id": null,
        "timestamp": i64::try_from(milliseconds).unwrap_or_default(),
        "severity": "info",
        "title": "Test event",
        "data": {},
    });
    let outcome = service.dispatcher.ping(&webhook, ping.to_string().into()).await;
    let body = match service.options.test_answer {
        TestAnswer::Status if !outcome.is_delivered() => {
            return Err(Rejection::new(StatusCode::BAD_GATEWAY, "Delivery failed"));
        }
        TestAnswer::Status | TestAnswer::AlwaysOk => json!({ "status": "ok" }),
        TestAnswer::Delivered => {
            json!({ "delivered": outcome.is_delivered(), "status_code": outcome.status })
        }
    };
    Ok(Json(body).into_response())
}

/// What happens when an inactive webhook is tested or replayed to is unknown; a 409 is the worst case for a caller.
fn active(webhook: Webhook) -> Result<Webhook, Rejection> {
    if webhook.is_active {
        Ok(webhook)
    } else {
        Err(Rejection::new(StatusCode::CONFLICT, "Webhook is not active"))
    }
}

/// Queues past events, answers, and delivers.
pub(super) async fn replay(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    ids: Ids,
    body: Bytes,
) -> Answer {
    let webhook = active(found(&service, &headers, &ids)?)?;
    let options = &service.options.replay;
    let range = range(&webhook::object(&body)?, webhook.organisation_id, options.whole_days_only)?;
    let events = service.history.select(&range, options);
    let queued = events.len();
    service.dispatcher.queue(webhook, events);
    let body = match options.answer {
        ReplayAnswer::Number => json!({ "events_queued": queued }),
        ReplayAnswer::NoNumber => json!({ "status": "accepted" }),
    };
    Ok(Json(body).into_response())
}

fn range(members: &Map<String, Value>, organisation_id: Uuid, days_only: bool) -> Result<Range, Rejection> {
    let mut errors = Vec::new();
    let mut text = |name: &str| match members.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => {
            errors.push(format!("{name}: must be a string"));
            None
        }
    };
    let [since, until, project, event_type] = ["since", "until", "project_id", "event_type"].map(&mut text);
    let mut instant = |name: &str, text: Option<&str>| {
        let found = parse(text?, days_only);
        if found.is_none() {
            errors.push(format!("{name}: must be an ISO 8601 {}", if days_only { "date" } else { "time" }));
        }
        found
    };
    let (since, until) = (instant("since", since), instant("until", until));
    let project_id = project.and_then(|id| Uuid::parse_str(id).ok());
    if project.is_some() && project_id.is_none() {
        errors.push("project_id: must be a UUID".to_owned());
    }
    if !errors.is_empty() {
        return Err(Rejection::invalid(errors));
    }
    Ok(Range { since, until, organisation_id, project_id, event_type: event_type.map(str::to_owned) })
}

/// A date, which means its midnight in UTC, or a time.
fn parse(text: &str, days_only: bool) -> Option<OffsetDateTime> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
    if let Ok(day) = day {
        return Some(day.midnight().assume_utc());
    }
    if days_only {
        return None;
    }
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()
}

pub(super) async fn deliveries(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    ids: Ids,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let webhook = found(&service, &headers, &ids)?;
    let page = Page::read(&query)?;
    let (items, total) = webhook.log.page(page.start(), page.size());
    Ok(page.answer(&items, total, service.options.deliveries_have_total).into_response())
}
