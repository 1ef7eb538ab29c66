//! Makes the zip that a Function App runs: the functions, `host.json` and `connector`, the same bytes for the same input.
//!
//! The functions and `host.json` are compiled in, so that a package never mixes the files of one version with the binary
//! of another, and `hb-sentinel` can make one anywhere. It does no IO: bytes in, bytes out.
//! [`elf`] says which binaries Azure can run.

use std::io::{Cursor, Write};

use thiserror::Error;
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

pub mod elf;
mod embedded;

pub use embedded::EMBEDDED;

/// The entry that the host starts: `customHandler.description.defaultExecutablePath` of `host.json`.
///
/// Azure Functions Core Tools mark exactly the entry of that name as executable, so the two must be equal:
/// <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.
pub const EXECUTABLE: &str = "connector";

/// Every other entry, by its name in the zip: the host looks for functions in the folders at its root.
pub const FILES: [(&str, &str); 5] = [
    ("drain/function.json", include_str!("../../function/drain/function.json")),
    ("health/function.json", include_str!("../../function/health/function.json")),
    ("host.json", include_str!("../../host.json")),
    ("ingest/function.json", include_str!("../../function/ingest/function.json")),
    ("status/function.json", include_str!("../../function/status/function.json")),
];

/// The compression level of every entry, the strongest of deflate. A fixed level keeps the bytes reproducible.
const LEVEL: i64 = 9;

/// Why a package could not be made.
#[derive(Debug, Error)]
pub enum Error {
    /// Azure could not run this binary.
    #[error(transparent)]
    Unfit(#[from] elf::Unfit),
    /// The zip could not be written.
    #[error("the zip could not be written")]
    Zip(#[from] zip::result::ZipError),
    /// The compressor failed.
    #[error("an entry of the zip could not be written")]
    Entry(#[from] std::io::Error),
}

impl Error {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unfit(unfit) => unfit.hint(),
            Self::Zip(_) | Self::Entry(_) => "this is a bug; please report it",
        }
    }
}

/// A finished package.
#[derive(Debug)]
pub struct Package {
    /// The bytes of the zip.
    pub zip: Vec<u8>,
    /// The properties of the binary in it.
    pub binary: elf::Binary,
}

/// Makes a package of `connector`, the bytes of an executable, and the functions.
///
/// The entries are sorted by name, dated 1980-01-01 (the earliest date of a zip) and marked as made on Unix with mode 0755
/// for the executable and 0644 for the rest, on every machine.
///
/// # Errors
///
/// [`Error::Unfit`] for a binary that a Function App could not start; the others only if memory or the compressor fail.
pub fn build(connector: &[u8]) -> Result<Package, Error> {
    let binary = elf::inspect(connector)?;
    let mut entries: Vec<(&str, u32, &[u8])> =
        FILES.iter().map(|(name, text)| (*name, 0o644, text.as_bytes())).collect();
    entries.push((EXECUTABLE, 0o755, connector));
    entries.sort_unstable_by_key(|(name, ..)| *name);

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .system(System::Unix)
            .unix_permissions(mode);
        zip.start_file(name, options)?;
        zip.write_all(content)?;
    }
    Ok(Package { zip: zip.finish()?.into_inner(), binary })
}
