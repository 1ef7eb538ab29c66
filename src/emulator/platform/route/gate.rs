//! What every request passes: it is recorded, and meets the fault that applies to it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::Service;
use super::super::answer::Rejection;
use super::super::call::PlatformCall;
use super::super::fault::{PlatformFault, wrapped};
use crate::emulator::listener::ConnectionHandle;

/// No request and no answer of the API is larger.
const MAX_BODY: usize = 8 * 1024 * 1024;

pub(super) async fn gate(
    State(service): State<Arc<Service>>,
    Extension(connection): Extension<ConnectionHandle>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large").into_response();
    };
    let (method, path) = (head.method.as_str().to_owned(), head.uri.path().to_owned());
    let fault = service.faults.take(&method, &path);
    let number = service.calls.begin(PlatformCall {
        at: service.now(),
        method,
        path,
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.clone(),
        body: body.clone(),
        status: None,
    });
    match &fault {
        Some(PlatformFault::Hang) => std::future::pending().await,
        Some(PlatformFault::Reset) => connection.reset().await,
        Some(PlatformFault::Status { code, headers, body }) => {
            service.calls.end(number, *code);
            return injected(*code, headers, body.as_deref());
        }
        _ => {}
    }
    // In a separate task, so that the request takes effect even if the caller no longer waits for the answer.
    let request = Request::from_parts(head, Body::from(body));
    let answer = tokio::spawn(async move { next.run(request).await }).await;
    let answer = answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let answer = match fault {
        Some(PlatformFault::LostAnswer) => connection.reset().await,
        Some(PlatformFault::Slow(late)) => {
            tokio::time::sleep(late).await;
            answer
        }
        Some(PlatformFault::Answer { code, body }) => raw(code, body),
        Some(PlatformFault::Wrapped) => wrap(answer).await,
        _ => answer,
    };
    service.calls.end(number, answer.status().as_u16());
    answer
}

fn injected(code: u16, headers: &[(String, String)], body: Option<&str>) -> Response {
    let mut answer = match body {
        Some(body) => raw(code, body.to_owned()),
        None => Rejection::new(status(code), format!("Injected {code}")).into_response(),
    };
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn raw(code: u16, body: String) -> Response {
    (status(code), [("content-type", "application/json")], body).into_response()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn wrap(answer: Response) -> Response {
    let code = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), MAX_BODY).await.unwrap_or_default();
    (code, [("content-type", "application/json")], wrapped(&body)).into_response()
}
