//! What the connector makes of its settings: it binds, says why it cannot take events, and never says a secret.

use std::time::Duration;

use humanbound_sentinel::config::{self, Env};

use crate::programs;
use crate::rig::{Rig, SECRET, SOON, event, signed};

fn complete() -> [(&'static str, &'static str); 5] {
    [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"),
        ("WEBHOOK_SECRET", "secret"),
        ("LOGS_INGESTION_ENDPOINT", "https://d-x-eastus.logs.z1.ingest.monitor.azure.com"),
        ("DCR_IMMUTABLE_ID", "dcr-0123456789abcdef0123456789abcdef"),
        ("SPOOL_CONTAINER_URL", "https://account.blob.core.windows.net/spool"),
    ]
}

/// The settings that are at fault when `changes` are made to a complete set.
fn at_fault(changes: &[(&str, &str)]) -> Vec<&'static str> {
    let mut map: std::collections::BTreeMap<_, _> =
        complete().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in changes {
        map.insert((*name).to_owned(), (*value).to_owned());
    }
    let config = config::connector(&Env::Map(map)).unwrap();
    assert!(config.problems.iter().all(|problem| !problem.hint.is_empty()));
    config.problems.iter().map(|problem| problem.setting).collect()
}

#[test]
fn a_complete_set_has_no_problem_and_the_documented_defaults() {
    let config = config::connector(&Env::from(complete())).unwrap();
    assert_eq!(config.problems, []);
    assert_eq!(
        (config.ack_deadline, config.max_body_bytes, config.max_calls_per_minute),
        (Duration::from_secs(8), 1_048_576, 6_000)
    );
    let target = config.ingestion.unwrap();
    assert_eq!(
        target.url.as_str(),
        "https://d-x-eastus.logs.z1.ingest.monitor.azure.com/dataCollectionRules/dcr-0123456789abcdef0123456789abcdef/streams/Custom-AISecurityEvents?api-version=2023-01-01"
    );
    assert_eq!(target.scope, "https://monitor.azure.com/.default");
}

#[test]
fn every_bad_setting_is_named() {
    for (setting, values) in [
        (
            "LOGS_INGESTION_ENDPOINT",
            &[
                "",
                "no url",
                "http://example.com",
                "https://evil.example",
                "https://u:p@x.ingest.monitor.azure.com",
                "https://:p@x.ingest.monitor.azure.com",
                "https://x.monitor.azure.com.evil.example",
                "ftp://127.0.0.1",
            ][..],
        ),
        (
            "DCR_IMMUTABLE_ID",
            &["", "dcr-12", "/subscriptions/x/dataCollectionRules/y", "dcr-g123456789abcdef0123456789abcdef"],
        ),
        ("DCR_STREAM_NAME", &["AISecurityEvents_CL", "Custom-a/../b"]),
        ("LOGS_INGESTION_AUDIENCE", &["monitor.azure.com", "http://monitor.azure.com"]),
        ("HB_IDENTITY_CLIENT_ID", &["/subscriptions/x", "name"]),
        (
            "SPOOL_CONTAINER_URL",
            &[
                "",
                "https://account.blob.core.windows.net",
                "http://account.blob.core.windows.net/spool",
                "https://evil.example/spool",
            ],
        ),
        ("SPOOL_DIR", &["/somewhere"]),
        ("ACK_DEADLINE_MS", &["0", "999", "soon", "-1", "1e3", "200001"]),
        ("MAX_BODY_BYTES", &["1", "99999999999"]),
        ("MAX_CALLS_PER_MINUTE", &["0", "many"]),
        (
            "WEBHOOK_SECRET",
            &[
                "",
                "  ",
                "\n",
                "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)",
                "@microsoft.keyvault(x)",
            ],
        ),
    ] {
        for value in values {
            assert_eq!(at_fault(&[(setting, value)]), [setting], "{setting}={value:?}");
        }
    }
}

#[test]
fn half_a_value_is_none() {
    for (setting, value) in [("LOGS_INGESTION_AUDIENCE", "https://"), ("DCR_STREAM_NAME", "Custom-")] {
        assert_eq!(at_fault(&[(setting, value)]), [setting], "{value}");
    }
}

