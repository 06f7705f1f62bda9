//! The tests of a route are found from its file: those of `src/http/routes/<service>/<resource>.rs` are in
//! `tests/api/<service>/<resource>.rs` and call each of its paths. The other files of `tests/api` are the harness, or
//! in `edge/`.

use std::collections::BTreeMap;

use crate::source::{self, Source};

/// The files of `tests/api` that belong to no route, in addition to those of `edge/`.
const HARNESS: [&str; 3] = ["harness", "idle_services", "test_app"];

/// `service/resource` of a file below `folder`.
fn place<'a>(source: &'a Source, folder: &str) -> Option<&'a str> {
    source.path.strip_prefix(folder)?.strip_suffix(".rs")
}

/// The paths of a file's handlers.
fn paths(source: &Source) -> Vec<&str> {
    let described = source.text.split("#[utoipa::path(").skip(1);
    described.filter_map(|rest| rest.split("path = \"").nth(1)?.split('"').next()).collect()
}

/// The parts of a path between its parameters, which a test of the path contains.
fn literals(path: &str) -> Vec<&str> {
    let parts = path.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after).trim_end_matches('/'));
    parts.filter(|literal| !literal.is_empty()).collect()
}

fn unfound(sources: &[Source]) -> Vec<String> {
    let handlers = |source: &&Source| source.code.contains("#[utoipa::path(");
    let routes: Vec<(&str, &Source)> = sources
        .iter()
        .filter(handlers)
        .filter_map(|source| Some((place(source, "src/http/routes/")?, source)))
        .collect();
    let tests: BTreeMap<&str, &Source> =
        sources.iter().filter_map(|source| Some((place(source, "tests/api/")?, source))).collect();
    let mut findings = Vec::new();
    for (place, route) in &routes {
        let Some(test) = tests.get(place) else {
            findings.push(format!("{}: there is no tests/api/{place}.rs", route.path));
            continue;
        };
        let is_called = |path: &&str| literals(path).iter().all(|literal| test.text.contains(literal));
        let missed = paths(route).into_iter().filter(|path| !is_called(path));
        findings.extend(missed.map(|path| format!("{}: does not call {path}", test.path)));
    }
    let is_of_a_route = |place: &str| routes.iter().any(|(route, _)| *route == place);
    let is_other = |place: &str| place.starts_with("edge/") || place.ends_with("mod") || HARNESS.contains(&place);
    let strays = tests.keys().filter(|place| !is_of_a_route(place) && !is_other(place));
    findings
        .extend(strays.map(|place| format!("tests/api/{place}.rs: src/http/routes has no such file with a handler")));
    findings
}

#[test]
fn the_tests_of_each_route_are_found_from_its_file() {
    let findings = unfound(source::all());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn the_rule_on_tests_of_routes_can_fail() {
    let count = |path: &str, test: &str, text: &str| {
        let handler = format!("#[utoipa::path(get, path = \"{path}\")] async fn show() {{}}");
        let route = Source::sample("src/http/routes/user/users.rs", &handler);
        unfound(&[route, Source::sample(test, text)]).len()
    };
    assert_eq!(count("/users", "tests/api/user/users.rs", "get(\"/users\")"), 0);
    assert_eq!(count("/users", "tests/api/users.rs", "get(\"/users\")"), 2);
    assert_eq!(count("/users", "tests/api/user/people.rs", "get(\"/users\")"), 2);
    assert_eq!(count("/users", "tests/api/edge/users.rs", "get(\"/users\")"), 1);
    assert_eq!(count("/users/{id}/roles", "tests/api/user/users.rs", "get(\"/users/1\")"), 1);
    assert_eq!(count("/users/{id}/roles", "tests/api/user/users.rs", "get(\"/users/1/roles\")"), 0);
}
