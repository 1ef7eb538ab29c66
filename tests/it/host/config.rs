//! `host.json` and the `function.json` files, read as the host reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// What the host takes from the script root.
#[derive(Clone, Debug)]
pub struct Config {
    /// `customHandler.description`.
    pub description: Description,
    /// `customHandler.enableProxyingHttpRequest`.
    pub proxying: bool,
    /// `customHandler.initializationTimeout`; 30 s by default.
    pub initialization: Duration,
    /// `functionTimeout`; `None` for `"-1"`, 30 minutes by default on Flex Consumption.
    pub function: Option<Duration>,
    /// `extensions.http.routePrefix`; `api` by default.
    pub route_prefix: String,
    /// The functions by name.
    pub functions: BTreeMap<String, Function>,
}

/// How the worker is started.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// `defaultExecutablePath`.
    pub executable: String,
    /// `arguments`.
    pub arguments: Vec<String>,
    /// `defaultWorkerPath`.
    pub worker_path: Option<String>,
    /// `workerArguments`.
    pub worker_arguments: Vec<String>,
    /// `workingDirectory`.
    pub working_directory: Option<String>,
}

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// `bindings`.
    pub bindings: Vec<Value>,
    /// `disabled`.
    pub disabled: bool,
}

impl Function {
    /// The binding that triggers it.
    pub fn trigger(&self) -> Option<&Value> {
        let is_trigger = |kind: &str| kind.to_ascii_lowercase().ends_with("trigger");
        self.bindings.iter().find(|binding| binding["type"].as_str().is_some_and(is_trigger))
    }

    /// The trigger's type, for example `httpTrigger`.
    pub fn kind(&self) -> &str {
        self.trigger().and_then(|trigger| trigger["type"].as_str()).unwrap_or_default()
    }

    /// Whether it may be proxied: exactly one `httpTrigger` in and exactly one `http` out
    /// (`IsHttpInAndOutFunction` in
    /// <https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Extensions/FunctionMetadataExtensions.cs>).
    pub fn is_http_in_and_out(&self) -> bool {
        let (outputs, inputs): (Vec<_>, Vec<_>) =
            self.bindings.iter().partition(|binding| binding["direction"] == "out");
        let only = |list: &[&Value], kind: &str| {
            list.len() == 1 && list[0]["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind))
        };
        only(&inputs, "httpTrigger") && only(&outputs, "http")
    }
}

impl Config {
    /// Reads a script root.
    ///
    /// # Errors
    /// `host.json` is missing or no JSON. A function that cannot be read is left out, as the host does it.
    pub fn read(root: &Path) -> Result<Config, String> {
        let text =
            fs::read_to_string(root.join("host.json")).map_err(|error| format!("host.json: {error}"))?;
        let host: Value = serde_json::from_str(&text).map_err(|error| format!("host.json: {error}"))?;
        let handler = &host["customHandler"];
        let span = |value: &Value, default: u64| {
            value.as_str().map_or(Some(Duration::from_secs(default)), time_span)
        };
        Ok(Config {
            description: Description::read(&handler["description"]),
            proxying: handler["enableProxyingHttpRequest"] == true,
            initialization: span(&handler["initializationTimeout"], 30).unwrap_or_default(),
            function: span(&host["functionTimeout"], 30 * 60),
            route_prefix: text_of(&host["extensions"]["http"]["routePrefix"]).unwrap_or("api".to_owned()),
            functions: functions(root),
        })
    }
}

impl Description {
    fn read(value: &Value) -> Description {
        let list = |value: &Value| value.as_array().into_iter().flatten().filter_map(text_of).collect();
        Description {
            executable: text_of(&value["defaultExecutablePath"]).unwrap_or_default(),
            arguments: list(&value["arguments"]),
            worker_path: text_of(&value["defaultWorkerPath"]),
            worker_arguments: list(&value["workerArguments"]),
            working_directory: text_of(&value["workingDirectory"]),
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Only first-level folders count; the folder's name is the function's name.
fn functions(root: &Path) -> BTreeMap<String, Function> {
    let mut functions = BTreeMap::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let Ok(text) = fs::read_to_string(entry.path().join("function.json")) else { continue };
        let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
        let Some(bindings) = value["bindings"].as_array().cloned() else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        functions.insert(name, Function { bindings, disabled: value["disabled"] == true });
    }
    functions
}

/// `hh:mm:ss`, or `None` for anything else (`-1` means no limit).
fn time_span(text: &str) -> Option<Duration> {
    let parts: Vec<f64> = text.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[hours, minutes, seconds] = parts.as_slice() else { return None };
    Duration::try_from_secs_f64((hours * 60.0 + minutes) * 60.0 + seconds).ok()
}
