//! Passwords: forgotten, reset by a code, and changed.

use std::time::Duration;

use majordomo::{
    domain::{
        auth::{
            actions::AuthAction,
            events::{PasswordChanged, PasswordResetCompleted, PasswordResetRequested, SessionRevoked},
        },
        user::events::UserVerified,
    },
    persistence::tables::reset,
    types::id::ResetId,
};
use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{
        ADA, MINUTE, OTHERS, PASSWORD, TestApp, TestUser, code_in, eventually, is_code_invalid, secret_in, wrong,
    },
};

const NEW: &str = "another sentence without names";

async fn reset_by(app: &TestApp, secret: &str, password: &str) -> Answer {
    app.anyone.post("/auth/password/reset", json!({ "secret": secret, "newPassword": password })).await
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_the_code_that_was_mailed() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let guess = json!({ "identifier": "ada@example.com", "password": "not the one it is" });
    for _ in 0..5 {
        app.anyone.post("/auth/login", guess.clone()).await;
    }
    assert_eq!(app.login_with(ADA, PASSWORD).await.problem(), "locked_out");

    let requested = app.forgot("ADA@example.com").await;
    assert!(requested.body["expiresAt"].is_string() && requested.body["resendAt"].is_string());
    assert_eq!(app.events(PasswordResetRequested::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ForgotPassword).len(), 1);
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let request = &requested.body["resetId"];
    let reset = json!({ "resetId": request, "code": code, "newPassword": NEW });
    let done = app.anyone.post("/auth/password/reset", reset.clone()).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204, "a lost answer is requested again");
    for by in [json!({ "resetId": request }), json!({ "email": "ada@example.com" })] {
        let mut other = json!({ "code": code, "newPassword": "one more sentence for me" });
        other.as_object_mut().unwrap().extend(by.as_object().unwrap().clone());
        let answer = app.anyone.post("/auth/password/reset", other).await;
        assert_eq!((answer.status, answer.problem()), (422, "code_invalid"), "a used code sets no other password");
    }

    assert_eq!(ada.get("/auth/profile").await.problem(), "session_ended");
    let ended = app.events(SessionRevoked::TYPE);
    assert_eq!(ended.len(), 1);
    assert_eq!(app.events(PasswordResetCompleted::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ResetPassword).len(), 1);
    app.mail("ada@example.com", "password_changed", 1).await;
    assert_eq!(app.login_with(ADA, PASSWORD).await.problem(), "invalid_credentials");
    assert_eq!(app.login_with(ADA, NEW).await.status, 200, "the lock has ended as well");
}

#[tokio::test]
async fn a_reset_needs_a_fit_password_and_the_right_code() {
    let app = TestApp::new().await;
    app.verified("ada.lovelace@example.com").await;
    let address = "ada.lovelace@example.com";
    let request = app.forgot(address).await.body["resetId"].clone();
    let code = code_in(&app.mail(address, "reset_code", 1).await);
    let empty = app.anyone.post("/auth/password/reset", json!({})).await;
    assert_eq!(empty.fields(), ["/newPassword required", "/resetId one_of"]);
    let unfit = json!({ "resetId": request, "code": code, "newPassword": "ada.lovelace ada.lovelace" });
    let unfit = app.anyone.post("/auth/password/reset", unfit).await;
    assert_eq!(unfit.fields(), ["/newPassword password_contains_email"]);
    for body in [
        json!({ "resetId": request, "code": wrong(&code), "newPassword": NEW }),
        json!({ "resetId": request, "code": "12345", "newPassword": NEW }),
        json!({ "resetId": uuid::Uuid::nil(), "code": code, "newPassword": NEW }),
        json!({ "email": "x@example.com", "code": code, "newPassword": NEW }),
    ] {
        let answer = app.anyone.post("/auth/password/reset", body.clone()).await;
        assert_eq!((answer.status, answer.problem()), (422, "code_invalid"), "{body}");
    }
    let by_address = json!({ "email": address, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_address).await.status, 204);
}

