//! The rules of the project, checked on its text. Each rule is a function from a file to its findings, and each has a
//! test with a bad sample, so that a rule that no longer finds anything is noticed.
#![expect(clippy::unwrap_used, reason = "tests panic")]

mod catalogues;
mod commands;
mod deviations;
mod docs;
mod documents;
mod imports;
mod leftovers;
mod names;
mod routes;
mod services;
mod sizes;
mod source;
mod tests_of_routes;
mod vocabulary;

use source::Source;

/// Panics with every finding of `rule` in the whole project.
fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    let findings: Vec<String> = source::all().iter().flat_map(rule).collect();
    assert!(findings.is_empty(), "{} finding(s):\n{}", findings.len(), findings.join("\n"));
}

/// Panics unless `rule` has exactly `count` findings in the sample.
fn finds(rule: impl Fn(&Source) -> Vec<String>, count: usize, path: &str, text: &str) {
    let findings = rule(&Source::sample(path, text));
    assert_eq!(findings.len(), count, "in {path}: {findings:#?}");
}
