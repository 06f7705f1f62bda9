//! Advancing the development clock; the operators' commands write audit entries.

use std::time::Duration;

use axum::body::Body;
use majordomo::{
    domain::{audit::Actor, auth::actions::AuthAction, operations::OperationsAction},
    persistence::tables::registration,
    types::{ClockTrouble, id::UserId},
};
use serde_json::json;

use crate::test_app::{START, TestApp, eventually, ready};

#[tokio::test]
async fn the_clock_is_set_forward_so_that_tokens_run_out() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    let advanced = app.anyone.post("/dev/clock/advance", json!({ "by": "PT16M" })).await;
    assert_eq!(advanced.status, 200, "{advanced:?}");
    assert!(app.now() >= START.plus(Duration::from_secs(16 * 60)));
    assert!(advanced.body["now"].as_str().unwrap() >= START.plus(Duration::from_secs(960)).to_string().as_str());
    assert_eq!(ada.get("/auth/profile").await.problem(), "token_expired");
    for wrong in ["P1Y", "-PT1M", "15", "P367D"] {
        let refused = app.anyone.post("/dev/clock/advance", json!({ "by": wrong })).await;
        assert_eq!(refused.problem(), "validation_failed", "{wrong}");
    }
    let elsewhere = app.anyone.at("203.0.113.9").post("/dev/clock/advance", json!({ "by": "PT1M" })).await;
    assert_eq!(elsewhere.problem(), "loopback_only");
}

#[tokio::test]
async fn what_operators_do_is_in_the_audit_trail() {
    let app = TestApp::new().await;
    let operator = app.operator();
    assert_eq!(operator.post("/clock/accept", json!({})).await.status, 200);
    assert_eq!(app.audited(OperationsAction::AcceptClock)[0].actor, Actor::Cli);
    assert_eq!(app.ops.post("/clock/accept", json!({})).await.problem(), "unauthenticated");

    let snapshot = |file: &str| json!({ "file": file });
    assert_eq!(operator.post("/snapshots", snapshot("copy")).await.fields(), ["/file not_absolute"]);
    assert_eq!(operator.post("/snapshots", snapshot("/nowhere/copy")).await.problem(), "conflict");

    let rotated = operator.post("/keys/rotate", json!({ "urgency": "stolen" })).await;
    assert_eq!((rotated.status, rotated.body["keys"].as_array().unwrap().len()), (200, 1), "{rotated:?}");
    assert_eq!(app.audited(AuthAction::RotateKeys)[0].actor, Actor::Cli);
    let published = app.anyone.get("/.well-known/jwks.json").await.body["keys"].clone();
    assert_eq!(published[0]["kid"], rotated.body["keys"][0]["kid"]);

    let begun = operator.send("POST", "/keys/rotate", Body::empty()).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    let stages: Vec<_> = begun.body["keys"].as_array().unwrap().iter().map(|key| key["stage"].clone()).collect();
    assert!(stages.contains(&json!("published")) && stages.contains(&json!("signing")), "no hurry: {begun:?}");
}

#[tokio::test]
async fn nothing_is_deleted_by_a_clock_that_is_not_to_be_trusted() {
    let app = TestApp::new().await;
    let registered = app.register("ada@example.com").await;
    let id: UserId = registered.body["id"].as_str().unwrap().parse().unwrap();
    let is_there = || ready(app.store.read(move |view| registration::find(view, id))).unwrap().is_some();
    let rounds = || app.system.stats().report("upkeep/expirer").unwrap().work.handled;

    app.clock.distrust(ClockTrouble::Leapt(Duration::from_secs(25 * 3_600)));
    let before = rounds();
    app.advance(Duration::from_secs(25 * 3_600));
    eventually("a round of the expirer", async || (rounds() > before).then_some(())).await;
    assert!(is_there());

    assert_eq!(app.operator().post("/clock/accept", json!({})).await.status, 200);
    eventually("the registration to go", async || (!is_there()).then_some(())).await;
}

#[tokio::test]
async fn signing_keys_move_on_when_they_are_due_by_a_clock_that_is_to_be_trusted() {
    let app = TestApp::new().await;
    let published = async || app.anyone.get("/.well-known/jwks.json").await.body["keys"].as_array().unwrap().len();
    let rounds = || app.system.stats().report("upkeep/key_rotation").unwrap().work.handled;
    let month = Duration::from_secs(30 * 24 * 3_600);

    app.clock.distrust(ClockTrouble::Leapt(month));
    let before = rounds();
    app.advance(month);
    eventually("a round of the key rotation", async || (rounds() > before).then_some(())).await;
    assert_eq!(published().await, 1);

    assert_eq!(app.operator().post("/clock/accept", json!({})).await.status, 200);
    eventually("the successor to be published", async || (published().await == 2).then_some(())).await;
    assert_eq!(app.audited(AuthAction::RotateKeys)[0].actor, Actor::Service("auth".to_owned()));
}

#[tokio::test]
async fn a_stolen_key_takes_all_its_tokens_with_it() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    assert_eq!(app.operator().post("/keys/rotate", json!({ "urgency": "stolen" })).await.status, 200);
    assert_eq!(ada.get("/auth/profile").await.problem(), "invalid_token");
    let again = app.sign_in("ada@example.com").await;
    assert_eq!(again.get("/auth/profile").await.status, 200);
}
