//! The zip for a Function App, and the binaries that may be in it.

mod dependencies;
mod elf;
mod functions;

use std::{
    collections::BTreeSet,
    fs,
    io::{Cursor, Read},
    path::Path,
};

use humanbound_sentinel::package::{self, EXECUTABLE, FILES};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::programs;
use crate::rig::Folder;
use crate::tools::root;
use elf::Elf;

/// A package like the one that `make dist` makes.
pub fn sample() -> Vec<u8> {
    package::build(&Elf::default().build()).unwrap().zip
}

/// Every entry of a zip: name, mode with the file type, content.
fn entries(zip: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            assert_eq!(entry.last_modified().unwrap(), zip::DateTime::default(), "{:?}", entry.name());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), entry.unix_mode().unwrap(), content)
        })
        .collect()
}

#[test]
fn zip_has_the_functions_at_its_root_and_one_executable() {
    let connector = Elf::default().build();
    let entries = entries(&package::build(&connector).unwrap().zip);

    let names: Vec<_> = entries.iter().map(|(name, mode, _)| (name.as_str(), format!("{mode:o}"))).collect();
    let expected = [
        ("connector", "100755"),
        ("drain/function.json", "100644"),
        ("health/function.json", "100644"),
        ("host.json", "100644"),
        ("ingest/function.json", "100644"),
        ("status/function.json", "100644"),
    ];
    assert_eq!(names, expected.map(|(name, mode)| (name, mode.to_owned())));
    assert_eq!(entries[0].2, connector);
    for (name, _, content) in &entries[1..] {
        let source = if name == "host.json" { name.clone() } else { format!("function/{name}") };
        assert_eq!(*content, fs::read(root().join(source)).unwrap(), "{name}");
    }
}

#[test]
fn zip_holds_every_file_of_the_function_folder() {
    let mut found = BTreeSet::from(["host.json".to_owned()]);
    for folder in fs::read_dir(root().join("function")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(root().join("function")).unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(FILES.map(|(name, _)| name.to_owned()).into_iter().collect::<BTreeSet<_>>(), found);
}

#[test]
fn same_input_gives_the_same_bytes() {
    let connector = Elf::default().build();
    let first = package::build(&connector).unwrap().zip;
    // A zip's clock ticks every two seconds, so equal bytes alone would not show that it was not asked: `entries`
    // looks at the stamps too.
    entries(&first);
    assert_eq!(first, package::build(&connector).unwrap().zip);
    assert_ne!(
        first,
        package::build(&Elf { symbols: vec![("other", "GLIBC_2.28")], ..Elf::default() }.build())
            .unwrap()
            .zip
    );
}

/// A folder of one test's own.
struct Scratch(Folder);

impl Scratch {
    fn new() -> Self {
        Self(Folder::new())
    }

    /// Runs `hb-sentinel package` in here.
    fn package(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = programs::hb_sentinel(&["package"]);
        let output = command.args(arguments).current_dir(self.0.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn command_writes_the_zip_and_says_what_it_is() {
    let scratch = Scratch::new();
    fs::write(scratch.0.path().join("built"), Elf::default().build()).unwrap();

    let (code, stdout, stderr) = scratch.package(&["--connector", "built"]);

    let zip = fs::read(scratch.0.path().join("dist/connector.zip")).unwrap();
    assert_eq!(zip, package::build(&Elf::default().build()).unwrap().zip);
    let hash = Sha256::digest(&zip).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    let size = Elf::default().build().len();
    let expected = format!(
        "built: {size} bytes, needs glibc 2.28 or newer\ndist/connector.zip: {} bytes, sha256 {hash}\n",
        zip.len()
    );
    assert_eq!((code, stdout, stderr), (Some(0), expected, String::new()));
    assert_eq!(fs::read_dir(scratch.0.path().join("dist")).unwrap().count(), 1, "a partial file is left");
}

#[test]
fn command_warns_of_a_debug_build_and_packages_it() {
    let scratch = Scratch::new();
    let connector = Elf { stripped: false, loader: None, ..Elf::default() }.build();
    fs::write(scratch.0.path().join("built"), &connector).unwrap();

    let (code, stdout, stderr) = scratch.package(&["--connector", "built", "--output", "debug.zip"]);

    assert_eq!(
        (code, stdout.lines().next()),
        (Some(0), Some(&*format!("built: {} bytes, static", connector.len())))
    );
    assert!(
        stderr.starts_with("warning: `built` is not stripped") && stderr.contains("`make dist`"),
        "{stderr}"
    );
    assert!(scratch.0.path().join("debug.zip").exists());
}

#[test]
fn command_keeps_the_last_zip_when_it_rejects_a_binary() {
    let scratch = Scratch::new();
    let connector = Elf { symbols: vec![("pidfd_getpid", "GLIBC_2.39")], ..Elf::default() };
    fs::write(scratch.0.path().join("built"), connector.build()).unwrap();
    fs::write(scratch.0.path().join("last.zip"), "the last one").unwrap();

    let rejection = scratch.package(&["--connector", "built", "--output", "last.zip"]);

    let expected = "error: cannot package `built`: it needs GLIBC_2.39 (`pidfd_getpid`), newer than glibc 2.28\n\
                    hint: build it with `make dist`, which links it for a Function App\n";
    assert_eq!(rejection, (Some(1), String::new(), expected.to_owned()));
    assert_eq!(fs::read(scratch.0.path().join("last.zip")).unwrap(), b"the last one");
}

#[test]
fn command_names_the_missing_binary_and_the_option() {
    let (code, _, stderr) = Scratch::new().package(&["--connector", "no/such/connector"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("`no/such/connector`") && stderr.contains("hint: "), "{stderr}");
    assert!(stderr.contains("`--connector`"), "{stderr}");
}

#[test]
fn command_takes_the_binary_beside_it() {
    // Under cargo that is the debug build of `connector`, linked for this machine: packaged with a warning or rejected
    // for its glibc, but found.
    let (_, stdout, stderr) = Scratch::new().package(&[]);
    let beside = Path::new(programs::HB_SENTINEL).with_file_name("connector");
    assert!(format!("{stdout}{stderr}").contains(beside.to_str().unwrap()), "{stdout}{stderr}");
}

#[test]
fn executable_has_the_name_that_the_host_starts() {
    assert_eq!(functions::host()["customHandler"]["description"]["defaultExecutablePath"], EXECUTABLE);
}
