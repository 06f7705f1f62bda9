//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use majordomo::{
    config::Config,
    http::{
        openapi::{self, Installation},
        route::{Access, Listener, Route},
        routes,
    },
    types::{Role, limits},
};
use serde_json::Value;

use crate::harness::{Client, bare_services};

fn document() -> Value {
    openapi::document(routes::table(), &Installation::new(&Config::default(), Listener::Public))
}

/// The table in the order of the reference page.
pub fn sorted_table() -> Vec<Route> {
    let mut table = routes::table();
    table.sort_by(|a, b| (&a.rule.path, a.rule.method).cmp(&(&b.rule.path, b.rule.method)));
    table
}

#[test]
fn operations_are_named_and_described() {
    let mut seen = BTreeSet::new();
    let document = document();
    for route in sorted_table() {
        let rule = &route.rule;
        assert!(seen.insert(rule.operation_id.clone()), "{} twice", rule.operation_id);
        assert!(rule.operation_id.contains('_') || rule.path.starts_with("/otp"), "{}", rule.operation_id);
        let operation = &document["paths"][&rule.path][rule.method.to_ascii_lowercase()];
        assert_eq!(operation["operationId"], rule.operation_id, "{} {}", rule.method, rule.path);
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{}", rule.operation_id);
        let alternatives = operation["security"].as_array().unwrap();
        let secured = !alternatives.is_empty() && alternatives.iter().all(|one| one["bearer"].is_array());
        let is_on_ops = !rule.on.includes(Listener::Public) || rule.path == "/metrics";
        let is_read_by_operators = rule.method == "GET" && is_on_ops;
        let needs = matches!(rule.access, Access::Needs(_)) && !is_read_by_operators;
        assert_eq!(secured, needs, "{}", rule.operation_id);
        let named: BTreeSet<_> = rule.path.split(['{', '}']).skip(1).step_by(2).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let parameters: Vec<&Value> = parameters.iter().map(|parameter| settled(&document, parameter)).collect();
        let declared: BTreeSet<_> =
            parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(named, declared, "path parameters of {}", rule.operation_id);
    }
}

#[test]
fn every_reference_in_the_document_is_resolved() {
    fn walk(at: &Value, document: &Value) {
        match at {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference} is not resolved");
                }
                object.values().for_each(|inner| walk(inner, document));
            }
            Value::Array(items) => items.iter().for_each(|inner| walk(inner, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    walk(&document, &document);
}

/// What a reference leads to, or the value itself.
fn settled<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| document.pointer(&reference[1..]).unwrap())
}

/// Every operation of the document, with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

/// The macro of a row takes only numbers, so that the bounds are compared here.
#[test]
fn the_bounds_in_the_document_are_the_limits() {
    let of_ops = openapi::document(routes::table(), &Installation::new(&Config::default(), Listener::Ops));
    let (document, mut seen) = (document(), BTreeSet::new());
    let all = [&document, &of_ops].map(|document| operations(document).into_iter().map(move |found| (document, found)));
    for (document, (name, operation)) in all.into_iter().flatten() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = settled(document, parameter);
            let (schema, of) = (&parameter["schema"], parameter["name"].as_str().unwrap());
            let (found, wanted) = match of {
                "limit" => (&schema["maximum"], limits::PAGE_MAX),
                "wait" => (&schema["maximum"], usize::try_from(limits::INBOX_WAIT_MAX.as_secs()).unwrap()),
                "to" if name.contains("/dev/inbox") => (&schema["maxLength"], limits::EMAIL_MAX),
                _ => continue,
            };
            assert_eq!(found, &wanted, "{of} of {name}");
            seen.insert(of.to_owned());
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    let roles = &document["components"]["schemas"]["Roles"]["properties"]["roles"];
    assert_eq!(roles["maxItems"], Role::ALL.len(), "{roles}");
}

#[test]
fn every_refusal_in_the_document_has_its_form() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = settled(&document, response);
            let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
            let refuses = status.starts_with(['4', '5']);
            assert_eq!(problem == "#/components/schemas/Problem", refuses, "{name} {status}");
            let has_header = |name: &str| settled(&document, &response["headers"][name])["schema"].is_object();
            let says_when = has_header("Retry-After");
            assert_eq!(says_when, matches!(status.as_str(), "429" | "503"), "{name} {status}");
            for header in ["RateLimit", "RateLimit-Policy"] {
                assert_eq!(has_header(header), status == "429", "{header} of {name} {status}");
            }
        }
    }
    let members = &document["components"]["schemas"]["Problem"]["properties"];
    assert_eq!(members["attemptsLeft"]["type"], "integer");
    assert_eq!(settled(&document, &members["permission"])["type"], "string");
}

#[test]
fn the_refusals_of_parameters_are_in_the_document() {
    let document = document();
    let has = |operation: &Value, status: &str| operation["responses"][status].is_object();
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            match settled(&document, parameter)["in"].as_str() {
                Some("path") => assert!(has(operation, "404"), "{name}"),
                Some("query") => assert!(has(operation, "400"), "{name}"),
                other => assert_eq!(other, Some("header"), "{name}"),
            }
        }
    }
    let own = [
        ("post /auth/login", "401"),
        ("post /auth/refresh", "401"),
        ("post /auth/register", "403"),
        ("post /auth/register", "409"),
        ("get /audit/verify", "404"),
        ("post /users/grant", "404"),
        ("post /users/unlock", "404"),
        ("post /users/reset-password", "404"),
        ("post /users/end-sessions", "404"),
    ];
    let operations = operations(&document);
    for (wanted, status) in own {
        let (_, operation) = operations.iter().find(|(name, _)| name == wanted).unwrap();
        assert!(has(operation, status), "{wanted} {status}");
    }
}

#[tokio::test]
async fn the_document_and_the_page_are_served_without_another_host() {
    let client = Client::new(Listener::Public, bare_services());
    let answer = client.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
    assert_eq!(answer.body["paths"], document()["paths"]);

    let page = client.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"));
    for name in ["viewer.css", "viewer.js"] {
        let text = client.get(&format!("/docs/{name}")).await;
        assert_eq!(text.status, 200, "{name}");
        let elsewhere = text.body.as_str().unwrap().matches("://").count();
        assert_eq!(elsewhere, 0, "{name} names another host");
    }
    assert_eq!(client.get("/docs/../Cargo.toml").await.status, 404);
    assert_eq!(client.get("/docs/..%2FCargo.toml").await.problem(), "not_found");
}
