//! Clients behind proxies, trusted and not.

use axum::body::Body;
use majordomo::{
    config::{Config, Mode},
    http::{
        credential::ControlToken,
        route::Listener,
        services::EdgeContext,
        trust::{Forwarded, ForwardedHeaders},
    },
};
use serde_json::{Value, json};

use super::{
    guarded::on,
    log::{LOGGED, log_by_thread},
};
use crate::harness::{Client, services_of};

const PROXY: &str = "10.0.0.1";

fn config(mode: Mode) -> Config {
    let mut config = Config { mode, ..Config::default() };
    config.edge.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    config
}

/// Clients of both listeners of one process: the first behind the proxy, the second an operator's.
fn clients(mode: Mode) -> (Client, Client) {
    let services = services_of(&config(mode), ControlToken::new(majordomo::types::Secret::new("control-token")));
    let ops = Client::new(Listener::Ops, services.clone()).signed_in("control-token");
    (Client::new(Listener::Public, services).at(PROXY), ops)
}

/// The health line of a proxy; the listeners of these clients do not run, which health reports too.
fn proxy_reason(health: &Value) -> Option<String> {
    let lines = health["services"].as_array().unwrap();
    let edge = lines.iter().filter(|line| line["name"] == "edge" && line["status"] == "degraded");
    let mut reasons = edge.flat_map(|line| line["reasons"].as_array().unwrap());
    reasons.find_map(|reason| reason.as_str().filter(|reason| reason.starts_with("proxy_")).map(str::to_owned))
}

#[tokio::test]
async fn production_answers_direct_requests_in_the_clear_with_health_only() {
    let (proxy, _) = clients(Mode::Production);
    for direct in
        [proxy.at("192.0.2.1"), proxy.at("127.0.0.1"), proxy.at("192.0.2.1").with("x-forwarded-proto", "https")]
    {
        for (method, path) in
            [("POST", "/auth/login"), ("GET", "/auth/profile"), ("GET", "/no/such/path"), ("GET", "/")]
        {
            let answer = direct.send(method, path, Body::empty()).await;
            assert_eq!((answer.status, answer.problem()), (421, "https_required"), "{method} {path}");
        }
        let preflight = direct.with("origin", "https://app.example.com").with("access-control-request-method", "POST");
        assert_eq!(preflight.send("OPTIONS", "/auth/login", Body::empty()).await.status, 421);
        for path in ["/health", "/health/live", "/health/ready", "/health/edge"] {
            assert_ne!(direct.get(path).await.status, 421, "{path}");
        }
        assert_eq!(direct.get("/health/live").await.status, 200);
        assert_eq!(direct.get("/healthy").await.status, 421);
    }
    assert_eq!(proxy.with("x-forwarded-for", "192.0.2.1").get("/auth/profile").await.problem(), "unauthenticated");
}

#[tokio::test]
async fn development_and_the_operators_listener_answer_in_the_clear() {
    let (proxy, _) = clients(Mode::Development);
    assert_eq!(proxy.at("127.0.0.1").get("/auth/profile").await.problem(), "unauthenticated");
    let (_, ops) = clients(Mode::Production);
    assert_eq!(ops.get("/actors").await.status, 200);
}

#[tokio::test]
async fn direct_requests_are_counted_by_their_address() {
    let (proxy, _) = clients(Mode::Production);
    let direct = proxy.at("192.0.2.1");
    let mut statuses = Vec::new();
    for _ in 0..101 {
        statuses.push(direct.get("/auth/profile").await.status);
    }
    assert_eq!((statuses[99], statuses[100]), (421, 429));
}

#[tokio::test]
async fn a_proxy_that_names_no_client_degrades_the_edge() {
    for headers in
        [&[][..], &[("x-forwarded-for", "unknown")], &[("via", "1.1 proxy")], &[("forwarded", "for=_hidden")]]
    {
        let (proxy, ops) = clients(Mode::Production);
        assert_eq!(proxy_reason(&ops.get("/health").await.body), None, "{headers:?}");
        let silent = headers.iter().fold(proxy, |proxy, (name, value)| proxy.with(name, value));
        silent.get("/auth/profile").await;
        let reason = proxy_reason(&ops.get("/health").await.body).unwrap_or_default();
        assert!(reason.starts_with("proxy_silent: ") && reason.contains(PROXY), "{reason}");
    }
}

