//! Password recovery through the API, own sessions, and codes for signed-in users.

use std::time::Duration;

use majordomo::{
    config::{Config, Sources},
    domain::{
        auth::{
            actions::AuthAction,
            events::{PasswordChanged, PasswordResetCompleted, PasswordResetRequested, SessionRevoked},
        },
        otp::events::{OtpExpired, OtpVerified},
        user::{
            Profile, User,
            events::{UserUpdated, UserVerified},
        },
    },
    persistence::{
        Write,
        tables::{reset, user},
    },
    types::{
        CallContext, PhoneNumber, Work,
        id::{ResetId, UserId},
    },
};
use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{PASSWORD, TestApp, code_in, eventually, wrong},
};

const MINUTE: Duration = Duration::from_secs(60);
const NEW: &str = "another sentence nobody guesses";

async fn forgot(app: &TestApp, email: &str) -> Answer {
    let answer = app.anyone.post("/auth/password/forgot", json!({ "email": email })).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer
}

async fn login_with(app: &TestApp, password: &str) -> Answer {
    app.anyone.post("/auth/login", json!({ "identifier": "ada@example.com", "password": password })).await
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_the_code_that_was_mailed() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let guess = json!({ "identifier": "ada@example.com", "password": "not the one it is" });
    for _ in 0..5 {
        app.anyone.post("/auth/login", guess.clone()).await;
    }
    assert_eq!(login_with(&app, PASSWORD).await.problem(), "locked_out");

    let requested = forgot(&app, "ADA@example.com").await;
    assert!(requested.body["expiresAt"].is_string() && requested.body["resendAt"].is_string());
    assert_eq!(app.events(PasswordResetRequested::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ForgotPassword).len(), 1);
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let request = &requested.body["requestId"];
    let reset = json!({ "requestId": request, "code": code, "newPassword": NEW });
    let done = app.anyone.post("/auth/password/reset", reset.clone()).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204, "a lost answer is asked for again");
    for by in [json!({ "requestId": request }), json!({ "email": "ada@example.com" })] {
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
    assert_eq!(login_with(&app, PASSWORD).await.problem(), "invalid_credentials");
    assert_eq!(login_with(&app, NEW).await.status, 200, "the lock is gone as well");
}

#[tokio::test]
async fn a_reset_needs_a_fit_password_and_the_right_code() {
    let app = TestApp::new().await;
    app.verified("ada.lovelace@example.com").await;
    let address = "ada.lovelace@example.com";
    let request = forgot(&app, address).await.body["requestId"].clone();
    let code = code_in(&app.mail(address, "reset_code", 1).await);
    let empty = app.anyone.post("/auth/password/reset", json!({})).await;
    assert_eq!(empty.fields(), ["/newPassword required", "/requestId one_of"]);
    let unfit = json!({ "requestId": request, "code": code, "newPassword": "ada.lovelace ada.lovelace" });
    let unfit = app.anyone.post("/auth/password/reset", unfit).await;
    assert_eq!(unfit.fields(), ["/newPassword password_contains_email"]);
    for body in [
        json!({ "requestId": request, "code": wrong(&code), "newPassword": NEW }),
        json!({ "requestId": request, "code": "12345", "newPassword": NEW }),
        json!({ "requestId": uuid::Uuid::nil(), "code": code, "newPassword": NEW }),
        json!({ "email": "x@example.com", "code": code, "newPassword": NEW }),
    ] {
        let answer = app.anyone.post("/auth/password/reset", body.clone()).await;
        assert_eq!((answer.status, answer.problem()), (422, "code_invalid"), "{body}");
    }
    let by_address = json!({ "email": address, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_address).await.status, 204);
}

