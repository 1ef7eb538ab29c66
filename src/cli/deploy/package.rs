//! The package to publish: finds it, and verifies it.

use std::borrow::Cow;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use sha2::{Digest as _, Sha256};

use crate::cli::error::Explain as _;
use crate::package::{self, EXECUTABLE};
use crate::signature::lower_hex;

/// What a release and `make dist` call it.
const NAME: &str = "connector.zip";

/// A verified package.
#[derive(Debug)]
pub(super) struct Package {
    /// Where it is; `None` inside this program.
    pub(super) path: Option<PathBuf>,
    pub(super) bytes: Cow<'static, [u8]>,
    /// In lower-case hex.
    pub(super) sha256: String,
    /// The operator named it, so its version may differ.
    pub(super) is_named: bool,
}

/// The package that is named, else the one inside or beside this program, else the one that was built in a checkout.
///
/// # Errors
/// There is no such file, it is no package, or it differs from the `SHA256SUMS` beside it.
pub(super) fn find(named: Option<&Path>) -> Result<Package> {
    if let (None, Some(bytes)) = (named, package::EMBEDDED) {
        let sha256 = lower_hex(&Sha256::digest(bytes));
        return Ok(Package { path: None, bytes: Cow::Borrowed(bytes), sha256, is_named: false });
    }
    let path = match named {
        Some(path) => path.to_owned(),
        None => places().into_iter().find(|path| path.is_file()).map_or_else(missing, Ok)?,
    };
    let read = || -> Result<Package> {
        let bytes =
            fs::read(&path).with_context(|| format!("the package `{}` cannot be read", path.display()))?;
        let sha256 = lower_hex(&Sha256::digest(&bytes));
        verify(&path, &sha256)?;
        inspect(&bytes).with_context(|| format!("`{}` is no package of the connector", path.display()))?;
        Ok(Package { path: Some(path.clone()), bytes: Cow::Owned(bytes), sha256, is_named: named.is_some() })
    };
    read().hint("name another with `--package FILE`, or make one with `make dist`").code("PackageUnusable")
}

impl Package {
    /// What it is called, for people.
    pub(super) fn title(&self) -> String {
        let name = self.path.as_deref().and_then(Path::file_name);
        name.map_or_else(|| "the package inside".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}

fn missing() -> Result<PathBuf> {
    Err(anyhow!("there is no {NAME} inside or beside this program, and none in dist/"))
        .hint("name it with `--package FILE`, or make it with `make dist`")
        .code("PackageMissing")
}

/// Where it may be, the best first.
fn places() -> Vec<PathBuf> {
    let this = std::env::current_exe().ok();
    let beside = this.as_deref().map(|this| this.with_file_name(NAME));
    // A program that cargo has built lies below `target` of its checkout.
    let above = this.iter().flat_map(|this| this.ancestors());
    let checkouts = above.filter(|folder| folder.join("infra/main.bicep").is_file());
    let built = checkouts.map(|folder| folder.join("dist").join(NAME));
    beside.into_iter().chain(built).chain([Path::new("dist").join(NAME)]).collect()
}

/// Compares it with the list of digests beside it, where there is one that names it.
fn verify(path: &Path, sha256: &str) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let listed = path.with_file_name("SHA256SUMS");
    let Ok(text) = fs::read_to_string(&listed) else { return Ok(()) };
    // `<digest>  <name>`, or `<digest> *<name>` for binary files.
    let entry = text.lines().filter_map(|line| line.split_once(' '));
    let entry = entry.map(|(digest, rest)| (digest, rest.trim().trim_start_matches('*')));
    match entry.into_iter().find(|(_, file)| *file == name) {
        Some((digest, _)) if !digest.eq_ignore_ascii_case(sha256) => {
            bail!("`{}` is not what {} says: its SHA-256 is {sha256}", path.display(), listed.display())
        }
        _ => Ok(()),
    }
}

/// Checks its content: the program that the host starts must be in it, and Azure must be able to run it.
fn inspect(bytes: &[u8]) -> Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))?;
    for (name, _) in package::FILES {
        archive.by_name(name).with_context(|| format!("it has no {name}"))?;
    }
    let mut binary = Vec::new();
    let mut entry = archive.by_name(EXECUTABLE).with_context(|| format!("it has no {EXECUTABLE}"))?;
    entry.read_to_end(&mut binary)?;
    package::elf::inspect(&binary)?;
    Ok(())
}

/// Unpacks it into `folder`, for Core Tools.
///
/// # Errors
/// A file cannot be written.
pub(super) fn unpack(package: &Package, folder: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(package.bytes.as_ref()))?;
    archive.extract(folder).with_context(|| format!("`{}` cannot be written", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_held_to_the_digests_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        verify(&path, "ab").unwrap();
        for (text, is_good) in [
            ("ab  connector.zip\n", true),
            ("AB *connector.zip\n", true),
            ("cd  other.zip\nab  connector.zip\n", true),
            ("cd  other.zip\n", true),
            ("cd  connector.zip\n", false),
        ] {
            fs::write(folder.path().join("SHA256SUMS"), text).unwrap();
            assert_eq!(verify(&path, "ab").is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn what_is_no_package_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.zip");
        fs::write(&path, "no zip").unwrap();
        let error = format!("{:#}", find(Some(&path)).unwrap_err());
        assert!(error.contains("is no package of the connector"), "{error}");
        assert!(find(Some(&folder.path().join("none"))).is_err());
    }
}
