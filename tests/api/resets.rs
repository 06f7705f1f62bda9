//! What a password reset keeps of a registration, and what ends its code.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{PASSWORD, TestApp, code_in},
};

const ADA: &str = "ada@example.com";
const NEW: &str = "another sentence to sign in with";
const OTHERS: &str = "the stranger's own sentence";

async fn forgot(app: &TestApp) -> Value {
    let answer = app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["requestId"].clone()
}

async fn reset(app: &TestApp, request: &Value, code: &str) -> Answer {
    let body = json!({ "requestId": request, "code": code, "newPassword": NEW });
    app.anyone.post("/auth/password/reset", body).await
}

async fn login_with(app: &TestApp, password: &str) -> Answer {
    app.anyone.post("/auth/login", json!({ "identifier": ADA, "password": password })).await
}

/// What a stranger types at a registration of another person's address.
fn form() -> Value {
    json!({
        "email": ADA, "password": OTHERS, "username": "mallory", "firstName": "Mallory", "lastName": "Malice",
        "phone": "+4369912345678", "locale": "de",
    })
}

fn is_address_alone(profile: &Answer) {
    assert_eq!((profile.status, &profile.body["email"]), (200, &json!(ADA)), "{profile:?}");
    assert_eq!((&profile.body["emailVerified"], &profile.body["phoneVerified"]), (&json!(true), &json!(false)));
    for member in ["username", "firstName", "lastName", "phone", "locale"] {
        assert!(profile.body[member].is_null(), "{member} of {profile:?}");
    }
}

#[tokio::test]
async fn a_reset_that_makes_a_registration_a_user_keeps_the_address_alone() {
    for is_required in [true, false] {
        let app = TestApp::with(|config| config.auth.require_verified_email = is_required).await;
        assert_eq!(app.anyone.post("/auth/register", form()).await.status, 201);
        app.code_of(ADA).await;
        let request = forgot(&app).await;
        let code = code_in(&app.mail(ADA, "reset_code", 1).await);
        assert_eq!(reset(&app, &request, &code).await.status, 204);
        let ada = app.member_of(login_with(&app, NEW).await.body);
        is_address_alone(&ada.get("/auth/profile").await);
        assert_eq!(login_with(&app, OTHERS).await.problem(), "invalid_credentials");
        let by_name = json!({ "identifier": "mallory", "password": NEW });
        assert_eq!(app.anyone.post("/auth/login", by_name).await.problem(), "invalid_credentials");
        let named = json!({ "email": "bob@example.com", "password": PASSWORD, "username": "mallory" });
        assert_eq!(app.anyone.post("/auth/register", named).await.status, 201, "the name is free again");
    }
}

#[tokio::test]
async fn a_right_code_is_taken_though_the_address_was_registered_again() {
    for registered_before in [1, 2] {
        let app = TestApp::new().await;
        for _ in 0..registered_before {
            assert_eq!(app.register(ADA).await.status, 201);
        }
        let request = forgot(&app).await;
        let code = code_in(&app.mail(ADA, "reset_code", 1).await);
        assert_eq!(app.anyone.post("/auth/register", form()).await.status, 201);
        let done = reset(&app, &request, &code).await;
        assert_eq!(done.status, 204, "{done:?}");
        assert_eq!(login_with(&app, NEW).await.status, 200);
    }
}

#[tokio::test]
async fn a_right_code_is_taken_by_the_address_alone_though_it_was_registered_again() {
    let app = TestApp::new().await;
    assert_eq!(app.register(ADA).await.status, 201);
    forgot(&app).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    assert_eq!(app.anyone.post("/auth/register", form()).await.status, 201);
    let body = json!({ "email": ADA, "code": code, "newPassword": NEW });
    let done = app.anyone.post("/auth/password/reset", body).await;
    assert_eq!(done.status, 204, "{done:?}");
}

#[tokio::test]
async fn a_live_code_ends_with_a_change_of_the_password() {
    let app = TestApp::new().await;
    let ada = app.member(ADA).await;
    let request = forgot(&app).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "the owner's second sentence" });
    assert_eq!(ada.post("/auth/password/change", change).await.status, 204);
    let late = reset(&app, &request, &code).await;
    assert_eq!((late.status, late.problem()), (422, "code_invalid"));
    let by_address = json!({ "email": ADA, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_address).await.problem(), "code_invalid");
    assert_eq!(login_with(&app, "the owner's second sentence").await.status, 200);

    app.advance(Duration::from_secs(61));
    let another = forgot(&app).await;
    let code = code_in(&app.mail(ADA, "reset_code", 2).await);
    let late = reset(&app, &request, &code).await;
    assert_eq!(late.problem(), "code_invalid", "a request of before the change takes no code of after it");
    assert_eq!(reset(&app, &another, &code).await.status, 204);
}

#[tokio::test]
async fn a_live_code_ends_with_an_operators_reset() {
    let app = TestApp::new().await;
    app.verified(ADA).await;
    let request = forgot(&app).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let given = json!({ "email": ADA, "password": "a sentence from the operator" });
    let answer = app.operator().post("/users/reset-password", given).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(reset(&app, &request, &code).await.problem(), "code_invalid");
    assert_eq!(login_with(&app, "a sentence from the operator").await.status, 200);
}
