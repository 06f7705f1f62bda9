//! `/`: a page in development, a redirect or nothing in production.

use majordomo::{
    config::{Config, Mode},
    http::{credential::ControlToken, route::Listener},
};

use crate::harness::{Client, services_of};

fn on(listener: Listener, config: &Config) -> Client {
    Client::new(listener, services_of(config, ControlToken::absent()))
}

fn production(root_redirect: Option<&str>) -> Config {
    let mut config = Config { mode: Mode::Production, ..Config::default() };
    config.edge.trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
    let set = root_redirect.map(|to| majordomo::config::FlagSetting {
        flag: "--set".to_owned(),
        key: "edge.root_redirect".to_owned(),
        value: to.to_owned(),
    });
    let sources = majordomo::config::Sources { flags: set.into_iter().collect(), ..Default::default() };
    config.edge.root_redirect = Config::read(&sources).unwrap().config.edge.root_redirect;
    config
}

fn behind_a_proxy(config: &Config) -> Client {
    on(Listener::Public, config).at("10.0.0.1").with("x-forwarded-for", "192.0.2.1")
}

#[tokio::test]
async fn development_shows_where_everything_is() {
    let mut config = Config::default();
    config.edge.ops_listen = "127.0.0.1:9191".parse().unwrap();
    let page = on(Listener::Public, &config).get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.body.as_str().unwrap();
    for link in ["/docs", "/openapi.json", "/dev/inbox", "/health", "http://127.0.0.1:9191/docs"] {
        assert!(text.contains(&format!("href=\"{link}\"")), "{link}");
    }
    assert!(!text.contains("@ops@"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("script") && !policy.contains("unsafe"));
    assert_eq!(on(Listener::Ops, &config).get("/").await.problem(), "not_found");
}

#[tokio::test]
async fn production_leads_to_the_configured_page_or_answers_404() {
    assert_eq!(behind_a_proxy(&production(None)).get("/").await.problem(), "not_found");
    let to = "https://www.example.com/welcome";
    let answer = behind_a_proxy(&production(Some(to))).get("/").await;
    assert_eq!((answer.status, answer.header("location")), (302, to));
    assert_eq!(answer.body, "");
}
