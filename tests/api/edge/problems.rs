//! `/problems/{code}`, which the `type` of each problem document leads to.

use axum::body::Body;
use majordomo::{
    config::{Config, FlagSetting, Mode, Sources},
    http::{credential::ControlToken, error::ProblemCode, route::Listener},
};

use super::guarded::production;
use crate::harness::{Client, services_of};

fn client(config: &Config, listener: Listener) -> Client {
    Client::new(listener, services_of(config, ControlToken::absent()))
}

/// In development and production, on both listeners, without a credential.
#[tokio::test]
async fn the_type_of_each_problem_leads_to_its_description() {
    for config in [Config::default(), production()] {
        for listener in [Listener::Public, Listener::Ops] {
            let mut config = config.clone();
            config.edge.rate_limits.enabled = false;
            let client = client(&config, listener);
            let client = if config.mode == Mode::Production {
                client.with("x-forwarded-for", "192.0.2.7").with("x-forwarded-proto", "https")
            } else {
                client
            };
            let refused = client.get("/no/such/path").await;
            assert_eq!(refused.problem(), "not_found");
            assert_eq!(refused.body["type"], "/problems/not_found");
            for row in ProblemCode::ALL.iter().map(|code| code.row()) {
                let shown = client.get(&format!("/problems/{}", row.code)).await;
                assert_eq!((shown.status, shown.body["code"].as_str()), (200, Some(row.code)), "{shown:?}");
                assert_eq!((&shown.body["status"], &shown.body["title"]), (&row.status.into(), &row.title.into()));
                assert_eq!(shown.body["meaning"], row.meaning);
                assert!(shown.body["retryable"].is_boolean(), "{shown:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_reader_keeps_it() {
    let client = client(&Config::default(), Listener::Public);
    let json = client.get("/problems/rate_limited").await;
    assert_eq!((json.header("cache-control"), json.header("vary")), ("public, max-age=300", "accept, origin"));
    let page = client.with("accept", "text/html").get("/problems/rate_limited").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{page:?}");
    let text = page.body.as_str().unwrap();
    assert!(text.contains("<code>rate_limited</code>") && text.contains("Too many requests"), "{text}");
    for place in ["@code@", "@status@", "@title@", "@meaning@", "@retry@"] {
        assert!(!text.contains(place), "{place} was not replaced");
    }
    assert_ne!(page.header("etag"), json.header("etag"), "each form has its version");
    let known = client.with("if-none-match", json.header("etag")).get("/problems/rate_limited").await;
    assert_eq!((known.status, known.body.as_str()), (304, Some("")));
}

#[tokio::test]
async fn a_name_that_is_no_code_is_not_found() {
    let client = client(&Config::default(), Listener::Public);
    for name in ["nonsense", "Not_Found", "not_found%20", "%3Cscript%3E"] {
        let answer = client.get(&format!("/problems/{name}")).await;
        assert_eq!((answer.status, answer.problem()), (404, "not_found"), "{name}");
    }
    assert_eq!(client.send("POST", "/problems/not_found", Body::empty()).await.header("allow"), "GET, HEAD");
}

/// Behind a proxy that serves the public listener below a path, `type` has the path; the ops listener is not there.
#[tokio::test]
async fn the_type_has_the_path_of_the_public_url() {
    let setting = |url: &str| {
        let flag = FlagSetting { flag: "--set".to_owned(), key: "public_url".to_owned(), value: url.to_owned() };
        Config::read(&Sources { flags: vec![flag], ..Sources::default() }).unwrap().config
    };
    for (url, kind) in
        [("https://example.org/id", "/id/problems/not_found"), ("https://example.org", "/problems/not_found")]
    {
        let config = setting(url);
        assert_eq!(client(&config, Listener::Public).get("/nothing").await.body["type"], kind, "{url}");
        assert_eq!(client(&config, Listener::Ops).get("/nothing").await.body["type"], "/problems/not_found");
    }
}