#[tokio::test]
async fn tries_that_name_only_the_address_are_counted_by_day_and_leave_the_request_alone() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    let mut codes = 0;
    for round in 0..4 {
        forgot(&app, "ada@example.com").await;
        codes += 1;
        let code = code_in(&app.mail("ada@example.com", "reset_code", codes).await);
        for _ in 0..5 {
            let body = json!({ "email": "ada@example.com", "code": wrong(&code), "newPassword": NEW });
            assert_eq!(app.anyone.post("/auth/password/reset", body).await.status, 422, "{round}");
        }
        app.advance(20 * MINUTE);
    }
    let request = forgot(&app, "ada@example.com").await.body["requestId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", codes + 1).await);
    let by_address = json!({ "email": "ada@example.com", "code": code, "newPassword": NEW });
    let spent = app.anyone.post("/auth/password/reset", by_address).await;
    assert_eq!(spent.problem(), "code_invalid", "twenty a day");
    let by_request = json!({ "requestId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_request).await.status, 204);
}

#[tokio::test]
async fn a_device_is_known_for_the_password_it_was_let_in_with() {
    let app = TestApp::new().await;
    let thief = app.member("ada@example.com").await;
    app.advance(MINUTE);
    let request = forgot(&app, "ada@example.com").await.body["requestId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let reset = json!({ "requestId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    let ada = login_with(&app, NEW).await;
    let login = |password: &str, token: &Value| {
        app.anyone
            .post("/auth/login", json!({ "identifier": "ada@example.com", "password": password, "deviceToken": token }))
    };
    for _ in 0..5 {
        assert_eq!(login("a guess", &thief.tokens["deviceToken"]).await.problem(), "invalid_credentials");
    }
    assert_eq!(login("a guess", &thief.tokens["deviceToken"]).await.problem(), "locked_out");
    assert_eq!(login_with(&app, NEW).await.problem(), "locked_out", "counted by network, as any stranger's");
    assert_eq!(login(NEW, &ada.body["deviceToken"]).await.status, 200);
}

#[tokio::test]
async fn how_often_an_address_is_tried_is_a_setting() {
    let app = TestApp::with(|config| config.auth.code.daily_tries_by_address = 1).await;
    app.verified("ada@example.com").await;
    let request = forgot(&app, "ada@example.com").await.body["requestId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let by_address = |code: &str| json!({ "email": "ada@example.com", "code": code, "newPassword": NEW });
    for typed in [wrong(&code), code.clone()] {
        let spent = app.anyone.post("/auth/password/reset", by_address(&typed)).await;
        assert_eq!(spent.problem(), "code_invalid", "the first is wrong, the second one too many");
    }
    let by_request = json!({ "requestId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", by_request).await.status, 204);
}

#[tokio::test]
async fn a_request_ends_with_its_code_and_is_removed() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    let request = forgot(&app, "ada@example.com").await.body["requestId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let unknown = forgot(&app, "x@example.com").await.body["requestId"].clone();
    app.advance(10 * MINUTE);
    let late = json!({ "requestId": request, "code": code, "newPassword": NEW });
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
    let request = forgot(&app, "ada@example.com").await.body["requestId"].clone();
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let reset = json!({ "requestId": request, "code": code, "newPassword": NEW });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    assert_eq!(login_with(&app, PASSWORD).await.problem(), "invalid_credentials");
    let entered = login_with(&app, NEW).await;
    assert_eq!((entered.status, &entered.body["userId"]), (200, &id));
}

#[tokio::test]
async fn a_password_is_changed_by_the_one_before_and_other_sessions_end() {
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
    assert_eq!(login_with(&app, NEW).await.status, 200);
    for _ in 0..5 {
        assert_eq!(ada.post("/auth/password/change", change(PASSWORD, NEW)).await.status, 422);
    }
    let shut = ada.post("/auth/password/change", change(NEW, PASSWORD)).await;
    assert_eq!((shut.status, shut.problem()), (429, "locked_out"));
    assert_eq!(login_with(&app, NEW).await.status, 200, "that is counted by session");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_user_alone() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let phone = json!({ "identifier": "ada@example.com", "password": PASSWORD, "deviceName": "Ada's phone" });
    let agent = app.anyone.with("user-agent", "Teapot/1").at("192.0.2.7");
    let phone = app.member_of(agent.post("/auth/login", phone).await.body);
    let bob = app.member("bob@example.com").await;
    let listed = ada.get("/auth/sessions").await;
    assert_eq!((listed.body["data"].as_array().unwrap().len(), &listed.body["nextCursor"]), (2, &Value::Null));
    let row = |id: &Value| listed.body["data"].as_array().unwrap().iter().find(|row| row["id"] == *id).unwrap().clone();
    assert_eq!(row(&ada.tokens["sessionId"])["current"], true);
    let theirs = row(&phone.tokens["sessionId"]);
    assert_eq!((&theirs["deviceName"], &theirs["userAgent"]), (&json!("Ada's phone"), &json!("Teapot/1")));
    assert_eq!((&theirs["ipAddress"], &theirs["current"]), (&json!("192.0.2.7"), &json!(false)));
    let path = format!("/auth/sessions/{}", phone.tokens["sessionId"].as_str().unwrap());
    assert_eq!(bob.delete(&path).await.problem(), "not_found");
    assert_eq!(phone.get("/auth/profile").await.status, 200);
    assert_eq!(ada.delete(&path).await.status, 204);
    assert_eq!(phone.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(ada.delete(&path).await.problem(), "not_found");
    assert_eq!(ada.delete("/auth/sessions/none").await.problem(), "not_found");
    assert_eq!(app.audited(AuthAction::EndSession).len(), 1);
    app.mail("ada@example.com", "new_device", 1).await;
}

#[tokio::test]
async fn a_signed_in_user_proves_again_who_they_are() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    app.advance(5 * MINUTE);
    let asked = ada.post("/otp", json!({ "purpose": "step_up" })).await;
    assert_eq!((asked.status, &asked.body["channel"]), (202, &json!("email")), "{asked:?}");
    let soon = ada.post("/otp", json!({ "purpose": "step_up" })).await;
    assert_eq!((soon.status, soon.problem()), (429, "resend_too_soon"));
    let code = code_in(&app.mail("ada@example.com", "step_up_code", 1).await);
    let missed = ada.post("/otp/verify", json!({ "id": asked.body["id"], "code": wrong(&code) })).await;
    assert_eq!((missed.status, missed.problem(), &missed.body["attemptsLeft"]), (422, "code_wrong", &json!(4)));
    let bob = app.member("bob@example.com").await;
    let foreign = bob.post("/otp/verify", json!({ "id": asked.body["id"], "code": code })).await;
    assert_eq!((foreign.status, foreign.problem()), (410, "code_expired"));
    let right = ada.post("/otp/verify", json!({ "purpose": "step_up", "code": code })).await;
    assert_eq!((right.status, &right.body["status"]), (200, &json!("verified")));
    assert_eq!(app.audited(AuthAction::StepUp).len(), 1);
    let refreshed = app.anyone.post("/auth/refresh", json!({ "refreshToken": ada.tokens["refreshToken"] })).await;
    let ada = app.member_of(refreshed.body);
    let claims = ada.get("/auth/validate").await.body["claims"].clone();
    assert_eq!(claims["amr"], json!(["pwd", "otp"]));
    assert!(claims["auth_time"].as_i64().unwrap() >= app.now().as_seconds() - 60);
    app.advance(10 * MINUTE);
    let again = ada.post("/otp/verify", json!({ "purpose": "step_up", "code": code })).await;
    assert_eq!(again.problem(), "code_expired");
    assert_eq!(
        ada.post("/otp/verify", json!({ "purpose": "step_up", "code": "12" })).await.fields(),
        ["/code code_format"]
    );
    assert_eq!(ada.post("/otp", json!({ "purpose": "verify_email" })).await.status, 422);
}

#[tokio::test]
async fn who_asked_for_a_code_sees_how_it_stands_and_nobody_else_does() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member("ada@example.com").await, app.member("bob@example.com").await);
    let asked = ada.post("/otp", json!({ "purpose": "step_up" })).await.body;
    let path = format!("/otp/{}", asked["id"].as_str().unwrap());
    let shown = ada.get(&path).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let mut expected = asked.clone();
    expected["status"] = json!("pending");
    expected["attemptsLeft"] = json!(5);
    assert_eq!(shown.body, expected, "what asking answered, and how far it has come");
    assert_eq!(bob.get(&path).await.problem(), "not_found");
    assert_eq!(ada.get("/otp/0199b2c0-0000-7000-8000-000000000000").await.problem(), "not_found");
    assert_eq!(ada.get("/otp/verify").await.problem(), "method_not_allowed");
    assert_eq!(app.anyone.get(&path).await.problem(), "unauthenticated");

    let code = code_in(&app.mail("ada@example.com", "step_up_code", 1).await);
    let stands = async |path: &str| {
        let shown = ada.get(path).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        (shown.body["status"].as_str().unwrap().to_owned(), shown.body["attemptsLeft"].as_u64().unwrap())
    };
    let try_it = async |code: &str| ada.post("/otp/verify", json!({ "purpose": "step_up", "code": code })).await;
    assert_eq!(try_it(&wrong(&code)).await.problem(), "code_wrong");
    assert_eq!(stands(&path).await, ("pending".into(), 4));
    assert_eq!(try_it(&code).await.status, 200);
    assert_eq!(stands(&path).await, ("verified".into(), 0));
    app.advance(10 * MINUTE);
    assert_eq!(stands(&path).await, ("verified".into(), 0), "it stays what it became");
}

#[tokio::test]
async fn a_code_that_ran_out_and_one_that_was_tried_too_often_are_told_apart() {
    let app = TestApp::with(|config| config.auth.token.lifetime = 60 * MINUTE).await;
    let ada = app.member("ada@example.com").await;
    let ask = async || {
        let asked = ada.post("/otp", json!({ "purpose": "step_up" })).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        format!("/otp/{}", asked.body["id"].as_str().unwrap())
    };
    let first = ask().await;
    app.advance(10 * MINUTE);
    assert_eq!(ada.get(&first).await.body["status"], "expired");
    let ended = || app.events(OtpExpired::TYPE).len() == 1;
    eventually("the code to be ended in the store", async || ended().then_some(())).await;
    assert_eq!(ada.get(&first).await.body["status"], "expired", "also when the store has ended it");

    let second = ask().await;
    assert_eq!(ada.get(&first).await.problem(), "not_found", "another took its place");
    let code = code_in(&app.mail("ada@example.com", "step_up_code", 2).await);
    for left in (0..5).rev() {
        let missed = ada.post("/otp/verify", json!({ "purpose": "step_up", "code": wrong(&code) })).await;
        assert_eq!((missed.status, &missed.body["attemptsLeft"]), (422, &json!(left)));
    }
    let void = ada.get(&second).await.body;
    assert_eq!((&void["status"], &void["attemptsLeft"]), (&json!("void"), &json!(0)));
    app.advance(10 * MINUTE);
    assert_eq!(ada.get(&second).await.body["status"], "void", "its time does not make it better");
}

#[tokio::test]
async fn a_user_proves_a_phone_by_the_text_message_in_the_inbox() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let verify_phone = json!({ "purpose": "verify_phone" });
    assert_eq!(ada.post("/otp", verify_phone.clone()).await.fields(), ["/purpose no_phone"]);
    give_phone(&app, &ada.id, "+436991234567").await;
    let by_mail = json!({ "purpose": "verify_phone", "channel": "email" });
    assert_eq!(ada.post("/otp", by_mail).await.status, 422);
    let asked = ada.post("/otp", verify_phone).await;
    assert_eq!((asked.status, &asked.body["channel"]), (202, &json!("sms")), "{asked:?}");
    let text = app.mail("+436991234567", "phone_code", 1).await;
    assert_eq!((&text["channel"], &text["to"]), (&json!("sms"), &json!("+436991234567")));
    assert_eq!((&text["subject"], &text["html"]), (&json!(""), &json!("")));
    let code = code_in(&text);
    let said = format!("{code} is your Majordomo code, valid for 10 min. Never pass it on.");
    assert_eq!(text["text"], said.as_str());

    let missed = ada.post("/otp/verify", json!({ "purpose": "verify_phone", "code": wrong(&code) })).await;
    assert_eq!((missed.status, missed.problem()), (422, "code_wrong"));
    assert_eq!(ada.get("/auth/profile").await.body["phoneVerified"], false);
    let right = ada.post("/otp/verify", json!({ "id": asked.body["id"], "code": code })).await;
    assert_eq!((right.status, &right.body["status"]), (200, &json!("verified")), "{right:?}");
    assert_eq!(ada.get("/auth/profile").await.body["phoneVerified"], true);
    assert_eq!(app.audited(AuthAction::VerifyPhone).len(), 1);
    let updated = app.events(UserUpdated::TYPE);
    let verified = app.events(OtpVerified::TYPE).pop().unwrap();
    assert_eq!((updated.len(), updated[0].time), (1, verified.time));
}

