//! Rust source as tokens: which modules a file uses, which macros it calls.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::File;

/// The tokens of a file. Comments are gone; documentation is one string literal a line, which no rule here reads.
pub(super) fn of(file: &File) -> TokenStream {
    file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// Every path of identifiers in a file, fully spelt out: `use crate::{a::{b, c}, d as e}` gives `crate::a::b`,
/// `crate::a::c` and `crate::d`. What begins with `self` or `super` begins with `crate` here.
pub(super) fn paths(file: &File) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(of(file), &[], &module(&file.path), &mut found);
    found
}

/// Where the files of each crate begin.
pub(super) const CRATES: [&str; 3] = ["src/", "benches/throughput/", "tests/it/"];

/// The module that a file holds, as its names from the root of its crate.
pub(super) fn module(path: &str) -> Vec<String> {
    let inner =
        CRATES.iter().find_map(|root| path.strip_prefix(root)).unwrap_or(path).trim_end_matches(".rs");
    match inner.strip_suffix("/mod").unwrap_or(inner) {
        "lib" | "main" => Vec::new(),
        // Each is the root of a crate of its own.
        binary if binary.starts_with("bin/") => Vec::new(),
        module => module.split('/').map(str::to_owned).collect(),
    }
}

fn collect(tokens: TokenStream, prefix: &[String], module: &[String], found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut path = prefix.to_vec();
    let mut last_was_name = false;
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        index += 1;
        match token {
            // In a group of `use`, the name that follows is a new one.
            TokenTree::Ident(name) if name == "as" && !prefix.is_empty() => {
                finish(&mut path, prefix, module, found);
                index += 1;
                last_was_name = false;
            }
            TokenTree::Ident(name) => {
                if last_was_name {
                    finish(&mut path, prefix, module, found);
                }
                path.push(name.to_string());
                last_was_name = true;
            }
            TokenTree::Punct(colon) if colon.as_char() == ':' && is_colon(tokens.get(index)) => {
                index += 1;
                last_was_name = false;
            }
            TokenTree::Group(group) => {
                let continues =
                    group.delimiter() == Delimiter::Brace && !last_was_name && path.len() > prefix.len();
                if continues {
                    collect(group.stream(), &path, module, found);
                    path = prefix.to_vec();
                } else {
                    let inner = inline_module(&tokens, index - 1, group);
                    let inner: Vec<_> = module.iter().cloned().chain(inner).collect();
                    finish(&mut path, prefix, module, found);
                    collect(group.stream(), &[], &inner, found);
                }
                last_was_name = false;
            }
            _ => {
                finish(&mut path, prefix, module, found);
                last_was_name = false;
            }
        }
    }
    finish(&mut path, prefix, module, found);
}

fn finish(path: &mut Vec<String>, prefix: &[String], module: &[String], found: &mut BTreeSet<String>) {
    if path.len() > prefix.len() {
        let supers = path.iter().take_while(|part| *part == "super").count();
        let own = usize::from(supers == 0 && path.len() > 1 && path[0] == "self");
        let parts = if (supers > 0 || own > 0) && supers <= module.len() {
            let base = &module[..module.len() - supers];
            [&["crate".to_owned()], base, &path[supers + own..]].concat()
        } else {
            path.clone()
        };
        found.insert(parts.join("::"));
    }
    path.clear();
    path.extend_from_slice(prefix);
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

/// The name of the module whose body `group` is, as in `mod name { … }`.
fn inline_module(tokens: &[TokenTree], at: usize, group: &Group) -> Option<String> {
    let word = |back: usize| tokens.get(at.checked_sub(back)?).map(ToString::to_string);
    let is_module = group.delimiter() == Delimiter::Brace && word(2).as_deref() == Some("mod");
    if is_module { word(1) } else { None }
}

/// The calls of the macros called `names` in a file, at any depth: the name and the tokens between the parentheses.
pub(super) fn macros(file: &File, names: &[&str]) -> Vec<(String, TokenStream)> {
    let mut found = Vec::new();
    find_macros(of(file), names, &mut found);
    found
}

fn find_macros(tokens: TokenStream, names: &[&str], found: &mut Vec<(String, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let before =
            |back: usize| index.checked_sub(back).map(|at| tokens[at].to_string()).unwrap_or_default();
        if before(1) == "!" && names.contains(&before(2).as_str()) {
            found.push((before(2), group.stream()));
        }
        find_macros(group.stream(), names, found);
    }
}

/// The arguments of a macro call: its tokens, split at the commas.
pub(super) fn arguments(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    tokens.split(is_comma).filter(|argument| !argument.is_empty()).map(<[TokenTree]>::to_vec).collect()
}

#[test]
fn paths_are_spelt_out() {
    let text = "
        //! Not this one: crate::docs.
        use crate::{a::{b, c as d}, e as _};
        use super::super::f;
        fn g() -> crate::h::I { let _ = \"crate::text\"; super::J::k::<crate::l::M>(self::o) }
        mod tests { use super::super::super::n; use super::*; }
    ";
    let file = File { path: "src/one/two.rs".to_owned(), text: text.to_owned() };
    let found = paths(&file);
    for path in [
        "crate::a::b",
        "crate::a::c",
        "crate::e",
        "crate::f",
        "crate::h::I",
        "crate::one::J::k",
        "crate::l::M",
        "crate::one::two::o",
        "crate::n",
    ] {
        assert!(found.contains(path), "{path} is not in {found:?}");
    }
    for part in ["docs", "text", "::as", "::_", "crate::a::d"] {
        assert!(!found.iter().any(|path| path.contains(part)), "{part} is in {found:?}");
    }
}
