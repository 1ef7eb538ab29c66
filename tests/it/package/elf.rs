//! What is rejected as `connector`, on ELF files made here: the same on every machine.

use humanbound_sentinel::package::elf::{Binary, Unfit, inspect};

/// A small dynamically linked program, as far as its headers go; its members spoil it.
pub(super) struct Elf {
    pub(super) machine: u16,
    pub(super) os_abi: u8,
    pub(super) kind: u16,
    pub(super) entry: u64,
    /// None makes a static program.
    pub(super) loader: Option<&'static str>,
    pub(super) libraries: Vec<&'static str>,
    /// Undefined symbols and the version that each needs.
    pub(super) symbols: Vec<(&'static str, &'static str)>,
    /// Versions that no symbol needs.
    pub(super) versions: Vec<&'static str>,
    pub(super) stripped: bool,
    pub(super) sections: bool,
}

impl Default for Elf {
    fn default() -> Self {
        Self {
            machine: 62,
            os_abi: 0,
            kind: 3,
            entry: 0x1000,
            loader: Some("/lib64/ld-linux-x86-64.so.2"),
            libraries: vec!["libc.so.6", "libm.so.6"],
            symbols: vec![("memcpy", "GLIBC_2.14"), ("statx", "GLIBC_2.28"), ("read", "GLIBC_2.2.5")],
            versions: vec![],
            stripped: true,
            sections: true,
        }
    }
}

struct Section {
    name: &'static str,
    kind: u32,
    link: u32,
    info: u32,
    entry: u64,
    data: Vec<u8>,
}

/// A string table: each text once, by its offset.
#[derive(Default)]
struct Strings(Vec<u8>);

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        if self.0.is_empty() {
            self.0.push(0);
        }
        let offset = u32::try_from(self.0.len()).unwrap();
        self.0.extend([text.as_bytes(), &[0]].concat());
        offset
    }
}

impl Elf {
    pub(super) fn build(&self) -> Vec<u8> {
        let loader = self.loader.map_or(vec![], |loader| [loader.as_bytes(), &[0]].concat());
        let (header, program_header) = (64, 56);
        let mut file = vec![0; header + program_header];
        file.extend(&loader);
        let mut headers = vec![0; 64];
        let mut names = Strings::default();
        let mut sections = if self.sections { self.tables() } else { vec![] };
        sections.push(Section { name: ".shstrtab", kind: 3, link: 0, info: 0, entry: 0, data: vec![] });
        let sizes = sections.len();
        for (index, mut section) in sections.into_iter().enumerate() {
            let name = names.add(section.name);
            if index + 1 == sizes {
                section.data.clone_from(&names.0);
            }
            file.resize(file.len().next_multiple_of(8), 0);
            headers.extend(name.to_le_bytes());
            headers.extend(section.kind.to_le_bytes());
            headers.extend([0; 16]);
            headers.extend((file.len() as u64).to_le_bytes());
            headers.extend((section.data.len() as u64).to_le_bytes());
            headers.extend(section.link.to_le_bytes());
            headers.extend(section.info.to_le_bytes());
            headers.extend(8_u64.to_le_bytes());
            headers.extend(section.entry.to_le_bytes());
            file.extend(section.data);
        }
        file.resize(file.len().next_multiple_of(8), 0);
        let section_headers = file.len() as u64;
        if self.sections {
            file.extend(headers);
        }
        self.write_headers(
            &mut file,
            section_headers,
            u16::try_from(sizes + 1).unwrap(),
            loader.len() as u64,
        );
        file
    }

