//! Organisations and projects.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::super::Service;
use super::super::answer::{Page, Rejection};
use super::super::options::Project;
use super::{admit, find};

pub(super) async fn organisations(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Rejection> {
    admit(&service, &headers)?;
    let all = service.options.organisations.iter();
    let shown = all.map(|organisation| {
        json!({ "id": organisation.id, "name": organisation.name, "role": "owner", "subscription_id": "trial" })
    });
    Ok(Json(shown.collect()))
}

/// The projects of the organisation that the header `organisation_id` names.
pub(super) async fn projects(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Rejection> {
    admit(&service, &headers)?;
    let page = Page::read(&query)?;
    let named = headers.get("organisation_id").and_then(|value| value.to_str().ok());
    let named = named
        .ok_or_else(|| Rejection::new(StatusCode::BAD_REQUEST, "The header organisation_id is missing"))?;
    let organisation = find(&service, named)?;
    let all: Vec<_> = service
        .options
        .projects
        .iter()
        .filter(|project| project.organisation_id == organisation.id)
        .map(shown)
        .collect();
    let items: Vec<_> = all.iter().skip(page.start()).take(page.size()).collect();
    Ok(page.answer(&items, all.len(), true))
}

/// What the list shows of a project \[client's tests\].
fn shown(project: &Project) -> Value {
    json!({
        "id": project.id,
        "name": project.name,
        "description": "",
        "archived": project.archived,
        "created_at": "2026-01-05T09:00:00Z",
        "updated_at": "2026-01-05T09:00:00Z",
    })
}
