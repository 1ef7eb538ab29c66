//! Requests through `az rest`, with the retries, pages and waiting that it leaves to its caller.
//!
//! `az rest` sends a request once and prints the answer: it neither repeats a request after 429 or 503, nor follows
//! `nextLink`, nor waits after a 202, and it shows no headers. It reformats numbers (1.10 becomes 1.1), so what it read
//! must not be written back where the form of a number matters.

use std::time::Duration;

use serde_json::Value;

use super::{Azure, text};
use crate::azure::{
    call::{Call, Input, Values},
    calls::{self, Method},
    error::{Error, found},
    process::RunError,
};

/// Tries of a request that Azure has not started, and the first pause between them; each further pause is twice as long.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause that Azure may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(2 * 60);
/// Maximum pages of a list; 1,000 items each is usual.
const MAX_PAGES: usize = 200;
/// How often, and how many times, a resource is read until it is done.
const POLL: Duration = Duration::from_secs(5);
const MAX_POLLS: u64 = 180;

/// A request to Azure Resource Manager, or to an address that needs a token of its own.
#[derive(Debug, Clone)]
pub struct Rest<'a> {
    /// Its method.
    pub method: Method,
    /// A path from the root of Azure Resource Manager, with its query; or a whole address.
    pub url: &'a str,
    /// What is sent, as JSON on standard input.
    pub body: Option<&'a Value>,
    /// The audience of the token, when `az` cannot derive it from the address.
    pub resource: Option<&'a str>,
}

impl Azure {
    /// Sends a request, repeatedly while Azure is too busy to start it; `None` for an empty answer or `null`.
    ///
    /// # Errors
    ///
    /// What Azure answers; [`Error::NotFound`] for 404.
    pub async fn rest(&self, request: &Rest<'_>) -> Result<Option<Value>, Error> {
        let mut call = calls::rest(request.method, request.url);
        if let Some(resource) = request.resource {
            call = call.with("--resource", resource);
        }
        if let Some(body) = request.body {
            call = call.with("--body", "@-").reading(Input::Text(body.to_string()));
        }
        self.patiently(&call.json(&self.scope.subscription), &Values::default()).await
    }

    /// Runs a call that may be repeated, repeatedly while Azure is too busy to start it.
    pub(super) async fn patiently(&self, call: &Call, values: &Values) -> Result<Option<Value>, Error> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.az.run(call, values).await {
                Err(Error::Rejected(fault)) if fault.is_passing() => {
                    self.az.sleep(fault.retry_after().unwrap_or(pause).min(MAX_PAUSE)).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        self.az.run(call, values).await
    }

    /// What is at a path, or `None` when nothing is.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn get(&self, url: &str) -> Result<Option<Value>, Error> {
        let request = Rest { method: Method::Get, url, body: None, resource: None };
        found(self.rest(&request).await).map(Option::flatten)
    }

