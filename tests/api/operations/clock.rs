//! The development clock, and the acceptance of a clock that jumped.

use std::time::Duration;

use majordomo::{
    domain::{audit::Actor, operations::OperationsAction},
    persistence::tables::registration,
    types::{ClockDifference, ClockTrouble, id::UserId},
};
use serde_json::json;

use crate::test_app::{START, TestApp, eventually, ready};

#[tokio::test]
async fn tokens_expire_after_the_clock_was_moved_forward() {
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
    let refused = app.anyone.at("203.0.113.9").post("/dev/clock/advance", json!({ "by": "PT1M" })).await;
    assert_eq!(refused.problem(), "loopback_only");
}

#[tokio::test]
async fn an_operator_accepts_the_clock_and_the_audit_log_has_it() {
    let app = TestApp::new().await;
    assert_eq!(app.operator().post("/clock/accept", json!({})).await.status, 200);
    assert_eq!(app.audited(OperationsAction::AcceptClock)[0].actor, Actor::Cli);
    assert_eq!(app.ops.post("/clock/accept", json!({})).await.problem(), "unauthenticated");
}

#[tokio::test]
async fn nothing_is_deleted_while_the_clock_is_not_trusted() {
    let app = TestApp::new().await;
    let registered = app.register("ada@example.com").await;
    let id: UserId = registered.body["id"].as_str().unwrap().parse().unwrap();
    let is_there = || ready(app.store.read(move |view| registration::find(view, id))).unwrap().is_some();
    let rounds = || app.system.stats().report("upkeep/expirer").unwrap().work.handled;

    let own = app.now().plus(Duration::from_secs(25 * 3_600));
    app.clock.distrust(ClockTrouble::Leapt(ClockDifference { own, wall: own }));
    let before = rounds();
    app.advance(Duration::from_secs(25 * 3_600));
    eventually("a round of the expirer", async || (rounds() > before).then_some(())).await;
    assert!(is_there());

    assert_eq!(app.operator().post("/clock/accept", json!({})).await.status, 200);
    eventually("the registration to go", async || (!is_there()).then_some(())).await;
}
