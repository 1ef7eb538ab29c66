//! No circles: files that use each other can only be read, moved and tested together.
//!
//! The rule is asked of the children of every module: of those, none may use another that uses it in turn, over however
//! many steps. A folder is one child, whichever of its files uses or is used. Between a module and what lies within it
//! no direction is asked, since a `mod.rs` stands for its folder: it declares and re-exports its children, and they
//! use what it defines. A name that it only re-exports counts as the child's that defines it.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, files, is_rust, none, tokens};

type Module = Vec<String>;

/// A crate's modules by their names, and the paths that each writes.
struct Crate(BTreeMap<Module, BTreeSet<String>>);

impl Crate {
    fn new<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        Self(files.into_iter().map(|file| (tokens::module(&file.path), tokens::paths(file))).collect())
    }

    /// The module in which `path`, written in `from`, finds what it names; `None` outside this crate.
    fn resolve(&self, from: &Module, path: &str) -> Option<Module> {
        let mut names = path.split("::").peekable();
        let mut at = if names.next_if_eq(&"crate").is_some() { Module::new() } else { from.clone() };
        let start = at.clone();
        let mut is_inside = at.is_empty();
        while let Some(name) = names.peek() {
            let child: Module = at.iter().cloned().chain([(*name).to_owned()]).collect();
            if !self.0.contains_key(&child) {
                break;
            }
            at = child;
            is_inside = true;
            names.next();
        }
        if at == start && !path.starts_with("crate::") {
            is_inside = false;
        }
        if !is_inside {
            return None;
        }
        // A name that the module has from a child.
        let Some(name) = names.next() else { return Some(at) };
        let child = self.0.get(&at).into_iter().flatten().find_map(|written| {
            let (child, last) = written.rsplit_once("::").filter(|(_, last)| *last == name)?;
            let child = child.strip_prefix("crate::").unwrap_or(child);
            let inner = child.strip_prefix(&format!("{}::", at.join("::"))).unwrap_or(child);
            let first: Module = at.iter().cloned().chain([inner.split("::").next()?.to_owned()]).collect();
            let is_other = self.0.contains_key(&first) && *from != at && !last.is_empty();
            is_other.then_some(first)
        });
        Some(child.unwrap_or(at))
    }

    /// Of each module: which of its children use which others, with one place that shows it.
    fn uses(&self) -> BTreeMap<Module, Uses> {
        let mut found: BTreeMap<_, Uses> = BTreeMap::new();
        for (from, paths) in &self.0 {
            for path in paths {
                let Some(to) = self.resolve(from, path) else { continue };
                let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(user), Some(used)) = (from.get(common), to.get(common)) {
                    let place = format!("{} names {path}", from.join("::"));
                    let users = found.entry(from[..common].to_vec()).or_default();
                    users.entry(user.clone()).or_default().entry(used.clone()).or_insert(place);
                }
            }
        }
        found
    }

    /// Every circle, as the places along it. Each is opened at its last step before the next is looked for.
    fn circles(&self) -> Vec<String> {
        let mut found = Vec::new();
        for mut uses in self.uses().into_values() {
            while let Some(circle) = circle(&uses) {
                if let Some((user, used, _)) = circle.last() {
                    uses.get_mut(user).and_then(|users| users.remove(used));
                }
                let places: Vec<_> = circle.into_iter().map(|(_, _, place)| place).collect();
                found.push(format!("a circle: {}", places.join(", ")));
            }
        }
        found
    }
}

/// Which names use which others, with a place that shows it.
type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// One circle: its steps, each a user, what it uses, and a place that shows it.
fn circle(uses: &Uses) -> Option<Vec<(String, String, String)>> {
    let mut done = BTreeSet::new();
    uses.keys().find_map(|name| walk(uses, &mut Vec::new(), &mut done, name))
}

fn walk(
    uses: &Uses,
    way: &mut Vec<(String, String, String)>,
    done: &mut BTreeSet<String>,
    name: &str,
) -> Option<Vec<(String, String, String)>> {
    if let Some(start) = way.iter().position(|(user, _, _)| user == name) {
        return Some(way.split_off(start));
    }
    if !done.insert(name.to_owned()) {
        return None;
    }
    for (used, place) in uses.get(name).into_iter().flatten() {
        way.push((name.to_owned(), used.clone(), place.clone()));
        if let Some(found) = walk(uses, way, done, used) {
            return Some(found);
        }
        way.pop();
    }
    None
}

#[test]
fn files_do_not_use_each_other_in_circles() {
    let files = files();
    for root in tokens::CRATES {
        let rust = files.iter().filter(|file| {
            file.path.starts_with(root) && is_rust(&file.path) && !file.path.starts_with("src/bin/")
        });
        let part = Crate::new(rust);
        let uses: usize = part.uses().values().flat_map(BTreeMap::values).map(BTreeMap::len).sum();
        assert!(uses > 10, "{root}: the parser found too little to be right");
        none(&part.circles());
    }
}

/// The circles among made-up files, told by path and text.
fn found(texts: &[(&str, &str)]) -> usize {
    let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
    Crate::new(&texts.iter().map(file).collect::<Vec<_>>()).circles().len()
}

#[test]
fn rule_finds_circles_of_any_length() {
    let root = ("src/lib.rs", "mod a; mod b; mod c;");
    let [a, b] = [("src/a.rs", "use crate::b::B;"), ("src/b.rs", "use super::c::C;")];
    assert_eq!(found(&[root, a, b, ("src/c.rs", "struct C;")]), 0);
    assert_eq!(found(&[root, a, b, ("src/c.rs", "fn c() { super::a::a() }")]), 1, "three files");
    assert_eq!(
        found(&[root, a, ("src/b.rs", "mod tests { use super::super::a::A; }")]),
        1,
        "in a module of tests"
    );
    let folder = [
        ("src/lib.rs", "mod one; mod two;"),
        ("src/one/mod.rs", "mod x; mod y;"),
        ("src/one/x.rs", "use crate::two::Two;"),
        ("src/one/y.rs", ""),
        ("src/two.rs", "use crate::one::y::Y;"),
    ];
    assert_eq!(found(&folder), 1, "a folder is one");
}

#[test]
fn rule_lets_a_module_and_its_children_use_each_other() {
    let owner = "mod x; mod y; pub use x::X; pub use self::y::Y; struct Own; fn f() { x::f(y::g()) }";
    let x = ("src/one/x.rs", "use super::Own; pub struct X;");
    let of = |y: &'static str| {
        found(&[("src/lib.rs", "mod one;"), ("src/one/mod.rs", owner), x, ("src/one/y.rs", y)])
    };
    assert_eq!(of("use super::{Own, X};"), 0);
    let y = ("src/one/y.rs", "use super::X; pub struct Y;");
    let x = ("src/one/x.rs", "use super::Y; pub struct X;");
    assert_eq!(
        found(&[("src/lib.rs", "mod one;"), ("src/one/mod.rs", owner), x, y]),
        1,
        "through re-exports"
    );
}
