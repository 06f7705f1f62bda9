//! Every route of the table answers as the OpenAPI document states.

use std::collections::BTreeSet;

use axum::body::Body;
use majordomo::{
    config::{Config, Mode},
    domain::access,
    http::{
        credential::ControlToken,
        openapi::{self, Installation},
        route::{Access, Listener, Route, Rule},
        routes,
    },
    types::{Role, Roles},
};
use serde_json::{Map, Value, json};

use super::forms;
use crate::harness::{Answer, Client, bare_services, services_of};

const ID: &str = "0199b2c0-0000-7000-8000-000000000000";

pub fn clients(mode: Mode) -> impl Fn(Listener) -> Client {
    let mut config = Config { mode, ..Config::default() };
    config.edge.rate_limits.enabled = false;
    config.edge.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let services = services_of(&config, ControlToken::absent());
    move |listener| Client::new(listener, services.clone())
}

pub fn document(table: Vec<Route>) -> Value {
    openapi::document(table, &Installation::new(&Config::default(), Listener::Public))
}

pub fn rules() -> Vec<Rule> {
    routes::table().into_iter().map(|route| route.rule).collect()
}

/// The public listener where it has the route; it has `/metrics` only with `edge.metrics_public`.
pub fn listener(rule: &Rule) -> Listener {
    let is_public = rule.on.includes(Listener::Public) && rule.path != "/metrics";
    if is_public { Listener::Public } else { Listener::Ops }
}

/// The rule's path with a value for each parameter.
pub fn path(rule: &Rule) -> String {
    let filled = rule.path.split('/').map(|part| match part {
        "{sequence}" => "1",
        part if part.starts_with('{') => ID,
        part => part,
    });
    filled.collect::<Vec<_>>().join("/")
}

async fn call(client: &Client, rule: &Rule, body: Value) -> Answer {
    let client = client.with("content-type", "application/json");
    client.send(rule.method, &path(rule), Body::from(body.to_string())).await
}

/// The members of a rule's JSON body, those that are required, and those of which one is.
struct BodyForm {
    members: BTreeSet<String>,
    required: BTreeSet<String>,
    either: BTreeSet<String>,
}

fn body_form(document: &Value, rule: &Rule) -> Option<BodyForm> {
    let operation = &document["paths"][&rule.path][rule.method.to_ascii_lowercase()];
    let schema = operation["requestBody"]["content"].get("application/json")?.get("schema")?;
    let mut alternatives = Vec::new();
    collect_alternatives(document, schema, &mut alternatives);
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let required: Vec<BTreeSet<String>> = alternatives.iter().map(|one| names(&one["required"])).collect();
    let any: BTreeSet<String> = required.iter().flatten().cloned().collect();
    let all = any.iter().filter(|name| required.iter().all(|one| one.contains(*name))).cloned().collect();
    let members = alternatives.iter().flat_map(|one| one["properties"].as_object().unwrap().keys().cloned());
    Some(BodyForm { members: members.collect(), either: any.difference(&all).cloned().collect(), required: all })
}

/// The objects that a body may be.
fn collect_alternatives<'a>(document: &'a Value, schema: &'a Value, found: &mut Vec<&'a Value>) {
    let schema = schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap());
    match schema["oneOf"].as_array() {
        Some(several) => several.iter().for_each(|one| collect_alternatives(document, one, found)),
        None => found.push(schema),
    }
}

fn with_code(answer: &Answer, code: &str) -> BTreeSet<String> {
    let fields = answer.fields();
    let named = fields.iter().filter_map(|field| field.strip_suffix(code));
    named.map(|pointer| pointer.trim().trim_start_matches('/').to_owned()).collect()
}

#[tokio::test]
async fn bodies_are_read_as_the_contract_states() {
    let document = document(routes::table());
    let clients = clients(Mode::Development);
    for rule in rules() {
        if let Some(form) = body_form(&document, &rule) {
            compare_body(&clients(listener(&rule)).signed_in("admin"), &rule, &form).await;
        }
    }
}

/// Shows that the comparison detects differences, whatever the table contains.
#[tokio::test]
async fn a_body_of_this_test_is_read_as_its_contract_states() {
    let document = document(forms::table());
    let client = Client::of_table(forms::table(), bare_services());
    let rules: Vec<Rule> = forms::table().into_iter().map(|route| route.rule).collect();
    let with_body: Vec<&Rule> = rules.iter().filter(|rule| body_form(&document, rule).is_some()).collect();
    assert_eq!(with_body.len(), 2);
    for rule in with_body {
        compare_body(&client, rule, &body_form(&document, rule).unwrap()).await;
    }
}

