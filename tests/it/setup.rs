//! What `make tools` runs: it continues where it was interrupted, and does nothing when nothing is missing.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::rig::Folder;
use crate::tools::{root, said};

/// A Python whose venv has a pip that installs three packages. As pip does, it takes a package with METADATA for a whole
/// one, and writes INSTALLER last. In between it dies where it is told to, and what runs it with it.
const PYTHON: &str = r#"
case "$1" in
--version) echo "Python 3.99" ;;
-c) echo "one==1" ;;
-m)
  mkdir -p "$3/bin" && cat >"$3/bin/pip" <<'PIP'
#!/bin/sh
place=$(dirname "$0")/../lib/python3.99/site-packages
for name in one two three; do
  package=$place/$name.dist-info
  [ ! -e "$package/METADATA" ] || continue
  echo "Collecting $name"
  mkdir -p "$package" && touch "$package/METADATA"
  [ "$DIES_AT" != "$name" ] || kill -9 $PPID $$
  echo "$name" >>"$DONE" && touch "$package/INSTALLER"
done
PIP
  chmod +x "$3/bin/pip" ;;
esac
"#;

const NPM: &str = r#"
[ "$1" != --version ] || exit 0
[ "$DIES_AT" != npm ] || kill -9 $PPID $$
mkdir -p "$3/node_modules" && echo npm >>"$DONE"
"#;

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs it; what it printed, and whether it came to its end.
fn run(folder: &Path, dies_at: &str) -> (String, bool) {
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths([folder.join("bin")].into_iter().chain(env::split_paths(&path))).unwrap();
    let mut setup = Command::new("bash");
    setup.arg(folder.join("tests/tools/setup")).env("PATH", path).env("CI", "true");
    let output = setup.env("DIES_AT", dies_at).env("DONE", folder.join("done")).output().unwrap();
    (said(&output), output.status.success())
}

#[test]
fn what_was_interrupted_is_continued() {
    let folder = Folder::new();
    let folder = folder.path();
    for name in ["bin", "content", "tests/tools"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    program(&folder.join("bin/python3"), PYTHON);
    program(&folder.join("bin/npm"), NPM);
    fs::copy(root().join("tests/tools/setup"), folder.join("tests/tools/setup")).unwrap();
    for name in ["content/pyproject.toml", "requirements.txt", "package.json", "package-lock.json"] {
        let place = if name.contains('/') { folder.to_owned() } else { folder.join("tests/tools") };
        fs::write(place.join(name), "").unwrap();
    }
    let done = || fs::read_to_string(folder.join("done")).unwrap_or_default();

    for (dies_at, expected) in [("two", "one "), ("three", "one two "), ("npm", "one two three ")] {
        let (text, ends) = run(folder, dies_at);
        assert!(!ends && done().replace('\n', " ") == expected, "{dies_at}: {} {text}", done());
    }
    let (text, ends) = run(folder, "");
    assert!(ends && done() == "one\ntwo\nthree\nnpm\n", "{} {text}", done());
    assert!(!text.contains("Collecting"), "Python's packages were all there: {text}");
    assert_eq!(run(folder, ""), (String::new(), true), "nothing is missing any more");

    // A list that changes is gone through again.
    fs::write(folder.join("tests/tools/requirements.txt"), "four").unwrap();
    let (text, ends) = run(folder, "");
    assert!(ends && text.contains("installing Python packages") && !text.contains("npm"), "{text}");
}
