//! Bodies that are wrong in several fields: one answer has all errors, costs no work, and counts as no attempt.

use serde_json::{Value, json};

use crate::{
    harness::Client,
    test_app::{ADA, PASSWORD, TestApp},
};

const SHORT: &str = "short";

async fn refused(client: &Client, (method, path): (&str, &str), body: Value) -> Vec<String> {
    let client = client.with("content-type", "application/json");
    let answer = client.send(method, path, body.to_string().into()).await;
    assert_eq!((answer.status, answer.problem()), (422, "validation_failed"), "{path}: {answer:?}");
    answer.fields()
}

#[tokio::test]
async fn all_errors_of_a_body_are_in_one_answer_also_those_of_the_password() {
    let app = TestApp::new().await;
    let admin = app.admin("root@example.com").await;
    let (anyone, operator) = (app.anyone.clone(), app.operator());
    let before = (app.hashes(), app.store.head());
    let register = json!({
        "email": "ada", "password": SHORT, "username": "-", "displayName": "", "firstName": "a\u{7}b",
        "lastName": "ada@example.com", "phone": "0699", "locale": "english!", "invitation": "", "isAdmin": true,
    });
    let register_errors = [
        "/displayName length",
        "/email email_format",
        "/firstName control_character",
        "/invitation length",
        "/isAdmin unknown_field",
        "/lastName at_sign",
        "/locale locale_format",
        "/password password_too_short",
        "/phone phone_format",
        "/username username_format",
    ];
    let reset = json!({ "resetId": "x", "email": "ada", "code": "", "secret": 7, "newPassword": SHORT });
    let reset_errors = [
        "/code length",
        "/email email_format",
        "/newPassword password_too_short",
        "/resetId not_an_id",
        "/secret wrong_type",
    ];
    let change = json!({ "currentPassword": 7, "newPassword": SHORT, "more": 1 });
    let change_errors = ["/currentPassword wrong_type", "/more unknown_field", "/newPassword password_too_short"];
    let invitation = json!({ "email": "ada", "locale": "english!", "more": 1 });
    let create = json!({ "email": "ada", "password": SHORT, "more": 1 });
    let create_errors = ["/email email_format", "/more unknown_field", "/password password_too_short"];
    for (client, target, body, expected) in [
        (&anyone, ("POST", "/auth/register"), register, &register_errors[..]),
        (&anyone, ("POST", "/auth/password/reset"), reset, &reset_errors[..]),
        (&*admin, ("POST", "/auth/password/change"), change, &change_errors[..]),
        (
            &*admin,
            ("POST", "/invitations"),
            invitation,
            &["/email email_format", "/locale locale_format", "/more unknown_field"][..],
        ),
        (&operator, ("POST", "/users/admins"), create.clone(), &create_errors[..]),
        (&operator, ("POST", "/users/reset-password"), create, &create_errors[..]),
        (
            &*admin,
            ("PUT", "/users/me/status"),
            json!({ "status": "gone", "more": 1 }),
            &["/more unknown_field", "/status unknown_value"][..],
        ),
        (
            &*admin,
            ("PUT", "/users/me/roles"),
            json!({ "roles": ["user", "king"], "more": 1 }),
            &["/more unknown_field", "/roles/1 unknown_role"][..],
        ),
    ] {
        assert_eq!(refused(client, target, body).await, expected, "{target:?}");
    }
    assert_eq!((app.hashes(), app.store.head()), before, "nothing is hashed or stored");
}

/// The password is compared with the address and the user name of the same body.
#[tokio::test]
async fn a_password_with_the_address_is_refused_beside_another_error() {
    let app = TestApp::new().await;
    let body = json!({
        "email": "ada.lovelace@example.com", "username": "countess", "phone": "0699",
        "password": "ada.lovelace, the countess",
    });
    let errors = refused(&app.anyone, ("POST", "/auth/register"), body.clone()).await;
    let password = ["/password password_contains_email", "/password password_contains_username"];
    assert_eq!(errors[..2], password);
    assert_eq!(errors[2..], ["/phone phone_format"]);
    let mut alone = body;
    alone["phone"] = json!(null);
    assert_eq!(refused(&app.anyone, ("POST", "/auth/register"), alone).await, password);
    let reset = json!({ "email": "ada.lovelace@example.com", "newPassword": "ada.lovelace ada.lovelace", "more": 1 });
    let errors = refused(&app.anyone, ("POST", "/auth/password/reset"), reset).await;
    assert!(errors.contains(&"/newPassword password_contains_email".to_owned()), "{errors:?}");
}

