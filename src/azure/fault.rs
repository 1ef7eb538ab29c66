//! What went wrong, in Azure's words: found in the standard error of `az`, or in the JSON of Azure Resource Manager.
//!
//! `az` shows an error in at least five forms, and hides some in a traceback of its own
//! (<https://github.com/Azure/azure-cli/issues/31581>). Azure wraps the cause in errors that say nothing, such as
//! `DeploymentFailed`: <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/find-error-code>. So every
//! form leads to the same [`Fault`], the innermost one.

use std::time::Duration;

use serde_json::Value;

/// How deep errors are followed; without a limit, messages nested in messages could go on for ever.
const DEPTH: usize = 8;

/// One cause, the innermost that Azure gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// Azure's code, such as `AuthorizationFailed`.
    pub code: Option<String>,
    /// Azure's words.
    pub message: String,
    /// The resource it is about, where Azure names it separately.
    pub target: Option<String>,
    /// The HTTP status, where `az` shows it.
    pub status: Option<u16>,
    /// What else went wrong at the same time.
    pub others: Vec<Fault>,
}

impl Fault {
    /// What `az` or `func` wrote on its standard error.
    #[must_use]
    pub fn from_stderr(text: &str) -> Self {
        let told = text.lines().position(|line| line.starts_with("ERROR: "));
        let after = told.map(|at| {
            let rest: Vec<&str> = text.lines().skip(at).collect();
            rest.join("\n").trim_start_matches("ERROR: ").to_owned()
        });
        let found = after.as_deref().and_then(|after| {
            printed_json(after).or_else(|| printed_code(after)).or_else(|| printed_by_rest(after))
        });
        // In a traceback the last line is the exception; otherwise details may follow the first line.
        let told = after.as_deref().filter(|_| !text.contains("Traceback (most recent call last)"));
        found.or_else(|| in_traceback(text)).unwrap_or_else(|| Self {
            message: told
                .and_then(|after| after.lines().next())
                .unwrap_or_else(|| last_line(text))
                .trim()
                .to_owned(),
            status: status_code(text),
            ..Self::default()
        })
    }

    /// An error object of Azure Resource Manager, with or without the `error` around it; `None` for anything else.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let mut leaves = Vec::new();
        collect(value, DEPTH, &mut leaves);
        let mut leaves = leaves.into_iter();
        let first = leaves.next()?;
        Some(Self { others: leaves.collect(), ..first })
    }

    /// Whether this code is here, or among the others. Codes are compared without regard to case.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.all().any(|fault| fault.code.as_deref().is_some_and(|given| given.eq_ignore_ascii_case(code)))
    }

    /// Whether this text is in a message.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.all().any(|fault| fault.message.contains(text))
    }

    /// This one and the others.
    pub fn all(&self) -> impl Iterator<Item = &Fault> {
        std::iter::once(self).chain(&self.others)
    }

    /// Whether the same call may succeed a little later, because Azure has not started it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.status, Some(429 | 503))
            || ["TooManyRequests", "ServiceUnavailable", "ServerTimeout"]
                .iter()
                .any(|code| self.has_code(code))
    }

    /// How long Azure asks to wait. `az` does not show `Retry-After`, but some services repeat it in words:
    /// `Please try again after '17' seconds`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let (before, _) = self.message.split_once(" second")?;
        let digits = before.trim_end_matches('\'').rsplit(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().map(Duration::from_secs)
    }
}