    /// Everything in a list, from all its pages; empty when there is no such list.
    ///
    /// # Errors
    ///
    /// When Azure does not say, or a page links to an address outside Azure.
    pub async fn list(&self, url: &str) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut next = Some(url.to_owned());
        for _ in 0..MAX_PAGES {
            let Some(page) = next.take() else { return Ok(items) };
            let Some(mut answer) = self.get(&page).await? else { return Ok(items) };
            if let Some(Value::Array(values)) = answer.get_mut("value").map(Value::take) {
                items.extend(values);
            }
            next = text(&answer, "nextLink").filter(|link| !link.is_empty());
            // The token would follow the link, so only links to Azure's own hosts are followed, as in `az`.
            if next.as_ref().is_some_and(|link| !link.starts_with("https://")) {
                return Err(Error::Answer {
                    call: "az rest".to_owned(),
                    expected: "secure link to the next page",
                });
            }
        }
        Err(Error::Answer { call: "az rest".to_owned(), expected: "last page" })
    }

    /// Every resource of the group, with its id, type and tags.
    ///
    /// # Errors
    ///
    /// When Azure does not say.
    pub async fn resources(&self) -> Result<Vec<Value>, Error> {
        self.list(&format!("{}/resources?api-version={}", self.scope.path(), calls::api::RESOURCES)).await
    }

    /// Writes a resource, and waits until Azure has finished.
    ///
    /// # Errors
    ///
    /// What Azure answers, or that it failed later.
    pub async fn put(&self, url: &str, body: &Value) -> Result<Value, Error> {
        let put = Rest { method: Method::Put, url, body: Some(body), resource: None };
        let mut answer = self.rest(&put).await?;
        for _ in 0..MAX_POLLS {
            if let Some(resource) = answer {
                match provisioning(&resource) {
                    None | Some("Succeeded") => return Ok(resource),
                    Some("Failed" | "Canceled") => return Err(failed(&resource)),
                    Some(_) => {}
                }
            }
            self.az.sleep(POLL).await;
            answer = self.get(url).await?;
        }
        Err(pending(url))
    }

    /// Deletes a resource, and waits until it is gone; one that is already gone is no error.
    ///
    /// # Errors
    ///
    /// What Azure answers.
    pub async fn delete(&self, url: &str) -> Result<(), Error> {
        let delete = Rest { method: Method::Delete, url, body: None, resource: None };
        if found(self.rest(&delete).await)?.is_none() {
            return Ok(());
        }
        for _ in 0..MAX_POLLS {
            // Some kinds cannot be read one by one; a resource that cannot be read counts as deleted.
            match self.get(url).await {
                Ok(None) => return Ok(()),
                Ok(Some(_)) => self.az.sleep(POLL).await,
                Err(Error::Rejected(fault)) if fault.status == Some(405) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Err(pending(url))
    }

    /// Queries the logs of a workspace, by its id; the rows of the first table, by the names of its columns.
    /// <https://learn.microsoft.com/azure/azure-monitor/logs/api/overview>
    ///
    /// # Errors
    ///
    /// When the query is rejected, or the answer is no table.
    pub async fn query(&self, logs: &str, workspace: &str, query: &str) -> Result<Vec<Value>, Error> {
        let logs = logs.trim_end_matches('/');
        let url = format!("{logs}/v1/workspaces/{}/query", calls::segment(workspace));
        let body = serde_json::json!({ "query": query });
        let request = Rest { method: Method::Post, url: &url, body: Some(&body), resource: Some(logs) };
        let answer = self.rest(&request).await?;
        answer
            .as_ref()
            .and_then(rows)
            .ok_or_else(|| Error::Answer { call: "az rest".to_owned(), expected: "table" })
    }
}

fn rows(answer: &Value) -> Option<Vec<Value>> {
    let table = answer.get("tables")?.as_array()?.first()?;
    let names: Vec<&str> =
        table.get("columns")?.as_array()?.iter().filter_map(|column| column.get("name")?.as_str()).collect();
    let row = |row: &Value| {
        let cells = row.as_array()?.iter().cloned();
        Some(names.iter().map(|name| (*name).to_owned()).zip(cells).collect())
    };
    table.get("rows")?.as_array()?.iter().map(row).collect()
}

/// The provisioning state of a resource; `None` where its kind has none.
fn provisioning(resource: &Value) -> Option<&str> {
    resource.get("properties")?.get("provisioningState")?.as_str()
}

fn failed(resource: &Value) -> Error {
    let fault = resource.get("properties").and_then(crate::azure::Fault::from_json);
    let message = || format!("{} was not made", text(resource, "id").unwrap_or_default());
    Error::Rejected(fault.unwrap_or_else(|| crate::azure::Fault { message: message(), ..Default::default() }))
}

fn pending(url: &str) -> Error {
    let what = url.split('?').next().unwrap_or_default().to_owned();
    Error::Pending { what, minutes: POLL.as_secs() * MAX_POLLS / 60 }
}

/// Whether polling may continue after this error, because the next poll may succeed.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::Run(RunError::TimedOut { .. }) => true,
        Error::Rejected(fault) => {
            let network =
                ["Connection", "connect to proxy", "Max retries exceeded", "Name or service not known"];
            fault.is_passing()
                || matches!(fault.status, Some(500 | 502 | 504))
                || network.iter().any(|words| fault.says(words))
        }
        _ => false,
    }
}
