//! The health of a running process, and of one with problems.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use majordomo::{
    actors::operations::ProcessPhase,
    http::{
        route::Listener,
        trust::{Forwarded, ForwardedHeaders},
    },
    persistence::Store,
    types::{Clock, ClockDifference, ClockTrouble, Timestamp},
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Still, Zeroes, bare_services, by_clock, living, over},
    test_app::{TREE, TestApp, eventually},
};

fn line<'a>(health: &'a Value, name: &str) -> &'a Value {
    let lines = health["services"].as_array().unwrap();
    lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name} in {health}"))
}

#[tokio::test]
async fn operators_see_figures_and_other_callers_see_names() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let health = app.operator().get("/health").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("up")), "{health:?}");
    let store = &line(&health.body, "store")["details"];
    assert_eq!(store["engine"], "mem");
    assert!(store["writer"]["lastCommitAt"].is_string() && store["writer"]["commits"].as_u64() > Some(0), "{store}");
    assert!(store["writer"]["waiting"].is_u64() && store["freeBytes"].is_null());
    let events = &line(&health.body, "events")["details"];
    let names: Vec<&str> =
        events["subscribers"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["otp", "notifier"]);
    assert_eq!(line(&health.body, "mail")["details"]["transport"], "inbox");
    assert_eq!(line(&health.body, "clock"), &json!({ "name": "clock", "status": "up" }));

    let abroad = app.anyone.at("192.0.2.1").get("/health").await;
    for line in abroad.body["services"].as_array().unwrap() {
        assert!(line.get("details").is_none() && line.get("reasons").is_none(), "{line}");
    }
    let names: Vec<&str> =
        health.body["services"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, [&TREE[..], &["events", "mail", "clock"]].concat());
    let alone = app.operator().get("/health/store").await;
    assert_eq!((alone.status, &alone.body["details"]["engine"]), (200, &json!("mem")));
}

#[tokio::test]
async fn a_subscriber_that_is_behind_degrades_the_events() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    let caught_up = eventually("the relays to catch up", async || {
        let report = app.services.relays.report().await.unwrap();
        report.iter().all(|one| one.lag == 0).then_some(report)
    })
    .await;
    assert_eq!(caught_up.len(), 2);
    // An old event that no relay has passed, as if all relays had stopped.
    for relay in ["relay/otp", "relay/notifier"] {
        app.system.stats().stop(relay, Duration::from_secs(5)).await.unwrap();
    }
    app.register("grace@example.com").await;
    app.advance(Duration::from_secs(61));
    let line = eventually("health to report that the events lag", async || {
        let health = app.operator().get("/health/events").await;
        (health.body["status"] == "degraded").then_some(health.body)
    })
    .await;
    let reasons = line["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{line}");
    assert!(reasons[0].as_str().unwrap().starts_with("otp: event_lag: "), "{line}");
}

#[tokio::test]
async fn names_of_the_source_documents_are_aliases_of_the_services() {
    let app = TestApp::new().await;
    let operator = app.operator();
    for name in ["notifier", "notifications"] {
        let health = operator.get(&format!("/health/{name}")).await;
        assert_eq!((health.status, &health.body["name"]), (200, &json!("notifier")), "{health:?}");
    }
    // This service does not exist yet.
    for name in ["payment", "payments"] {
        assert_eq!(operator.get(&format!("/health/{name}")).await.problem(), "not_found");
    }
}

#[tokio::test]
async fn the_program_is_ready_only_while_it_serves() {
    let services = living();
    let public = Client::new(Listener::Public, services.clone());
    let operator = Client::new(Listener::Ops, services.clone()).signed_in("control");
    let not_ready = public.get("/health/ready").await;
    assert_eq!((not_ready.status, &not_ready.body), (503, &json!({ "ready": false })));
    let answer = operator.get("/health/ready").await;
    assert_eq!(answer.body, json!({ "ready": false, "reasons": ["starting"] }));

    services.operations.enter(ProcessPhase::Open);
    assert_eq!(public.get("/health/ready").await.status, 200);
    services.operations.enter(ProcessPhase::Draining);
    let answer = operator.get("/health/ready").await;
    assert_eq!((answer.status, &answer.body["reasons"]), (503, &json!(["draining"])));
}