    fn write_headers(&self, file: &mut [u8], section_headers: u64, sections: u16, loader: u64) {
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[0x7f, b'E', b'L', b'F', 2, 1, 1, self.os_abi]);
        put(16, &self.kind.to_le_bytes());
        put(18, &self.machine.to_le_bytes());
        put(20, &1_u32.to_le_bytes());
        put(24, &self.entry.to_le_bytes());
        put(32, &64_u64.to_le_bytes());
        put(52, &64_u16.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &u16::from(self.loader.is_some()).to_le_bytes());
        put(58, &64_u16.to_le_bytes());
        if self.sections {
            put(40, &section_headers.to_le_bytes());
            put(60, &sections.to_le_bytes());
            put(62, &(sections - 1).to_le_bytes());
        }
        // The one program header: PT_INTERP.
        put(64, &3_u32.to_le_bytes());
        put(64 + 8, &120_u64.to_le_bytes());
        put(64 + 32, &loader.to_le_bytes());
        put(64 + 40, &loader.to_le_bytes());
    }

    /// `.dynstr` (1), `.dynsym`, `.gnu.version`, `.gnu.version_r`, `.dynamic`, and `.symtab` when not stripped.
    fn tables(&self) -> Vec<Section> {
        let mut strings = Strings::default();
        let mut versions: Vec<&str> = self.symbols.iter().map(|(_, version)| *version).collect();
        versions.extend(&self.versions);
        let mut symbols = vec![0; 24];
        let mut indices = vec![0; 2];
        for (index, (name, _)) in self.symbols.iter().enumerate() {
            symbols.extend(strings.add(name).to_le_bytes());
            symbols.extend([0x12; 1]);
            symbols.resize(symbols.len() + 19, 0);
            indices.extend(u16::try_from(index + 2).unwrap().to_le_bytes());
        }
        let mut needs = vec![];
        needs.extend(1_u16.to_le_bytes());
        needs.extend(u16::try_from(versions.len()).unwrap().to_le_bytes());
        needs.extend(strings.add("libc.so.6").to_le_bytes());
        needs.extend(16_u32.to_le_bytes());
        needs.extend(0_u32.to_le_bytes());
        for (index, version) in versions.iter().enumerate() {
            needs.extend([0; 6]);
            needs.extend(u16::try_from(index + 2).unwrap().to_le_bytes());
            needs.extend(strings.add(version).to_le_bytes());
            needs.extend(if index + 1 == versions.len() { 0_u32 } else { 16 }.to_le_bytes());
        }
        let mut dynamic = vec![];
        for library in &self.libraries {
            dynamic.extend(1_u64.to_le_bytes());
            dynamic.extend(u64::from(strings.add(library)).to_le_bytes());
        }
        dynamic.extend([0; 16]);
        let table = |name, kind, link, info, entry, data| Section { name, kind, link, info, entry, data };
        let mut tables = vec![
            table(".dynstr", 3, 0, 0, 0, strings.0),
            table(".dynsym", 11, 1, 1, 24, symbols),
            table(".gnu.version", 0x6fff_ffff, 2, 0, 2, indices),
        ];
        if !versions.is_empty() {
            tables.push(table(".gnu.version_r", 0x6fff_fffe, 1, 1, 0, needs));
        }
        tables.push(table(".dynamic", 6, 1, 0, 16, dynamic));
        if !self.stripped {
            tables.push(table(".symtab", 2, 1, 1, 24, vec![0; 24]));
        }
        tables
    }
}

#[track_caller]
fn rejected(elf: &Elf) -> Unfit {
    inspect(&elf.build()).unwrap_err()
}

fn glibc(binary: &Binary) -> String {
    binary.glibc.unwrap().to_string()
}

#[test]
fn accepts_glibc_2_28_and_says_so() {
    let binary = inspect(&Elf::default().build()).unwrap();
    assert_eq!((glibc(&binary).as_str(), binary.stripped), ("2.28", true));
}

#[test]
fn compares_versions_as_numbers() {
    let elf = Elf {
        symbols: vec![("a", "GLIBC_2.9"), ("b", "GLIBC_2.17"), ("c", "GLIBC_2.3.4")],
        ..Elf::default()
    };
    assert_eq!(glibc(&inspect(&elf.build()).unwrap()), "2.17");
}

#[test]
fn accepts_a_static_program() {
    let elf = Elf { loader: None, symbols: vec![], libraries: vec![], ..Elf::default() };
    assert_eq!(inspect(&elf.build()).unwrap().glibc, None);
}

#[test]
fn notices_a_program_that_is_not_stripped() {
    assert!(!inspect(&Elf { stripped: false, ..Elf::default() }.build()).unwrap().stripped);
}

#[test]
fn ignores_versions_of_other_libraries() {
    let elf = Elf { symbols: vec![("read", "GLIBC_2.2.5"), ("_Unwind_Resume", "GCC_3.0")], ..Elf::default() };
    assert_eq!(glibc(&inspect(&elf.build()).unwrap()), "2.2.5");
}

