//! The maximum length of a file, a function and a line, and the maximum depth of a folder.

use crate::source::Source;
use crate::{finds, hold};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
const LINE_CHARACTERS: usize = 120;
/// Below `src` or `tests`.
const FOLDERS_DEEP: usize = 3;

fn files(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if source.is_rust() && lines > FILE_LINES {
        return vec![format!("{}: {lines} lines, at most {FILE_LINES}; split it along what it does", source.path)];
    }
    Vec::new()
}

fn lines(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let numbered = source.text.lines().enumerate();
    // A string literal on a line of its own stays whole, so that it can be searched for; so does a table's row.
    let whole = ["\"", "//! |", "/// |"];
    let stays = |line: &str| whole.iter().any(|beginning| line.trim_start().starts_with(beginning));
    let long = numbered.filter(|(_, line)| line.chars().count() > LINE_CHARACTERS && !stays(line));
    long.map(|(at, line)| format!("{}:{}: {} characters", source.path, at + 1, line.chars().count())).collect()
}

fn folders(source: &Source) -> Vec<String> {
    let deep = source.path.split('/').count().saturating_sub(2);
    if source.is_rust() && deep > FOLDERS_DEEP {
        return vec![format!("{}: {deep} folders deep, at most {FOLDERS_DEEP}", source.path)];
    }
    Vec::new()
}

fn functions(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    if !source.is_rust() {
        return findings;
    }
    for (at, token) in source.tokens.iter().enumerate() {
        let Some(name) = source.tokens.get(at + 1) else { break };
        let named = name.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if token.text != "fn" || !named {
            continue;
        }
        let Some(last) = body_end(source, at) else { continue };
        let length = last - token.line + 1;
        if length > FUNCTION_LINES {
            findings.push(format!("{}:{}: fn {} has {length} lines", source.path, token.line, name.text));
        }
    }
    findings
}

/// The line of the brace that closes the function whose `fn` is at `at`; `None` for one without a body.
fn body_end(source: &Source, at: usize) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for token in &source.tokens[at..] {
        match token.text.as_str() {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets = brackets.saturating_sub(1),
            ";" if brackets == 0 && braces == 0 => return None,
            "{" => braces += 1,
            "}" if braces <= 1 => return Some(token.line),
            "}" => braces -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn no_file_is_too_long() {
    hold(files);
}

#[test]
fn no_line_is_too_long() {
    hold(lines);
}

#[test]
fn no_folder_is_too_deep() {
    hold(folders);
}

#[test]
fn no_function_is_too_long() {
    hold(functions);
}

#[test]
fn the_size_rules_can_fail() {
    finds(files, 1, "src/a.rs", &"x\n".repeat(501));
    finds(files, 0, "src/a.rs", &"x\n".repeat(500));
    finds(lines, 1, "src/a.rs", &"x".repeat(121));
    finds(lines, 0, "src/a.rs", &"ü".repeat(120));
    finds(lines, 0, "src/a.rs", &format!("    \"{}\"", "x".repeat(121)));
    finds(folders, 1, "src/a/b/c/d/e.rs", "");
    finds(folders, 0, "src/a/b/c/d.rs", "");
    finds(functions, 1, "src/a.rs", &format!("fn f(a: [u8; 2]) {{\n{}}}", "x();\n".repeat(69)));
    finds(functions, 0, "src/a.rs", &format!("fn f(a: [u8; 2]) {{\n{}}}", "x();\n".repeat(68)));
    finds(functions, 0, "src/a.rs", &format!("trait T {{ fn f(); }}\n{}", "//\n".repeat(90)));
    finds(functions, 1, "src/a.rs", &format!("fn f() {{\n if a {{ }}\n{}}}", "x();\n".repeat(69)));
}
