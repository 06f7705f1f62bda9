//! Leftovers of the work, and names that belong to one machine or one company.

use crate::source::Source;
use crate::{finds, hold};

/// Written in two halves, so that this file does not match itself.
const MARKS: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("db", "g!("),
    concat!("#[ig", "nore"),
];

/// Hosts of package registries (only Cargo.lock names one), and folders of a developer's machine.
const ELSEWHERE: [&str; 13] = [
    concat!("crates", ".io"),
    concat!("npmjs", "."),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("rubygems", ".org"),
    concat!("deb.debian", ".org"),
    concat!("docker", ".io"),
    concat!("ghcr", ".io"),
    concat!("quay", ".io"),
    concat!("gcr", ".io"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
];

fn occurrences(source: &Source, wanted: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        for word in wanted.iter().filter(|word| line.contains(**word)) {
            findings.push(format!("{}:{}: {word}", source.path, at + 1));
        }
    }
    findings
}

fn marks(source: &Source) -> Vec<String> {
    let kinds = [".rs", ".toml", ".md", ".yaml", ".yml", ".service", "justfile", "Dockerfile", "run"];
    if kinds.iter().any(|kind| source.path.ends_with(kind)) { occurrences(source, &MARKS) } else { Vec::new() }
}

fn places(source: &Source) -> Vec<String> {
    if source.path == "Cargo.lock" { Vec::new() } else { occurrences(source, &ELSEWHERE) }
}

/// A test waits for a state with a deadline. A test that only lets time pass is slow or unreliable.
fn sleeps(source: &Source) -> Vec<String> {
    let of_tests = source.path.starts_with("tests/") && source.is_rust();
    let tokens = if of_tests { &source.tokens[..] } else { &[] };
    let called = tokens.windows(2).filter(|pair| {
        let [name, bracket] = pair else { return false };
        (name.text == "sleep" || name.text == "sleep_until") && bracket.text == "("
    });
    called.map(|pair| format!("{}:{}: sleeps", source.path, pair[0].line)).collect()
}

/// A suppressed lint that is no longer triggered is reported only with `expect`, so each exception is an `expect` with
/// its reason.
fn exceptions(source: &Source) -> Vec<String> {
    let text = |at: usize| source.tokens.get(at).map_or("", |token| token.text.as_str());
    let is_allowed = |at: &usize| text(*at) == "allow" && text(*at + 1) == "(" && ["[", ","].contains(&text(*at - 1));
    let found = (1..source.tokens.len()).filter(is_allowed);
    found.map(|at| format!("{}:{}: `allow(` instead of `expect(`", source.path, source.tokens[at].line)).collect()
}

#[test]
fn exceptions_of_lints_are_expectations() {
    hold(exceptions);
}

#[test]
fn there_are_no_leftovers() {
    hold(marks);
}

#[test]
fn no_host_of_a_registry_and_no_machine_is_named() {
    hold(places);
}

#[test]
fn no_test_sleeps() {
    hold(sleeps);
}

#[test]
fn the_rules_on_leftovers_can_fail() {
    finds(marks, 1, "src/a.rs", &format!("// {} later", MARKS[0]));
    finds(marks, 2, "tests/a/b.rs", &format!("{}]\n{}1)", MARKS[6], MARKS[5]));
    finds(places, 1, "docs/a.md", &format!("see {}", ELSEWHERE[0]));
    finds(places, 1, ".ci/run", &format!("cd {}me", ELSEWHERE[10]));
    finds(places, 0, "Cargo.lock", ELSEWHERE[0]);
    finds(sleeps, 2, "tests/e2e/main.rs", "tokio::time::sleep(d).await; std::thread::sleep(d);");
    finds(sleeps, 0, "tests/e2e/main.rs", "// sleep(1)\nlet sleep = 1;");
    finds(exceptions, 1, "src/a.rs", "#[allow(dead_code)]\nfn f() { seen.allow(1); }");
    finds(exceptions, 2, "tests/a/main.rs", "#![allow(a)]\n#[cfg_attr(test, allow(b))]");
    finds(exceptions, 0, "src/a.rs", "#[expect(dead_code, reason = \"allow(\")]");
}