#[tokio::test]
async fn a_proxy_that_names_its_client_by_either_header_is_healthy() {
    for (name, value) in [
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-for", "10.0.0.3"),
        ("forwarded", "for=198.51.100.7;proto=https"),
        ("forwarded", "for=\"[2001:db8::1]:4711\""),
    ] {
        let (proxy, ops) = clients(Mode::Production);
        proxy.with(name, value).get("/auth/profile").await;
        // A load balancer's own probe has no client address.
        proxy.get("/health/ready").await;
        assert_eq!(proxy_reason(&ops.get("/health").await.body), None, "{name}: {value}");
    }
}

#[tokio::test]
async fn clients_named_by_forwarded_are_counted_separately() {
    let (proxy, _) = clients(Mode::Production);
    let of = |client: &str| proxy.with("forwarded", &format!("for={client}"));
    for _ in 0..100 {
        assert_eq!(of("198.51.100.7").get("/auth/profile").await.status, 401);
    }
    assert_eq!(of("198.51.100.7").get("/auth/profile").await.status, 429);
    assert_eq!(of("198.51.100.8").get("/auth/profile").await.status, 401);
}

#[tokio::test]
async fn production_shows_the_page_and_the_operators_routes_if_configured() {
    let paths = |document: &Value| -> Vec<String> { document["paths"].as_object().unwrap().keys().cloned().collect() };
    let (proxy, ops) = clients(Mode::Production);
    assert_eq!(proxy.get("/docs").await.problem(), "not_found");
    assert_eq!(proxy.get("/docs/docs.js").await.problem(), "not_found");
    let public = paths(&proxy.get("/openapi.json").await.body);
    assert!(public.contains(&"/auth/login".to_owned()) && public.contains(&"/health".to_owned()), "{public:?}");
    for path in ["/actors", "/store", "/events", "/dev/inbox", "/dev/clock/advance"] {
        assert!(!public.iter().any(|known| known.starts_with(path)), "{path} in {public:?}");
    }
    assert_eq!(ops.get("/docs").await.status, 200);
    let whole = paths(&ops.get("/openapi.json").await.body);
    assert!(whole.contains(&"/actors".to_owned()) && whole.contains(&"/auth/login".to_owned()));
    assert!(!whole.iter().any(|path| path.starts_with("/dev/")), "{whole:?}");
    let (proxy, _) = clients(Mode::Development);
    assert_eq!(proxy.get("/docs").await.status, 200);
    let whole = paths(&proxy.get("/openapi.json").await.body);
    assert!(whole.contains(&"/actors".to_owned()) && whole.contains(&"/dev/inbox".to_owned()));
}

#[tokio::test]
async fn the_client_is_the_one_that_trusted_proxies_name() {
    let mut config = Config::default();
    config.edge.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let client = on(Listener::Public, &config).with("x-forwarded-for", "1.1.1.1, 198.51.100.7");
    let behind = client.at("10.0.0.1").with("user-agent", "tests").get("/open").await;
    assert_eq!(behind.body, json!({ "caller": "anonymous", "client": "198.51.100.7", "agent": "tests" }));
    assert_eq!(client.at("192.0.2.9").get("/open").await.body["client"], "192.0.2.9");
}

#[test]
fn untrusted_peers_with_forwarded_headers_are_reported_in_health() {
    let services = services_of(&Config::default(), ControlToken::absent());
    let edge: &EdgeContext = &services.edge;
    assert_eq!(edge.untrusted_proxy(), None);
    log_by_thread();
    for last in [9, 10] {
        let forwarded = Forwarded { headers: ForwardedHeaders::Untrusted, ..Forwarded::default() };
        edge.note_proxy(forwarded, Some([198, 51, 100, last].into()));
    }
    assert_eq!(edge.untrusted_proxy().unwrap().peer, Some([198, 51, 100, 10].into()));
    let log = String::from_utf8(LOGGED.take()).unwrap();
    assert!(log.contains("WARN") && log.contains("198.51.100.9"), "{log}");
    assert_eq!(log.lines().count(), 1, "once a minute is enough: {log}");
}
