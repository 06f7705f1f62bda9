//! `/metrics`, as Prometheus scrapes it.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use axum::body::Body;
use majordomo::{
    config::{Config, Mode},
    http::{credential::ControlToken, route::Listener},
    telemetry::metrics::catalog::{Metric, MetricKind},
    types::Secret,
};
use serde_json::json;

use crate::{
    harness::{Client, bare_services, services_of},
    peers,
    test_app::{CONTROL, TestApp, eventually},
};

/// The samples of a scrape by their series.
struct Scrape {
    text: String,
    samples: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(client: &Client) -> Self {
        let answer = client.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.body.as_str().unwrap().to_owned();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        };
        let samples = lines.map(sample).collect();
        Self { text, samples }
    }

    /// The value of a series; 0 if there is none.
    fn value(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or(0.0)
    }

    /// The name of a series without its labels, and of a histogram without its parts.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        names.sort_unstable();
        names
    }
}

#[tokio::test]
async fn a_scrape_counts_requests_and_events() {
    let app = TestApp::new().await;
    let before = Scrape::of(&app.operator()).await;
    let ada = app.member("ada@example.com").await;
    for _ in 0..3 {
        assert_eq!(ada.get("/auth/profile").await.status, 200);
    }
    assert_eq!(app.anyone.get("/auth/profile").await.status, 401);
    let wrong = json!({ "identifier": "ada@example.com", "password": "a sentence of another person" });
    assert_eq!(app.anyone.post("/auth/login", wrong).await.status, 401);

    let after = Scrape::of(&app.operator()).await;
    let rise = |series: &str| after.value(series) - before.value(series);
    let profile = r#"service="auth",method="GET",route="/auth/profile""#;
    assert_eq!(rise(&format!(r#"http_requests_total{{{profile},status="200"}}"#)), 3.0, "{}", after.text);
    assert_eq!(rise(&format!(r#"http_requests_total{{{profile},status="401"}}"#)), 1.0);
    assert_eq!(rise(&format!(r#"http_errors_total{{{profile},status="401"}}"#)), 1.0);
    assert_eq!(after.value(&format!(r#"http_errors_total{{{profile},status="200"}}"#)), 0.0);
    assert_eq!(rise(&format!(r#"http_request_duration_seconds_count{{{profile},status="200"}}"#)), 3.0);
    assert_eq!(rise(r#"majordomo_logins_total{service="auth",outcome="ok"}"#), 1.0);
    assert_eq!(rise(r#"majordomo_logins_total{service="auth",outcome="invalid_credentials"}"#), 1.0);
    assert_eq!(rise(r#"majordomo_refusals_total{service="auth",code="unauthenticated"}"#), 1.0);
    // The first request of a token verifies it, the others find it.
    for series in [r#"cache_hits{service="auth"}"#, r#"majordomo_cache_hits_total{service="auth"}"#] {
        assert_eq!(rise(series), 2.0, "{series}");
    }
    assert_eq!(rise(r#"majordomo_cache_misses_total{service="auth"}"#), 1.0);
    for name in ["rabbitmq_messages", "majordomo_events_total"] {
        assert_eq!(rise(&format!(r#"{name}{{service="auth",type="user.registered"}}"#)), 1.0, "{}", after.text);
        assert_eq!(rise(&format!(r#"{name}{{service="auth",type="user.logged_in"}}"#)), 1.0);
    }
    let writer = app.store.report().writer;
    assert_eq!(after.value(r#"majordomo_store_commits_total{service="store"}"#), writer.commits as f64);
    assert_eq!(after.value(r#"db_connections{service="store"}"#), 0.0);
    assert!(after.samples.contains_key(r#"db_connections{service="store"}"#));
    assert!(rise(r#"majordomo_hashes_total{service="hasher",purpose="check"}"#) >= 2.0);
    assert!(after.value(r#"majordomo_actor_messages_total{service="auth",actor="auth",outcome="handled"}"#) > 0.0);
    assert!(after.samples.contains_key(r#"majordomo_event_lag{service="relay",subscriber="notifier"}"#));
}

#[tokio::test]
async fn an_open_read_is_counted() {
    let app = TestApp::new().await;
    let store = app.store.clone();
    let open = app.store.read(move |_view| Ok(store.report().readers)).await.unwrap();
    assert_eq!((open, app.store.report().readers), (1, 0));
}

#[tokio::test]
async fn there_is_one_series_for_each_template_and_none_for_other_paths() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    ada.get("/users/a").await;
    app.anyone.get("/nothing").await;
    app.anyone.send("BREW", "/nothing", Body::empty()).await;
    let before = Scrape::of(&app.operator()).await.samples.len();
    for number in 0..1_000 {
        ada.get(&format!("/users/{number}")).await;
        app.anyone.get(&format!("/nothing/{number}?secret={number}")).await;
        app.anyone.send(&format!("BREW{number}"), "/nothing", Body::empty()).await;
    }
    let after = Scrape::of(&app.operator()).await;
    // The previous scrape has a series of its own now, with its classes, sum and count.
    assert!(after.samples.len() <= before + 16, "{before} became {}: {}", after.samples.len(), after.text);
    assert!(!after.text.contains("secret") && !after.text.contains("BREW"));
}

#[tokio::test]
async fn a_hundred_thousand_paths_make_no_series() {
    let mut config = Config::default();
    config.edge.rate_limits.enabled = false;
    let services = services_of(&config, ControlToken::absent());
    let (public, ops) = (Client::new(Listener::Public, services.clone()), Client::new(Listener::Ops, services));
    let ask = async |number: u32| {
        let (path, status) = match number % 4 {
            0 => (format!("/users/{number}"), 401),
            1 => (format!("/otp/{number}"), 401),
            2 => (format!("/nothing/{number}"), 404),
            _ => (format!("/{number}?number={number}"), 404),
        };
        assert_eq!(public.get(&path).await.status, status, "{path}");
    };
    for number in 0..4 {
        ask(number).await;
    }
    Scrape::of(&ops).await;
    let before = Scrape::of(&ops).await;
    for number in 0..100_000 {
        ask(number).await;
    }
    let after = Scrape::of(&ops).await;
    assert_eq!(after.samples.keys().collect::<Vec<_>>(), before.samples.keys().collect::<Vec<_>>());
    let without_route = r#"http_requests_total{service="edge",method="GET",route="(none)",status="404"}"#;
    assert_eq!(after.value(without_route) - before.value(without_route), 50_000.0);
}

#[tokio::test]
async fn codes_deliveries_waits_and_groups_are_counted() {
    let app = TestApp::new().await;
    let before = Scrape::of(&app.operator()).await;
    app.member("ada@example.com").await;
    let grace = app.register("grace@example.com").await;
    assert_eq!(app.verify(&grace.body["id"], "000000").await.problem(), "code_invalid");
    let codes = |outcome: &str| format!(r#"majordomo_codes_total{{service="otp",outcome="{outcome}"}}"#);
    let mails = |outcome: &str| format!(r#"majordomo_deliveries_total{{service="notifier",outcome="{outcome}"}}"#);
    let wanted = [
        (codes("issued"), 2.0),
        (codes("sent"), 2.0),
        (codes("verified"), 1.0),
        (codes("wrong"), 1.0),
        (codes("expired"), 0.0),
        // Both codes and the welcome.
        (mails("queued"), 3.0),
        (mails("delivered"), 3.0),
        (mails("failed"), 0.0),
        (mails("suppressed"), 0.0),
    ];
    let after = eventually("the mails", async || {
        let after = Scrape::of(&app.operator()).await;
        let is_done = |(series, count): &(String, f64)| after.value(series) - before.value(series) == *count;
        let wrong: Vec<_> = wanted.iter().filter(|wanted| !is_done(wanted)).collect();
        wrong.is_empty().then_some(after)
    })
    .await;
    let groups = app.store.report().writer.groups;
    for series in ["majordomo_store_group_commits", "majordomo_store_commit_seconds"] {
        let count = after.value(&format!(r#"{series}_count{{service="store"}}"#));
        assert!(count > 0.0 && count <= groups as f64, "{series} {count}");
    }
    // In memory nothing is synced.
    assert_eq!(after.value(r#"majordomo_store_sync_seconds_count{service="store"}"#), 0.0);
    assert!(after.samples.contains_key(r#"majordomo_mailbox_waited_seconds_total{service="auth",actor="auth"}"#));
}

#[tokio::test]
async fn children_with_a_key_are_one_line() {
    let app = TestApp::new().await;
    for name in ["ada", "grace", "alan"] {
        app.member(&format!("{name}@example.com")).await;
    }
    let keyed = r#"majordomo_actors{service="otp",actor="otp/*"}"#;
    let scrape = eventually("children of otp", async || {
        let scrape = Scrape::of(&app.operator()).await;
        (scrape.value(keyed) >= 1.0).then_some(scrape)
    })
    .await;
    let lines = scrape.samples.keys().filter(|series| series.starts_with("majordomo_mailbox_messages{service=\"otp\""));
    assert_eq!(lines.count(), 2, "{}", scrape.text);
}

#[tokio::test]
async fn every_metric_of_a_scrape_is_in_the_catalogue() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    app.anyone.get("/nothing").await;
    let scrape = Scrape::of(&app.operator()).await;
    let known: BTreeMap<&str, Metric> = Metric::ALL.iter().map(|metric| (metric.name(), *metric)).collect();
    for line in scrape.names() {
        let (name, kind) = line.split_once(' ').unwrap();
        let metric = known.get(name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        assert_eq!(kind, metric.kind().to_string(), "{name}");
    }
    // A store in memory has no disk, takes no checkpoint, and does not rebuild its tree.
    let of_disk = [
        Metric::StoreFreeBytes,
        Metric::StoreJournalBytes,
        Metric::StoreLiveBytes,
        Metric::StoreLastCheckpoint,
        Metric::StoreLastSnapshot,
        Metric::StoreTreeSwaps,
        Metric::StoreTreeSwapProgress,
        Metric::StoreTreeSwapSeconds,
        Metric::StoreTreeSwapBefore,
        Metric::StoreTreeSwapAfter,
    ];
    for metric in Metric::ALL.iter().filter(|metric| !of_disk.contains(metric)) {
        assert!(scrape.text.contains(&format!("# TYPE {} ", metric.name())), "{} is not scraped", metric.name());
    }
    for series in scrape.samples.keys() {
        assert!(series.contains("{service=\""), "{series}");
    }
}

#[test]
fn names_follow_their_type() {
    for metric in Metric::ALL {
        let name = metric.name();
        assert_eq!(name.ends_with("_total"), metric.kind() == MetricKind::Counter, "{name}");
        let of_documents = ["http_", "db_connections", "cache_hits", "rabbitmq_messages"];
        assert!(name.starts_with("majordomo_") || of_documents.iter().any(|known| name.starts_with(known)), "{name}");
        assert!(!metric.help().ends_with('.') && metric.help().len() > 10, "{name}");
    }
}

#[tokio::test]
async fn metrics_are_for_operators() {
    let mut config = Config { mode: Mode::Production, ..Config::default() };
    let services = services_of(&config, ControlToken::new(Secret::new(CONTROL)));
    let ops = Client::new(Listener::Ops, services.clone());
    assert_eq!(ops.get("/metrics").await.problem(), "unauthenticated");
    assert_eq!(ops.signed_in("user").get("/metrics").await.problem(), "forbidden");
    assert_eq!(ops.signed_in("admin").get("/metrics").await.status, 200);
    assert_eq!(ops.signed_in(CONTROL).get("/metrics").await.status, 200);
    let public = Client::new(Listener::Public, services).with("x-forwarded-for", "203.0.113.7");
    assert_ne!(public.get("/metrics").await.status, 200);

    config.edge.metrics_public = true;
    let services = services_of(&config, ControlToken::new(Secret::new(CONTROL)));
    let public = Client::new(Listener::Public, services.clone());
    // A probe in the clear, from an address that is no proxy, without a credential.
    assert_eq!(public.get("/metrics").await.status, 200);
    assert_eq!(public.get("/health/live").await.status, 200);
    assert_eq!(public.get("/auth/profile").await.problem(), "https_required");
    let ops = Client::new(Listener::Ops, services);
    assert_eq!(ops.get("/metrics").await.problem(), "unauthenticated");
}

#[tokio::test]
async fn in_development_the_public_listener_hides_metrics_unless_configured() {
    let public = Client::new(Listener::Public, bare_services());
    assert_eq!(public.get("/metrics").await.problem(), "not_found");
}

#[tokio::test]
async fn promtool_reports_no_problem() {
    let Some(promtool) = peers::promtool() else { return };
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    app.anyone.get("/nothing").await;
    let scrape = Scrape::of(&app.operator()).await;
    let mut check = Command::new(promtool);
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().unwrap();
    check.stdin.take().unwrap().write_all(scrape.text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.is_empty() && err.is_empty(), "{out}{err}");
}