#[tokio::test]
async fn tries_with_only_the_address_are_counted_by_day_and_not_on_the_request() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    let mut codes = 0;
    for round in 0..4 {
        app.forgot("ada@example.com").await;
        codes += 1;
        let code = code_in(&app.mail("ada@example.com", "reset_code", codes).await);
        for _ in 0..5 {
            let body = json!({ "email": "ada@example.com", "code": wrong(&code), "newPassword": NEW });
            assert_eq!(app.anyone.post("/auth/password/reset", body).await.status, 422, "{round}");
        }
        app.advance(20 * MINUTE);
    }
    let request = app.forgot("ada@example.com").await.body["resetId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", codes + 1).await);
    let by_address = json!({ "email": "ada@example.com", "code": code, "newPassword": NEW });
    let spent = app.anyone.post("/auth/password/reset", by_address).await;
    assert_eq!(spent.problem(), "code_invalid", "twenty a day");
    let by_request = json!({ "resetId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_request).await.status, 204);
}

#[tokio::test]
async fn a_device_is_known_for_the_password_it_signed_in_with() {
    let app = TestApp::new().await;
    let thief = app.member("ada@example.com").await;
    app.advance(MINUTE);
    let request = app.forgot("ada@example.com").await.body["resetId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let reset = json!({ "resetId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    let ada = app.login_with(ADA, NEW).await;
    let login = |password: &str, token: &Value| {
        app.anyone
            .post("/auth/login", json!({ "identifier": "ada@example.com", "password": password, "deviceToken": token }))
    };
    for _ in 0..5 {
        assert_eq!(login("a guess", &thief.tokens["deviceToken"]).await.problem(), "invalid_credentials");
    }
    assert_eq!(login("a guess", &thief.tokens["deviceToken"]).await.problem(), "locked_out");
    assert_eq!(app.login_with(ADA, NEW).await.problem(), "locked_out", "counted by network, as for any other device");
    assert_eq!(login(NEW, &ada.body["deviceToken"]).await.status, 200);
}

#[tokio::test]
async fn the_limit_of_tries_for_an_address_is_a_setting() {
    let app = TestApp::with(|config| config.auth.code.daily_tries_by_address = 1).await;
    app.verified("ada@example.com").await;
    let request = app.forgot("ada@example.com").await.body["resetId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let by_address = |code: &str| json!({ "email": "ada@example.com", "code": code, "newPassword": NEW });
    for typed in [wrong(&code), code.clone()] {
        let spent = app.anyone.post("/auth/password/reset", by_address(&typed)).await;
        assert_eq!(spent.problem(), "code_invalid", "the first is wrong, the second one too many");
    }
    let by_request = json!({ "resetId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_request).await.status, 204);
}

#[tokio::test]
async fn a_request_ends_with_its_code_and_is_removed() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    let request = app.forgot("ada@example.com").await.body["resetId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let unknown = app.forgot("x@example.com").await.body["resetId"].clone();
    app.advance(10 * MINUTE);
    let late = json!({ "resetId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", late).await.problem(), "code_invalid");
    for id in [request, unknown] {
        let id: ResetId = id.as_str().unwrap().parse().unwrap();
        eventually("the request is removed", async || {
            app.store.read(move |view| reset::find(view, id)).await.unwrap().is_none().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_reset_of_an_address_that_was_never_verified_verifies_it() {
    let app = TestApp::new().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    app.code_of("ada@example.com").await;
    let request = app.forgot("ada@example.com").await.body["resetId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let reset = json!({ "resetId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", reset.clone()).await.status, 204);
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    assert_eq!(app.login_with(ADA, PASSWORD).await.problem(), "invalid_credentials");
    let entered = app.login_with(ADA, NEW).await;
    assert_eq!(entered.status, 200);
    assert_ne!(entered.body["userId"], id, "the user has an id of its own");
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204, "a lost answer is requested again");
    let by_address = json!({ "email": ADA, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_address).await.status, 204, "also with the address alone");
    assert_eq!(app.login_with(ADA, NEW).await.status, 200);
    app.mail(ADA, "welcome", 1).await;
    app.mail(ADA, "password_changed", 1).await;
}

#[tokio::test]
async fn a_password_is_changed_with_the_current_one_and_other_sessions_end() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let other = app.sign_in("ada@example.com").await;
    let change = |current: &str, new: &str| json!({ "currentPassword": current, "newPassword": new });
    let unfit = ada.post("/auth/password/change", change(PASSWORD, "short")).await;
    assert_eq!(unfit.fields(), ["/newPassword password_too_short"]);
    let wrong = ada.post("/auth/password/change", change("not the one it is", NEW)).await;
    assert_eq!((wrong.status, wrong.fields()), (422, vec!["/currentPassword wrong_password".to_owned()]));
    assert_eq!(app.audited(AuthAction::ChangePassword).len(), 1, "the refusal");
    let changed = ada.post("/auth/password/change", change(PASSWORD, NEW)).await;
    assert_eq!(changed.status, 204, "{changed:?}");
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    assert_eq!(other.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(app.events(PasswordChanged::TYPE).len(), 1);
    app.mail("ada@example.com", "password_changed", 1).await;
    assert_eq!(app.login_with(ADA, NEW).await.status, 200);
    for _ in 0..5 {
        assert_eq!(ada.post("/auth/password/change", change(PASSWORD, NEW)).await.status, 422);
    }
    let locked_out = ada.post("/auth/password/change", change(NEW, PASSWORD)).await;
    assert_eq!((locked_out.status, locked_out.problem()), (429, "locked_out"));
    assert_eq!(app.login_with(ADA, NEW).await.status, 200, "that is counted by session");
}

async fn reset(app: &TestApp, request: &Value, code: &str) -> Answer {
    let body = json!({ "resetId": request, "code": code, "newPassword": NEW });
    app.anyone.post("/auth/password/reset", body).await
}

/// The form of a registration of another person's address.
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
async fn a_reset_that_makes_a_registration_a_user_keeps_only_the_address() {
    for is_required in [true, false] {
        let app = TestApp::with(|config| config.auth.require_verified_email = is_required).await;
        assert_eq!(app.anyone.post("/auth/register", form()).await.status, 201);
        app.code_of(ADA).await;
        let request = app.forgot(ADA).await.body["resetId"].clone();
        let code = code_in(&app.mail(ADA, "reset_code", 1).await);
        assert_eq!(reset(&app, &request, &code).await.status, 204);
        let ada = app.member_of(app.login_with(ADA, NEW).await.body);
        is_address_alone(&ada.get("/auth/profile").await);
        assert_eq!(app.login_with(ADA, OTHERS).await.problem(), "invalid_credentials");
        let by_name = json!({ "identifier": "mallory", "password": NEW });
        assert_eq!(app.anyone.post("/auth/login", by_name).await.problem(), "invalid_credentials");
        let named = json!({ "email": "bob@example.com", "password": PASSWORD, "username": "mallory" });
        let answer = app.anyone.post("/auth/register", named.clone()).await;
        assert_eq!(
            answer.status,
            if is_required { 409 } else { 201 },
            "a registration keeps the name, a user does not"
        );
        app.advance(Duration::from_secs(24 * 3_600));
        if is_required {
            assert_eq!(app.anyone.post("/auth/register", named).await.status, 201, "the registration has ended");
        }
    }
}

#[tokio::test]
async fn a_right_code_is_accepted_after_another_registration_of_the_address() {
    for registered_before in [1, 2] {
        let app = TestApp::new().await;
        for _ in 0..registered_before {
            assert_eq!(app.register(ADA).await.status, 201);
        }
        let request = app.forgot(ADA).await.body["resetId"].clone();
        let code = code_in(&app.mail(ADA, "reset_code", 1).await);
        assert_eq!(app.anyone.post("/auth/register", form()).await.status, 201);
        let done = reset(&app, &request, &code).await;
        assert_eq!(done.status, 204, "{done:?}");
        assert_eq!(app.login_with(ADA, NEW).await.status, 200);
    }
}

#[tokio::test]
async fn a_right_code_with_only_the_address_is_accepted_after_another_registration() {
    let app = TestApp::new().await;
    assert_eq!(app.register(ADA).await.status, 201);
    app.forgot(ADA).await;
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
    let request = app.forgot(ADA).await.body["resetId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "the owner's second sentence" });
    assert_eq!(ada.post("/auth/password/change", change).await.status, 204);
    let late = reset(&app, &request, &code).await;
    assert_eq!((late.status, late.problem()), (422, "code_invalid"));
    let by_address = json!({ "email": ADA, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_address).await.problem(), "code_invalid");
    assert_eq!(app.login_with(ADA, "the owner's second sentence").await.status, 200);

    app.advance(Duration::from_secs(61));
    let another = app.forgot(ADA).await.body["resetId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 2).await);
    let late = reset(&app, &request, &code).await;
    assert_eq!(late.problem(), "code_invalid", "a request of before the change takes no code of after it");
    assert_eq!(reset(&app, &another, &code).await.status, 204);
}

#[tokio::test]
async fn a_live_code_ends_with_an_operators_reset() {
    let app = TestApp::new().await;
    app.verified(ADA).await;
    let request = app.forgot(ADA).await.body["resetId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let given = json!({ "email": ADA, "password": "a sentence from the operator" });
    let answer = app.operator().post("/users/reset-password", given).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(reset(&app, &request, &code).await.problem(), "code_invalid");
    assert_eq!(app.login_with(ADA, "a sentence from the operator").await.status, 200);
}

#[tokio::test]
async fn a_password_reset_takes_over_an_unproven_user() {
    let app = TestApp::lenient().await;
    let holder = app.entered(&app.registered(json!({ "email": ADA, "password": OTHERS })).await);
    let request = app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await.body["resetId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let reset = json!({ "resetId": request, "code": code, "newPassword": PASSWORD });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    assert_eq!(holder.get("/auth/profile").await.problem(), "session_ended");
    let ada = app.sign_in(ADA).await;
    let profile = ada.get("/auth/profile").await.body;
    assert_eq!((&profile["status"], &profile["emailVerified"]), (&json!("active"), &json!(true)));
    assert_eq!(app.events(UserVerified::TYPE).len(), 1, "every proof writes the event");
    assert_eq!(app.audited(AuthAction::VerifyEmail).len(), 1);
    app.mail(ADA, "welcome", 1).await;
}

#[tokio::test]
async fn a_phone_that_the_former_holder_proved_is_unproven_for_the_owner() {
    let app = TestApp::lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "phone": "+4369912345678" });
    let holder = app.entered(&app.registered(form).await);
    assert_eq!(holder.post("/otp", json!({ "purpose": "verify_phone" })).await.status, 202);
    let code = code_in(&app.mail("+4369912345678", "phone_code", 1).await);
    let proven = holder.post("/otp/verify", json!({ "purpose": "verify_phone", "code": code })).await;
    assert_eq!(proven.status, 200, "{proven:?}");
    assert_eq!(holder.get("/auth/profile").await.body["phoneVerified"], true);
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let reset = json!({ "email": ADA, "code": code, "newPassword": PASSWORD });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    assert_eq!(app.sign_in(ADA).await.get("/auth/profile").await.body["phoneVerified"], false);
}

/// A user with a live reset code: the user, the id of the request, the mail.
async fn forgotten(app: &TestApp) -> (TestUser, Value, Value) {
    let ada = app.member(ADA).await;
    let asked = app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    (ada, asked.body["resetId"].clone(), app.mail(ADA, "reset_code", 1).await)
}

#[tokio::test]
async fn the_link_of_a_mail_sets_a_new_password() {
    let app = TestApp::linked().await;
    let (ada, _, mail) = forgotten(&app).await;
    let secret = secret_in(&mail);
    assert_eq!(mail["link"], format!("https://app.example.com/reset?secret={secret}"));
    let crossed = app.anyone.post("/auth/verify-email", json!({ "secret": secret })).await;
    is_code_invalid(&crossed, "a secret is for one act");
    let unfit = reset_by(&app, &secret, "short").await;
    assert_eq!(unfit.fields(), ["/newPassword password_too_short"]);
    let done = reset_by(&app, &secret, NEW).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert_eq!(reset_by(&app, &secret, NEW).await.status, 204, "a lost answer is requested again");
    is_code_invalid(&reset_by(&app, &secret, "one more sentence for me").await, "a used secret sets no other password");
    assert_eq!(ada.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(app.events(PasswordResetCompleted::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ResetPassword).len(), 1);
    assert_eq!(app.login_with(ADA, NEW).await.status, 200);
}

#[tokio::test]
async fn only_the_holder_of_a_secret_learns_that_a_password_holds_the_address() {
    let app = TestApp::linked().await;
    let address = "ada.lovelace@example.com";
    app.verified(address).await;
    app.anyone.post("/auth/password/forgot", json!({ "email": address })).await;
    let secret = secret_in(&app.mail(address, "reset_code", 1).await);
    let telling = "ada.lovelace ada.lovelace";
    assert_eq!(reset_by(&app, &secret, telling).await.fields(), ["/newPassword password_contains_email"]);
    let forged = format!("{}{}", &secret[..secret.len() - 4], "AAAA");
    is_code_invalid(&reset_by(&app, &forged, telling).await, "forged");
}

#[tokio::test]
async fn a_link_ends_with_each_change_that_makes_its_code_void() {
    for way in ["change", "operator", "disabled", "locked", "time", "newer"] {
        let app = TestApp::linked().await;
        let (ada, request, mail) = forgotten(&app).await;
        let secret = secret_in(&mail);
        for _ in 0..5 {
            let guess = json!({ "resetId": request, "code": wrong(&code_in(&mail)), "newPassword": NEW });
            app.anyone.post("/auth/password/reset", guess).await;
        }
        match way {
            "change" => {
                let change = json!({ "currentPassword": PASSWORD, "newPassword": "the owner's second sentence" });
                assert_eq!(ada.post("/auth/password/change", change).await.status, 204);
            }
            "operator" => {
                let given = json!({ "email": ADA, "password": "a sentence from the operator" });
                assert_eq!(app.operator().post("/users/reset-password", given).await.status, 200);
            }
            "disabled" | "locked" => give_status(&app.admin("root@example.com").await, &ada.id, way).await,
            "time" => app.advance(10 * MINUTE),
            _newer => {
                app.advance(9 * MINUTE);
                app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
                app.mail(ADA, "reset_code", 2).await;
            }
        }
        is_code_invalid(&reset_by(&app, &secret, NEW).await, way);
    }
}

async fn give_status(root: &TestUser, id: &str, status: &str) {
    let given = root.put(&format!("/users/{id}/status"), json!({ "status": status })).await;
    assert_eq!(given.status, 200, "{given:?}");
}

#[tokio::test]
async fn a_live_code_ends_when_its_user_is_locked_or_disabled() {
    for status in ["locked", "disabled"] {
        let app = TestApp::linked().await;
        let (ada, request, mail) = forgotten(&app).await;
        let root = app.admin("root@example.com").await;
        give_status(&root, &ada.id, status).await;
        let late = json!({ "resetId": request, "code": code_in(&mail), "newPassword": NEW });
        is_code_invalid(&app.anyone.post("/auth/password/reset", late).await, status);
        give_status(&root, &ada.id, "active").await;
        is_code_invalid(&reset_by(&app, &secret_in(&mail), NEW).await, status);
        assert_eq!(app.login_with(ADA, PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn a_secret_is_in_no_event_and_no_audit_entry() {
    let app = TestApp::linked().await;
    let (_, _, mail) = forgotten(&app).await;
    assert_eq!(reset_by(&app, &secret_in(&mail), NEW).await.status, 204);
    let secret = secret_in(&mail);
    let (events, entries) =
        (app.operator().get("/events?limit=100").await, app.operator().get("/audit?limit=100").await);
    let all = format!("{}{}", events.body, entries.body);
    assert!(all.contains("password.reset_completed"), "{all}");
    for part in [secret.as_str(), &secret[26..], &code_in(&mail)] {
        assert!(!all.contains(part), "{part} in {all}");
    }
}
