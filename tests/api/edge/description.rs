//! The OpenAPI document is tight enough to generate clients and tests from, and says everything once.

use std::collections::{BTreeMap, BTreeSet};

use majordomo::{
    config::{Config, Mode},
    domain::event::EventKind,
    http::{
        openapi::{self, Installation},
        route::Listener,
        routes,
    },
};
use serde_json::{Value, json};

fn document_for(config: &Config, listener: Listener) -> Value {
    openapi::document(routes::table(), &Installation::new(config, listener))
}

fn document() -> Value {
    document_for(&Config::default(), Listener::Public)
}

/// Every object in `value`, with its place.
fn visit<'a>(value: &'a Value, place: &str, act: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(object) => {
            act(place, value);
            object.iter().for_each(|(name, inner)| visit(inner, &format!("{place}/{name}"), act));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| visit(inner, &format!("{place}/{index}"), act));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names of the schemas that `value` uses.
fn used(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    let mut names = Vec::new();
    visit(value, "", &mut |_, object| names.extend(object["$ref"].as_str().map(str::to_owned)));
    for name in names {
        if found.insert(name.clone()) {
            used(document, document.pointer(&name[1..]).unwrap(), found);
        }
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
        || schema["oneOf"].as_array().is_some_and(|parts| parts.iter().any(|part| part["type"] == "null"))
}

#[test]
fn objects_are_closed_and_answers_always_have_what_may_be_null() {
    let document = document();
    let mut answered = BTreeSet::new();
    visit(&document["paths"], "", &mut |_, object| used(&document, &object["responses"], &mut answered));
    let mut members = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        visit(schema, name, &mut |place, object| {
            let Some(properties) = object["properties"].as_object() else { return };
            assert!(!object["additionalProperties"].is_null(), "{place} is open without a word");
            if !answered.contains(&format!("#/components/schemas/{name}")) {
                return;
            }
            for (member, _) in properties.iter().filter(|(_, schema)| is_nullable(schema)) {
                members += 1;
                let required = object["required"].as_array().unwrap();
                assert!(required.contains(&json!(member)), "{place}/{member} may be null or missing");
            }
        });
    }
    assert!(members > 20, "{members}");
}

/// A text without an example or a set of values shows nothing to a reader.
#[test]
fn every_text_has_an_example() {
    let document = document();
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // Problem documents and keys have an example of the whole, open sets and lists one of their own.
        let own = ["Problem/", "JsonWebKey/"];
        let of_parent = ["/items", "/propertyNames", "/additionalProperties"];
        let is_shown = |at: &str| {
            own.iter().any(|start| at.starts_with(start))
                || at.contains("anyOf")
                || of_parent.iter().any(|end| at.ends_with(end))
        };
        visit(schema, name, &mut |place, object| {
            if object["type"] == "string" && !is_shown(place) {
                seen += 1;
                let shows = ["example", "enum", "const"].iter().any(|key| !object[*key].is_null());
                assert!(shows, "{place} has no example");
            }
        });
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn no_sentence_is_repeated() {
    let document = document();
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    visit(&document, "", &mut |place, object| {
        let text = object["description"].as_str().unwrap_or_default();
        for sentence in text.split(". ").filter(|sentence| sentence.len() > 50) {
            // The alternatives of a body share their other members.
            let place = place.replace("/oneOf/1/", "/oneOf/0/");
            if let Some(before) = seen.insert(sentence, place.clone()) {
                assert_eq!(place, before, "repeated: {sentence}");
            }
        }
    });
    assert!(seen.len() > 50);
}

#[test]
fn the_document_names_its_licence_its_servers_and_its_tags() {
    let document = document();
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
    assert_eq!(document["servers"][0]["url"], "http://127.0.0.1:8080");
    assert_eq!(document["paths"]["/actors"]["get"]["servers"][0]["url"], "http://127.0.0.1:9090");
    let described: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut tags = BTreeSet::new();
    visit(&document["paths"], "", &mut |_, object| {
        tags.extend(object["tags"].as_array().into_iter().flatten().filter_map(Value::as_str));
    });
    assert_eq!(tags, described);
}

#[test]
fn the_document_states_what_this_installation_requires() {
    let mut config = Config { mode: Mode::Production, ..Config::default() };
    config.auth.password.min_length = 15;
    config.edge.metrics_public = true;
    let production = document_for(&config, Listener::Public);
    assert_eq!(production["components"]["schemas"]["NewPassword"]["minLength"], 15);
    assert_eq!(production["paths"]["/metrics"]["get"]["security"], json!([]));
    assert_eq!(production["paths"]["/actors"]["get"]["security"], json!([{ "bearer": [] }]));
    // Operators on this machine read without a token while they develop.
    let optional = json!([{}, { "bearer": [] }]);
    assert_eq!(document()["paths"]["/actors"]["get"]["security"], optional);
    assert_eq!(document()["paths"]["/audit"]["get"]["security"], json!([{ "bearer": [] }]));
    assert_eq!(document_for(&Config::default(), Listener::Ops)["paths"]["/audit"]["get"]["security"], optional);
}

/// One name has one meaning: the id of an HTTP request, in problem documents and audit entries.
#[test]
fn a_request_id_is_the_id_of_an_http_request() {
    let document = document();
    let mut with_it = BTreeSet::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        visit(schema, name, &mut |_, object| {
            if !object["properties"]["requestId"].is_null() {
                with_it.insert(name.as_str());
            }
        });
    }
    assert_eq!(with_it, BTreeSet::from(["AuditEntry", "Problem"]));
    for event in EventKind::samples() {
        assert!(event.payload().iter().all(|(field, _)| *field != "requestId"), "{}", event.row().name);
    }
}

#[test]
fn a_body_with_two_forms_has_both() {
    let document = document();
    for (name, first, second) in [
        ("Login", "identifier", "email"),
        ("Resend", "userId", "email"),
        ("ResetByCode", "resetId", "email"),
        ("CodeVerify", "id", "purpose"),
    ] {
        let forms = document["components"]["schemas"][name]["oneOf"].as_array().unwrap();
        for (form, (with, without)) in forms.iter().zip([(first, second), (second, first)]) {
            assert!(form["required"].as_array().unwrap().contains(&json!(with)), "{name}");
            assert!(form["properties"][with].is_object() && form["properties"][without].is_null(), "{name}");
            assert!(!is_nullable(&form["properties"][with]), "{name}");
        }
    }
}
