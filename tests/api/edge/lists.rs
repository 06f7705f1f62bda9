//! The form of every list, and the queries of every route.

use axum::body::Body;
use majordomo::{
    config::Mode,
    http::{
        route::{Listener, Rule},
        routes,
    },
};
use serde_json::{Value, json};

use super::contract::{clients, document, path, rules};

/// Collections in another form than `{ data, nextCursor }`.
const OTHER_FORMS: [(&str, &str); 3] = [
    ("list_signing_keys", "a JWK set has the member `keys` (RFC 7517 section 5)"),
    ("list_actors", "a report on the process, which has a page of the actors beside the node and the totals"),
    ("show_health", "a report on the process, which has one line for each service"),
];

/// Lists without `limit` and `cursor`, whose `nextCursor` is always `null`.
const ONE_PAGE: [(&str, &str); 3] = [
    ("list_own_sessions", "`auth.session.max_per_user` limits the sessions"),
    ("list_user_sessions", "`auth.session.max_per_user` limits the sessions"),
    ("list_event_subscribers", "the program has a fixed number of subscribers"),
];

fn settled<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| document.pointer(&reference[1..]).unwrap())
}

fn operation<'a>(document: &'a Value, rule: &Rule) -> &'a Value {
    &document["paths"][&rule.path][rule.method.to_ascii_lowercase()]
}

/// The names of the parameters in the query.
fn parameters(document: &Value, rule: &Rule) -> Vec<String> {
    let all = operation(document, rule)["parameters"].as_array().into_iter().flatten();
    let all = all.map(|parameter| settled(document, parameter)).filter(|parameter| parameter["in"] == "query");
    all.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

/// The JSON form of the answer 200.
fn answered<'a>(document: &'a Value, rule: &Rule) -> Option<&'a Value> {
    let response = settled(document, &operation(document, rule)["responses"]["200"]);
    response["content"].get("application/json").map(|content| settled(document, &content["schema"]))
}

/// Whether a form is an array, or has a member that is an array of objects.
fn is_collection(document: &Value, form: &Value) -> bool {
    let is_of_objects = |member: &Value| {
        let items = settled(document, &member["items"]);
        member["type"] == "array" && items["type"] != "string" && items["enum"].is_null()
    };
    form["type"] == "array" || form["properties"].as_object().into_iter().flatten().any(|(_, one)| is_of_objects(one))
}

#[test]
fn every_list_has_data_and_next_cursor() {
    let document = document(routes::table());
    let (mut lists, mut others, mut single) = (0, Vec::new(), Vec::new());
    for rule in rules().into_iter().filter(|rule| rule.method == "GET") {
        let Some(form) = answered(&document, &rule) else { continue };
        let name = rule.operation_id.as_str();
        if !name.starts_with("list_") && !is_collection(&document, form) {
            continue;
        }
        if let Some((known, _)) = OTHER_FORMS.iter().find(|(known, _)| *known == name) {
            others.push(*known);
            continue;
        }
        lists += 1;
        let required = form["required"].as_array().unwrap_or_else(|| panic!("{name}: {form}"));
        for member in ["data", "nextCursor"] {
            assert!(required.contains(&json!(member)), "{name} answers without {member}");
        }
        assert_eq!(form["properties"]["data"]["type"], "array", "{name}");
        let parameters = parameters(&document, &rule);
        let paged = ["limit", "cursor"].map(|one| parameters.iter().any(|known| known == one));
        match ONE_PAGE.iter().find(|(known, _)| *known == name) {
            Some((known, _)) => single.push(*known),
            None => assert_eq!(paged, [true, true], "`limit` and `cursor` of {name}"),
        }
    }
    assert!(lists > 8, "{lists} lists");
    assert_eq!((others.len(), single.len()), (OTHER_FORMS.len(), ONE_PAGE.len()), "{others:?} {single:?}");
}

#[tokio::test]
async fn every_route_refuses_an_unknown_parameter_and_names_its_own() {
    let document = document(routes::table());
    let clients = clients(Mode::Development);
    let mut sent = 0;
    for rule in rules() {
        for on in [Listener::Public, Listener::Ops].into_iter().filter(|on| rule.on.includes(*on)) {
            if rule.path == "/metrics" && on == Listener::Public {
                continue;
            }
            let name = &rule.operation_id;
            let body = operation(&document, &rule)["requestBody"]["content"]["application/json"]["example"].clone();
            let client = clients(on).signed_in("admin").with("content-type", "application/json");
            let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
            let answer = client.send(rule.method, &format!("{}?nonsense=1", path(&rule)), body).await;
            assert_eq!((answer.status, answer.problem()), (400, "invalid_query"), "{name}: {answer:?}");
            assert_eq!(answer.fields(), ["nonsense unknown_parameter"], "{name}");
            let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
            for known in parameters(&document, &rule) {
                assert!(detail.contains(&known), "{name} does not name {known}: {detail}");
            }
            sent += 1;
        }
    }
    assert!(sent > 60, "{sent}");
}

/// A route without parameters refuses them before its handler runs.
#[tokio::test]
async fn a_refused_parameter_prevents_the_change() {
    let client = clients(Mode::Development)(Listener::Public);
    let body = || json!({ "email": "ada@example.com", "password": "an unguessable sentence of mine" }).to_string();
    let client = client.with("content-type", "application/json");
    for query in ["?invitation=x", "?a=1&a=2", "?%ff=1"] {
        let answer = client.send("POST", &format!("/auth/register{query}"), Body::from(body())).await;
        assert_eq!((answer.status, answer.problem()), (400, "invalid_query"), "{query}: {answer:?}");
    }
}
