//! Documents name only what exists: files, recipes, commands, inventories.

use std::path::Path;

use crate::source::{self, Source};
use crate::{finds, hold};

/// Reference pages that tests print from the code.
const INVENTORIES: [&str; 6] = ["config", "errors", "events", "routes", "tables", "tree"];

/// Prefixes of paths that a running program creates, that it looks for, or that are in every folder.
const NOT_IN_THE_TREE: [&str; 7] = ["mod.rs", "writes.rs", "majordomo.toml", "data/", "./data", "target/", "/"];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_document(source: &Source) -> bool {
    source.path.ends_with(".md") && source.path != "CHANGELOG.md"
}

/// The `code` words of a document outside its fenced blocks, with their lines.
fn code_words(source: &Source) -> Vec<(String, usize)> {
    let mut words = Vec::new();
    let mut fenced = false;
    for (at, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            words.extend(line.split('`').skip(1).step_by(2).map(|word| (word.to_owned(), at + 1)));
        }
    }
    words
}

/// The lines of a document's fenced blocks, with their numbers.
fn fenced_lines(source: &Source) -> Vec<(String, usize)> {
    let mut lines = Vec::new();
    let mut fenced = false;
    for (at, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            lines.push((line.trim().to_owned(), at + 1));
        }
    }
    lines
}

/// Files that are linked to or named in code must exist.
fn files(source: &Source) -> Vec<String> {
    if !is_document(source) {
        return Vec::new();
    }
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (target, line) in links(source) {
        if !top().join(folder).join(&target).exists() {
            findings.push(format!("{}:{line}: links to {target}, which does not exist", source.path));
        }
    }
    for (word, line) in code_words(source).into_iter().filter(|(word, _)| looks_like_a_file(word)) {
        let found = [Path::new(""), folder, Path::new("src")].iter().any(|base| top().join(base).join(&word).exists());
        if !found {
            findings.push(format!("{}:{line}: names {word}, which does not exist", source.path));
        }
    }
    findings
}

fn links(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#']).next().unwrap_or("");
            if !target.is_empty() && !target.contains("://") {
                found.push((target.to_owned(), at + 1));
            }
        }
    }
    found
}

fn looks_like_a_file(word: &str) -> bool {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c));
    let extensions = [".rs", ".md", ".toml", ".yaml", ".service", ".sh"];
    let named = extensions.iter().any(|extension| word.ends_with(extension)) || word.ends_with('/');
    plain && named && word.contains(|c: char| c.is_alphabetic()) && !NOT_IN_THE_TREE.iter().any(|p| word.starts_with(p))
}

/// `just recipe`, `majordomo command` and `cargo test --test name` must name one that exists.
fn commands(source: &Source) -> Vec<String> {
    if !is_document(source) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (text, line) in code_words(source).into_iter().chain(fenced_lines(source)) {
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            let (name, is_there) = match (pair[0], pair[1].trim_end_matches([',', '.', ';'])) {
                ("just", name) if words[0] == "just" => (name, recipe_exists(name)),
                ("majordomo" | "--", name) if is_command(&words, pair[0]) => (name, command_exists(name)),
                ("--test", name) => (name, test_exists(name)),
                _ => continue,
            };
            if !is_there {
                findings.push(format!("{}:{line}: `{text}`: there is no {name}", source.path));
            }
        }
    }
    findings
}

/// Whether the word before a name makes it a command of the binary.
fn is_command(words: &[&str], before: &str) -> bool {
    match before {
        "--" => words[0] == "cargo" && words.get(1) == Some(&"run"),
        _ => words[0] == "majordomo",
    }
}

fn recipe_exists(name: &str) -> bool {
    let text = std::fs::read_to_string(top().join("justfile")).unwrap();
    text.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([':', ' '])))
}

/// Each command is one file, or a folder if it has subcommands, so the file proves the command.
fn command_exists(name: &str) -> bool {
    let flag = name.starts_with(['-', '[', '<']);
    let name = name.replace('-', "_");
    let proofs = [format!("{name}.rs"), format!("{name}/mod.rs")];
    flag || proofs.iter().any(|proof| top().join("src/cli").join(proof).exists())
}

fn test_exists(name: &str) -> bool {
    let folder = top().join("tests");
    folder.join(format!("{name}.rs")).exists() || folder.join(name).join("main.rs").exists()
}

#[test]
fn documents_name_only_files_that_exist() {
    hold(files);
}

#[test]
fn documents_name_only_commands_that_exist() {
    hold(commands);
}

#[test]
fn each_inventory_exists_and_is_printed_by_a_test() {
    let sources = source::all();
    for name in INVENTORIES {
        let path = format!("docs/reference/{name}.md");
        assert!(
            sources.iter().any(|source| source.path == path),
            "{path} does not exist: UPDATE_REFERENCE=1 cargo test"
        );
    }
    for source in sources.iter().filter(|source| source.path.starts_with("docs/reference/")) {
        let name = source.path.trim_start_matches("docs/reference/");
        let printed = |other: &&Source| other.is_rust() && other.text.contains(name);
        assert!(sources.iter().any(|other| printed(&other)), "no code or test prints {}", source.path);
    }
}

#[test]
fn the_rules_on_documents_can_fail() {
    finds(files, 1, "README.md", "see [the map](docs/nowhere.md) and [a page](https://example.com/a.md)");
    finds(files, 1, "README.md", "open `src/nowhere.rs`, then `src/lib.rs` and `data/control.token`");
    finds(files, 0, "docs/architecture.md", "the [top](../README.md#picture)");
    finds(commands, 1, "README.md", "`just nonsense` and `just check`");
    finds(commands, 1, "README.md", "```sh\ncargo run --release -- nonsense\n```");
    finds(commands, 1, "README.md", "`cargo test --test nonsense`, `cargo test --test tidy`");
    finds(commands, 1, "README.md", "`majordomo nonsense`");
    finds(commands, 0, "README.md", "majordomo nonsense");
}
