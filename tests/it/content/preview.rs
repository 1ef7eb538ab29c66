//! `hb-sentinel demo --dashboard`: the page, drawn as a user has it drawn, and looked at in a browser.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::{env, fs};

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use tokio::process::Command;

use super::dashboard::{SEED, UNTIL, truths};
use crate::ingest::wait_until;
use crate::programs;
use crate::rig::Folder;
use crate::tools;

const EVENTS: usize = 600;
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A command of the user's, who has `folders` first on PATH.
fn command(program: impl AsRef<Path>, folders: &[&Path]) -> Command {
    let mut command = Command::new(program.as_ref());
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = folders.iter().map(|folder| folder.to_path_buf()).chain(env::split_paths(&path));
    command.env("PATH", env::join_paths(folders).unwrap()).env_remove("CARGO").env_remove("DISPLAY");
    // What other tests have translated already need not be translated again.
    command.env("HB_CONTENT_KEPT", tools::root().join("target/kql"));
    command.env_remove("WAYLAND_DISPLAY").stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn demo(folders: &[&Path], arguments: &[&str]) -> Command {
    let mut demo = command(programs::HB_SENTINEL, folders);
    demo.arg("demo").args(arguments);
    demo
}

/// What a command printed to stdout and stderr; it must end as it is said to.
async fn output(mut command: Command, succeeds: bool) -> [String; 2] {
    let output = command.output().await.unwrap();
    let told = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.success(), succeeds, "{}", told.concat());
    told
}

/// Makes a program of a shell script.
fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_page_shows_what_the_story_says_and_works_in_a_browser() {
    let what = "the preview of the dashboard";
    let Some(python) = tools::find("venv/bin/python3", what) else { return };
    let folder = Folder::new();
    let page = folder.path().join("page.html");
    let (events, seed) = (EVENTS.to_string(), SEED.to_string());
    let until = UNTIL.format(&Rfc3339).unwrap();
    let story = ["--events", &events, "--seed", &seed, "--until", &until];
    let mut demo = demo(&[python.parent().unwrap()], &story);
    demo.args(["--json", "--dashboard"]).arg(&page);
    let [stdout, _] = output(demo, true).await;
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["result"]["dashboard"], page.to_str().unwrap());

    let browser = tools::on_path(&BROWSERS);
    let missing = format!("none of {} is on PATH", BROWSERS.join(", "));
    if tools::find("node_modules/playwright-core/package.json", what).is_none()
        || tools::or_skip(browser, what, &missing).is_none()
    {
        return;
    }
    let mut check = command("node", &[]);
    let script = crate::tools::root().join("content/tests/page/check_page.mjs");
    check.arg(script).arg(&page).arg(truths(EVENTS).to_string());
    let [said, _] = output(check, true).await;
    assert_eq!(said.trim(), "nothing is wrong");
}

/// A Python that is asked whether it can draw and says yes, and then draws with `script`, which knows `$output`.
const CAPABLE: &str = r#"if [ "$1" = -c ]; then exit 0; fi
while [ $# -gt 0 ]; do [ "$1" = --output ] && output=$2; [ "$1" = --rows ] && test -s "$2"; shift; done
echo '{"done": 0, "of": 1}' >&2
echo '{"done": 1, "of": 1}' >&2
"#;

#[tokio::test]
async fn the_page_is_opened_where_there_is_a_display() {
    let folder = Folder::new();
    let called = folder.path().join("called");
    program(&folder.path().join("python3"), &format!("{CAPABLE}echo drawn >\"$output\""));
    program(&folder.path().join("xdg-open"), &format!("printf %s \"$1\" >'{}'", called.display()));
    let arguments = ["--events", "250", "--dashboard"];
    let mut first = demo(&[folder.path()], &arguments);
    first.current_dir(folder.path()).env("DISPLAY", ":0");
    let [stdout, stderr] = output(first, true).await;
    assert!(stdout.contains("Nothing was lost") && stderr.contains("opened in the browser"), "{stderr}");
    assert!(stderr.contains("Drawing 1 of 1"), "no progress is told without a terminal: {stderr}");
    // In no folder for temporary files, which a browser may not see.
    let page = fs::canonicalize(folder.path()).unwrap().join("hb-sentinel-dashboard.html");
    assert_eq!(fs::read_to_string(&page).unwrap(), "drawn\n");
    let is_opened = async || fs::read_to_string(&called).is_ok_and(|name| name == page.to_str().unwrap());
    wait_until(is_opened).await;

    let kept = folder.path().join("kept");
    let mut second = demo(&[folder.path()], &arguments);
    second.arg("--keep").arg(&kept);
    let [_, stderr] = output(second, true).await;
    assert!(stderr.contains("there is no display to open it on"), "{stderr}");
    let mut names: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let expected =
        ["AISecurityEvents_CL.ndjson", "HumanboundProjects.csv", "connector.log", "dashboard.html", "spool"];
    assert_eq!(names, expected, "the scripts have gone");
}

#[tokio::test]
async fn a_page_that_cannot_be_drawn_takes_nothing_else_with_it() {
    let folder = Folder::new();
    program(&folder.path().join("python3"), &format!("{CAPABLE}printf 'no \\377 luck\\n' >&2; exit 3"));
    for json in [false, true] {
        let mut demo = demo(&[folder.path()], &["--events", "250", "--dashboard", "page.html"]);
        demo.current_dir(folder.path()).args(json.then_some("--json"));
        let [stdout, stderr] = output(demo, false).await;
        assert!(stdout.contains(if json { "\"complete\":true" } else { "Nothing was lost" }), "{stdout}");
        assert!(stderr.contains("the dashboard was not drawn:\nno \u{fffd} luck"), "{stderr}");
        let result: Value = serde_json::from_str(&stdout).unwrap_or_default();
        let is_named = result["result"].get("dashboard").is_some() || (!json && stdout.contains("dashboard"));
        assert!(!stderr.contains("hint:") && !is_named, "{stdout} {stderr}");
    }
    // Before anything is done.
    for page in ["missing/page.html", "."] {
        let mut demo = demo(&[folder.path()], &["--dashboard", page]);
        demo.current_dir(folder.path());
        let [stdout, stderr] = output(demo, false).await;
        assert!(stdout.is_empty() && !stderr.contains("Connector"), "{stderr}");
        assert!(stderr.contains(&format!("the dashboard cannot go to `{page}`")), "{stderr}");
        assert!(stderr.contains("hint: name a file in a folder that you can write to"), "{stderr}");
    }
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_done() {
    let folder = Folder::new();
    let python = folder.path().join("python3");
    for (script, problem) in [
        (
            "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'plotly'\" >&2\nexit 1\n",
            "No module named 'plotly'",
        ),
        ("", "Permission denied"),
    ] {
        fs::write(&python, script).unwrap();
        let mode = if script.is_empty() { 0o644 } else { 0o755 };
        fs::set_permissions(&python, fs::Permissions::from_mode(mode)).unwrap();
        let mut demo = demo(&[], &["--dashboard"]);
        demo.env("PATH", folder.path());
        let [stdout, stderr] = output(demo, false).await;
        assert!(stdout.is_empty() && !stderr.contains("Folder"), "{stderr}");
        assert!(
            stderr.contains(problem) && stderr.contains("hint: in the repository run `make tools`"),
            "{stderr}"
        );
    }
}
