//! The sessions of a user, listed and ended by the user or an administrator.

use majordomo::domain::{
    audit::Actor,
    auth::{
        SessionEnd,
        actions::AuthAction,
        events::{AuthEvent, SessionRevoked},
    },
    event::EventKind,
};
use serde_json::{Value, json};

use crate::test_app::{PASSWORD, TestApp};

const UNKNOWN: &str = "/users/0199b2c0-0000-7000-8000-000000000000/sessions";

/// For each listed session, whether it is the caller's.
fn current(list: &Value) -> Vec<bool> {
    list["data"].as_array().unwrap().iter().map(|session| session["current"].as_bool().unwrap()).collect()
}

fn reasons(app: &TestApp) -> Vec<SessionEnd> {
    let reason = |kind| match kind {
        Some(EventKind::Auth(AuthEvent::SessionRevoked(event))) => event.reason,
        other => panic!("{other:?}"),
    };
    app.events(SessionRevoked::TYPE).into_iter().map(|event| reason(event.kind)).collect()
}

#[tokio::test]
async fn a_user_lists_their_own_sessions_and_only_readers_list_those_of_others() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member("ada@example.com").await, app.member("bob@example.com").await);
    let sue = app.holder("sue@example.com", "support").await;
    app.sign_in("ada@example.com").await;
    let of_ada = format!("/users/{}/sessions", ada.id);

    let own = ada.get("/users/me/sessions").await;
    assert_eq!((own.status, &own.body["nextCursor"]), (200, &Value::Null));
    assert_eq!(current(&own.body), [false, true], "the one used last is first");
    assert_eq!(own.body, ada.get(&of_ada).await.body);
    assert_eq!(own.body, ada.get("/auth/sessions").await.body);

    let read = sue.get(&of_ada).await;
    assert_eq!((read.status, current(&read.body)), (200, vec![false, false]));
    assert_eq!((bob.get(&of_ada).await.status, bob.get(&of_ada).await.problem()), (404, "not_found"));
    assert_eq!(sue.get(UNKNOWN).await.problem(), "not_found");
    assert_eq!(app.anyone.get(&of_ada).await.problem(), "unauthenticated");
}

#[tokio::test]
async fn a_user_ends_all_their_sessions() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member("ada@example.com").await, app.member("bob@example.com").await);
    let elsewhere = app.sign_in("ada@example.com").await;
    let ended = ada.delete("/users/me/sessions").await;
    assert_eq!((ended.status, &ended.body), (204, &json!("")));
    for session in [&ada, &elsewhere] {
        assert_eq!(session.get("/auth/profile").await.problem(), "session_ended");
    }
    assert_eq!(bob.get("/auth/profile").await.status, 200);
    assert_eq!(reasons(&app), [SessionEnd::LoggedOutEverywhere; 2]);
    let [entry] = &app.audited(AuthAction::EndSession)[..] else { panic!("one entry") };
    let user = entry.subject.unwrap();
    assert_eq!((user.to_string(), entry.detail.as_str()), (ada.id.clone(), "sessions=2"));
    assert_eq!(entry.actor, Actor::User(user));
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_others_and_a_reader_does_not() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member("ada@example.com").await, app.member("bob@example.com").await);
    let sue = app.holder("sue@example.com", "support").await;
    let made = app.operator().post("/users/admins", json!({ "email": "ann@example.com", "password": PASSWORD })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let ann = app.sign_in("ann@example.com").await;
    let of_ada = format!("/users/{}/sessions", ada.id);

    assert_eq!(bob.delete(&of_ada).await.problem(), "not_found");
    let refused = sue.delete(&of_ada).await;
    assert_eq!((refused.status, &refused.body["permission"]), (403, &json!("manage_user_status")));
    assert_eq!(app.anyone.delete(&of_ada).await.problem(), "unauthenticated");
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    assert!(app.audited(AuthAction::EndSession).is_empty(), "a refused request was done");

    assert_eq!(ann.delete(&of_ada).await.status, 204);
    assert_eq!(ada.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(ann.get(&of_ada).await.body["data"], json!([]));
    assert_eq!(ann.get("/auth/profile").await.status, 200);
    assert_eq!(reasons(&app), [SessionEnd::Administrator]);
    assert_eq!(ann.delete(&of_ada).await.status, 204, "there is nothing left to end");
    let details: Vec<_> = app.audited(AuthAction::EndSession).into_iter().map(|entry| entry.detail).collect();
    assert_eq!(details, ["sessions=1", "sessions=0"]);
    assert_eq!(ann.delete(UNKNOWN).await.problem(), "not_found");
}
