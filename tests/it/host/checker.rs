//! A strict checker of a script root: what the real host would refuse, ignore or do otherwise than meant, in words.
//!
//! The host is lenient where it should not be: a function it cannot read is left out, a key it does not know is
//! ignored, and a second output binding silently changes the protocol.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

/// The keys of `host.json` (<https://learn.microsoft.com/azure/azure-functions/functions-host-json>).
const HOST_KEYS: &str = "version aggregator applicationInsights concurrency customHandler extensionBundle extensions \
    functions functionTimeout healthMonitor http logging managedDependency queues retry sendGrid serviceBus singleton \
    telemetryMode watchDirectories watchFiles $schema";

/// The keys of `customHandler` (`HttpWorkerOptions` in
/// <https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.Rpc/Http/Configuration>).
const HANDLER_KEYS: &str =
    "description enableForwardingHttpRequest enableProxyingHttpRequest initializationTimeout type";

/// The keys of a `function.json` (<https://json.schemastore.org/function.json>).
const FUNCTION_KEYS: &str =
    "bindings configurationSource disabled entryPoint excluded generatedBy retry scriptFile $schema";

/// Bindings that need no extension bundle.
const BUILT_IN: &str = "httpTrigger http timerTrigger";

/// The levels of `authLevel`.
const AUTH_LEVELS: &str = "anonymous function admin";

/// The problems of the script root, or none.
pub fn check(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(host) = read(&root.join("host.json"), "host.json", &mut problems) else { return problems };
    host_json(root, &host, &mut problems);
    let mut names = BTreeSet::new();
    for (depth, file) in function_files(root, 0) {
        let relative = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        if depth != 1 {
            problems.push(format!(
                "{relative}: the host finds functions only in folders directly below the root"
            ));
            continue;
        }
        let name = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        if !is_name(&name, true) || name.eq_ignore_ascii_case("host") {
            problems.push(format!("{relative}: the host does not take {name:?} for a function's name"));
        }
        if !names.insert(name.to_ascii_lowercase()) {
            problems.push(format!("{relative}: there is another function of this name"));
        }
        if let Some(function) = read(&file, &relative, &mut problems) {
            function_json(&relative, &function, &host, &mut problems);
        }
    }
    if names.is_empty() {
        problems.push("there is no function, and without one the host does not start the worker".to_owned());
    }
    problems
}

fn read(path: &Path, shown: &str, problems: &mut Vec<String>) -> Option<Value> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    let value = text.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    value.map_err(|error| problems.push(format!("{shown}: {error}"))).ok()
}

fn unknown_keys(shown: &str, value: &Value, known: &str, problems: &mut Vec<String>) {
    for key in value.as_object().into_iter().flat_map(|members| members.keys()) {
        if !known.split(' ').any(|one| one == key) {
            problems.push(format!("{shown}: the host ignores the key {key:?}"));
        }
    }
}

fn host_json(root: &Path, host: &Value, problems: &mut Vec<String>) {
    let mut claim = |holds: bool, why: &str| {
        if !holds {
            problems.push(format!("host.json: {why}"));
        }
    };
    let handler = &host["customHandler"];
    claim(host["version"] == "2.0", "`version` must be \"2.0\"");
    claim(host.get("httpWorker").is_none(), "`httpWorker` forwards every HTTP function without its prefix");
    claim(
        host.get("configurationProfile").is_none(),
        "`configurationProfile` does not go with function.json files",
    );
    claim(handler.get("http").is_none(), "`customHandler.http` does not go with function.json files");
    claim(handler["enableProxyingHttpRequest"] == true, "only proxied requests keep their bytes and headers");
    claim(
        handler["enableForwardingHttpRequest"] != true,
        "forwarding drops content headers and chunked bodies",
    );
    let prefix = &host["extensions"]["http"]["routePrefix"];
    claim(
        prefix.is_null() || prefix == "api",
        "with another prefix an outsider can address the functions by name",
    );
    for key in [&host["functionTimeout"], &handler["initializationTimeout"]] {
        claim(
            key.is_null() || key == "-1" || key.as_str().is_some_and(is_time_span),
            "a time-out is no time span",
        );
    }
    let executable = handler["description"]["defaultExecutablePath"].as_str().unwrap_or_default();
    claim(!executable.is_empty(), "`customHandler.description.defaultExecutablePath` is missing");
    let mode = fs::metadata(root.join(executable)).map(|file| file.permissions().mode()).unwrap_or_default();
    claim(mode & 0o111 == 0o111, "the executable is not there, or may not be executed");
    unknown_keys("host.json", host, HOST_KEYS, problems);
    unknown_keys("host.json: customHandler", handler, HANDLER_KEYS, problems);
}

