//! Puts into `hb-sentinel` what it brings along: what it draws the dashboard with (the content and the package that runs
//! it, as a list of paths and texts that `src/cli/demo/dashboard.rs` includes), and for a release the package that it
//! deploys (`src/package/embedded.rs`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders with all that is in them, and single files.
const PLACES: [&str; 11] = [
    "content/__main__.py",
    "content/hb_content/__init__.py",
    "content/hb_content/documents",
    "content/hb_content/kql",
    "content/hb_content/preview",
    "content/hb_content/scenario",
    "sentinel/analytic-rules",
    "sentinel/hunting-queries",
    "sentinel/parsers",
    "sentinel/tables",
    "sentinel/workbooks/HumanboundCisoDashboard.json",
];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write in no other way")]
fn main() -> io::Result<()> {
    let root = fs::canonicalize(".")?;
    let mut files = Vec::new();
    for place in PLACES {
        println!("cargo::rerun-if-changed={place}");
        collect(Path::new(place), &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if ["css", "html", "js", "json", "py", "yaml"].contains(&ending) {
            let name = file.display().to_string().replace('\\', "/");
            let path = root.join(&file).display().to_string();
            writeln!(list, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
        }
    }
    list.push(']');
    let Some(out) = env::var_os("OUT_DIR") else { return Err(io::Error::other("cargo sets OUT_DIR")) };
    fs::write(Path::new(&out).join("dashboard.rs"), list)?;
    fs::write(Path::new(&out).join("package.rs"), package()?)
}

/// Adds the file, or the files of the folder, however deep.
fn collect(place: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !place.is_dir() {
        files.push(place.to_owned());
        return Ok(());
    }
    fs::read_dir(place)?.try_for_each(|entry| collect(&entry?.path(), files))
}

/// The package that the variable names, or none: then one is looked for when it is needed.
#[expect(clippy::disallowed_methods, reason = "cargo hands on the environment in no other way")]
fn package() -> io::Result<String> {
    const VARIABLE: &str = "HB_SENTINEL_PACKAGE";
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let Some(file) = env::var_os(VARIABLE).filter(|file| !file.is_empty()) else {
        return Ok("None".to_owned());
    };
    let path = fs::canonicalize(file)?.display().to_string();
    println!("cargo::rerun-if-changed={path}");
    Ok(format!("Some(include_bytes!({path:?}))"))
}
