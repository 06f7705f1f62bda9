//! The size of answers: at most 16 KiB to unauthenticated clients, whatever they request.

use axum::body::Body;
use majordomo::http::{
    route::{Access, Listener},
    routes,
};

use crate::{harness::Client, test_app::TestApp};

const MOST: usize = 16 << 10;

const BODY: usize = 60 << 10;

/// A body with the most JSON members, each made from its number.
fn members(member: impl Fn(usize) -> String) -> String {
    let mut text = String::from("{");
    for n in 0.. {
        let next = member(n);
        if text.len() + next.len() > BODY {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&next);
    }
    text + "}"
}

/// `depth` nested objects, the innermost with one member 60 times.
fn nested(depth: usize) -> String {
    let name = "n".repeat(64);
    let repeated: Vec<String> = (0..60).map(|_| "\"\\u0001\\u0002/~\":1".to_owned()).collect();
    format!("{}{{{}}}{}", format!("{{\"{name}\":").repeat(depth), repeated.join(","), "}".repeat(depth))
}

fn bodies() -> Vec<String> {
    vec![
        members(|_| "\"a\":1".to_owned()),
        members(|n| format!("\"{n}\":1")),
        members(|n| format!("\"{n}{}\":1", "\\u0001".repeat(64))),
        members(|n| format!("\"{n}{}\":1", "\u{10348}".repeat(64))),
        members(|n| format!("\"{}\":1", if n % 2 == 0 { "\\u0000".repeat(64) } else { "/".repeat(64) })),
        nested(100),
        format!("[{}]", nested(100)),
        format!("{{\"email\":[{}]}}", "{\"a\":1,\"a\":1},".repeat(3_000) + "1"),
        "[".repeat(BODY),
        format!("{{\"email\":\"{}\"}}", "@".repeat(BODY)),
    ]
}

/// The bytes of an answer, head and body.
async fn size(client: &Client, method: &str, path: &str, body: &str) -> usize {
    let client = client.with("content-type", "application/json");
    let answer = client.send(method, path, Body::from(body.to_owned())).await;
    let head: usize = answer.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    head + answer.body.to_string().len()
}

#[tokio::test]
async fn an_answer_to_an_anonymous_client_is_at_most_16_kib_except_documents() {
    let app = TestApp::new().await;
    let documents = ["show_openapi", "show_docs", "show_docs_file"];
    let long = "%22".repeat(9_000);
    for rule in routes::table().into_iter().map(|route| route.rule) {
        if documents.contains(&rule.operation_id.as_str()) || rule.access == Access::Development {
            continue;
        }
        let client = if rule.on.includes(Listener::Public) { app.anyone.clone() } else { app.ops.at("192.0.2.1") };
        let path = rule.path.replace(['{', '}'], "");
        let repeated = format!("{path}?{}", "a=1&".repeat(6_000));
        let names: String = (0..40).map(|n| format!("{n}{}=1&", "%01".repeat(200))).collect();
        for path in [path.clone(), repeated, format!("{path}?{names}"), format!("{path}/{long}")] {
            let bodies = if rule.method == "GET" { vec![String::new()] } else { bodies() };
            for body in bodies {
                let bytes = size(&client, rule.method, &path, &body).await;
                let shown = (&path[..path.len().min(60)], &body[..body.floor_char_boundary(60)]);
                assert!(bytes <= MOST, "{bytes} bytes: {} {shown:?}", rule.method);
            }
        }
    }
    let unknown = format!("/{}", "a\"".repeat(15_000).replace('"', "%22"));
    assert!(size(&app.anyone, "GET", &unknown, "").await <= MOST);
    let preflight = app.anyone.with("access-control-request-method", "POST");
    let preflight = preflight.with("origin", &format!("https://{}.example", "a".repeat(20_000)));
    assert!(size(&preflight, "OPTIONS", "/auth/login", "").await <= MOST);
}

#[tokio::test]
async fn fifty_repetitions_of_a_member_are_reported_and_the_rest_is_not_read() {
    let app = TestApp::new().await;
    let answer = app.anyone.post_text("/auth/login", members(|_| "\"a\":1".to_owned())).await;
    assert_eq!((answer.status, answer.problem()), (422, "validation_failed"));
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 50);
    // The rest is not JSON, and is not parsed.
    let unread = format!("{{{}oh", "\"a\":1,".repeat(60));
    assert_eq!(app.anyone.post_text("/auth/login", unread).await.problem(), "validation_failed");
    let few = format!("{{{}oh", "\"a\":1,".repeat(40));
    assert_eq!(app.anyone.post_text("/auth/login", few).await.problem(), "invalid_json");
}

#[tokio::test]
async fn errors_of_every_kind_together_are_fifty_at_most() {
    let app = TestApp::new().await;
    let unknown: String = (0..40).map(|n| format!("\"u{n}\":1,")).collect();
    let body = format!("{{{unknown}{}\"email\":1}}", "\"r\":1,".repeat(40));
    let answer = app.anyone.post_text("/auth/register", body).await;
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 50);
    // The first errors of the body are reported.
    assert_eq!(errors.iter().filter(|error| error["code"] == "repeated_field").count(), 39);
}

#[tokio::test]
async fn a_long_pointer_and_a_long_path_are_cut_at_the_end_of_a_character() {
    let app = TestApp::new().await;
    let answer = app.anyone.post_text("/auth/login", nested(100)).await;
    let pointer = answer.body["errors"][0]["pointer"].as_str().unwrap().to_owned();
    assert!(pointer.starts_with("/nnn") && pointer.chars().count() <= 300, "{pointer}");
    let answer = app.anyone.get(&format!("/{}", "%C3%BC".repeat(3_000))).await;
    assert_eq!(answer.problem(), "not_found");
    let instance = answer.body["instance"].as_str().unwrap();
    assert!(instance.starts_with("/%C3%BC") && instance.len() <= 2_000, "{instance}");
}
