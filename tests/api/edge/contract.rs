//! Every route of the table answers as the OpenAPI document states.

use std::collections::BTreeSet;

use axum::body::Body;
use majordomo::{
    config::{Config, Mode},
    domain::access,
    http::{
        credential::ControlToken,
        openapi,
        route::{Access, Listener, Rule},
        routes,
    },
    types::{Role, Roles},
};
use serde_json::{Map, Value, json};

use super::forms;
use crate::harness::{Answer, Client, bare_services, services_of};

const ID: &str = "0199b2c0-0000-7000-8000-000000000000";

fn clients(mode: Mode) -> impl Fn(Listener) -> Client {
    let mut config = Config { mode, ..Config::default() };
    config.edge.rate_limits.enabled = false;
    config.edge.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let services = services_of(&config, ControlToken::absent());
    move |listener| Client::new(listener, services.clone())
}

fn rules() -> Vec<Rule> {
    routes::table().into_iter().map(|route| route.rule).collect()
}

/// The public listener where it has the route; it has `/metrics` only with `edge.metrics_public`.
fn listener(rule: &Rule) -> Listener {
    let is_public = rule.on.includes(Listener::Public) && rule.path != "/metrics";
    if is_public { Listener::Public } else { Listener::Ops }
}

/// The rule's path with a value for each parameter.
fn path(rule: &Rule) -> String {
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

/// The schema of a rule's JSON body. Of a body that is one of several, it has the members of all, and requires those
/// that all require.
fn body_schema(document: &Value, rule: &Rule) -> Option<Value> {
    let operation = &document["paths"][&rule.path][rule.method.to_ascii_lowercase()];
    let schema = operation["requestBody"]["content"].get("application/json")?.get("schema")?;
    let several = schema["oneOf"].as_array().and_then(|several| several.iter().find(|one| one["type"] != "null"));
    let schema = several.unwrap_or(schema);
    let schema = resolved(document, schema);
    let Some(several) = schema["oneOf"].as_array() else { return Some(schema.clone()) };
    let several: Vec<&Value> = several.iter().map(|one| resolved(document, one)).collect();
    let properties: Map<String, Value> =
        several.iter().flat_map(|one| one["properties"].as_object().unwrap().clone()).collect();
    let is_always = |name: &&Value| several.iter().all(|one| one["required"].as_array().unwrap().contains(name));
    let required: Vec<&Value> = several[0]["required"].as_array().unwrap().iter().filter(is_always).collect();
    Some(json!({ "properties": properties, "required": required }))
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap())
}

fn with_code(answer: &Answer, code: &str) -> BTreeSet<String> {
    let fields = answer.fields();
    let named = fields.iter().filter_map(|field| field.strip_suffix(code));
    named.map(|pointer| pointer.trim().trim_start_matches('/').to_owned()).collect()
}

#[tokio::test]
async fn bodies_are_read_as_the_contract_states() {
    let document = serde_json::to_value(openapi::document(routes::table())).unwrap();
    let clients = clients(Mode::Development);
    for rule in rules() {
        if let Some(schema) = body_schema(&document, &rule) {
            compare_body(&clients(listener(&rule)).signed_in("admin"), &rule, &schema).await;
        }
    }
}

/// Shows that the comparison detects differences, whatever the table contains.
#[tokio::test]
async fn a_body_of_this_test_is_read_as_its_contract_states() {
    let document = serde_json::to_value(openapi::document(forms::table())).unwrap();
    let client = Client::of_table(forms::table(), bare_services());
    let rules: Vec<Rule> = forms::table().into_iter().map(|route| route.rule).collect();
    let with_body: Vec<&Rule> = rules.iter().filter(|rule| body_schema(&document, rule).is_some()).collect();
    assert_eq!(with_body.len(), 2);
    for rule in with_body {
        compare_body(&client, rule, &body_schema(&document, rule).unwrap()).await;
    }
}

async fn compare_body(client: &Client, rule: &Rule, schema: &Value) {
    let name = &rule.operation_id;
    let unknown = BTreeSet::from(["zz-unknown".to_owned()]);
    let empty = call(client, rule, json!({ "zz-unknown": 1 })).await;
    assert_eq!(empty.problem(), "validation_failed", "{name}");
    assert_eq!(with_code(&empty, "unknown_field"), unknown, "{name}");
    let declared = schema["required"].as_array().cloned().unwrap_or_default();
    let declared: BTreeSet<String> = declared.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(with_code(&empty, "required"), declared, "required fields of {name}");

    let mut full: Map<String, Value> = schema["properties"].as_object().unwrap().clone();
    full.values_mut().for_each(|value| *value = json!([[]]));
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
        let answer = clients(listener(&rule)).send("TRACE", &path(&rule), Body::empty()).await;
        assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed"), "{}", rule.path);
        assert!(answer.header("allow").split(", ").any(|method| method == rule.method), "{answer:?}");
    }
}
