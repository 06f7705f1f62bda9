//! Public items have a doc comment; a field or variant has one only if it adds to the name.

use crate::source::Source;
use crate::{finds, hold};

const ITEMS: [&str; 11] = [
    "fn ",
    "struct ",
    "enum ",
    "trait ",
    "const ",
    "static ",
    "type ",
    "async fn ",
    "const fn ",
    "unsafe fn ",
    "union ",
];
const ARTICLES: [&str; 7] = ["The", "A", "An", "Its", "Whose", "What", "Which"];
/// The least number of words of a field's doc, without its article.
const WORDS_MIN: usize = 3;

/// Docs of these are printed: the configuration's reference, the help of the command line, the OpenAPI document.
const PRINTED: [&str; 4] = ["src/config/", "src/cli/", "src/http/", "src/telemetry/"];

fn is_checked(source: &Source) -> bool {
    let is_test = source.path.contains("/tests/") || source.path.ends_with("tests.rs");
    source.is_rust() && source.path.starts_with("src/") && !is_test
}

/// The lines before the tests of the file.
fn lines(source: &Source) -> Vec<&str> {
    source.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).collect()
}

/// Whether the item on line `at` has a doc comment, above its attributes.
fn is_documented(lines: &[&str], at: usize) -> bool {
    let mut above = lines[..at].iter().rev().map(|line| line.trim());
    let mut inside_attribute = false;
    above.find_map(|line| match line {
        // In a macro the docs are those of its input.
        _ if line.starts_with("///") || line.starts_with("$(#[") => Some(true),
        _ if line.starts_with("#[") => {
            inside_attribute = false;
            None
        }
        // The end of an attribute of several lines, or a line inside it.
        _ if line.ends_with(")]") || line.ends_with("]") && !line.contains('[') => {
            inside_attribute = true;
            None
        }
        _ if inside_attribute => None,
        _ => Some(false),
    }) == Some(true)
}

fn undocumented(source: &Source) -> Vec<String> {
    if !is_checked(source) {
        return Vec::new();
    }
    let lines = lines(source);
    let public = lines.iter().enumerate().filter(|(_, line)| {
        let item = line.trim_start().strip_prefix("pub ");
        item.is_some_and(|item| ITEMS.iter().any(|begin| item.starts_with(begin)))
    });
    let missing = public.filter(|(at, _)| !is_documented(&lines, *at));
    missing.map(|(at, line)| format!("{}:{}: no doc comment: {}", source.path, at + 1, line.trim())).collect()
}

/// Whether a line declares a field or a variant.
fn is_field_or_variant(line: &str) -> bool {
    let Some(bare) = line.strip_prefix(' ').map(str::trim_start) else { return false };
    let bare = match bare.strip_prefix("pub(") {
        Some(rest) => rest.split_once(") ").map_or("", |(_, rest)| rest),
        None => bare.strip_prefix("pub ").unwrap_or(bare),
    };
    let name: String = bare.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let rest = &bare[name.len()..];
    match name.chars().next() {
        Some(first) if first.is_uppercase() => {
            rest == "," || rest == " {" || rest.starts_with('(') || rest.starts_with(" {")
        }
        Some(_) => rest.starts_with(": ") && !rest.contains(';'),
        None => false,
    }
}

fn empty_docs(source: &Source) -> Vec<String> {
    if !is_checked(source) || PRINTED.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let lines = lines(source);
    let mut found = Vec::new();
    for (at, three) in lines.windows(3).enumerate() {
        let [before, doc, item] = three else { continue };
        let is_one_line = !before.trim().starts_with("///") && !item.trim().starts_with("///");
        let text = doc.trim().strip_prefix("/// ").filter(|text| !text.trim().is_empty());
        let Some(text) = text.filter(|_| is_one_line && is_field_or_variant(item)) else { continue };
        let mut words: Vec<&str> = text.split_whitespace().collect();
        if ARTICLES.contains(&words[0]) {
            words.remove(0);
        }
        if words.len() < WORDS_MIN {
            found.push(format!("{}:{}: says less than a sentence: {text}", source.path, at + 2));
        }
    }
    found
}

#[test]
fn public_items_have_a_doc_comment() {
    hold(undocumented);
}

#[test]
fn a_doc_of_a_field_adds_to_its_name() {
    hold(empty_docs);
}

#[test]
fn the_doc_rules_can_fail() {
    finds(
        undocumented,
        0,
        "src/a.rs",
        "/// Doc.\n#[derive(\n    Debug,\n)]\npub struct A;\npub(crate) fn b() {}\nfn c() {}",
    );
    finds(
        undocumented,
        0,
        "src/a.rs",
        "    ($(#[$doc:meta])* $name:ident) => {\n        $(#[$doc])*\n        pub struct $name;\n",
    );
    finds(undocumented, 2, "src/a.rs", "pub struct A;\n\nimpl A {\n    pub async fn b() {}\n}\n");
    finds(undocumented, 0, "src/a.rs", "#[cfg(test)]\nmod tests {\n    pub fn a() {}\n}\n");
    let field = |doc: &str| format!("pub struct A {{\n    /// {doc}\n    pub name: String,\n}}\n");
    finds(empty_docs, 1, "src/a.rs", &field("Its name."));
    finds(empty_docs, 1, "src/a.rs", &field("The user name."));
    finds(empty_docs, 0, "src/a.rs", &field("At most 31 characters."));
    finds(empty_docs, 1, "src/a.rs", "pub enum A {\n    /// It works.\n    Up,\n}\n");
    finds(empty_docs, 0, "src/config/a.rs", &field("Its name."));
}
