//! The objects of the platform's API. Members that are not listed here are ignored, because the API adds some at times.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::answer::Object;

/// An organisation that the caller belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its id; the case of the letters differs between routes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The caller's role in it.
    pub role: Option<String>,
}

/// A project of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is archived.
    pub archived: bool,
}

/// A webhook. The platform never shows its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where it delivers to.
    pub url: String,
    /// Its name.
    pub name: String,
    /// Whether it delivers.
    pub active: bool,
    /// The event types that it delivers; empty means all.
    pub event_types: Vec<String>,
    /// When it was made, in the platform's words.
    pub created_at: Option<String>,
}

/// A webhook to be made.
#[derive(Clone, Copy)]
pub struct NewWebhook<'a> {
    /// Where it will deliver to.
    pub url: &'a str,
    /// What it signs with.
    pub secret: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// The event types; empty means all, including future ones.
    pub event_types: &'a [&'a str],
}

impl fmt::Debug for NewWebhook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewWebhook").field("url", &self.url).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The outcome of a DELETE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It existed and is gone.
    Deleted,
    /// It did not exist, or an earlier try of the same call deleted it.
    NotThere,
}

/// What the platform says about a test event. Only a delivered one is a success.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tested {
    /// Whether the platform says that it was delivered; `None` when it does not say.
    pub delivered: Option<bool>,
    /// What the connector answered, as far as the platform says so.
    pub status_code: Option<u16>,
    /// The platform's words, if any.
    pub message: Option<String>,
}

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id; all attempts of one event share it.
    pub event_id: Option<String>,
    /// What the receiver answered; `None` when there was no answer.
    pub status_code: Option<u16>,
    /// Which attempt it was.
    pub attempt: Option<u64>,
    /// Why it failed, in the platform's words.
    pub error: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    /// The page's items, in the platform's order.
    pub items: Vec<Delivery>,
    /// How many there are on all pages; `None` when the platform does not say.
    pub total: Option<u64>,
}

/// Which past events to deliver once more. Times are sent as given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replay<'a> {
    /// From when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<&'a str>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<&'a str>,
    /// Of one project only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<&'a str>,
    /// Of one type only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<&'a str>,
}

/// The platform's answer to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// How many events were queued; `None` when the platform did not say, which does not mean zero.
    pub queued: Option<u64>,
}

/// Whether two ids of the platform are equal, without regard to case, which differs between routes.
#[must_use]
pub fn same_id(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

impl Organisation {
    pub(super) fn read(object: &Object) -> Option<Self> {
        let id = text(object, "id")?;
        let name = text(object, "name").unwrap_or_else(|| id.clone());
        Some(Self { id, name, role: text(object, "role") })
    }
}

impl Project {
    pub(super) fn read(object: &Object) -> Option<Self> {
        let id = text(object, "id")?;
        let name = text(object, "name").unwrap_or_else(|| id.clone());
        Some(Self { id, name, archived: flag(object, "archived").unwrap_or(false) })
    }
}

impl Webhook {
    pub(super) fn read(object: &Object) -> Option<Self> {
        let types = object.get("event_types").and_then(Value::as_array);
        let types = types.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text(object, "id")?,
            url: text(object, "url").unwrap_or_default(),
            name: text(object, "name").unwrap_or_default(),
            active: flag(object, "is_active").unwrap_or(true),
            event_types: types.collect(),
            created_at: text(object, "created_at"),
        })
    }
}

impl Tested {
    pub(super) fn read(object: &Object) -> Self {
        Self {
            delivered: flag(object, "delivered"),
            status_code: number(object, "status_code").and_then(|code| code.try_into().ok()),
            message: text(object, "message").or_else(|| text(object, "error")),
        }
    }
}

impl Delivery {
    pub(super) fn read(object: &Object) -> Self {
        Self {
            event_id: text(object, "event_id"),
            status_code: number(object, "status_code").and_then(|code| code.try_into().ok()),
            attempt: number(object, "attempt"),
            error: text(object, "error"),
        }
    }
}

/// A member that is text or a number.
fn text(object: &Object, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn flag(object: &Object, name: &str) -> Option<bool> {
    object.get(name)?.as_bool()
}

/// A member that is a whole number, also as text.
pub(super) fn number(object: &Object, name: &str) -> Option<u64> {
    match object.get(name)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
