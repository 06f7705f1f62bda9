//! The rotation of the signing keys.

use std::time::Duration;

use axum::body::Body;
use majordomo::{
    domain::{audit::Actor, auth::actions::AuthAction},
    types::{ClockDifference, ClockTrouble},
};
use serde_json::json;

use crate::test_app::{TestApp, eventually};

#[tokio::test]
async fn an_operator_rotates_the_keys_at_once_or_step_by_step_and_the_audit_log_has_it() {
    let app = TestApp::new().await;
    let operator = app.operator();
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
async fn signing_keys_rotate_when_they_are_due_by_a_trusted_clock() {
    let app = TestApp::new().await;
    let published = async || app.anyone.get("/.well-known/jwks.json").await.body["keys"].as_array().unwrap().len();
    let rounds = || app.system.stats().report("upkeep/key_rotation").unwrap().work.handled;
    let month = Duration::from_secs(30 * 24 * 3_600);

    let own = app.now().plus(month);
    app.clock.distrust(ClockTrouble::Leapt(ClockDifference { own, wall: own }));
    let before = rounds();
    app.advance(month);
    eventually("a round of the key rotation", async || (rounds() > before).then_some(())).await;
    assert_eq!(published().await, 1);

    assert_eq!(app.operator().post("/clock/accept", json!({})).await.status, 200);
    eventually("the successor to be published", async || (published().await == 2).then_some(())).await;
    assert_eq!(app.audited(AuthAction::RotateKeys)[0].actor, Actor::Service("auth".to_owned()));
}

#[tokio::test]
async fn the_removal_of_a_stolen_key_invalidates_all_its_tokens() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    assert_eq!(app.operator().post("/keys/rotate", json!({ "urgency": "stolen" })).await.status, 200);
    assert_eq!(ada.get("/auth/profile").await.problem(), "invalid_token");
    let again = app.sign_in("ada@example.com").await;
    assert_eq!(again.get("/auth/profile").await.status, 200);
}
