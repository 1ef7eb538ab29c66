//! The loopback Azure of `tests/azure`: a process of its own for each test, stopped with it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::Duration,
};

use humanbound_sentinel::azure::{System, process::Output};
use serde_json::{Value, json};

use super::{Folder, json as read_json, root, served::Served};
use crate::tools;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// What keeps `az` from asking and telling anybody anything.
const QUIET: [(&str, &str); 5] = [
    ("AZURE_CORE_COLLECT_TELEMETRY", "0"),
    ("AZURE_CORE_SURVEY_MESSAGE", "0"),
    ("AZURE_AUTO_UPGRADE_ENABLE", "no"),
    ("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no"),
    ("AZURE_CORE_NO_COLOR", "1"),
];
/// No answer of this small server takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Loopback {
    child: Child,
    port: u16,
    pub folder: Folder,
}

impl Loopback {
    /// Starts it as this cloud, or says what is skipped.
    pub fn start(cloud: &str, skipped: &str) -> Option<Self> {
        let mut python = tools::python(skipped)?;
        // `az` brings what the server needs.
        tools::find("venv/bin/az", skipped)?;
        let folder = Folder::new();
        python.arg(root().join("tests/azure/loopback.py")).arg(folder.path()).args(["--cloud", cloud]);
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the loopback Azure did not start: {line}"));
        Some(Self { child, port, folder })
    }

    /// A request to the server itself, past the proxy. The answer has the state of everything.
    #[track_caller]
    pub fn ask(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer}"));
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    pub fn state(&self) -> Value {
        self.ask("/state", &json!({}))
    }

    /// Deploys the committed template without `az`.
    #[track_caller]
    pub fn deploy(&self, parameters: &Value) -> Value {
        self.deploy_in_order(parameters, false)
    }

    /// The same, with resources that do not depend on each other in one of two opposite orders.
    #[track_caller]
    pub fn deploy_in_order(&self, parameters: &Value, backwards: bool) -> Value {
        self.deploy_template(&read_json("infra/main.json"), parameters, backwards)
    }

    /// The same, of any template.
    #[track_caller]
    pub fn deploy_template(&self, template: &Value, parameters: &Value, backwards: bool) -> Value {
        let group = "rg-humanbound";
        let body =
            json!({"group": group, "parameters": parameters, "template": template, "backwards": backwards});
        self.ask("/deploy", &body)
    }

    /// What leads the real `az` here, signed in as this server's operator or not at all.
    fn variables(&self) -> BTreeMap<String, String> {
        let proxy = format!("http://127.0.0.1:{}", self.port);
        let below = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let shim = root().join("tests/azure/shim").to_str().unwrap().to_owned();
        let own = [
            ("HTTPS_PROXY", proxy.clone()),
            ("https_proxy", proxy.clone()),
            ("HTTP_PROXY", proxy.clone()),
            ("http_proxy", proxy),
            ("NO_PROXY", String::new()),
            ("no_proxy", String::new()),
            ("REQUESTS_CA_BUNDLE", below("ca.pem")),
            ("AZURE_CONFIG_DIR", below("config")),
            ("PYTHONPATH", shim),
        ];
        own.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// What leads a command's own requests here, as its variables.
    pub fn proxied(&self) -> [(String, String); 2] {
        let ca = self.folder.path().join("ca.pem").to_str().unwrap().to_owned();
        let proxy = format!("http://127.0.0.1:{}", self.port);
        [("HTTPS_PROXY".to_owned(), proxy), ("SSL_CERT_FILE".to_owned(), ca)]
    }

    /// The real `az`, found and started as the operator's commands do it.
    pub fn system(&self) -> System {
        let system =
            System::new().searching(tools::dir().join("venv/bin")).with("PYTHONDONTWRITEBYTECODE", "1");
        self.variables().into_iter().fold(system, |system, (name, value)| system.with(name, value))
    }

    /// The real `az` without its start.
    pub fn served(&self) -> Served {
        let quiet = QUIET.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Served(self.variables().into_iter().chain(quiet).collect())
    }

    /// Runs the real `az` against it, signed in or not.
    pub fn az(&self, arguments: &[&str]) -> Output {
        self.served().call(arguments, None)
    }

    /// The same for a call that must succeed; its answer as JSON.
    #[track_caller]
    pub fn az_json(&self, arguments: &[&str]) -> Value {
        let output = self.az(&[arguments, &["--output", "json"]].concat());
        let text = output.stdout.as_str();
        assert_eq!(output.code, Some(0), "az {arguments:?}\n{text}{}", output.stderr);
        serde_json::from_str(text).unwrap_or(Value::Null)
    }

    /// Signs in as an operator and creates the resource group.
    pub fn sign_in(&self) {
        self.log_in();
        self.az_json(&["group", "create", "--name", "rg-humanbound", "--location", "westeurope"]);
    }

    /// Signs in as an operator.
    pub fn log_in(&self) {
        let id = "44444444-4444-4444-4444-444444444444";
        let secret = ["--username", id, "--password", "operator-secret", "--tenant", TENANT];
        self.az_json(&[&["login", "--service-principal"], &secret[..]].concat());
    }

    /// Parameters as a file: a secret must not be on a command line.
    pub fn parameters(&self, values: &Value) -> String {
        let values =
            values.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!({"value": value})));
        let path = self.folder.path().join("parameters.json");
        let file = json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
            "contentVersion": "1.0.0.0",
            "parameters": values.collect::<serde_json::Map<_, _>>(),
        });
        fs::write(&path, file.to_string()).unwrap();
        format!("@{}", path.display())
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
