//! The webhooks of all organisations, and the rules for one.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use reqwest::Url;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Rejection;
use super::delivery::DeliveryLog;
use super::options::PlatformOptions;
use crate::signature::Secret;

/// A webhook. Its secret can be neither read nor printed.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// The organisation whose events it gets.
    pub organisation_id: Uuid,
    /// Its name.
    pub name: String,
    /// Where its events go.
    pub url: String,
    /// Whether it is active.
    pub is_active: bool,
    /// The event types that it gets; empty means all.
    pub event_types: Vec<String>,
    pub(super) secret: Secret,
    pub(super) log: Arc<DeliveryLog>,
}

impl Webhook {
    /// What the API shows of it: never the secret.
    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "url": self.url,
            "is_active": self.is_active,
            "event_types": self.event_types,
        })
    }

    /// Whether it gets events of this type.
    pub(super) fn wants(&self, event_type: &str) -> bool {
        self.is_active
            && (self.event_types.is_empty() || self.event_types.iter().any(|wanted| wanted == event_type))
    }
}

/// All webhooks in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Webhooks(Mutex<Vec<Webhook>>);

impl Webhooks {
    /// Those of an organisation.
    pub(super) fn of(&self, organisation_id: Uuid) -> Vec<Webhook> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|webhook| webhook.organisation_id == organisation_id).cloned().collect()
    }

    pub(super) fn all(&self) -> Vec<Webhook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn get(&self, organisation_id: Uuid, id: &str) -> Result<Webhook, Rejection> {
        let id = Uuid::parse_str(id).ok();
        let webhooks = self.of(organisation_id);
        webhooks
            .into_iter()
            .find(|webhook| Some(webhook.id) == id)
            .ok_or_else(|| Rejection::not_found("Webhook"))
    }

    /// Adds one, unless the organisation has `limit` already.
    pub(super) fn add(&self, webhook: Webhook, limit: usize) -> Result<(), Rejection> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.iter().filter(|other| other.organisation_id == webhook.organisation_id).count() >= limit {
            return Err(Rejection::invalid(vec![format!(
                "Webhook limit reached ({limit} per organisation)"
            )]));
        }
        all.push(webhook);
        Ok(())
    }

    /// Replaces the webhook with the same id by `webhook`.
    pub(super) fn replace(&self, webhook: &Webhook) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for other in all.iter_mut().filter(|other| other.id == webhook.id) {
            other.clone_from(webhook);
        }
    }

    pub(super) fn remove(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|webhook| webhook.id != id);
    }
}

/// The webhook that the body of a POST describes.
pub(super) fn read(
    body: &[u8],
    organisation_id: Uuid,
    options: &PlatformOptions,
) -> Result<Webhook, Rejection> {
    let members = object(body)?;
    let mut errors = Vec::new();
    let url = text(&members, "url", &mut errors).unwrap_or_default();
    errors.extend(unfit(&url));
    let secret = text(&members, "secret", &mut errors).and_then(|secret| Secret::new(&secret));
    if secret.is_none() {
        errors.push("secret: must not be empty".to_owned());
    }
    let name = match members.get("name") {
        None => "Untitled Webhook".to_owned(),
        Some(_) => text(&members, "name", &mut errors).unwrap_or_default(),
    };
    let event_types = event_types(members.get("event_types"), options, &mut errors);
    let is_active = flag(&members, &mut errors).unwrap_or(true);
    match secret {
        Some(secret) if errors.is_empty() => Ok(Webhook {
            id: Uuid::new_v4(),
            organisation_id,
            name,
            url,
            is_active,
            event_types,
            secret,
            log: Arc::default(),
        }),
        _ => Err(Rejection::invalid(errors)),
    }
}

/// The webhook as the body of a PUT changes it. The client sends nothing but these three members; whether others would
/// be taken is unknown, so that nobody should rely on it.
pub(super) fn change(mut webhook: Webhook, body: &[u8]) -> Result<Webhook, Rejection> {
    let members = object(body)?;
    let mut errors = Vec::new();
    for name in members.keys().filter(|name| !["name", "url", "is_active"].contains(&name.as_str())) {
        errors.push(format!("{name}: cannot be changed"));
    }
    if members.contains_key("name") {
        webhook.name = text(&members, "name", &mut errors).unwrap_or_default();
    }
    if members.contains_key("url") {
        webhook.url = text(&members, "url", &mut errors).unwrap_or_default();
        errors.extend(unfit(&webhook.url));
    }
    if let Some(is_active) = flag(&members, &mut errors) {
        webhook.is_active = is_active;
    }
    if errors.is_empty() { Ok(webhook) } else { Err(Rejection::invalid(errors)) }
}

/// The JSON object that a body is.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Rejection> {
    serde_json::from_slice(body)
        .map_err(|_| Rejection::new(StatusCode::BAD_REQUEST, "The body must be a JSON object"))
}

fn text(members: &Map<String, Value>, name: &str, errors: &mut Vec<String>) -> Option<String> {
    let found = members.get(name).and_then(Value::as_str);
    if found.is_none() {
        errors.push(format!("{name}: must be a string"));
    }
    found.map(str::to_owned)
}

fn flag(members: &Map<String, Value>, errors: &mut Vec<String>) -> Option<bool> {
    let value = members.get("is_active")?;
    if !value.is_boolean() {
        errors.push("is_active: must be true or false".to_owned());
    }
    value.as_bool()
}

fn event_types(value: Option<&Value>, options: &PlatformOptions, errors: &mut Vec<String>) -> Vec<String> {
    let list = value.map_or(Some(&[][..]), |value| value.as_array().map(Vec::as_slice));
    let Some(list) = list else {
        errors.push("event_types: must be a list".to_owned());
        return Vec::new();
    };
    if list.is_empty() && !options.takes_no_event_types {
        errors.push("event_types: must not be empty".to_owned());
    }
    let mut found = Vec::new();
    for item in list {
        match item.as_str() {
            Some(name) if options.event_types.iter().any(|known| known == name) => {
                found.push(name.to_owned());
            }
            _ => errors.push(format!("event_types: {item} is not an event type")),
        }
    }
    found
}

/// Why events cannot go to `url`: it must be https, but on this machine may be http, since nothing else could be tested.
fn unfit(url: &str) -> Option<String> {
    let is_fit = Url::parse(url).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback),
        _ => false,
    });
    (!is_fit).then(|| "url: must be an https URL".to_owned())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}