async fn compare_body(client: &Client, rule: &Rule, form: &BodyForm) {
    let name = &rule.operation_id;
    let unknown = BTreeSet::from(["zz-unknown".to_owned()]);
    let empty = call(client, rule, json!({ "zz-unknown": 1 })).await;
    assert_eq!(empty.problem(), "validation_failed", "{name}");
    assert_eq!(with_code(&empty, "unknown_field"), unknown, "{name}");
    let missing = &with_code(&empty, "required") | &with_code(&empty, "one_of");
    assert_eq!(&missing - &form.either, form.required, "required fields of {name}");
    assert_eq!(missing.intersection(&form.either).count(), usize::from(!form.either.is_empty()), "{name}");

    let mut full: Map<String, Value> = form.members.iter().map(|member| (member.clone(), json!([[]]))).collect();
    full.insert("zz-unknown".to_owned(), json!(1));
    let answer = call(client, rule, Value::Object(full)).await;
    assert_eq!(with_code(&answer, "unknown_field"), unknown, "{name}");
}

#[tokio::test]
async fn every_route_refuses_a_caller_without_its_permission() {
    let clients = clients(Mode::Production);
    for rule in rules() {
        let Access::Needs(permission) = rule.access else { continue };
        let (name, client) = (&rule.operation_id, clients(listener(&rule)));
        assert_eq!(call(&client, &rule, json!({})).await.problem(), "unauthenticated", "{name}");
        assert_eq!(call(&client.signed_in("made-up"), &rule, json!({})).await.problem(), "invalid_token", "{name}");
        for role in Role::ALL {
            if access::may(&Roles::from_iter([role]), permission) {
                continue;
            }
            let answer = call(&client.signed_in(role.as_str()), &rule, json!({})).await;
            assert_eq!((answer.status, answer.problem()), (403, "forbidden"), "{name} as {role}");
            assert_eq!(answer.body["permission"], permission.as_str());
        }
    }
}

#[tokio::test]
async fn every_path_lists_its_methods() {
    let clients = clients(Mode::Development);
    for rule in rules() {
        let on = listener(&rule);
        let answer = clients(on).send("TRACE", &path(&rule), Body::empty()).await;
        assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed"), "{}", rule.path);
        let there = rules().into_iter().filter(|other| other.path == rule.path && other.on.includes(on));
        let mut methods: Vec<&str> = there.map(|other| other.method).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        assert_eq!(answer.header("allow"), methods.join(", "), "{}", rule.path);
    }
}

#[tokio::test]
async fn an_actor_and_its_restart_have_one_method_each() {
    let client = clients(Mode::Development)(Listener::Ops).signed_in("admin");
    for (method, path, allowed) in [("POST", "/actors/auth", "GET, HEAD"), ("GET", "/actors/auth/restart", "POST")] {
        let answer = client.send(method, path, Body::empty()).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {path}");
    }
}

/// What the document shows to a newcomer is accepted as it is.
#[tokio::test]
async fn the_examples_of_bodies_have_the_form_of_their_routes() {
    let document = document(routes::table());
    let clients = clients(Mode::Development);
    let mut sent = 0;
    for rule in rules() {
        let operation = &document["paths"][&rule.path][rule.method.to_ascii_lowercase()];
        let content = &operation["requestBody"]["content"]["application/json"];
        if content.is_null() {
            continue;
        }
        let client = clients(listener(&rule)).signed_in("admin");
        let answer = call(&client, &rule, content["example"].clone()).await;
        let refused = ["invalid_json", "validation_failed", "unsupported_media_type"];
        assert!(answer.status < 400 || !refused.contains(&answer.problem()), "{}: {answer:?}", rule.operation_id);
        sent += 1;
    }
    assert!(sent > 15, "{sent} bodies");
}

/// A reader that has the present version gets 304 without a body, one with another version gets all.
#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let client = clients(Mode::Development)(Listener::Public);
    for path in ["/openapi.json", "/docs", "/docs/viewer.js", "/docs/viewer.css"] {
        let tag = client.get(path).await.header("etag").to_owned();
        for known in [tag.clone(), format!("\"else\", W/{tag}"), "*".to_owned()] {
            let answer = client.with("if-none-match", &known).get(path).await;
            assert_eq!((answer.status, &answer.body), (304, &json!("")), "{path} {known}");
            assert_eq!((answer.header("etag"), answer.header("cache-control")), (&*tag, "public, max-age=300"));
        }
        assert_eq!(client.with("if-none-match", "\"else\"").get(path).await.status, 200, "{path}");
    }
    assert_eq!(client.with("if-none-match", "*").get("/docs/nothing").await.status, 404);
}
