//! What differs on Windows, as pure functions, so that every system can test them.
//!
//! There `az` is a batch file that starts Python, and no quoting protects every argument from the interpreter of batch
//! files: <https://github.com/rust-lang/rust/issues/91991>. So Python is started directly.

use std::path::{Path, PathBuf};

/// What the batch file of the Azure CLI gives to Python.
pub(super) const AZ_MODULE: [&str; 2] = ["-m", "azure.cli"];

/// How to start a program that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// As it is.
    Direct,
    /// By the Python that its batch file would start, with [`AZ_MODULE`].
    Interpreter(PathBuf),
    /// By its batch file, with harmless arguments only.
    Batch,
}

/// How to start the program at `found`; `is_file` looks at the disk.
pub(super) fn program(found: &Path, on_windows: bool, is_file: impl Fn(&Path) -> bool) -> Program {
    let is = |extension: &str| found.extension().is_some_and(|given| given.eq_ignore_ascii_case(extension));
    if !on_windows || !(is("cmd") || is("bat")) {
        return Program::Direct;
    }
    let is_az = found.file_stem().is_some_and(|name| name.eq_ignore_ascii_case("az"));
    // Beside it in a virtual environment; one folder up where pip installs for everybody, and in the installer's tree.
    let folders = found.parent().into_iter().flat_map(|folder| [Some(folder), folder.parent()]).flatten();
    let python = folders.map(|folder| folder.join("python.exe")).find(|python| is_file(python));
    python.filter(|_| is_az).map_or(Program::Batch, Program::Interpreter)
}

/// Whether the command interpreter would change this argument.
pub(super) fn is_unquotable(argument: &str) -> bool {
    argument.contains(['%', '"', '^', '&', '|', '<', '>', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(found: &str, on_windows: bool, present: &str) -> Program {
        program(Path::new(found), on_windows, |path| path == Path::new(present))
    }

    #[test]
    fn az_is_run_by_the_python_beside_its_batch_file() {
        let python = |path: &str| Program::Interpreter(path.into());
        assert_eq!(at("C/Scripts/az.bat", true, "C/Scripts/python.exe"), python("C/Scripts/python.exe"));
        assert_eq!(at("C/Scripts/az.bat", true, "C/python.exe"), python("C/python.exe"));
        assert_eq!(at("C/CLI2/wbin/AZ.CMD", true, "C/CLI2/python.exe"), python("C/CLI2/python.exe"));
    }

    #[test]
    fn what_is_no_batch_file_is_run_as_it_is() {
        assert_eq!(at("C/func.exe", true, "C/python.exe"), Program::Direct);
        assert_eq!(at("/usr/bin/az", false, "/usr/bin/python.exe"), Program::Direct);
        assert_eq!(at("/usr/bin/az.cmd", false, "/usr/bin/python.exe"), Program::Direct);
    }

    #[test]
    fn other_batch_files_take_harmless_arguments_only() {
        assert_eq!(at("C/Scripts/az.bat", true, "D/python.exe"), Program::Batch);
        // A Python beside `func` has nothing to do with it.
        assert_eq!(at("C/npm/func.cmd", true, "C/npm/python.exe"), Program::Batch);
        for dangerous in ["%PATH%", "a\"b", "a^b", "a&calc", "a|b", "a<b", "a>b", "a\nb", "a\rb"] {
            assert!(is_unquotable(dangerous), "{dangerous:?}");
        }
        for harmless in
            ["rg-humanbound", "a b", "it's", "a=b;c", "/subscriptions/x?api-version=2022-04-01", "(x)"]
        {
            assert!(!is_unquotable(harmless), "{harmless:?}");
        }
    }
}
