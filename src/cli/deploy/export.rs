//! `--export-only`: writes the same steps as a script to be read first, with its files and their digests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::checks;
use super::run::Run;
use crate::azure::call::File;
use crate::azure::script::{Beside, ScriptOptions, script};
use crate::azure::{Plan, parameters};
use crate::cli::error::Explain as _;
use crate::signature::lower_hex;

/// Writes the script and its folder.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write(run: &Run<'_>, plan: &Plan, organisation: Option<String>) -> Result<PathBuf> {
    let path = run.args.output.clone().unwrap_or_else(|| default(&run.args.resource_group));
    let step = run.context.printer.step("export", "Script");
    let folder = PathBuf::from(format!("{}.d", path.display()));
    let parameters = format!("{:#}\n", parameters::file(&plan.parameters));
    let contents: [(File, &'static str, &[u8]); 3] = [
        (File::Template, "template.json", run.options.template.as_bytes()),
        (File::Parameters, "parameters.json", parameters.as_bytes()),
        (File::Package, "connector.zip", &run.package.bytes),
    ];
    let written = || -> Result<()> {
        fs::create_dir_all(&folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        let mut sums = String::new();
        let mut files = Vec::new();
        for (file, name, bytes) in contents {
            put(&folder.join(name), bytes)?;
            let sha256 = lower_hex(&Sha256::digest(bytes));
            sums.extend([sha256.as_str(), "  ", name, "\n"]);
            files.push(Beside { file, name, sha256 });
        }
        put(&folder.join("SHA256SUMS"), sums.as_bytes())?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let options = ScriptOptions {
            folder: name,
            files,
            organisation,
            // A package that somebody named may be of another version.
            version: (!run.package.is_named).then(|| env!("CARGO_PKG_VERSION").to_owned()),
            content: run.has_content().then(checks::content),
            logs: run.cloud.logs.clone(),
        };
        put(&path, script(plan, &options).as_bytes())
    };
    written().hint("name another file with `--output FILE`")?;
    executable(&path)?;
    step.done(path.display().to_string());
    let text =
        format!("Read {0}, then run: bash {0}\n", crate::azure::script::quote(&path.display().to_string()));
    let result = json!({ "script": path, "folder": folder, "plan": super::plan::json(plan) });
    run.context.printer.publish(result, &text)?;
    Ok(path)
}

/// The name of a group is not a safe file name.
fn default(group: &str) -> PathBuf {
    let is_safe = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    let name: String = group.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    PathBuf::from(format!("sentinel-deploy-{name}.sh"))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("`{}` cannot be written", path.display()))
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<()> {
    Ok(())
}
