//! Which binaries a Function App can run: x86-64 Linux programs that need nothing newer than glibc 2.28.
//!
//! A binary that needs a newer glibc than the instance has ends before its first own instruction, without a message; the
//! host starts it three times and gives up. So it is rejected here, with the symbols that need the newer version.
//! The file format is that of `elf(5)`; symbol versions are described in
//! <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>.

use std::fmt;

use object::{
    Endianness,
    elf::{
        DT_NEEDED, ELFOSABI_GNU, ELFOSABI_SYSV, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, SHT_DYNSYM,
        SHT_SYMTAB,
    },
    read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable},
};
use thiserror::Error;

/// The newest glibc that may be needed: that of Debian 10 and RHEL 8.
///
/// Microsoft does not say what a Flex Consumption instance runs, so this is a version that every maintained Linux
/// distribution has, or exceeds. It was released in August 2018, and is the first with `statx`, which Rust's file system
/// functions prefer.
pub const MAX_GLIBC: Glibc = Glibc { major: 2, minor: 28, patch: 0 };

/// The program that loads a glibc binary: fixed by the x86-64 ABI.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// The libraries that every glibc system has: glibc's own and the compiler's run-time.
const LIBRARIES: [&str; 9] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];

/// Prefixes of the C library's functions that run other programs, and further such functions by their full names. The
/// connector faces the internet, so it must not import any of them.
/// <https://man7.org/linux/man-pages/man3/exec.3.html>, <https://man7.org/linux/man-pages/man3/posix_spawn.3.html>
const RUNS_PROGRAMS: [&str; 4] = ["exec", "fexec", "posix_spawn", "pidfd_spawn"];
const RUNS_PROGRAMS_BY_NAME: [&str; 4] = ["fork", "vfork", "popen", "system"];

/// The prefix of glibc's symbol versions, as in `GLIBC_2.28`.
const GLIBC_PREFIX: &str = "GLIBC_";

/// How many symbols a rejection names.
const NAMED_SYMBOLS: usize = 3;

/// The properties of a binary that a Function App can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// The newest glibc it needs; none for a static binary.
    pub glibc: Option<Glibc>,
    /// Whether symbols and debug information were left out, as our release profile does.
    pub stripped: bool,
}

/// Why a Function App cannot run a binary.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Unfit {
    /// Another kind of file, or a program for another system.
    #[error("it is {0}, not a program for x86-64 Linux")]
    Foreign(&'static str),
    /// Its loader is not glibc's.
    #[error("it asks for the loader `{0}`, which a Function App does not have")]
    Loader(String),
    /// It needs a shared library that not every Linux has.
    #[error("it needs the shared library `{0}`, which a Function App may not have")]
    Library(String),
    /// It was built against a newer glibc than a Function App may have.
    #[error("it needs {version}{}, newer than glibc {MAX_GLIBC}", blame(symbols))]
    TooNew {
        /// The newest version it needs, as in `GLIBC_2.34`.
        version: String,
        /// The symbols of that version; none when the file as a whole needs it.
        symbols: Vec<String>,
    },
    /// It can run other programs.
    #[error("it can run other programs: it imports {}", named(.0))]
    RunsPrograms(Vec<String>),
    /// The tables that list what it needs are missing or damaged.
    #[error("it does not say what it needs: {0}")]
    Unreadable(String),
}

impl Unfit {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Foreign(_) | Self::TooNew { .. } => {
                "build it with `make dist`, which links it for a Function App"
            }
            Self::Loader(_) => "link it for glibc with `make dist`, or statically",
            Self::Library(_) => "link the library statically",
            Self::RunsPrograms(_) => "build it with `make dist`, which leaves out the operator's half",
            Self::Unreadable(_) => "build it with `make dist`, and do not compress or rewrite it",
        }
    }
}

/// A release of glibc, as in `2.28` or `2.2.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Glibc {
    /// Reads a symbol version; `None` for anything but numbers, such as `GLIBC_PRIVATE` or `GLIBC_ABI_DT_RELR`.
    fn parse(version: &str) -> Option<Self> {
        let mut numbers = version.strip_prefix(GLIBC_PREFIX)?.split('.').map(str::parse);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        let patch = numbers.next().unwrap_or(Ok(0)).ok()?;
        numbers.next().is_none().then_some(Self { major, minor, patch })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch == 0 { Ok(()) } else { write!(f, ".{}", self.patch) }
    }
}

