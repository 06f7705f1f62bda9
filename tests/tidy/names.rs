//! Names without a meaning, and the required headings of a module's doc.

use crate::source::Source;
use crate::{finds, hold};

const EMPTY_WORDS: [&str; 9] = ["data", "info", "util", "utils", "helper", "helpers", "common", "misc", "manager"];
const ITEMS: [&str; 9] = ["fn", "struct", "enum", "trait", "mod", "const", "static", "type", "macro_rules"];
const BEFORE_AN_ITEM: [&str; 4] = ["const", "async", "unsafe", "extern"];

const OF_A_MODULE: [&str; 3] = ["Owns", "Must not know", "Begin with"];
const OF_AN_ACTOR: [&str; 4] = ["Owns", "Wakes on", "Promises", "Loses on crash"];

pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        let starts = c == '_' || c == '-' || (c.is_uppercase() && !before.is_uppercase());
        if starts {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

fn is_empty_name(name: &str) -> bool {
    name.starts_with("do_") || words(name).iter().any(|word| EMPTY_WORDS.contains(&word.as_str()))
}

fn items(source: &Source) -> Vec<String> {
    if !source.is_rust() || !source.path.starts_with("src/") {
        return Vec::new();
    }
    let public = public_items(source).into_iter().filter(|(name, _)| is_empty_name(name));
    public.map(|(name, line)| format!("{}:{line}: `{name}` has a word without a meaning", source.path)).collect()
}

/// The names of `pub` items, with any visibility, and their lines.
fn public_items(source: &Source) -> Vec<(&str, usize)> {
    let text = |at: usize| source.tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for at in 0..source.tokens.len() {
        if text(at) != "pub" {
            continue;
        }
        let mut next = at + 1;
        if text(next) == "(" {
            while text(next) != ")" && next < source.tokens.len() {
                next += 1;
            }
            next += 1;
        }
        while BEFORE_AN_ITEM.contains(&text(next)) && (ITEMS.contains(&text(next + 1)) || text(next + 1) == "async") {
            next += 1;
        }
        if ITEMS.contains(&text(next)) {
            found.push((text(next + 1), source.tokens[at].line));
        }
    }
    found
}

fn file_names(source: &Source) -> Vec<String> {
    let places = ["src/", "tests/", "benches/"];
    if !source.is_rust() || !places.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let parts = source.path.trim_end_matches(".rs").split('/');
    parts.filter(|part| is_empty_name(part)).map(|part| format!("{}: `{part}` has no meaning", source.path)).collect()
}

fn module_docs(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/") || !(source.path.ends_with("/mod.rs") || source.path == "src/lib.rs") {
        return Vec::new();
    }
    let doc: Vec<&str> = source.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let doc = doc.join(" ");
    let of_a_service = source.folder() == "actors" && source.path.split('/').count() == 4;
    let wanted: &[&str] = match (source.path.as_str(), of_a_service) {
        ("src/lib.rs", _) => &["Majordomo"],
        (_, true) => &OF_AN_ACTOR,
        (_, false) => &OF_A_MODULE,
    };
    let missing = wanted.iter().filter(|words| !doc.contains(**words));
    missing.map(|words| format!("{}: its doc does not hold `{words}`", source.path)).collect()
}

#[test]
fn public_names_have_a_meaning() {
    hold(items);
}

#[test]
fn file_names_have_a_meaning() {
    hold(file_names);
}

#[test]
fn each_module_states_what_it_owns_and_where_to_begin() {
    hold(module_docs);
}

#[test]
fn the_name_rules_can_fail() {
    finds(items, 1, "src/a.rs", "pub struct UserInfo;");
    finds(items, 1, "src/a.rs", "pub(crate) const fn do_it() {}");
    finds(items, 1, "src/a.rs", "impl A { pub async fn load_data(&self) {} }");
    finds(items, 1, "src/a.rs", "pub const DATA_LIMIT: u8 = 1;");
    finds(items, 0, "src/a.rs", "pub struct Database; pub fn informed() {} fn data() {} pub data: u8");
    finds(file_names, 1, "src/http/utils.rs", "");
    finds(file_names, 1, "tests/common/mod.rs", "");
    finds(file_names, 0, "src/persistence/database.rs", "");
}

#[test]
fn the_module_doc_rule_can_fail() {
    finds(module_docs, 3, "src/http/mod.rs", "pub mod router;");
    finds(module_docs, 1, "src/http/mod.rs", "//! Owns: a. Must\n//! not know: b.\npub mod router; // Begin with");
    finds(module_docs, 1, "src/actors/auth/mod.rs", "//! Owns x\n//! Wakes on y\n//! Promises z");
    finds(module_docs, 0, "src/http/router.rs", "");
}
