//! The health of a running process, and of one with problems.

use std::time::Duration;

use majordomo::{
    persistence::Write,
    supervision::PhaseEnd,
    types::{CallContext, Fault, Work, limits},
};
use serde_json::{Value, json};

use crate::test_app::{TestApp, eventually};

/// The children of the root in the order of their start.
const TREE: [&str; 11] =
    ["ops", "store", "hasher", "otp", "auth", "user", "notifier", "sender", "relay", "upkeep", "edge"];

fn line<'a>(health: &'a Value, name: &str) -> &'a Value {
    let lines = health["services"].as_array().unwrap();
    lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name} in {health}"))
}

#[tokio::test]
async fn operators_see_figures_and_everybody_else_names() {
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
    let said = eventually("health to say that the events lag", async || {
        let health = app.operator().get("/health/events").await;
        (health.body["status"] == "degraded").then_some(health.body)
    })
    .await;
    let reasons = said["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{said}");
    assert!(reasons[0].as_str().unwrap().starts_with("otp: event_lag: "), "{said}");
}

#[tokio::test]
async fn names_of_the_source_documents_lead_to_the_services() {
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
async fn the_whole_tree_is_stopped_upwards_and_the_store_is_closed_in_its_turn() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let (store, system) = (app.store.clone(), app.system.clone());
    let stopped = app.stop().await;
    let expected: Vec<_> = TREE.iter().rev().map(|name| ((*name).into(), PhaseEnd::Finished)).collect();
    assert_eq!(stopped, expected);
    let work = Work::until(system.clock().instant() + limits::CALL_DEADLINE);
    let write = Write::new(work, system.stamp(), CallContext::service("test", "too-late"));
    assert_eq!(store.write(write, |_| Ok(())).await, Err(Fault::Unavailable));
}
