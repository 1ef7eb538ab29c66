//! Puts into `hb-sentinel` what it brings along: what it draws the dashboard with (the content and the scripts that run
//! it, as a list of paths and texts that `src/cli/demo/dashboard.rs` includes), and for a release the package that it
//! deploys (`src/package/embedded.rs`).

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// Folders, without those in them, and single files.
const PLACES: [&str; 12] = [
    "sentinel/analytic-rules",
    "sentinel/hunting-queries",
    "sentinel/parsers",
    "sentinel/tables",
    "sentinel/workbooks/HumanboundCisoDashboard.json",
    "tests/content/engine.py",
    "tests/content/lint_model.py",
    "tests/content/scenario.py",
    "tests/content/scheduler.py",
    "tests/content/security_tables.py",
    "tests/content/preview",
    "tests/content/preview/page",
];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write in no other way")]
fn main() -> io::Result<()> {
    let root = fs::canonicalize(".")?;
    let mut list = String::from("&[\n");
    for place in PLACES {
        println!("cargo::rerun-if-changed={place}");
        let mut files = if Path::new(place).is_dir() {
            fs::read_dir(place)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?
        } else {
            vec![place.into()]
        };
        files.sort();
        for file in files {
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if ["css", "html", "js", "json", "py", "yaml"].contains(&ending) {
                let name = file.display().to_string().replace('\\', "/");
                let path = root.join(&file).display().to_string();
                writeln!(list, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
            }
        }
    }
    list.push(']');
    let Some(out) = env::var_os("OUT_DIR") else { return Err(io::Error::other("cargo sets OUT_DIR")) };
    fs::write(Path::new(&out).join("dashboard.rs"), list)?;
    fs::write(Path::new(&out).join("package.rs"), package()?)
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
