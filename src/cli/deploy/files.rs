//! The files that calls need, in a folder that only this user can read and that is removed with the run. None holds a
//! secret.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::package::Package;
use crate::azure::call::File;
use crate::azure::parameters;

pub(super) struct Files {
    folder: TempDir,
    package: PathBuf,
}

impl Files {
    pub(super) fn new(package: &Package) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hb-sentinel-").tempdir();
        let folder = folder.context("no folder for temporary files can be made")?;
        let place = if let Some(path) = &package.path {
            // Calls may run in another folder, so paths are absolute.
            std::path::absolute(path)?
        } else {
            let path = folder.path().join("connector.zip");
            fs::write(&path, &package.bytes).context("a temporary file cannot be written")?;
            path
        };
        Ok(Self { folder, package: place })
    }

    /// Writes template and parameters, and says where each file is.
    pub(super) fn write(
        &self,
        template: &str,
        parameters: &Map<String, Value>,
    ) -> Result<BTreeMap<File, PathBuf>> {
        let at = |name: &str| self.folder.path().join(name);
        let (template_file, parameters_file) = (at("template.json"), at("parameters.json"));
        let write = || -> std::io::Result<()> {
            fs::write(&template_file, template)?;
            fs::write(&parameters_file, parameters::file(parameters).to_string())
        };
        write().context("a temporary file cannot be written")?;
        Ok(BTreeMap::from([
            (File::Template, template_file),
            (File::Parameters, parameters_file),
            (File::Package, self.package.clone()),
            (File::Unpacked, self.unpacked()),
        ]))
    }

    /// Where the package is unpacked to, for Core Tools.
    pub(super) fn unpacked(&self) -> PathBuf {
        self.folder.path().join("package")
    }
}