/// Reads what the loader would read, and rejects what it would reject in a Function App.
///
/// # Errors
///
/// [`Unfit`]; its [`hint`](Unfit::hint) says what to do.
pub fn inspect(file: &[u8]) -> Result<Binary, Unfit> {
    let header = FileHeader64::<Endianness>::parse(file).map_err(|_| Unfit::Foreign(kind(file)))?;
    let endian = header.endian()?;
    let is_linux = [ELFOSABI_SYSV, ELFOSABI_GNU].contains(&header.e_ident().os_abi);
    if header.e_machine(endian) != EM_X86_64 || header.is_big_endian() || !is_linux {
        return Err(Unfit::Foreign("an ELF file for another system"));
    }
    if ![ET_EXEC, ET_DYN].contains(&header.e_type(endian)) || header.e_entry(endian) == 0 {
        return Err(Unfit::Foreign("an ELF file that is no program"));
    }
    let sections = header.sections(endian, file)?;
    let stripped = !sections.iter().any(|section| section.sh_type(endian) == SHT_SYMTAB);

    let mut loader = None;
    for segment in header.program_headers(endian, file)? {
        loader = loader.or(segment.interpreter(endian, file)?);
    }
    match loader.map(String::from_utf8_lossy) {
        None => return Ok(Binary { glibc: None, stripped }),
        Some(loader) if loader != LOADER => return Err(Unfit::Loader(loader.into_owned())),
        Some(_) => {}
    }
    if let Some(library) =
        libraries(endian, file, &sections)?.iter().find(|name| !LIBRARIES.contains(&name.as_str()))
    {
        return Err(Unfit::Library(library.clone()));
    }
    let glibc = newest_glibc(endian, file, &sections)?;
    let spawning = spawning(endian, file, &sections)?;
    if !spawning.is_empty() {
        return Err(Unfit::RunsPrograms(spawning));
    }
    Ok(Binary { glibc: Some(glibc), stripped })
}

type Sections<'data> = SectionTable<'data, FileHeader64<Endianness>>;

/// The shared libraries it needs, by name.
fn libraries(endian: Endianness, file: &[u8], sections: &Sections<'_>) -> Result<Vec<String>, Unfit> {
    let dynamic = sections.dynamic_table(endian, file)?;
    if dynamic.is_empty() {
        return Err(Unfit::Unreadable("no dynamic section".to_owned()));
    }
    dynamic
        .iter()
        .filter(|entry| entry.tag == DT_NEEDED)
        .map(|entry| Ok(text(dynamic.string(entry)?)))
        .collect()
}

/// The newest glibc version it needs, or [`Unfit::TooNew`].
///
/// A version that is not a number belongs to a newer glibc too: `GLIBC_ABI_DT_RELR` came with 2.36, and
/// `GLIBC_PRIVATE` promises nothing.
fn newest_glibc(endian: Endianness, file: &[u8], sections: &Sections<'_>) -> Result<Glibc, Unfit> {
    let Some((needs, link)) = sections.gnu_verneed(endian, file)? else {
        return Err(Unfit::Unreadable("no table of versions".to_owned()));
    };
    let strings = sections.strings(endian, file, link)?;
    let mut newest: Option<Glibc> = None;
    for need in needs {
        let (_, versions) = need?;
        for version in versions {
            let name = text(version?.name(endian, strings)?);
            if !name.starts_with(GLIBC_PREFIX) {
                continue;
            }
            match Glibc::parse(&name) {
                Some(glibc) => newest = newest.max(Some(glibc)),
                None => return Err(too_new(name, endian, file, sections)?),
            }
        }
    }
    match newest {
        Some(glibc) if glibc <= MAX_GLIBC => Ok(glibc),
        Some(glibc) => Err(too_new(format!("{GLIBC_PREFIX}{glibc}"), endian, file, sections)?),
        None => Err(Unfit::Unreadable("no version of glibc in it".to_owned())),
    }
}

/// The rejection of `version`, with the symbols that need it.
fn too_new(
    version: String,
    endian: Endianness,
    file: &[u8],
    sections: &Sections<'_>,
) -> Result<Unfit, Unfit> {
    let table = sections.symbols(endian, file, SHT_DYNSYM)?;
    let versions = sections.versions(endian, file)?.unwrap_or_default();
    let mut symbols = Vec::new();
    for (index, symbol) in table.enumerate() {
        let needed = versions.version(versions.version_index(endian, index).index())?;
        if needed.is_some_and(|needed| needed.name() == version.as_bytes()) {
            symbols.push(text(table.symbol_name(endian, symbol)?));
        }
    }
    symbols.sort_unstable();
    Ok(Unfit::TooNew { version, symbols })
}

/// The functions it imports that run other programs.
fn spawning(endian: Endianness, file: &[u8], sections: &Sections<'_>) -> Result<Vec<String>, Unfit> {
    let table = sections.symbols(endian, file, SHT_DYNSYM)?;
    let mut found = Vec::new();
    for symbol in table.iter() {
        let name = text(table.symbol_name(endian, symbol)?);
        let is_one = RUNS_PROGRAMS.iter().any(|prefix| name.starts_with(prefix))
            || RUNS_PROGRAMS_BY_NAME.contains(&name.as_str());
        if is_one {
            found.push(name);
        }
    }
    found.sort_unstable();
    Ok(found)
}

impl From<object::read::Error> for Unfit {
    fn from(error: object::read::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// ` (a, b, c and 4 more)`, or nothing.
fn blame(symbols: &[String]) -> String {
    if symbols.is_empty() { String::new() } else { format!(" ({})", named(symbols)) }
}

/// `a, b, c and 4 more`.
fn named(symbols: &[String]) -> String {
    let named: Vec<_> = symbols.iter().take(NAMED_SYMBOLS).map(|symbol| format!("`{symbol}`")).collect();
    match symbols.len().saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What a file that is not a 64-bit ELF file most likely is.
fn kind(file: &[u8]) -> &'static str {
    match file {
        [0x7f, b'E', b'L', b'F', ..] => "an ELF file for another system",
        [b'M', b'Z', ..] => "a Windows program",
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS program",
        [b'#', b'!', ..] => "a script",
        _ => "not a program",
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
