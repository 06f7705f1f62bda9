//! Rate limits, and the time limit of a handler.

use std::time::Duration;

use axum::body::Body;
use majordomo::{config::Config, http::route::Listener};
use serde_json::json;

use super::guarded::{on, production, public};

#[tokio::test]
async fn requests_without_a_valid_credential_are_counted_by_address() {
    let client = public();
    let first = client.get("/open").await;
    assert_eq!(first.header("ratelimit-policy"), "\"anonymous\";q=100;w=60");
    assert_eq!(first.header("ratelimit"), "\"anonymous\";r=99;t=1");
    for n in 0..99 {
        let path = ["/open", "/no/such/path"][n % 2];
        let client = if n % 3 == 0 { client.signed_in("guess") } else { client.clone() };
        assert_ne!(client.get(path).await.status, 429, "{n}");
    }
    for path in ["/open", "/no/such/path"] {
        let refused = client.get(path).await;
        assert_eq!((refused.status, refused.problem()), (429, "rate_limited"));
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("ratelimit"), "\"anonymous\";r=0;t=60");
    }
    assert_eq!(client.signed_in("guess").get("/own").await.problem(), "rate_limited");
    assert_eq!(client.at("192.0.2.1").get("/open").await.status, 200);
    // A user behind the same address has a separate count.
    let user = client.signed_in("user").get("/own").await;
    assert_eq!((user.status, user.header("ratelimit")), (200, "\"authenticated\";r=299;t=1"));
}

#[tokio::test]
async fn logins_are_counted_with_and_without_a_credential() {
    let client = public();
    for _ in 0..10 {
        assert_eq!(client.signed_in("user").send("POST", "/login", Body::empty()).await.status, 401);
    }
    let refused = client.send("POST", "/login", Body::empty()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "6"));
    assert_eq!(client.get("/open").await.status, 200);
}

#[tokio::test]
async fn an_idempotency_key_is_refused_rather_than_ignored() {
    let keyed = public().with("idempotency-key", "4711");
    for client in [keyed.clone(), keyed.signed_in("user")] {
        let refused = client.send("POST", "/login", Body::empty()).await;
        assert_eq!((refused.status, refused.problem()), (400, "idempotency_not_supported"));
        assert_eq!(client.get("/open").await.status, 200, "a reading changes nothing anyhow");
    }
    let known = on(Listener::Ops, &production()).signed_in("control-token").with("idempotency-key", "4711");
    let refused = known.send("POST", "/restart", Body::empty()).await;
    assert_eq!((refused.status, refused.problem()), (400, "idempotency_not_supported"));
}

#[tokio::test]
async fn rate_limits_can_be_disabled() {
    let mut config = Config::default();
    config.edge.rate_limits.enabled = false;
    let client = on(Listener::Public, &config);
    for _ in 0..200 {
        let answer = client.get("/open").await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, ""));
    }
}

#[tokio::test]
async fn a_handler_that_hangs_is_cut() {
    let mut config = Config::default();
    config.edge.timeouts.handler = Duration::from_millis(50);
    config.edge.timeouts.body = Duration::from_millis(50);
    let answer = on(Listener::Public, &config).get("/stuck").await;
    assert_eq!((answer.status, answer.problem()), (500, "outcome_unknown"));
    assert_eq!(answer.body["outcome"], "unknown");
}

/// A refusal for the form of a body uses no registration quota: after five typing errors the sixth request succeeds.
#[tokio::test]
async fn refusals_of_form_use_the_anonymous_quota_only() {
    let client = public();
    for body in [json!({}), json!({ "name": 7 }), json!({ "unknown": 1 })].iter().cycle().take(60) {
        let refused = client.post("/enrol", body.clone()).await;
        assert_eq!((refused.status, refused.problem()), (422, "validation_failed"));
        assert!(refused.header("ratelimit").starts_with("\"anonymous\""), "{refused:?}");
    }
    for _ in 0..5 {
        assert_eq!(client.post("/enrol", json!({ "name": "ada" })).await.status, 200);
    }
    let refused = client.post("/enrol", json!({ "name": "ada" })).await;
    assert_eq!((refused.status, refused.problem()), (429, "rate_limited"));
    assert_eq!(client.at("192.0.2.1").post("/enrol", json!({ "name": "invited" })).await.status, 422);
    // A refusal of form still uses the anonymous quota.
    let client = client.at("192.0.2.2");
    let mut taken = 0;
    while client.post("/enrol", json!({})).await.status == 422 {
        taken += 1;
    }
    assert!((105..120).contains(&taken), "{taken}");
}

/// A wrong invitation code is no error of form: a guess uses the registration quota.
#[tokio::test]
async fn a_guessed_invitation_is_counted_as_a_registration() {
    let client = public();
    for _ in 0..5 {
        assert_eq!(client.post("/enrol", json!({ "name": "invited" })).await.status, 422);
    }
    assert_eq!(client.post("/enrol", json!({ "name": "invited" })).await.status, 429);
}