#[tokio::test]
async fn no_code_goes_to_a_phone_where_mail_goes_out() {
    let settings = [("TRANSPORT", "smtp"), ("SMTP_URL", "smtp://127.0.0.1:9"), ("FROM", "house@example.com")];
    let environment = settings.map(|(key, value)| (format!("MAJORDOMO__NOTIFY__EMAIL__{key}").into(), value.into()));
    let sources = Sources { environment: environment.into(), ..Sources::default() };
    let loaded = Config::load(&sources).unwrap();
    let app = TestApp::with(|config| config.notify = loaded.config.notify).await;
    let made = app.operator().post("/users/admins", json!({ "email": "bob@example.com", "password": PASSWORD })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let bob = app.sign_in("bob@example.com").await;
    give_phone(&app, &bob.id, "+436991234567").await;
    assert_eq!(bob.post("/otp", json!({ "purpose": "verify_phone" })).await.fields(), ["/purpose no_channel"]);
}

async fn give_phone(app: &TestApp, id: &str, phone: &str) {
    let (id, phone) = (id.parse::<UserId>().unwrap(), PhoneNumber::parse(phone).unwrap());
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(5));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "phone"));
    let given = app.store.write(write, move |tx| {
        let found = user::find(tx, id)?.unwrap();
        user::replace(tx, &given_phone(found, &phone))?;
        Ok(())
    });
    given.await.unwrap();
}

fn given_phone(user: User, phone: &PhoneNumber) -> User {
    let profile = Profile { phone: Some(phone.clone()), ..user.profile };
    User { profile, version: user.version + 1, ..user }
}
