//! Permissions, credentials and listeners: the accepted callers, and the content of refusals.

use axum::body::Body;
use majordomo::{config::Config, http::route::Listener};
use serde_json::json;

use super::guarded::{on, outsiders, production, public};
use crate::test_app::TestApp;

#[tokio::test]
async fn a_route_requires_its_permission_of_every_caller() {
    assert_eq!(public().get("/own").await.problem(), "unauthenticated");
    assert_eq!(public().signed_in("user").get("/own").await.status, 200);
    assert_eq!(public().signed_in("expired").get("/own").await.problem(), "token_expired");
    let refused = on(Listener::Ops, &production()).signed_in("user").get("/stats").await;
    assert_eq!((refused.status, refused.problem()), (403, "forbidden"));
    assert_eq!(refused.body["permission"], "read_operations");
    assert_eq!(on(Listener::Ops, &production()).signed_in("support").get("/stats").await.status, 200);
}

#[tokio::test]
async fn a_listener_answers_its_own_routes_only() {
    assert_eq!(public().signed_in("admin").get("/stats").await.problem(), "not_found");
    assert_eq!(on(Listener::Ops, &Config::default()).signed_in("user").get("/own").await.problem(), "not_found");
    assert_eq!(on(Listener::Public, &production()).get("/dev/inbox").await.problem(), "not_found");
}

#[tokio::test]
async fn an_expired_token_is_ignored_by_an_anonymous_route() {
    assert_eq!(public().signed_in("expired").get("/open").await.body["caller"], "anonymous");
    assert_eq!(public().signed_in("user").get("/open").await.body["caller"], "user");
}

#[tokio::test]
async fn the_control_token_is_an_operator_on_the_ops_listener_only() {
    let ops = on(Listener::Ops, &production());
    assert_eq!(ops.signed_in("control-token").send("POST", "/restart", Body::empty()).await.body, "Operator");
    for wrong in ["control-toke", "control-token2", "xontrol-token", ""] {
        let answer = ops.signed_in(wrong).send("POST", "/restart", Body::empty()).await;
        assert_eq!(answer.status, 401, "{wrong}");
    }
    assert_eq!(public().signed_in("control-token").get("/own").await.problem(), "invalid_token");
}

#[tokio::test]
async fn in_development_loopback_clients_may_read_but_not_change() {
    let ops = on(Listener::Ops, &Config::default());
    assert_eq!(ops.get("/stats").await.body, "Anonymous");
    assert_eq!(ops.send("POST", "/restart", Body::empty()).await.problem(), "unauthenticated");
    assert_eq!(on(Listener::Ops, &production()).get("/stats").await.problem(), "unauthenticated");
    assert_eq!(ops.signed_in("wrong").get("/stats").await.problem(), "invalid_token");
    for outsider in outsiders(&ops) {
        assert_eq!(outsider.get("/stats").await.problem(), "unauthenticated");
    }
}

#[tokio::test]
async fn the_inbox_is_for_loopback_clients_only() {
    assert_eq!(public().get("/dev/inbox").await.status, 200);
    assert_eq!(public().with("sec-fetch-site", "none").get("/dev/inbox").await.status, 200);
    assert_eq!(public().with("origin", "http://127.0.0.1:8080").get("/dev/inbox").await.status, 200);
    for outsider in outsiders(&public()) {
        let answer = outsider.get("/dev/inbox").await;
        assert_eq!(answer.status, 403);
        assert!(["loopback_only", "cross_site"].contains(&answer.problem()), "{answer:?}");
    }
}

#[tokio::test]
async fn every_401_has_a_bearer_challenge() {
    let app = TestApp::new().await;
    let member = app.member("ada@example.com").await;
    member.post("/auth/logout", json!({})).await;
    let wrong = json!({ "identifier": "ada@example.com", "password": "an unguessable sentence of yours" });
    let answers = [
        app.anyone.get("/auth/profile").await,
        app.anyone.signed_in("made.up").get("/auth/profile").await,
        member.get("/auth/profile").await,
        app.anyone.post("/auth/login", wrong).await,
        app.anyone.post("/auth/refresh", json!({ "refreshToken": "made-up" })).await,
        app.anyone.post("/auth/refresh", json!({ "refreshToken": member.tokens["refreshToken"] })).await,
        app.ops.at("192.0.2.1").get("/actors").await,
        app.ops.signed_in("made-up").get("/actors").await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 401, "{answer:?}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\"majordomo\""), "{answer:?}");
        let token_refused = ["invalid_token", "token_expired", "session_ended"].contains(&answer.problem());
        assert_eq!(challenge.contains("error=\"invalid_token\""), token_refused, "{answer:?}");
    }
}