#[test]
fn rejects_a_newer_glibc_and_names_the_symbols() {
    let symbols = vec![
        ("read", "GLIBC_2.2.5"),
        ("stat64", "GLIBC_2.33"),
        ("dlsym", "GLIBC_2.34"),
        ("__libc_start_main", "GLIBC_2.34"),
        ("pthread_join", "GLIBC_2.34"),
        ("pthread_self", "GLIBC_2.34"),
        ("dlopen", "GLIBC_2.34"),
    ];
    let unfit = rejected(&Elf { symbols, ..Elf::default() });
    let text =
        "it needs GLIBC_2.34 (`__libc_start_main`, `dlopen`, `dlsym` and 2 more), newer than glibc 2.28";
    assert_eq!(unfit.to_string(), text);
    assert!(unfit.hint().contains("`make dist`"));
}

#[test]
fn rejects_a_newer_glibc_that_no_symbol_needs() {
    let elf = Elf { versions: vec!["GLIBC_2.29"], ..Elf::default() };
    assert_eq!(rejected(&elf), Unfit::TooNew { version: "GLIBC_2.29".to_owned(), symbols: vec![] });
}

#[test]
fn rejects_versions_of_glibc_that_are_no_number() {
    for version in ["GLIBC_ABI_DT_RELR", "GLIBC_PRIVATE", "GLIBC_2", "GLIBC_2.1.1.1", "GLIBC_2.x"] {
        let elf = Elf { versions: vec![version], ..Elf::default() };
        assert_eq!(rejected(&elf), Unfit::TooNew { version: version.to_owned(), symbols: vec![] });
    }
}

#[test]
fn rejects_what_can_run_other_programs() {
    for name in ["execve", "execvp", "fexecve", "posix_spawnp", "fork", "vfork", "popen", "system"] {
        let mut elf = Elf::default();
        elf.symbols.push((name, "GLIBC_2.2.5"));
        assert_eq!(rejected(&elf), Unfit::RunsPrograms(vec![name.to_owned()]));
    }
    // Names that only look alike.
    for name in ["pthread_atfork", "sysconf", "on_exit"] {
        let mut elf = Elf::default();
        elf.symbols.push((name, "GLIBC_2.2.5"));
        inspect(&elf.build()).unwrap();
    }
}

#[test]
fn rejects_other_systems() {
    let foreign = "an ELF file for another system";
    assert_eq!(rejected(&Elf { machine: 183, ..Elf::default() }), Unfit::Foreign(foreign));
    assert_eq!(rejected(&Elf { os_abi: 9, ..Elf::default() }), Unfit::Foreign(foreign));
    for (file, kind) in [
        (&b"MZ\x90\0"[..], "a Windows program"),
        (b"\xcf\xfa\xed\xfe", "a macOS program"),
        (b"#!/bin/sh\nexec ./other\n", "a script"),
        (b"\x7fELF\x01\x01\x01", foreign),
        (b"", "not a program"),
    ] {
        assert_eq!(inspect(file), Err(Unfit::Foreign(kind)));
    }
}

#[test]
fn rejects_what_cannot_be_started() {
    let no_program = Unfit::Foreign("an ELF file that is no program");
    assert_eq!(rejected(&Elf { kind: 1, ..Elf::default() }), no_program);
    assert_eq!(rejected(&Elf { entry: 0, ..Elf::default() }), no_program);
    let musl = "/lib/ld-musl-x86_64.so.1";
    assert_eq!(rejected(&Elf { loader: Some(musl), ..Elf::default() }), Unfit::Loader(musl.to_owned()));
    let openssl = Elf { libraries: vec!["libc.so.6", "libssl.so.3"], ..Elf::default() };
    assert_eq!(rejected(&openssl), Unfit::Library("libssl.so.3".to_owned()));
}

#[test]
fn rejects_what_it_cannot_read() {
    let unreadable = |elf: &Elf| matches!(rejected(elf), Unfit::Unreadable(_));
    assert!(unreadable(&Elf { sections: false, ..Elf::default() }));
    assert!(unreadable(&Elf { symbols: vec![], ..Elf::default() }));
    assert!(unreadable(&Elf { symbols: vec![("x", "OTHER_1.0")], ..Elf::default() }));
}

#[test]
fn survives_every_truncation() {
    let file = Elf::default().build();
    for length in 0..file.len() {
        assert!(inspect(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
    assert!(inspect(&file).is_ok());
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn reads_a_real_program() {
    // This test's own program: linked for the glibc of this machine, so either verdict is right, and each says why.
    let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    match inspect(&file) {
        Ok(binary) => assert!(binary.glibc.is_some() && !binary.stripped),
        Err(Unfit::TooNew { version, symbols }) => {
            assert!(version.starts_with("GLIBC_2.") && !symbols.is_empty(), "{version} {symbols:?}");
        }
        Err(other) => panic!("{other}"),
    }
}
