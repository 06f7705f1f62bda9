//! Codes for signed-in users: requested, shown, verified.

use std::time::Duration;

use majordomo::{
    config::{Config, Sources},
    domain::{
        auth::actions::AuthAction,
        otp::events::{OtpExpired, OtpVerified},
        user::{Profile, User, events::UserUpdated},
    },
    persistence::{Write, tables::user},
    types::{CallContext, PhoneNumber, Work, id::UserId},
};
use serde_json::json;

use crate::test_app::{ADA, MINUTE, PASSWORD, TestApp, code_in, eventually, wrong};

#[tokio::test]
async fn a_signed_in_user_proves_the_identity_again() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    app.advance(5 * MINUTE);
    let requested = ada.post("/otp", json!({ "purpose": "step_up" })).await;
    assert_eq!((requested.status, &requested.body["channel"]), (202, &json!("email")), "{requested:?}");
    let soon = ada.post("/otp", json!({ "purpose": "step_up" })).await;
    assert_eq!((soon.status, soon.problem()), (429, "resend_too_soon"));
    let code = code_in(&app.mail("ada@example.com", "step_up_code", 1).await);
    let missed = ada.post("/otp/verify", json!({ "id": requested.body["id"], "code": wrong(&code) })).await;
    assert_eq!((missed.status, missed.problem(), &missed.body["attemptsLeft"]), (422, "code_wrong", &json!(4)));
    let bob = app.member("bob@example.com").await;
    let others_try = bob.post("/otp/verify", json!({ "id": requested.body["id"], "code": code })).await;
    assert_eq!((others_try.status, others_try.problem()), (410, "code_expired"));
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
async fn the_requester_of_a_code_sees_its_state_and_no_other_user_does() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member("ada@example.com").await, app.member("bob@example.com").await);
    let requested = ada.post("/otp", json!({ "purpose": "step_up" })).await.body;
    let path = format!("/otp/{}", requested["id"].as_str().unwrap());
    let shown = ada.get(&path).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let mut expected = requested.clone();
    expected["status"] = json!("pending");
    expected["attemptsLeft"] = json!(5);
    assert_eq!(shown.body, expected, "the answer to the request, and the state");
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
async fn an_expired_code_and_one_that_was_tried_too_often_have_different_states() {
    let app = TestApp::with(|config| config.auth.token.lifetime = 60 * MINUTE).await;
    let ada = app.member("ada@example.com").await;
    let ask = async || {
        let requested = ada.post("/otp", json!({ "purpose": "step_up" })).await;
        assert_eq!(requested.status, 202, "{requested:?}");
        format!("/otp/{}", requested.body["id"].as_str().unwrap())
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
async fn a_user_proves_a_phone_with_the_text_message_in_the_inbox() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let verify_phone = json!({ "purpose": "verify_phone" });
    assert_eq!(ada.post("/otp", verify_phone.clone()).await.fields(), ["/purpose no_phone"]);
    give_phone(&app, &ada.id, "+436991234567").await;
    let by_mail = json!({ "purpose": "verify_phone", "channel": "email" });
    assert_eq!(ada.post("/otp", by_mail).await.status, 422);
    let requested = ada.post("/otp", verify_phone).await;
    assert_eq!((requested.status, &requested.body["channel"]), (202, &json!("sms")), "{requested:?}");
    let text = app.mail("+436991234567", "phone_code", 1).await;
    assert_eq!((&text["channel"], &text["to"]), (&json!("sms"), &json!("+436991234567")));
    assert_eq!((&text["subject"], &text["html"]), (&json!(""), &json!("")));
    let code = code_in(&text);
    let expected_text = format!("{code} is your Majordomo code, valid for 10 min. Never pass it on.");
    assert_eq!(text["text"], expected_text.as_str());

    let missed = ada.post("/otp/verify", json!({ "purpose": "verify_phone", "code": wrong(&code) })).await;
    assert_eq!((missed.status, missed.problem()), (422, "code_wrong"));
    assert_eq!(ada.get("/auth/profile").await.body["phoneVerified"], false);
    let right = ada.post("/otp/verify", json!({ "id": requested.body["id"], "code": code })).await;
    assert_eq!((right.status, &right.body["status"]), (200, &json!("verified")), "{right:?}");
    assert_eq!(ada.get("/auth/profile").await.body["phoneVerified"], true);
    assert_eq!(app.audited(AuthAction::VerifyPhone).len(), 1);
    let updated = app.events(UserUpdated::TYPE);
    let verified = app.events(OtpVerified::TYPE).pop().unwrap();
    assert_eq!((updated.len(), updated[0].time), (1, verified.time));
}

#[tokio::test]
async fn no_code_is_sent_to_a_phone_while_mail_goes_to_a_server() {
    let settings = [("TRANSPORT", "smtp"), ("SMTP_URL", "smtp://127.0.0.1:9"), ("FROM", "sender@example.com")];
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

#[tokio::test]
async fn an_address_is_proven_with_a_code_that_the_signed_in_user_requests() {
    let app = TestApp::lenient().await;
    let ada = app.entered(&app.register(ADA).await);
    app.code_of(ADA).await;
    app.advance(Duration::from_secs(61));
    let requested = ada.post("/otp", json!({ "purpose": "verify_email" })).await;
    assert_eq!((requested.status, &requested.body["channel"]), (202, &json!("email")), "{requested:?}");
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    let proven = ada.post("/otp/verify", json!({ "purpose": "verify_email", "code": code })).await;
    assert_eq!((proven.status, &proven.body["status"]), (200, &json!("verified")), "{proven:?}");
    assert_eq!(ada.get("/auth/profile").await.body["emailVerified"], true);
    let again = ada.post("/otp", json!({ "purpose": "verify_email" })).await;
    assert_eq!(again.fields(), ["/purpose already_verified"]);
}