/// The spool is written to once at the start.
#[tokio::test]
async fn a_directory_that_takes_nothing_is_named_at_the_start() {
    let rig = Rig::builder().set("SPOOL_DIR", "/dev/null").start().await;
    assert_eq!(rig.post(event(1)).await.status, 503);
    let problems = rig.status().await["problems"].clone();
    assert_eq!(problems[0]["setting"], "SPOOL_DIR", "{problems}");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_named_as_such() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    for setting in ["WEBHOOK_SECRET", "DCR_IMMUTABLE_ID", "FUNCTIONS_CUSTOMHANDLER_PORT"] {
        // A port that is taken ends the process after it has told what is wrong.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let mut connector = programs::connector(complete());
        let output = connector.env("FUNCTIONS_CUSTOMHANDLER_PORT", port).env(setting, odd).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let line = told.lines().find(|line| line.contains(setting)).unwrap_or_else(|| panic!("{told}"));
        assert!(line.contains("is not UTF-8"), "{line}");
        assert_eq!(told.matches(setting).count(), line.matches(setting).count(), "told once: {told}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let faults = at_fault(&[("WEBHOOK_SECRET", ""), ("DCR_IMMUTABLE_ID", "x"), ("ACK_DEADLINE_MS", "x")]);
    assert_eq!(faults, ["WEBHOOK_SECRET", "DCR_IMMUTABLE_ID", "ACK_DEADLINE_MS"]);
}

#[test]
fn a_directory_is_no_spool_in_azure() {
    for name in ["WEBSITE_INSTANCE_ID", "WEBSITE_POD_NAME", "WEBSITE_SITE_NAME"] {
        let changes = [("SPOOL_CONTAINER_URL", ""), ("SPOOL_DIR", "/tmp/x"), (name, "i")];
        assert_eq!(at_fault(&changes), ["SPOOL_DIR"], "{name}");
    }
}

#[test]
fn either_secret_is_enough_and_an_absent_previous_one_is_silent() {
    assert_eq!(config::connector(&Env::from(complete())).unwrap().notes, []);
    assert_eq!(
        at_fault(&[("WEBHOOK_SECRET", "@Microsoft.KeyVault(x)"), ("WEBHOOK_SECRET_PREVIOUS", "p")]),
        [""; 0]
    );
    assert_eq!(at_fault(&[("WEBHOOK_SECRET_PREVIOUS", "@Microsoft.KeyVault(x)")]), [""; 0]);
}

#[tokio::test]
async fn an_unusable_secret_answers_503_and_says_why_to_the_operator_only() {
    let reference = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)";
    let rig = Rig::builder().set("WEBHOOK_SECRET", reference).start().await;
    let answer = rig.post(event(1)).await;
    assert_eq!(answer.told(), (503, "unavailable".into()));
    assert!(answer.headers.contains_key("retry-after"));
    // An attacker who signs with the literal text gets no further.
    assert_eq!(rig.send(signed(reference, &event(1)), event(1)).await.status, 503);
    let health = rig.get("/api/health").await;
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("misconfigured")));
    assert_eq!(health.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "version"]);
    let status = rig.status().await;
    assert_eq!(status["problems"][0]["setting"], "WEBHOOK_SECRET");
    assert!(status["problems"][0]["hint"].as_str().unwrap().contains("Key Vault Secrets User"));
    let line = rig.host.wait_for_console(|line| line.text.contains("config_invalid"), SOON).await;
    assert!(line.text.contains("WEBHOOK_SECRET"), "{}", line.text);
    rig.drain().await;
    assert_eq!(rig.rows().await.len(), 0);
}

#[tokio::test]
async fn a_secret_with_a_line_break_works_and_is_noted() {
    let rig = Rig::builder().set("WEBHOOK_SECRET", format!("{SECRET}\r\n")).start().await;
    assert_eq!(rig.post(event(1)).await.status, 200);
    rig.host.wait_for_console(|line| line.text.contains("config_note"), SOON).await;
}

#[tokio::test]
async fn the_status_needs_a_key_and_neither_it_nor_the_log_holds_a_secret() {
    let rig = Rig::builder()
        .set("WEBHOOK_SECRET_PREVIOUS", "the one before")
        .set("RUST_LOG", "debug")
        .start()
        .await;
    assert_eq!(rig.client.get(rig.host.url("/api/status")).send().await.unwrap().status(), 401);
    rig.post(event(1)).await;
    rig.send(signed("wrong", &event(2)), event(2)).await;
    let mut said = rig.get("/api/status").await.text;
    for line in rig.host.console() {
        said.push_str(&line.text);
    }
    for secret in [SECRET, "the one before", rig.workspace.identity_header(), "Bearer", "sha256="] {
        assert!(!said.contains(secret), "`{secret}` is said somewhere");
    }
}

#[test]
fn a_port_that_is_none_ends_the_process_with_an_error() {
    for port in [None, Some("0"), Some("http"), Some("70000")] {
        let variable = port.map(|port| ("FUNCTIONS_CUSTOMHANDLER_PORT", port));
        let output = programs::connector(variable).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{port:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("FUNCTIONS_CUSTOMHANDLER_PORT") && said.contains("hb-sentinel demo"), "{said}");
    }
}
