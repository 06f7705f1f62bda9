//! The tests of a route are found from its file: those of `src/http/routes/<name>.rs` are in `tests/api/<name>.rs` or in
//! a folder of that name, and call each of its paths. The other files of `tests/api` are the harness, or in `edge/`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Source};

/// The files and the folder of `tests/api` that belong to no route.
const NOT_OF_A_ROUTE: [&str; 5] = ["mod", "harness", "idle_services", "test_app", "edge"];

/// The paths of the handlers by the name of their file.
fn routes(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut routes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/http/routes/")) {
        let name = source.path.trim_end_matches(".rs").rsplit('/').next().unwrap_or("");
        for described in source.text.split("#[utoipa::path(").skip(1) {
            let path = described.split("path = \"").nth(1).and_then(|rest| rest.split('"').next());
            routes.entry(name).or_default().extend(path);
        }
    }
    routes
}

/// The folders and the stem of a test file below `tests/api`.
fn names(path: &str) -> Vec<&str> {
    let below = path.strip_prefix("tests/api/").and_then(|rest| rest.strip_suffix(".rs"));
    below.map(|below| below.split('/').collect()).unwrap_or_default()
}

/// What a test writes of a path: the parts between its parameters.
fn literals(path: &str) -> Vec<&str> {
    let parts = path.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after).trim_end_matches('/'));
    parts.filter(|literal| !literal.is_empty()).collect()
}

fn unfound(sources: &[Source]) -> Vec<String> {
    let routes = routes(sources);
    let tests: Vec<(Vec<&str>, &Source)> =
        sources.iter().map(|source| (names(&source.path), source)).filter(|(names, _)| !names.is_empty()).collect();
    let mut findings = Vec::new();
    for (name, paths) in &routes {
        let of_route: Vec<&Source> =
            tests.iter().filter(|(names, _)| names.contains(name)).map(|(_, source)| *source).collect();
        if of_route.is_empty() {
            findings.push(format!("the routes of {name}.rs have no tests/api/{name}.rs"));
            continue;
        }
        for path in paths {
            let is_called = |literal: &&str| of_route.iter().any(|test| test.text.contains(literal));
            if !literals(path).iter().all(is_called) {
                findings.push(format!("tests/api/{name}.rs does not call {path}"));
            }
        }
    }
    let is_named = |names: &[&str]| names.iter().any(|name| routes.contains_key(name) || NOT_OF_A_ROUTE.contains(name));
    let strays = tests.iter().filter(|(names, _)| !is_named(names));
    findings.extend(strays.map(|(_, source)| format!("{}: no file of routes has this name", source.path)));
    findings
}

#[test]
fn the_tests_of_each_route_are_found_from_its_file() {
    let findings = unfound(source::all());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn the_rule_on_tests_of_routes_can_fail() {
    let described = |path: &str| format!("#[utoipa::path(get, path = \"{path}\")] async fn show() {{}}");
    let sample = |route: &str, test: &str, text: &str| {
        let handler = Source::sample("src/http/routes/users.rs", &described(route));
        unfound(&[handler, Source::sample(test, text)])
    };
    assert_eq!(sample("/users", "tests/api/users.rs", "get(\"/users\")"), [""; 0]);
    assert_eq!(sample("/users", "tests/api/users/list.rs", "get(\"/users\")"), [""; 0]);
    assert_eq!(sample("/users", "tests/api/people.rs", "get(\"/users\")").len(), 2);
    assert_eq!(sample("/users", "tests/api/edge/users_at_the_edge.rs", "get(\"/users\")").len(), 1);
    assert_eq!(sample("/users/{id}/roles", "tests/api/users.rs", "get(\"/users/1\")").len(), 1);
    assert_eq!(sample("/users/{id}/roles", "tests/api/users.rs", "get(\"/users/1/roles\")"), [""; 0]);
}
