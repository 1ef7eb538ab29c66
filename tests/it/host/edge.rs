//! What the host decides before a request reaches the worker: is there such a function, and may this caller call it.

use serde_json::Value;

use super::Shared;
use super::body::Framing;
use super::config::Function;
use super::http1::RequestHead;

/// The host's limit for a request body
/// (<https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits>).
const BODY_LIMIT: u64 = 104_857_600;

/// The app setting that moves the limit.
const BODY_LIMIT_SETTING: &str = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT";

/// A key that opens every function whose `authLevel` is not `admin`.
pub const FUNCTION_KEY: &str = "simulated-function-key";

/// A key that opens everything.
pub const MASTER_KEY: &str = "simulated-master-key";

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The worker gets it.
    Pass,
    /// The host answers with this status and an empty body.
    Refuse(u16),
    /// The host's own page at `/`.
    Home,
    /// `/admin/host/ping`, which makes the host ping the worker.
    Ping,
}

/// Judges a request by its head.
pub fn judge(shared: &Shared, head: &RequestHead, framing: Framing) -> Verdict {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    match path {
        "/" => return Verdict::Home,
        "/admin/host/ping" => return Verdict::Ping,
        _ => {}
    }
    // A route whose method constraint does not hold is no match at all, hence 404 and never 405 (`WebJobsRouter` in
    // https://github.com/Azure/azure-webjobs-sdk-extensions/tree/dev/src/WebJobs.Extensions.Http/Routing).
    let Some((name, function)) = find(shared, head, path) else { return Verdict::Refuse(404) };
    if function.disabled || is_disabled(shared, name) {
        return Verdict::Refuse(404);
    }
    if !authorized(function, head, query) {
        return Verdict::Refuse(401);
    }
    match framing {
        Framing::Length(length) if length > body_limit(shared) => Verdict::Refuse(413),
        _ => Verdict::Pass,
    }
}

/// The most bytes that a request's body may have.
pub fn body_limit(shared: &Shared) -> u64 {
    shared.settings.get(BODY_LIMIT_SETTING).map_or(BODY_LIMIT, |limit| limit.parse().unwrap())
}

fn find<'a>(shared: &'a Shared, head: &RequestHead, path: &str) -> Option<(&'a str, &'a Function)> {
    let prefix = &shared.config.route_prefix;
    let functions = shared.config.functions.iter();
    functions.map(|(name, function)| (name.as_str(), function)).find(|(name, function)| {
        let Some(trigger) =
            function.trigger().filter(|_| function.kind().eq_ignore_ascii_case("httpTrigger"))
        else {
            return false;
        };
        let route = trigger["route"].as_str().unwrap_or(name);
        let template = if prefix.is_empty() { format!("/{route}") } else { format!("/{prefix}/{route}") };
        matches(&template, path) && allows(trigger, &head.method)
    })
}

/// Whether `path` is of the form `template`: segments in any case, `{name}` for one, `{*name}` for all that follow.
fn matches(template: &str, path: &str) -> bool {
    let mut wanted = template.trim_matches('/').split('/');
    let mut found = path.trim_matches('/').split('/');
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(rest), _) if rest.starts_with("{*") => return true,
            (Some(one), Some(segment)) if one.starts_with('{') && !segment.is_empty() => {}
            (Some(text), Some(segment)) if text.eq_ignore_ascii_case(segment) => {}
            _ => return false,
        }
    }
}

fn allows(trigger: &Value, method: &str) -> bool {
    let methods = trigger["methods"].as_array();
    methods.is_none_or(|list| {
        list.iter().any(|one| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(method)))
    })
}

fn is_disabled(shared: &Shared, name: &str) -> bool {
    let setting = shared.settings.get(&format!("AzureWebJobs.{name}.Disabled"));
    setting.is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
}

/// The key in `x-functions-key` or `?code=`; the level is `function` when none is given.
fn authorized(function: &Function, head: &RequestHead, query: &str) -> bool {
    let level = function.trigger().and_then(|trigger| trigger["authLevel"].as_str()).unwrap_or("function");
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    let key = head.headers.get("x-functions-key").or(in_query);
    match level.to_ascii_lowercase().as_str() {
        "anonymous" => true,
        "function" => matches!(key, Some(FUNCTION_KEY | MASTER_KEY)),
        _ => key == Some(MASTER_KEY),
    }
}