#[tokio::test]
async fn a_store_that_accepts_no_write_is_not_ready() {
    let (stuck, writer) = Store::in_hand(Arc::new(Still), &Zeroes);
    drop(writer);
    let services = over(living(), stuck);
    services.operations.enter(ProcessPhase::Open);
    let client = Client::new(Listener::Ops, services).signed_in("control");
    let answer = client.get("/health/ready").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body["reasons"][0].as_str().unwrap().starts_with("store takes no write"), "{answer:?}");
}

#[tokio::test]
async fn reasons_are_shown_to_operators_only() {
    let services = living();
    let forwarded = Forwarded { headers: ForwardedHeaders::Untrusted, ..Forwarded::default() };
    services.edge.note_proxy(forwarded, Some([198, 51, 100, 9].into()));
    let public = Client::new(Listener::Public, services.clone()).at("192.0.2.1");
    let shallow = public.get("/health").await;
    assert_eq!(shallow.status, 200);
    // The mail of this application is in a store whose writer has stopped.
    let lines = [("store", "up"), ("events", "up"), ("mail", "degraded"), ("clock", "up"), ("edge", "degraded")];
    let lines = lines.map(|(name, status)| json!({ "name": name, "status": status }));
    assert_eq!(shallow.body, json!({ "status": "degraded", "services": lines }));
    for client in [public.signed_in("support"), Client::new(Listener::Ops, services)] {
        let full = client.get("/health/edge").await;
        let reason = full.body["reasons"][0].as_str().unwrap();
        assert!(reason.starts_with("proxy_untrusted") && reason.contains("198.51.100.9"), "{full:?}");
    }
    assert_eq!(public.get("/health/nothing").await.problem(), "not_found");
}

/// A wall clock that differs from the journal's time.
struct Troubled(ClockTrouble);

impl Clock for Troubled {
    fn now(&self) -> Timestamp {
        Still.now()
    }

    fn instant(&self) -> Instant {
        Still.instant()
    }

    fn trouble(&self) -> Option<ClockTrouble> {
        Some(self.0)
    }
}

#[tokio::test]
async fn an_untrusted_clock_degrades_health() {
    let (early, late) = (Timestamp::ZERO, Timestamp::ZERO.plus(Duration::from_secs(300)));
    for (trouble, reason) in [
        (
            ClockTrouble::Lags(ClockDifference { own: late, wall: early }),
            "clock_lags: the wall clock shows 1970-01-01T00:00:00.000000Z, 300 s behind the program's time \
             1970-01-01T00:05:00.000000Z, and is not followed; correct it, or run `majordomo clock accept`",
        ),
        (
            ClockTrouble::Leapt(ClockDifference { own: early, wall: late }),
            "clock_leapt: the wall clock shows 1970-01-01T00:05:00.000000Z, 300 s ahead of the program's time \
             1970-01-01T00:00:00.000000Z, and is not followed; correct it, or run `majordomo clock accept`",
        ),
    ] {
        let store = Store::in_memory(Arc::new(Still), &Zeroes);
        let services = by_clock(living(), store, Arc::new(Troubled(trouble)));
        let client = Client::new(Listener::Ops, services).signed_in("control");
        let answer = client.get("/health/clock").await;
        let expected = json!({ "name": "clock", "status": "degraded", "reasons": [reason] });
        assert_eq!((answer.status, &answer.body), (200, &expected));
    }
}

#[tokio::test]
async fn both_listeners_answer_the_liveness_probe() {
    for listener in [Listener::Public, Listener::Ops] {
        let answer = Client::new(listener, bare_services()).get("/health/live").await;
        assert_eq!((answer.status, &answer.body), (200, &json!({ "status": "up" })));
    }
}