/// A check that reads the store is in no such answer: the errors are the same for names and addresses of users.
#[tokio::test]
async fn the_errors_of_a_body_do_not_reveal_who_is_a_user() {
    let app = TestApp::new().await;
    let form = json!({ "email": ADA, "password": PASSWORD, "username": "ada" });
    app.registered(form).await;
    let ada = app.code_of(ADA).await;
    assert_eq!(ada.len(), 6);
    for (email, username) in [(ADA, "ada"), ("unknown@example.com", "unknown")] {
        let body = json!({ "email": email, "username": username, "password": SHORT, "phone": "0699" });
        let errors = refused(&app.anyone, ("POST", "/auth/register"), body).await;
        assert_eq!(errors, ["/password password_too_short", "/phone phone_format"], "{email}");
        let reset = json!({ "email": email, "code": "123456", "newPassword": SHORT });
        let errors = refused(&app.anyone, ("POST", "/auth/password/reset"), reset).await;
        assert_eq!(errors, ["/newPassword password_too_short"], "{email}");
    }
}

/// A domain that may not register is an error like the others.
#[tokio::test]
async fn a_domain_is_refused_beside_the_password() {
    let app = TestApp::with(|config| {
        config.auth.registration = majordomo::config::RegistrationPolicy::Domains;
        config.auth.domains = vec!["example.org".to_owned()];
    })
    .await;
    let errors = refused(&app.anyone, ("POST", "/auth/register"), json!({ "email": ADA, "password": SHORT })).await;
    assert_eq!(errors, ["/email domain_not_allowed", "/password password_too_short"]);
    let invited = json!({ "email": ADA, "password": SHORT, "invitation": "no code" });
    let errors = refused(&app.anyone, ("POST", "/auth/register"), invited).await;
    assert_eq!(errors, ["/invitation invitation_invalid", "/password password_too_short"]);
}

async fn limited() -> TestApp {
    TestApp::with(|config| config.edge.rate_limits.enabled = true).await
}

/// More wrong forms than each quota admits do not use it up.
#[tokio::test]
async fn wrong_forms_use_no_quota_of_attempts() {
    let app = limited().await;
    let weak = json!({ "email": ADA, "password": SHORT });
    for (number, (path, wrong, right)) in [
        ("/auth/register", weak, json!({ "email": ADA, "password": PASSWORD })),
        ("/auth/login", json!({ "identifier": ADA }), json!({ "identifier": ADA, "password": PASSWORD })),
        ("/auth/password/forgot", json!({ "email": "ada" }), json!({ "email": ADA })),
        ("/auth/verify-email", json!({ "code": 7 }), json!({ "userId": uuid::Uuid::nil(), "code": "123456" })),
        ("/auth/verify-email/resend", json!({}), json!({ "email": ADA })),
        (
            "/auth/password/reset",
            json!({ "email": ADA, "code": "123456", "newPassword": SHORT }),
            json!({ "email": ADA, "code": "123456", "newPassword": PASSWORD }),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let client = app.anyone.at(&format!("192.0.2.{}", number + 1));
        for _ in 0..20 {
            let answer = client.post(path, wrong.clone()).await;
            assert_eq!((answer.status, answer.problem()), (422, "validation_failed"), "{path}: {answer:?}");
            let query = client.post(&format!("{path}?nonsense=1"), right.clone()).await;
            assert_eq!((query.status, query.problem()), (400, "invalid_query"), "{path}: {query:?}");
            let keyed = client.with("idempotency-key", "1").post(path, right.clone()).await;
            assert_eq!((keyed.status, keyed.problem()), (400, "idempotency_not_supported"), "{path}: {keyed:?}");
            assert!(keyed.header("ratelimit").starts_with("\"anonymous\""), "{path}: {keyed:?}");
        }
        let answer = client.post(path, right).await;
        assert_ne!(answer.status, 429, "{path}: {answer:?}");
        assert!(!answer.header("ratelimit").starts_with("\"anonymous\""), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_flood_of_wrong_forms_is_refused() {
    let app = limited().await;
    let client = app.anyone.at("192.0.2.1");
    let mut taken = 0;
    while client.post("/auth/register", json!({ "email": ADA, "password": SHORT })).await.status == 422 {
        taken += 1;
        assert!(taken < 150, "no limit");
    }
    assert!(taken >= 95, "{taken}");
    let refused = client.post("/auth/register", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!(refused.problem(), "rate_limited", "{refused:?}");
    let elsewhere =
        app.anyone.at("192.0.2.2").post("/auth/register", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!(elsewhere.status, 201, "{elsewhere:?}");
}

/// A new password that the policy refuses is no try of the current one.
#[tokio::test]
async fn a_refused_new_password_is_no_failed_login() {
    let app = TestApp::new().await;
    let ada = app.member(ADA).await;
    let hashes = app.hashes();
    for _ in 0..20 {
        let wrong = json!({ "currentPassword": "a wrong password", "newPassword": SHORT });
        assert_eq!(ada.post("/auth/password/change", wrong).await.fields(), ["/newPassword password_too_short"]);
    }
    assert_eq!(app.hashes(), hashes);
    let right = json!({ "currentPassword": PASSWORD, "newPassword": "another sentence of mine" });
    assert_eq!(ada.post("/auth/password/change", right).await.status, 204);
}
