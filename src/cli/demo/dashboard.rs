//! `--dashboard`: the workbook over the demo's rows, as one page.
//!
//! Python draws it by running the workbook's own JSON and KQL, because the KQL engine is a Python package. The scripts and
//! the content are embedded in this program, and written into the demo's folder as they are in the repository.

use std::fs::{self, File};
use std::iter;
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
use crate::cli::error::Explain as _;
use crate::cli::output::Printer;
use crate::config::{self, Env};
use crate::story::Story;

/// Paths as in the repository, and texts.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
/// The packages that draw, each at the version that it is tested with.
const PACKAGES: &str = include_str!("../../../content/pyproject.toml");
/// The folder of a virtual environment that has programs.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// What a Python must have; it must not import from the current folder.
const ABLE: &str = "import sys
sys.path.pop(0)
assert sys.version_info >= (3, 11), 'it is older than 3.11'
from importlib.metadata import version
";

/// Where the page goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the demo's folder if that is kept; else into `target` under cargo, or the present folder. Not into one
    /// for temporary files: a browser in a sandbox of its own sees another one.
    Somewhere,
    /// This file.
    File(PathBuf),
}

/// A Python that can draw.
pub(super) struct Artist {
    python: PathBuf,
}

/// Called with each line of progress.
#[derive(Deserialize)]
struct Progress {
    done: usize,
    of: usize,
}

/// The scripts on disk; dropping this value removes them.
struct Scripts(PathBuf);

impl Drop for Scripts {
    fn drop(&mut self) {
        // A file that a virus scanner keeps open is no reason to fail.
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Artist {
    /// Finds Python: that of `make tools` under cargo, else the one on `PATH`.
    pub(super) async fn find() -> Result<Self> {
        let venv = Path::new("target/tools/venv").join(PROGRAMS).join("python");
        let own = config::checkout(&Env::Process).map(|checkout| checkout.join(venv));
        let own = own.filter(|own| own.with_extension(std::env::consts::EXE_EXTENSION).exists());
        let mut problems = Vec::new();
        for python in own.into_iter().chain(["python3", "python"].map(PathBuf::from)) {
            match ability(&python).await {
                Ok(()) => return Ok(Self { python }),
                Err(problem) => problems.push(format!("`{}`: {problem}", python.display())),
            }
        }
        let packages = pins().map(|pin| format!("'{pin}'")).collect::<Vec<_>>().join(" ");
        Err(anyhow!("the dashboard is drawn by Python, and none here can do it: {}", problems.join("; ")))
            .hint(format!(
                "in the repository run `make tools`; elsewhere, with Python 3.11 or newer, `python3 -m venv hb-python` \
                 and `hb-python/{PROGRAMS}/pip install {packages}`, then put hb-python/{PROGRAMS} first on PATH"
            ))
    }

    /// Draws the rows of a story that ended at `until` into `page`.
    pub(super) async fn draw(
        &self,
        page: &Path,
        (story, until): (&Story, OffsetDateTime),
        rows: &Path,
        folder: &Folder,
        printer: &Printer,
    ) -> Result<()> {
        let scripts = Scripts(folder.path().join(format!("dashboard-{}", Uuid::new_v4().simple())));
        let watchlist = folder.path().join("HumanboundProjects.csv");
        fs::write(&watchlist, story.watchlist()).context("the watchlist cannot be written")?;
        lay_out(&scripts.0).context("the scripts that draw the dashboard cannot be written")?;
        printer.say("Drawing", "the dashboard, from every query of the workbook; takes a minute");
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(scripts.0.join("content")).arg("hb_content.preview");
        command.args(["--now", &until.format(&Rfc3339)?, "--progress", "--rows"]).arg(rows);
        command.arg("--watchlist").arg(watchlist).arg("--output").arg(page);
        let (status, said) = follow(command, printer).await?;
        ensure!(status.success(), "the dashboard was not drawn:\n{}", said.trim_end());
        Ok(())
    }
}

/// Name, version, and what is asked for besides, of each package.
fn pins() -> impl Iterator<Item = &'static str> {
    let (_, listed) = PACKAGES.split_once("\ndependencies = [\n").unwrap_or_default();
    listed.lines().take_while(|line| *line != "]").map(|line| line.trim_matches([' ', ',', '"']))
}

/// Why a Python cannot draw.
async fn ability(python: &Path) -> Result<(), String> {
    let versions = pins().filter_map(|pin| pin.split_once("==")).map(|(name, wanted)| {
        let name = name.split('[').next().unwrap_or(name);
        format!("assert version('{name}') == '{wanted}', '{name} is not {wanted} but ' + version('{name}')\n")
    });
    let code: String = iter::once(ABLE.to_owned()).chain(versions).collect();
    let answer = Command::new(python).args(["-c", &code]).stdin(Stdio::null()).kill_on_drop(true).output();
    match answer.await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().last().unwrap_or("it says nothing").to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Runs a command that reports its progress on stderr; returns its other lines there.
async fn follow(mut command: Command, printer: &Printer) -> Result<(ExitStatus, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env("PYTHONUTF8", "1");
    let mut child = command.spawn().context("Python cannot be started")?;
    let mut said = String::new();
    printer.doing("Drawing", "");
    if let Some(stderr) = child.stderr.take() {
        let (mut stderr, mut line) = (BufReader::new(stderr), Vec::new());
        while stderr.read_until(b'\n', &mut line).await? > 0 {
            match serde_json::from_slice(&line) {
                Ok(Progress { done, of }) => printer.reach(done, of),
                Err(_) => said += &String::from_utf8_lossy(&line),
            }
            line.clear();
        }
    }
    printer.end();
    Ok((child.wait().await?, said))
}

/// The absolute path of the page, which can be written.
pub(super) fn page(place: &Place, folder: &Folder) -> Result<PathBuf> {
    let path = match (place, config::checkout(&Env::Process)) {
        (Place::File(path), _) => path.clone(),
        (Place::Somewhere, _) if folder.is_kept() => folder.path().join("dashboard.html"),
        (Place::Somewhere, Some(checkout)) => checkout.join("target/dashboard.html"),
        (Place::Somewhere, None) => PathBuf::from("hb-sentinel-dashboard.html"),
    };
    let advice = "name a file in a folder that you can write to: `--dashboard FILE`";
    let absolute = std::path::absolute(&path).with_context(|| format!("`{}` is no file", path.display()))?;
    let is_file = || -> Result<()> {
        ensure!(!absolute.is_dir(), "`{}` is a folder", path.display());
        // Python writes it there first.
        let mut draft = absolute.clone().into_os_string();
        draft.push(".part");
        File::create(&draft)?;
        Ok(fs::remove_file(&draft)?)
    };
    is_file().with_context(|| format!("the dashboard cannot go to `{}`", path.display())).hint(advice)?;
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
pub(super) fn show(page: &Path, printer: &Printer) {
    if !config::has_display(&Env::Process) {
        printer.say("Dashboard", &format!("{} (there is no display to open it on)", page.display()));
    } else if let Err(error) = open::that_detached(page) {
        printer.say("Dashboard", &format!("{} (no browser could be started: {error})", page.display()));
    } else {
        printer.say("Dashboard", &format!("{}, opened in the browser", page.display()));
    }
}