/// `(Code) message`, or the message alone.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.code {
            Some(code) => write!(f, "({code}) {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Collects the innermost errors, in Azure's order.
fn collect(value: &Value, depth: usize, leaves: &mut Vec<Fault>) {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if let Some(inner) = value.get("error").filter(|inner| inner.is_object()) {
        return collect(inner, depth, leaves);
    }
    if depth == 0 || (text("code").is_none() && text("message").is_none()) {
        return;
    }
    let before = leaves.len();
    for detail in value.get("details").and_then(Value::as_array).into_iter().flatten() {
        collect(detail, depth - 1, leaves);
    }
    // Some providers put the whole error of another into the message.
    if let Some(inner) =
        text("message").filter(|message| message.trim_start().starts_with('{')).and_then(first_json)
    {
        collect(&inner, depth - 1, leaves);
    }
    if leaves.len() == before {
        leaves.push(Fault {
            code: text("code").filter(|code| !code.is_empty()).map(str::to_owned),
            message: text("message").unwrap_or_default().trim().to_owned(),
            target: text("target").filter(|target| !target.is_empty()).map(str::to_owned),
            ..Fault::default()
        });
    }
}

/// The JSON value that `text` begins with, whatever follows.
fn first_json(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// `{"code": …}`, and what follows `Inner Errors:`, one object a line.
fn printed_json(after: &str) -> Option<Fault> {
    let outer = Fault::from_json(&first_json(after)?)?;
    let inner = after.split_once("Inner Errors:").map_or("", |(_, inner)| inner);
    let mut inner = inner.lines().filter_map(|line| Fault::from_json(&first_json(line.trim())?));
    let Some(first) = inner.next() else { return Some(outer) };
    let rest = inner.flat_map(|mut fault| {
        let others = std::mem::take(&mut fault.others);
        std::iter::once(fault).chain(others)
    });
    Some(Fault { others: first.others.iter().cloned().chain(rest).collect(), ..first })
}

/// `(Code) message`, and the details that the client library lists under `Exception Details:`, separated by tabs.
fn printed_code(after: &str) -> Option<Fault> {
    let outer = code_and_message(after)?;
    let details = after.split_once("Exception Details:").map_or("", |(_, details)| details);
    let mut inner: Vec<Fault> = Vec::new();
    for part in details.split(['\n', '\t']).map(str::trim) {
        match (code_and_message(part), part.strip_prefix("Target: "), inner.last_mut()) {
            (Some(fault), ..) => inner.push(fault),
            (None, Some(target), Some(last)) => last.target = Some(target.to_owned()),
            _ => {}
        }
    }
    let mut inner = inner.into_iter();
    match inner.next() {
        Some(first) => Some(Fault { others: inner.collect(), ..first }),
        None => Some(outer),
    }
}

/// `Not Found({"error": …})`: the reason phrase and the body, as `az rest` shows them.
fn printed_by_rest(after: &str) -> Option<Fault> {
    let (reason, body) = after.split_once('(')?;
    let status = REASONS
        .iter()
        .find(|(phrase, _)| phrase.eq_ignore_ascii_case(reason.trim()))
        .map(|(_, status)| *status);
    if let Some(fault) = first_json(body).as_ref().and_then(Fault::from_json) {
        return Some(Fault { status, ..fault });
    }
    // A front end answers in HTML, or not at all.
    let message = after.lines().next().unwrap_or_default().to_owned();
    status.map(|_| Fault { message, status, ..Fault::default() })
}

/// What `az rest` shows of the statuses that matter here.
const REASONS: [(&str, u16); 11] = [
    ("Bad Request", 400),
    ("Unauthorized", 401),
    ("Forbidden", 403),
    ("Not Found", 404),
    ("Conflict", 409),
    ("Precondition Failed", 412),
    ("Too Many Requests", 429),
    ("Internal Server Error", 500),
    ("Bad Gateway", 502),
    ("Service Unavailable", 503),
    ("Gateway Timeout", 504),
];

/// The last exception of a traceback that has a code: `azure.core.exceptions.HttpResponseError: (Code) message`.
fn in_traceback(text: &str) -> Option<Fault> {
    text.lines().rev().find_map(|line| {
        let (exception, rest) = line.split_once(": ")?;
        let is_name = exception.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        code_and_message(rest).filter(|_| is_name)
    })
}

fn code_and_message(text: &str) -> Option<Fault> {
    let (code, message) = text.strip_prefix('(')?.split_once(") ")?;
    let is_code = !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let message = message.lines().next().unwrap_or_default().trim();
    // Here too a message may be the whole error of another.
    let inner = first_json(message).as_ref().and_then(Fault::from_json);
    let outer = || Fault { code: Some(code.to_owned()), message: message.to_owned(), ..Fault::default() };
    is_code.then(|| inner.unwrap_or_else(outer))
}

/// `Status Code: 403` or `status code 403`, as publishing writes it.
fn status_code(text: &str) -> Option<u16> {
    let lower = text.to_ascii_lowercase();
    let (_, after) = lower.split_once("status code")?;
    let digits: String =
        after.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
    (digits.len() == 3).then(|| digits.parse().ok()).flatten()
}

fn last_line(text: &str) -> &str {
    let meant = |line: &&str| {
        let line = line.trim();
        // What `az` prints below an error of usage, and below a traceback.
        let is_advertising = ["https://", "Read more about", "To check existing issues", "To open an issue"];
        !line.is_empty() && !is_advertising.iter().any(|start| line.starts_with(start))
    };
    text.lines().rev().find(meant).unwrap_or_default().trim().trim_start_matches("ERROR: ")
}
