//! The level of the log, changed for a while.

use std::time::Duration;

use axum::body::Body;
use majordomo::{
    config::LogLevel,
    domain::{audit::Actor, operations::OperationsAction},
};
use serde_json::{Value, json};

use crate::test_app::{MINUTE, START, TestApp, TestUser, eventually};

fn at_info() -> Value {
    json!({ "level": "info", "configured": "info", "until": null })
}

#[tokio::test]
async fn a_level_holds_for_its_time_and_returns_by_itself() {
    let app = TestApp::new().await;
    let operator = app.operator();
    assert_eq!(operator.get("/log/level").await.body, at_info());
    let set = operator.put("/log/level", json!({ "level": "debug", "for": "PT2H" })).await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!((&set.body["level"], &set.body["configured"]), (&json!("debug"), &json!("info")));
    let until = set.body["until"].as_str().unwrap();
    assert!(until >= START.plus(120 * MINUTE).to_string().as_str(), "{until}");
    assert_eq!(operator.get("/log/level").await.body, set.body);
    app.advance(119 * MINUTE);
    assert_eq!(operator.get("/log/level").await.body, set.body);

    // The switch itself, which no reader has made look at the time.
    app.advance(MINUTE);
    eventually("the configured level", async || (app.log.level() == LogLevel::Info).then_some(())).await;
    assert_eq!(operator.get("/log/level").await.body, at_info());
}

#[tokio::test]
async fn a_level_without_a_time_holds_for_a_quarter_of_an_hour() {
    let app = TestApp::new().await;
    let operator = app.operator();
    for absent in [json!({ "level": "trace" }), json!({ "level": "trace", "for": null })] {
        assert_eq!(operator.put("/log/level", absent).await.body["level"], "trace");
        app.advance(14 * MINUTE);
        assert_eq!(operator.get("/log/level").await.body["level"], "trace");
        app.advance(MINUTE);
        assert_eq!(operator.get("/log/level").await.body, at_info());
    }
}

#[tokio::test]
async fn the_configured_level_ends_the_change_at_once() {
    let app = TestApp::with(|config| config.log.level = LogLevel::Warn).await;
    let operator = app.operator();
    assert_eq!(operator.put("/log/level", json!({ "level": "trace" })).await.body["configured"], "warn");
    let ended = operator.put("/log/level", json!({ "level": "warn" })).await;
    assert_eq!(ended.body, json!({ "level": "warn", "configured": "warn", "until": null }));
    assert_eq!(app.log.level(), LogLevel::Warn);
}

#[tokio::test]
async fn a_wrong_level_or_time_is_named() {
    let app = TestApp::new().await;
    let operator = app.operator();
    let cases = [
        (json!({}), "/level required"),
        (json!({ "level": "loud" }), "/level unknown_value"),
        (json!({ "level": "DEBUG" }), "/level unknown_value"),
        (json!({ "level": "debug", "for": "15m" }), "/for not_a_duration"),
        (json!({ "level": "debug", "for": "PT0S" }), "/for not_a_duration"),
        (json!({ "level": "debug", "for": "PT24H1S" }), "/for out_of_range"),
        (json!({ "level": "debug", "while": "PT1H" }), "/while unknown_field"),
    ];
    for (body, field) in cases {
        let refused = operator.put("/log/level", body.clone()).await;
        assert_eq!(refused.problem(), "validation_failed", "{body}");
        assert_eq!(refused.fields(), [field], "{body}");
    }
    assert_eq!(operator.get("/log/level?level=debug").await.problem(), "invalid_query");
    assert_eq!(operator.get("/log/level").await.body, at_info());
    let longest = operator.put("/log/level", json!({ "level": "debug", "for": "P1D" })).await;
    assert_eq!(longest.status, 200, "{longest:?}");
}

#[tokio::test]
async fn only_operators_set_the_level_and_the_audit_log_has_it() {
    let app = TestApp::new().await;
    let support = app.holder("sue@example.com", "support").await;
    let root = app.admin("root@example.com").await;
    let body = json!({ "level": "trace", "for": "PT1M" });
    assert_eq!(app.ops.put("/log/level", body.clone()).await.problem(), "unauthenticated");
    let by = |user: &TestUser| app.ops.signed_in(user.tokens["token"].as_str().unwrap());
    assert_eq!(by(&support).put("/log/level", body.clone()).await.problem(), "forbidden");
    assert_eq!(by(&support).get("/log/level").await.body, at_info());
    assert!(app.audited(OperationsAction::SetLogLevel).is_empty());
    // Not on the public listener.
    assert_eq!(root.put("/log/level", body.clone()).await.problem(), "not_found");

    assert_eq!(by(&root).put("/log/level", body.clone()).await.status, 200);
    assert_eq!(app.operator().put("/log/level", body).await.status, 200);
    let entries = app.audited(OperationsAction::SetLogLevel);
    assert_eq!(entries.len(), 2);
    assert!(matches!(entries[0].actor, Actor::User(_)), "{:?}", entries[0]);
    assert_eq!(entries[1].actor, Actor::Cli);
    assert!(entries.iter().all(|entry| entry.detail.contains("level=trace seconds=60")), "{entries:?}");
}

#[tokio::test]
async fn the_level_is_set_while_the_store_takes_no_write() {
    let app = TestApp::new().await;
    app.store.close().await;
    let set = app.operator().put("/log/level", json!({ "level": "debug" })).await;
    assert_eq!((set.status, &set.body["level"]), (200, &json!("debug")), "{set:?}");
    let read = app.operator().send("GET", "/log/level", Body::empty()).await;
    assert_eq!(read.body["level"], "debug");
    app.advance(Duration::from_hours(1));
    assert_eq!(app.operator().get("/log/level").await.body, at_info());
}
