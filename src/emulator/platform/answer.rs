//! Answers in Humanbound's form: errors, and pages of lists.

use std::collections::HashMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// The page size that is used when none is asked for.
const DEFAULT_SIZE: usize = 20;
/// The largest page.
const MAX_SIZE: usize = 100;

/// An answer that is not a 2xx: `{"message":..}`, and `errors` when a value is wrong \[client's tests\].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    status: StatusCode,
    message: String,
    errors: Vec<String>,
}

impl Rejection {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: Vec::new() }
    }

    /// A 422, whose `message` says little and whose `errors` say what is wrong.
    pub(super) fn invalid(errors: Vec<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: "Validation failed".to_owned(), errors }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut body = json!({ "message": self.message });
        if let (Some(members), false) = (body.as_object_mut(), self.errors.is_empty()) {
            members.insert("errors".to_owned(), json!(self.errors));
        }
        (self.status, Json(body)).into_response()
    }
}

/// The page of a list that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// Reads `page` (from 1) and `size`.
    pub(super) fn read(query: &HashMap<String, String>) -> Result<Self, Rejection> {
        let read = |name: &str, default| match query.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| Rejection::invalid(vec![format!("{name}: must be a number from 1")])),
        };
        Ok(Self { number: read("page", 1)?, size: read("size", DEFAULT_SIZE)?.min(MAX_SIZE) })
    }

    /// How many items come before the page.
    pub(super) fn start(self) -> usize {
        (self.number - 1).saturating_mul(self.size)
    }

    pub(super) fn size(self) -> usize {
        self.size
    }

    /// The page with `items`, which are those from [`Page::start`], out of `total` in all.
    pub(super) fn answer(self, items: &[impl Serialize], total: usize, says_total: bool) -> Json<Value> {
        let mut body = json!({
            "data": items,
            "page": self.number,
            "size": self.size,
            "has_next_page": self.start().saturating_add(items.len()) < total,
        });
        if let (Some(members), true) = (body.as_object_mut(), says_total) {
            members.insert("total".to_owned(), json!(total));
        }
        Json(body)
    }
}
