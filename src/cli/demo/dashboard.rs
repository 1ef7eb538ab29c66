//! `--dashboard`: the workbook over the demo's rows, as one page.
//!
//! Python draws it, by running the workbook's own JSON and KQL: the engine for KQL is a Python package. The scripts and
//! the content come with this program and are laid out in the demo's folder as they are in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use uuid::Uuid;

use super::folder::Folder;
use super::ui::Ui;
use crate::cli::Advise as _;
use crate::config::{self, Env};
use crate::local::Story;

/// Paths as in the repository, and texts.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
/// What a Python must have, and its packages by the names that installers know.
const NEEDED: &str = "import sys\nassert sys.version_info >= (3, 11), 'it is older than 3.11'\nimport duckdb, duckdb_kql, plotly, yaml";
const PACKAGES: &str = include_str!("../../../tests/content/requirements.txt");

/// Where the page goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the demo's folder if that is kept, else into the folder for temporary files.
    Somewhere,
    /// This file.
    File(PathBuf),
}

/// A Python that can draw.
pub(super) struct Painter {
    python: PathBuf,
}

/// How far it is, a line each time.
#[derive(Deserialize)]
struct Progress {
    done: usize,
    of: usize,
}

impl Painter {
    /// Finds Python: that of `make tools` under cargo, else the one on `PATH`.
    pub(super) async fn find() -> Result<Self> {
        let own =
            config::cargo_run(&Env::Process).map(|run| run.package.join("target/tools/venv/bin/python"));
        let python = own.filter(|own| own.exists()).unwrap_or_else(|| PathBuf::from("python3"));
        let mut command = Command::new(&python);
        let answer = command.args(["-c", NEEDED]).stdin(Stdio::null()).kill_on_drop(true).output().await;
        let problem = match answer {
            Ok(output) if output.status.success() => return Ok(Self { python }),
            Ok(output) => {
                String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
            }
            Err(error) => error.to_string(),
        };
        let listed = PACKAGES.lines().filter(|line| !line.starts_with('#'));
        let packages = listed.map(|line| format!("'{line}'")).collect::<Vec<_>>().join(" ");
        Err(anyhow!("the dashboard is drawn by Python, and `{}` cannot do it: {problem}", python.display())).hint(
            format!(
                "in the repository run `make tools`; elsewhere `python3 -m venv hb-python && hb-python/bin/pip install \
                 {packages}`, then put hb-python/bin first on PATH"
            ),
        )
    }

    /// Draws the rows of a story that ended at `until`; returns where the page is.
    pub(super) async fn draw(
        &self,
        place: &Place,
        (story, until): (&Story, OffsetDateTime),
        rows: &Path,
        folder: &Folder,
        ui: &Ui,
    ) -> Result<PathBuf> {
        let page = page(place, folder)?;
        let scripts = folder.path().join("dashboard");
        let watchlist = folder.path().join("HumanboundProjects.csv");
        fs::write(&watchlist, story.watchlist()).context("the watchlist cannot be written")?;
        lay_out(&scripts).context("the scripts that draw the dashboard cannot be written")?;
        ui.say("Drawing", "the dashboard, from every query of the workbook; takes a minute");
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(scripts.join("tests/content/preview/render.py"));
        command.args(["--now", &until.format(&Rfc3339)?, "--progress", "--rows"]).arg(rows);
        command.arg("--watchlist").arg(watchlist).arg("--output").arg(&page);
        let (status, said) = follow(command, ui).await.context("Python cannot be started")?;
        ensure!(status.success(), "the dashboard was not drawn:\n{}", said.trim_end());
        fs::remove_dir_all(&scripts).context("the scripts that drew the dashboard cannot be removed")?;
        Ok(page)
    }
}

/// Runs a command that tells of its progress on stderr; returns what else it said there.
async fn follow(mut command: Command, ui: &Ui) -> Result<(ExitStatus, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut said = String::new();
    ui.doing("Drawing", "");
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            if let Ok(Progress { done, of }) = serde_json::from_str(&line) {
                ui.reach(done, of);
            } else {
                said += &line;
                said.push('\n');
            }
        }
    }
    ui.end();
    Ok((child.wait().await?, said))
}

/// The absolute path of the page; its folder must be there.
fn page(place: &Place, folder: &Folder) -> Result<PathBuf> {
    let path = match place {
        Place::File(path) => path.clone(),
        Place::Somewhere if folder.is_kept() => folder.path().join("dashboard.html"),
        Place::Somewhere => {
            std::env::temp_dir().join(format!("hb-sentinel-{}.html", Uuid::new_v4().simple()))
        }
    };
    let is_file = path.file_name().is_some() && !path.is_dir();
    let absolute = std::path::absolute(&path)?;
    let has_folder = absolute.parent().is_some_and(Path::is_dir);
    let check = || {
        ensure!(
            is_file && has_folder,
            "`{}` cannot be a page: it is a folder, or in one that is missing",
            path.display()
        );
        Ok(())
    };
    check().hint("name a file in a folder that exists: `--dashboard FILE`")?;
    Ok(absolute)
}

fn lay_out(root: &Path) -> Result<()> {
    for (name, text) in FILES {
        let path = root.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Shows the page in a browser where there is a display, and says where it is in any case.
pub(super) fn show(page: &Path, ui: &Ui) {
    if !config::has_display(&Env::Process) {
        ui.say("Dashboard", &format!("{} (there is no display to open it on)", page.display()));
    } else if let Err(error) = open::that_detached(page) {
        ui.say("Dashboard", &format!("{} (no browser could be started: {error})", page.display()));
    } else {
        ui.say("Dashboard", &format!("{}, opened in the browser", page.display()));
    }
}
