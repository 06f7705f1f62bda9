//! Browsers: origins, preflights, and the headers of answers.

use std::collections::BTreeSet;

use axum::body::Body;
use majordomo::{
    config::{Config, FlagSetting, Sources},
    http::{credential::ControlToken, route::Listener, routes as product},
};

use super::guarded::{on, production, public};
use crate::harness::{Answer, Client, services_of};

fn client(config: &Config, listener: Listener) -> Client {
    Client::new(listener, services_of(config, ControlToken::absent()))
}

fn listed(origin: &str) -> Config {
    let key = "edge.cors_origins".to_owned();
    let flag = FlagSetting { flag: "--set".to_owned(), key, value: origin.to_owned() };
    let read = Config::read(&Sources { flags: vec![flag], ..Sources::default() }).unwrap();
    let mut config = production();
    config.edge.cors_origins = read.config.edge.cors_origins;
    config
}

async fn preflight(client: &Client, origin: &str, path: &str) -> Answer {
    let asking = client.with("access-control-request-method", "POST").with("origin", origin);
    asking.send("OPTIONS", path, Body::empty()).await
}

#[tokio::test]
async fn in_development_pages_of_every_loopback_name_may_call() {
    let public = client(&Config::default(), Listener::Public);
    let names = ["localhost", "127.0.0.1", "[::1]"];
    for origin in names.iter().flat_map(|name| [format!("http://{name}"), format!("http://{name}:5173")]) {
        let answer = preflight(&public, &origin, "/auth/login").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, origin.as_str()));
        let closed = preflight(&client(&production(), Listener::Public), &origin, "/auth/login").await;
        assert_eq!(closed.problem(), "cross_site", "{origin}");
    }
    for origin in ["http://127.0.0.2:5173", "http://127.0.0.1.evil.example", "http://[::2]", "http://127.0.0.1:x"] {
        assert_eq!(preflight(&public, origin, "/auth/login").await.problem(), "cross_site", "{origin}");
    }
}

#[tokio::test]
async fn an_exact_origin_of_any_scheme_can_be_listed() {
    for origin in ["capacitor://localhost", "https://app.example.com", "tauri://localhost", "app://shop:7"] {
        let public = client(&listed(origin), Listener::Public);
        let answer = preflight(&public, origin, "/auth/login").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, origin));
        assert_eq!(preflight(&public, "capacitor://elsewhere", "/auth/login").await.problem(), "cross_site");
    }
}

#[tokio::test]
async fn headers_of_tracing_are_permitted() {
    let answer = preflight(&client(&Config::default(), Listener::Public), "http://localhost:1", "/auth/login").await;
    let allowed = answer.header("access-control-allow-headers").to_owned();
    let allowed: Vec<&str> = allowed.split(", ").collect();
    for header in ["traceparent", "tracestate", "baggage", "sentry-trace", "x-requested-with", "x-request-id"] {
        assert!(allowed.contains(&header), "{header} in {allowed:?}");
    }
}

#[tokio::test]
async fn a_refused_preflight_names_the_origin_and_the_key() {
    let detail_of = |answer: &Answer| {
        assert_eq!((answer.status, answer.problem()), (403, "cross_site"));
        answer.body["detail"].as_str().unwrap().to_owned()
    };
    for config in [Config::default(), production(), listed("https://app.example.com")] {
        let answer = preflight(&client(&config, Listener::Public), "https://evil.example", "/auth/login").await;
        let detail = detail_of(&answer);
        assert!(detail.contains("https://evil.example") && detail.contains("edge.cors_origins"), "{detail}");
    }
    // If no setting helps, the answer names none.
    let public = client(&listed("https://app.example.com"), Listener::Public);
    let inbox = detail_of(&preflight(&public, "https://app.example.com", "/dev/inbox").await);
    let ops = client(&listed("https://app.example.com"), Listener::Ops);
    let actors = detail_of(&preflight(&ops, "https://app.example.com", "/actors").await);
    for detail in [inbox, actors] {
        assert!(detail.contains("https://app.example.com") && !detail.contains("edge.cors_origins"), "{detail}");
    }
    let long = format!("https://{}.example", "a".repeat(9_000));
    assert!(detail_of(&preflight(&public, &long, "/auth/login").await).len() < 500);
}

#[tokio::test]
async fn answers_have_the_security_headers_of_browsers() {
    for path in ["/open", "/no/such/path", "/own"] {
        let answer = public().get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("strict-transport-security"), "");
    }
    let mut config = Config::default();
    config.edge.trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
    let over_tls = on(Listener::Public, &config).at("10.0.0.1").with("x-forwarded-proto", "https");
    assert!(over_tls.get("/open").await.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn other_origins_may_call_only_if_they_are_listed() {
    let answer = public().with("origin", "http://localhost:5173").get("/open").await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "http://localhost:99999"] {
        let answer = public().with("origin", origin).get("/open").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""), "{origin}");
    }
    let local = on(Listener::Public, &production()).with("origin", "http://localhost:5173").get("/open").await;
    assert_eq!(local.header("access-control-allow-origin"), "");
    let ops = on(Listener::Ops, &Config::default()).with("origin", "http://localhost:5173").get("/open").await;
    assert_eq!(ops.header("access-control-allow-origin"), "");
    let inbox = public().with("origin", "http://localhost:5173").get("/dev/inbox").await;
    assert_eq!((inbox.status, inbox.header("access-control-allow-origin")), (403, ""));
}

#[tokio::test]
async fn a_preflight_lists_the_permitted_methods_and_headers() {
    let asking = public().with("access-control-request-method", "POST");
    let allowed = asking.with("origin", "http://localhost:1").send("OPTIONS", "/login", Body::empty()).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), "http://localhost:1");
    assert!(allowed.header("access-control-allow-headers").contains("authorization"));
    let methods_sent: BTreeSet<_> = allowed.header("access-control-allow-methods").split(", ").collect();
    let rules = product::table().into_iter().map(|route| route.rule);
    let methods = rules.filter(|rule| rule.on.includes(Listener::Public)).map(|rule| rule.method);
    assert_eq!(methods_sent, methods.chain(["HEAD"]).collect::<BTreeSet<_>>());
    let refused = asking.with("origin", "https://evil.example").send("OPTIONS", "/login", Body::empty()).await;
    assert_eq!((refused.status, refused.problem()), (403, "cross_site"));
    assert_eq!(public().send("OPTIONS", "/login", Body::empty()).await.problem(), "method_not_allowed");
}