fn function_json(shown: &str, function: &Value, host: &Value, problems: &mut Vec<String>) {
    unknown_keys(shown, function, FUNCTION_KEYS, problems);
    let bindings = function["bindings"].as_array().cloned().unwrap_or_default();
    let kind = |binding: &Value| binding["type"].as_str().unwrap_or_default().to_owned();
    let count = |wanted: &str| bindings.iter().filter(|binding| kind(binding) == wanted).count();
    let mut claim = |holds: bool, why: &str| {
        if !holds {
            problems.push(format!("{shown}: {why}"));
        }
    };
    let triggers: Vec<&Value> =
        bindings.iter().filter(|binding| kind(binding).ends_with("Trigger")).collect();
    claim(triggers.len() == 1, "a function has exactly one trigger");
    let mut names = BTreeSet::new();
    for binding in &bindings {
        let name = binding["name"].as_str().unwrap_or_default();
        claim(
            name == "$return" || is_name(name, false),
            "a binding's name is letters and digits, a letter first",
        );
        claim(names.insert(name.to_owned()), "two bindings have the same name");
        let is_trigger = kind(binding).ends_with("Trigger");
        let direction = binding["direction"].as_str().unwrap_or_default();
        claim(matches!(direction, "in" | "out" | "inout"), "a binding's `direction` is in, out or inout");
        claim(!is_trigger || direction == "in", "a trigger's `direction` is in");
        let built_in = BUILT_IN.split(' ').any(|one| one == kind(binding));
        claim(
            built_in || host.get("extensionBundle").is_some(),
            "this binding needs an `extensionBundle` in host.json",
        );
    }
    for trigger in triggers {
        match kind(trigger).as_str() {
            "httpTrigger" => {
                let lone = count("http") == 1 && bindings.len() == 2;
                claim(lone, "only one `httpTrigger` with one `http` output is proxied; all else gets JSON");
                http_trigger(trigger, &mut claim);
            }
            "timerTrigger" => timer_trigger(trigger, &mut claim),
            _ => {}
        }
    }
}

fn http_trigger(trigger: &Value, claim: &mut impl FnMut(bool, &str)) {
    let level = trigger["authLevel"].as_str().unwrap_or_default();
    claim(
        AUTH_LEVELS.split(' ').any(|one| one == level),
        "say the `authLevel`: anonymous, function or admin",
    );
    let methods = trigger["methods"].as_array().cloned().unwrap_or_default();
    let known = |method: &Value| matches!(method.as_str(), Some("get" | "post" | "put" | "patch" | "delete"));
    claim(!methods.is_empty() && methods.iter().all(known), "say the `methods`, in lower case");
    let route = trigger["route"].as_str().unwrap_or("function");
    claim(!route.starts_with('/'), "a `route` does not begin with a slash");
    let first = route.split('/').next().unwrap_or_default();
    claim(!matches!(first, "admin" | "runtime"), "the routes `admin` and `runtime` are the host's own");
}

fn timer_trigger(trigger: &Value, claim: &mut impl FnMut(bool, &str)) {
    let schedule = trigger["schedule"].as_str().unwrap_or_default();
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let field =
        |field: &&str| field.chars().all(|letter| letter.is_ascii_alphanumeric() || "*,-/".contains(letter));
    let from_setting = schedule.len() > 2 && schedule.starts_with('%') && schedule.ends_with('%');
    claim(
        from_setting || fields.len() == 6 && fields.iter().all(field),
        "`schedule` is six fields, seconds first",
    );
    claim(trigger["runOnStartup"] != true, "`runOnStartup` runs on every instance that starts");
}

/// `^[a-z][a-z0-9]{0,127}$` in any case; a function's name may also have `_` and `-`.
fn is_name(name: &str, of_function: bool) -> bool {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || of_function && matches!(letter, '_' | '-');
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(inner)
}

fn is_time_span(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 3
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Every `function.json` below the root with the number of folders it is in.
fn function_files(folder: &Path, depth: usize) -> Vec<(usize, std::path::PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(function_files(&path, depth + 1));
        } else if entry.file_name() == "function.json" {
            found.push((depth, path));
        }
    }
    found.sort();
    found
}
