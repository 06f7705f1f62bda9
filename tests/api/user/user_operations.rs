//! Operations on users: set a password, unlock, change a role, end sessions.

use majordomo::domain::{
    audit::Actor,
    auth::{actions::AuthAction, events::PasswordSet},
};
use serde_json::json;

use crate::test_app::{ADA, OTHERS, TestApp};

#[tokio::test]
async fn an_operator_sets_a_password_and_all_sessions_end() {
    let app = TestApp::new().await;
    let bob = app.member("bob@example.com").await;
    let another = "another unguessable sentence";
    let set = json!({ "email": "bob@example.com", "password": another });
    assert_eq!(app.operator().post("/users/reset-password", set).await.status, 200);
    assert_eq!(bob.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(app.login("bob@example.com").await.problem(), "invalid_credentials");
    let login = json!({ "identifier": "bob@example.com", "password": another });
    assert_eq!(app.anyone.post("/auth/login", login).await.status, 200);
    assert_eq!(app.events(PasswordSet::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ResetPassword)[0].actor, Actor::Cli);
}

#[tokio::test]
async fn an_operator_unlocks_a_user_and_ends_sessions() {
    let app = TestApp::new().await;
    let bob = app.member("bob@example.com").await;
    for _ in 0..5 {
        let wrong = json!({ "identifier": "bob@example.com", "password": "a wrong sentence of mine" });
        assert_eq!(app.anyone.post("/auth/login", wrong).await.problem(), "invalid_credentials");
    }
    assert_eq!(app.login("bob@example.com").await.problem(), "locked_out");
    let whom = || json!({ "email": "bob@example.com" });
    assert_eq!(app.operator().post("/users/unlock", whom()).await.status, 200);
    app.sign_in("bob@example.com").await;
    assert_eq!(app.operator().post("/users/end-sessions", whom()).await.body, json!({ "ended": 2 }));
    assert_eq!(bob.get("/auth/profile").await.problem(), "session_ended");
}

#[tokio::test]
async fn an_operator_unlocks_a_user_without_a_proven_address() {
    let app = TestApp::lenient().await;
    app.register(ADA).await;
    for _ in 0..5 {
        let guess = json!({ "identifier": ADA, "password": OTHERS });
        assert_eq!(app.anyone.post("/auth/login", guess).await.problem(), "invalid_credentials");
    }
    assert_eq!(app.login(ADA).await.problem(), "locked_out");
    let opened = app.operator().post("/users/unlock", json!({ "email": ADA })).await;
    assert_eq!((opened.status, &opened.body["status"]), (200, &json!("pending")), "{opened:?}");
    assert_eq!(app.login(ADA).await.status, 200);
}

#[tokio::test]
async fn roles_are_granted_only_to_users_with_a_proven_address() {
    let app = TestApp::lenient().await;
    let holder = app.entered(&app.registered(json!({ "email": ADA, "password": OTHERS })).await);
    let code = app.code_of(ADA).await;
    let grant = json!({ "email": ADA, "role": "admin" });
    let refused = app.operator().post("/users/grant", grant.clone()).await;
    assert_eq!((refused.status, refused.problem()), (409, "status_conflict"));
    assert!(refused.body["detail"].as_str().unwrap().contains("not proven"), "{refused:?}");
    let admin = app.admin("root@example.com").await;
    let roles = format!("/users/{}/roles", holder.id);
    let refused = admin.put(&roles, json!({ "roles": ["user", "support"] })).await;
    assert_eq!((refused.status, refused.problem()), (409, "status_conflict"));
    assert_eq!(admin.put(&roles, json!({ "roles": [] })).await.status, 200, "removing roles is permitted");
    assert_eq!(holder.get("/users").await.problem(), "forbidden");

    assert_eq!(app.verify(&json!(holder.id), &code).await.status, 200);
    assert_eq!(app.operator().post("/users/grant", grant).await.status, 200);
}
