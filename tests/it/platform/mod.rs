//! The local platform: what it answers, what it sends, and how it fails on request; held to Humanbound's own client.

mod api;
mod client;
mod dispatch;
mod faults;
mod hb;
mod login;
mod receiver;
mod replay;
mod whole;

use humanbound_sentinel::emulator::{
    DispatchOptions, Login, Organisation, Platform, PlatformEvent, PlatformOptions,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// The id of the organisation in every test.
const ORGANISATION: Uuid = Uuid::from_u128(0x6f1c_1b52_8f0a_4a55_9a3e_1c9a_7c1d_2e3f);

/// Options with the organisation, and without waits between retries.
fn options() -> PlatformOptions {
    PlatformOptions {
        organisations: vec![Organisation { id: ORGANISATION, name: "Acme Bank".to_owned() }],
        dispatch: DispatchOptions { wait_scale: 0.0, ..DispatchOptions::default() },
        ..PlatformOptions::default()
    }
}

/// A running platform and somebody who is logged in.
struct Visit {
    platform: Platform,
    login: Login,
    http: reqwest::Client,
}

impl Visit {
    async fn start(options: PlatformOptions) -> Visit {
        let platform = Platform::start(options).await.unwrap();
        let login = platform.log_in();
        Visit { platform, login, http: crate::host::client() }
    }

    /// A request to a path below the base.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.platform.base_url()))
            .bearer_auth(&self.login.api_token)
    }

    /// A request to the organisation's webhooks and what is below them, with its answer.
    async fn webhooks(&self, method: Method, below: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.call(method, &format!("/organisations/{ORGANISATION}/webhooks{below}"));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        told(request.send().await.unwrap()).await
    }

    /// Creates a webhook through the API and returns its id.
    async fn webhook(&self, url: &str) -> Uuid {
        let (status, body) = self.webhooks(Method::POST, "", Some(described(url))).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().unwrap().parse().unwrap()
    }
}

/// The secret of every webhook in these tests.
const SECRET: &str = "the secret of the webhook";

/// What is posted for a webhook.
fn described(url: &str) -> Value {
    json!({ "url": url, "secret": SECRET, "name": "n", "event_types": [], "is_active": true })
}

/// Status and body, null when it is not JSON.
async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

/// The event of this number, one a minute from the beginning of 2026.
fn event(number: u32) -> PlatformEvent {
    let at = 1_767_225_600 + i64::from(number) * 60;
    let body = json!({
        "event_type": if number.is_multiple_of(10) { "drift.detected" } else { "finding.created" },
        "organisation_id": ORGANISATION,
        "project_id": Uuid::from_u128(u128::from(number % 3)),
        "timestamp": at,
        "severity": "high",
        "title": format!("number {number}"),
        "data": {},
    });
    PlatformEvent::read(body.to_string(), OffsetDateTime::UNIX_EPOCH).unwrap()
}
