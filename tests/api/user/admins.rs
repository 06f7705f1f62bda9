//! Administrators, created by an operator.

use majordomo::domain::{audit::Actor, user::actions::UserAction};
use serde_json::{Value, json};

use crate::test_app::{ADA, OTHERS, PASSWORD, TestApp};

#[tokio::test]
async fn an_operator_creates_the_first_administrator() {
    let app = TestApp::new().await;
    let ann = app.admin("ann@example.com").await;
    let shown = ann.get("/users/me").await;
    assert_eq!((shown.status, &shown.body["roles"]), (200, &json!(["user", "admin"])));
    assert_eq!(shown.body["emailVerified"], true);
    assert_eq!(app.audited(UserAction::CreateAdmin)[0].actor, Actor::Cli);

    let create = |email: &str, password: &str| json!({ "email": email, "password": password });
    let operator = app.operator();
    let taken = operator.post("/users/admins", create("ANN@example.com", PASSWORD)).await;
    assert_eq!((taken.status, taken.problem()), (409, "email_taken"));
    let weak = operator.post("/users/admins", create("bob@example.com", "bob")).await;
    assert_eq!(weak.problem(), "validation_failed");
    assert!(weak.fields().iter().all(|field| field.starts_with("/password ")), "{weak:?}");
    assert_eq!(app.ops.post("/users/admins", create("bob@example.com", PASSWORD)).await.problem(), "unauthenticated");
    let public = app.anyone.post("/users/admins", create("bob@example.com", PASSWORD)).await;
    assert_eq!(public.problem(), "method_not_allowed", "the public listener knows no such route");
}

#[tokio::test]
async fn an_operator_creates_an_administrator_with_an_address_that_a_registration_holds() {
    let app = TestApp::lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "username": "mallory" });
    let holder = app.entered(&app.registered(form).await);
    let code = app.code_of(ADA).await;
    let made = app.operator().post("/users/admins", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!((made.status, &made.body["id"]), (201, &json!(holder.id)), "{made:?}");
    assert_eq!((&made.body["status"], &made.body["emailVerified"]), (&json!("active"), &json!(true)));
    assert_eq!((&made.body["username"], &made.body["roles"]), (&Value::Null, &json!(["user", "admin"])));

    assert_eq!(holder.get("/auth/profile").await.problem(), "session_ended");
    let theirs = json!({ "identifier": ADA, "password": OTHERS });
    assert_eq!(app.anyone.post("/auth/login", theirs).await.problem(), "invalid_credentials");
    let late = json!({ "userId": holder.id, "code": code });
    assert_eq!(app.anyone.post("/auth/verify-email", late).await.problem(), "code_invalid");
    assert_eq!(app.sign_in(ADA).await.get("/users").await.status, 200);
    let again = app.operator().post("/users/admins", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!(again.problem(), "email_taken");
    assert_eq!(app.audited(UserAction::CreateAdmin).len(), 1);
}
