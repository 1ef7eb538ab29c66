//! Timer invocations: the host's JSON protocol, which it uses for everything that is not plain HTTP in and out
//! (`ProcessDefaultInvocationRequest` in
//! <https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Rpc/Http/DefaultHttpWorkerService.cs>).

use std::io;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use super::body::{BodyReader, LAST_CHUNK, chunk, response_framing};
use super::console::Level;
use super::http1::{Headers, ResponseHead};
use super::shared::Order;
use super::{HOST_VERSION, Shared};

/// `ScheduleStatus.Last` of a timer that has never run.
pub const NEVER: &str = "0001-01-01T00:00:00";

/// What the schedule monitor knows when a timer fires.
#[derive(Clone, Debug, Default)]
pub struct Tick {
    /// `ScheduleStatus.Last`; `None` sends `"ScheduleStatus": null`.
    pub last: Option<String>,
    /// Whether the tick comes later than scheduled.
    pub past_due: bool,
}

/// How an invocation ended, in the eyes of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Succeeded,
    /// With a failure, for this reason.
    Failed(String),
    /// Not at all within the function's time-out; the worker was killed for it.
    TimedOut,
}

/// One invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id, as sent in `X-Azure-Functions-InvocationId`.
    pub id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// The `Logs` of the answer.
    pub logs: Vec<String>,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// The answer's body.
    pub body: Vec<u8>,
}

impl Invocation {
    /// Panics unless the host calls the invocation a success.
    #[track_caller]
    pub fn assert_succeeded(&self) {
        assert_eq!(self.outcome, Outcome::Succeeded, "{self:?}");
    }
}

/// Calls the timer function `name`.
pub async fn invoke(shared: &Shared, name: &str, tick: &Tick) -> Invocation {
    let function = shared.config.functions.get(name).unwrap_or_else(|| panic!("there is no function {name}"));
    assert_eq!(function.kind(), "timerTrigger", "{name}");
    let binding = function.trigger().and_then(|trigger| trigger["name"].as_str()).unwrap();
    let id = Uuid::new_v4();
    let mut invocation =
        Invocation { id, outcome: Outcome::Succeeded, logs: Vec::new(), status: None, body: Vec::new() };
    // A timer never overlaps itself: a lease on a blob sees to it, over all instances.
    let _lease = shared.timer.lock().await;
    if shared.worker_ready().await.is_err() {
        invocation.outcome = Outcome::Failed("the worker is not ready".to_owned());
        return invocation;
    }
    let text = payload(name, binding, tick).to_string();
    let work = answer(shared, name, &text, &mut invocation);
    let Ok(result) = shared.within_function_timeout(work).await else {
        shared.console.system(Level::Error, format!("Timeout value exceeded by function: '{name}', id {id}"));
        shared.order(Order::Restart).await;
        invocation.outcome = Outcome::TimedOut;
        return invocation;
    };
    if let Err(why) = result {
        shared.console.system(Level::Error, format!("Executed '{name}' (Failed, Id={id}): {why}"));
        invocation.outcome = Outcome::Failed(why);
    }
    for line in &invocation.logs {
        shared.console.function(line);
    }
    invocation
}

/// The body of a timer call. An object goes in as it is; only plain strings and numbers would be encoded twice.
fn payload(name: &str, binding: &str, tick: &Tick) -> Value {
    let now = OffsetDateTime::now_utc();
    let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap();
    let status = tick.last.as_ref().map(
        |last| json!({ "Last": last, "Next": text(now + time::Duration::MINUTE), "LastUpdated": text(now) }),
    );
    json!({
        "Data": {
            binding: { "Schedule": { "AdjustForDST": true }, "ScheduleStatus": status, "IsPastDue": tick.past_due }
        },
        "Metadata": { "sys": { "MethodName": name, "UtcNow": text(now), "RandGuid": Uuid::new_v4() } }
    })
}

/// Sends the call and judges the answer; does not return when the host would go on waiting.
async fn answer(shared: &Shared, name: &str, text: &str, invocation: &mut Invocation) -> Result<(), String> {
    let request = request(shared, name, invocation.id, text);
    let (head, body) = exchange(shared, &request).await.map_err(|error| error.to_string())?;
    invocation.status = Some(head.status);
    invocation.body.clone_from(&body);
    match judge(&head, &body) {
        // No result is ever set: the host waits on, until the function's time is over.
        Ok(None) => std::future::pending().await,
        Ok(Some(logs)) => {
            invocation.logs = logs;
            Ok(())
        }
        Err(why) => Err(why),
    }
}

/// The bytes of a call. Nothing in them proves who sent it.
fn request(shared: &Shared, name: &str, id: Uuid, text: &str) -> Vec<u8> {
    let mut headers = Headers::default();
    headers.push("Host", format!("127.0.0.1:{}", shared.port));
    headers.push("Transfer-Encoding", "chunked");
    headers.push("X-Azure-Functions-HostVersion", HOST_VERSION);
    headers.push("X-Azure-Functions-InvocationId", id.to_string());
    headers.push("User-Agent", format!("Azure-Functions-Host/{HOST_VERSION}"));
    headers.push("Content-Type", "application/json; charset=utf-8");
    let head = format!("POST /{name} HTTP/1.1\r\n{}", headers.lines());
    [head.as_bytes(), &chunk(text.as_bytes()), LAST_CHUNK].concat()
}

async fn exchange(shared: &Shared, request: &[u8]) -> io::Result<(ResponseHead, Vec<u8>)> {
    let (mut worker, _) = shared.client.acquire().await?;
    worker.stream.write_all(request).await?;
    let head = worker.final_head().await?;
    let body = BodyReader::new(response_framing("POST", &head)?).rest(&mut worker).await?;
    if head.keeps_alive() {
        shared.client.release(worker);
    }
    Ok((head, body))
}

/// `Ok(None)` for an answer that the host takes for none at all.
fn judge(head: &ResponseHead, body: &[u8]) -> Result<Option<Vec<String>>, String> {
    if !(200..300).contains(&head.status) {
        return Err(format!("Response status code does not indicate success: {}", head.status));
    }
    if head.status == 204 {
        return Ok(None);
    }
    let kind = head.headers.get("content-type").unwrap_or("application/octet-stream");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !["application/json", "text/json"].iter().any(|json| kind.eq_ignore_ascii_case(json)) {
        let nothing = body.is_empty() && head.headers.get("content-length") == Some("0");
        return if nothing { Ok(None) } else { Err(format!("No MediaTypeFormatter for '{kind}'")) };
    }
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("Invalid HttpResponseMessage: {error}"))?;
    match value {
        Value::Null => Ok(None),
        Value::Object(members) => {
            let member = |wanted: &str| members.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            if let Some((name, value)) =
                member("Outputs").filter(|(_, value)| !value.is_object() && !value.is_null())
            {
                return Err(format!("Invalid HttpResponseMessage: `{name}` is {value}"));
            }
            member("Logs").map_or(Ok(Some(Vec::new())), |(_, value)| logs(value).map(Some))
        }
        other => Err(format!("Invalid HttpResponseMessage: {other}")),
    }
}

/// Only strings make log lines, and Json.NET takes numbers and booleans for strings. Anything else fails the answer.
fn logs(value: &Value) -> Result<Vec<String>, String> {
    let line = |line: &Value| match line {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(line.to_string()),
        Value::Null => Ok(String::new()),
        other => Err(format!("Invalid HttpResponseMessage: a log line is {other}")),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(lines) => lines.iter().map(line).collect(),
        other => Err(format!("Invalid HttpResponseMessage: `Logs` is {other}")),
    }
}
