//! The contract matches the code: the OpenAPI document, the reference pages, the table of routes.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use majordomo::telemetry::{health::HealthReason, metrics::catalog::Metric};
use majordomo::{
    domain::{
        audit::ActionRow,
        event::{EventKind, EventRow},
    },
    http::{
        error::{ProblemCode, Retry},
        openapi,
        route::{Access, Listener, Route},
        routes,
    },
};
use serde_json::Value;

use crate::harness::{Client, bare_services};

/// Compares a reference page with its file; writes the file if `UPDATE_REFERENCE=1`.
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::vars().any(|(name, value)| name == "UPDATE_REFERENCE" && value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{name} is not what the code says: run the tests with UPDATE_REFERENCE=1");
}

fn document() -> Value {
    serde_json::to_value(openapi::document(routes::table())).unwrap()
}

/// The table in the order of the reference page.
fn sorted_table() -> Vec<Route> {
    let mut table = routes::table();
    table.sort_by(|a, b| (&a.rule.path, a.rule.method).cmp(&(&b.rule.path, b.rule.method)));
    table
}

#[test]
fn the_reference_of_errors_is_the_table_of_codes() {
    let mut page = "# Errors\n\nPrinted by a test from the code; do not edit. Every refusal is a problem document \
        (RFC 9457) whose `code` is one of these.\n\n\
        | code | status | retry | title | meaning |\n|---|---|---|---|---|\n"
        .to_owned();
    for row in ProblemCode::ALL.iter().map(|code| code.row()) {
        let retry = match row.retryable {
            Retry::Later => "later",
            Retry::Never => "never",
        };
        writeln!(page, "| `{}` | {} | {retry} | {} | {} |", row.code, row.status, row.title, row.meaning).unwrap();
    }
    compare("errors.md", &page);
}

#[test]
fn the_reference_of_routes_is_the_table_of_routes() {
    let mut page = "# Routes\n\nPrinted by a test from the code; do not edit. What each takes and answers: \
        `GET /openapi.json`, shown at `/docs`.\n\n\
        | method | path | operation | needs | listener | limit |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for rule in sorted_table().iter().map(|route| &route.rule) {
        let (needs, on, class) = (rule.access.as_str(), rule.on.as_str(), rule.class.as_str());
        writeln!(page, "| {} | `{}` | `{}` | {needs} | {on} | {class} |", rule.method, rule.path, rule.operation_id)
            .unwrap();
    }
    compare("routes.md", &page);
}

#[test]
fn health_and_the_runbooks_speak_of_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks");
    let contents = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut said = BTreeSet::new();
    for reason in HealthReason::ALL {
        let (name, page) = (reason.as_str(), reason.runbook());
        let row = contents.lines().find(|line| line.contains(&format!("`{name}`")));
        assert!(row.is_some_and(|row| row.contains(&format!("({page})"))), "{name} leads to {page}");
        said.insert(page.to_owned());
    }
    // No state of health: it describes how to store the keys.
    said.extend(["README.md", "key-ring.md"].map(str::to_owned));
    let pages = std::fs::read_dir(folder).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap());
    assert_eq!(pages.collect::<BTreeSet<_>>(), said);
}

#[test]
fn the_reference_of_events_is_the_catalogue() {
    let mut page = "# Events\n\nPrinted by a test from the code; do not edit.\n\n\
        A number names its service in the high byte and never changes. `schema` is the number of the body's present \
        form in the store; bodies of earlier schemas are read too.\n\n\
        | number | type | schema | source | heard by | in the source documents | `data`, beside personal fields |\n\
        |---|---|---|---|---|---|---|\n"
        .to_owned();
    for event in EventKind::samples() {
        let EventRow { event_type, name, schema, subscribers, aliases } = event.row();
        let (number, source) = (event_type.number(), event_type.source());
        let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let heard = or_none(subscribers.join(", "));
        let fields: Vec<String> = event.payload().iter().map(|(field, _)| format!("`{field}`")).collect();
        let aliases: Vec<String> = aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let (aliases, fields) = (or_none(aliases.join(", ")), fields.join(", "));
        let row = format!("| `{number:#06x}` | `{name}` | {schema} | `{source}` | {heard} | {aliases} | {fields} |");
        writeln!(page, "{row}").unwrap();
    }
    page.push_str("\n`session.refreshed` is written only with `events.session_refreshed = true`.\n");
    compare("events.md", &page);
}

#[test]
fn the_reference_of_audit_actions_is_the_catalogue() {
    let mut page = "# Audit actions\n\nPrinted by a test from the code; do not edit.\n\n\
        A number names its service in the high byte and never changes.\n\n\
        | number | action | log |\n|---|---|---|\n"
        .to_owned();
    for ActionRow { action, name, log } in ActionRow::all() {
        writeln!(page, "| `{:#06x}` | `{name}` | `{}` |", action.number(), log.as_str()).unwrap();
    }
    compare("audit.md", &page);
}

#[test]
fn the_reference_of_metrics_is_the_catalogue() {
    let mut page =
        "# Metrics\n\nPrinted by a test from the code; do not edit. `GET /metrics` on the ops listener, in the \
        text format of Prometheus; each series has the label `service` besides.\n\n\
        | metric | type | labels | meaning |\n|---|---|---|---|\n"
            .to_owned();
    for metric in Metric::ALL {
        let labels: Vec<String> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "-".to_owned() } else { labels.join(", ") };
        writeln!(page, "| `{}` | {} | {labels} | {} |", metric.name(), metric.kind(), metric.help()).unwrap();
    }
    compare("metrics.md", &page);
}

#[test]
fn codes_are_unique_and_fit_their_status() {
    let mut seen = BTreeSet::new();
    for row in ProblemCode::ALL.iter().map(|code| code.row()) {
        assert!(seen.insert(row.code), "{} twice", row.code);
        assert!(row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", row.code);
        assert!((400..600).contains(&row.status) && !row.title.ends_with('.') && row.meaning.ends_with('.'));
    }
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
        let secured = operation["security"][0].as_object().is_some_and(|one| !one.is_empty());
        assert_eq!(secured, matches!(rule.access, Access::Needs(_)), "{}", rule.operation_id);
        let named: BTreeSet<_> = rule.path.split(['{', '}']).skip(1).step_by(2).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let told: BTreeSet<_> =
            parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(named, told, "path parameters of {}", rule.operation_id);
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn walk(at: &Value, document: &Value) {
        match at {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
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

/// Every operation of the document, with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

#[test]
fn every_refusal_in_the_document_has_its_form() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
            let refuses = !status.starts_with('2');
            assert_eq!(problem == "#/components/schemas/Problem", refuses, "{name} {status}");
            let says_when = response["headers"]["Retry-After"].is_object();
            assert_eq!(says_when, matches!(status.as_str(), "429" | "503"), "{name} {status}");
            for header in ["RateLimit", "RateLimit-Policy"] {
                assert_eq!(response["headers"][header].is_object(), status == "429", "{header} of {name} {status}");
            }
        }
    }
    let members = &document["components"]["schemas"]["Problem"]["properties"];
    assert_eq!(
        (&members["attemptsLeft"]["type"], &members["permission"]["type"]),
        (&"integer".into(), &"string".into())
    );
}

#[test]
fn what_parameters_are_refused_with_is_in_the_document() {
    let document = document();
    let has = |operation: &Value, status: &str| operation["responses"][status].is_object();
    for (name, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            match parameter["in"].as_str() {
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
    assert_eq!(answer.body, document());

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
