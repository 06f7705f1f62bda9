//! `auth.require_verified_email = false`: users sign in at registration, and prove their address later.

use std::time::Duration;

use majordomo::{
    domain::{
        auth::{
            AddressState,
            actions::AuthAction,
            events::{SessionRevoked, UserLoggedIn, UserRegistered},
        },
        user::{Status, User, actions::UserAction, events::UserVerified},
    },
    persistence::{
        Write,
        tables::{invitation, registration, user},
    },
    types::{CallContext, EmailAddress, Work, id::UserId},
};
use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{PASSWORD, TestApp, TestUser, code_in, wrong},
};

const ADA: &str = "ada@example.com";
const OTHERS: &str = "the stranger's own sentence";

async fn lenient() -> TestApp {
    TestApp::with(|config| config.auth.require_verified_email = false).await
}

async fn register_with(app: &TestApp, form: Value) -> Answer {
    let answer = app.anyone.post("/auth/register", form).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

/// An administrator, signed in.
async fn root(app: &TestApp) -> TestUser {
    let made = json!({ "email": "root@example.com", "password": PASSWORD });
    assert_eq!(app.operator().post("/users/admins", made).await.status, 201);
    app.sign_in("root@example.com").await
}

fn entered(app: &TestApp, registered: &Answer) -> TestUser {
    app.member_of(registered.body["session"].clone())
}

#[tokio::test]
async fn who_registers_is_signed_in_at_once_and_proves_the_address_later() {
    let app = lenient().await;
    let registered = app.register(ADA).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    assert_eq!((&registered.body["status"], &registered.body["emailVerified"]), (&json!("pending"), &json!(false)));
    let session = &registered.body["session"];
    for member in ["token", "refreshToken", "expiresIn", "tokenType", "userId", "sessionId", "deviceToken"] {
        assert!(!session[member].is_null(), "{member} is missing in {session}");
    }
    assert_eq!((&session["firstLogin"], &session["userId"]), (&json!(true), &registered.body["id"]));
    let ada = entered(&app, &registered);
    let profile = ada.get("/auth/profile").await;
    assert_eq!((profile.status, &profile.body["status"]), (200, &json!("pending")));
    let claims = ada.get("/auth/validate").await.body["claims"].clone();
    assert_eq!((&claims["email"], &claims["email_verified"]), (&json!(ADA), &json!(false)));
    let refreshed = app.anyone.post("/auth/refresh", json!({ "refreshToken": session["refreshToken"] })).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert_eq!(app.login(ADA).await.body["firstLogin"], false);
    assert_eq!(app.events(UserRegistered::TYPE).len(), 1);
    assert_eq!(app.events(UserLoggedIn::TYPE).len(), 2);
    assert_eq!(app.audited(AuthAction::Register).len(), 1);

    let code = app.code_of(ADA).await;
    let id = &registered.body["id"];
    assert_eq!(app.verify(id, &wrong(&code)).await.problem(), "code_invalid");
    let proof = json!({ "userId": id, "code": code });
    let verified = ada.post("/auth/verify-email", proof).await;
    assert_eq!((verified.status, &verified.body["status"]), (200, &json!("active")), "{verified:?}");
    assert_eq!((&verified.body["id"], &verified.body["emailVerified"]), (id, &json!(true)));
    let again = app.verify(id, &code).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })));
    assert_eq!(ada.get("/auth/profile").await.body["emailVerified"], true, "the session that proved it goes on");
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    app.mail(ADA, "welcome", 1).await;
}

#[tokio::test]
async fn a_proof_ends_the_sessions_that_are_not_the_provers() {
    for way in ["anonymous", "another user's", "own", "otp"] {
        let app = lenient().await;
        let bob = app.member("bob@example.com").await;
        let registered = app.register(ADA).await;
        let first = entered(&app, &registered);
        let second = app.sign_in(ADA).await;
        let code = app.code_of(ADA).await;
        let body = json!({ "userId": registered.body["id"], "code": code });
        let proven = match way {
            "anonymous" => app.anyone.post("/auth/verify-email", body).await,
            "another user's" => bob.post("/auth/verify-email", body).await,
            "own" => second.post("/auth/verify-email", body).await,
            _otp => second.post("/otp/verify", json!({ "purpose": "verify_email", "code": code })).await,
        };
        assert_eq!(proven.status, 200, "{way}: {proven:?}");
        assert_eq!(first.get("/auth/profile").await.problem(), "session_ended", "{way}");
        let goes_on = second.get("/auth/profile").await.status;
        assert_eq!(goes_on, if matches!(way, "own" | "otp") { 200 } else { 401 }, "{way}");
        assert_eq!(bob.get("/auth/profile").await.status, 200);
        let ended = app.events(SessionRevoked::TYPE);
        assert!(ended.iter().all(|event| format!("{:?}", event.kind).contains("AddressVerified")), "{ended:?}");
    }
}

#[tokio::test]
async fn an_address_is_proven_by_a_code_that_the_signed_in_user_asks_for() {
    let app = lenient().await;
    let ada = entered(&app, &app.register(ADA).await);
    app.code_of(ADA).await;
    app.advance(Duration::from_secs(61));
    let asked = ada.post("/otp", json!({ "purpose": "verify_email" })).await;
    assert_eq!((asked.status, &asked.body["channel"]), (202, &json!("email")), "{asked:?}");
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    let proven = ada.post("/otp/verify", json!({ "purpose": "verify_email", "code": code })).await;
    assert_eq!((proven.status, &proven.body["status"]), (200, &json!("verified")), "{proven:?}");
    assert_eq!(ada.get("/auth/profile").await.body["emailVerified"], true);
    let again = ada.post("/otp", json!({ "purpose": "verify_email" })).await;
    assert_eq!(again.fields(), ["/purpose already_verified"]);
}

#[tokio::test]
async fn an_address_that_was_proven_is_given_no_session() {
    let app = lenient().await;
    let ada = entered(&app, &app.register(ADA).await);
    let code = app.code_of(ADA).await;
    assert_eq!(ada.post("/auth/verify-email", json!({ "userId": ada.id, "code": code })).await.status, 200);
    let stranger = register_with(&app, json!({ "email": ADA, "password": OTHERS })).await;
    assert!(stranger.body.get("session").is_none(), "{stranger:?}");
    app.mail(ADA, "address_taken", 1).await;
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    let guess = json!({ "identifier": ADA, "password": OTHERS });
    assert_eq!(app.anyone.post("/auth/login", guess).await.problem(), "invalid_credentials");
}

#[tokio::test]
async fn whoever_proves_an_address_has_the_account_that_a_stranger_made_with_it() {
    let app = lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "username": "mallory", "firstName": "Mallory" });
    let stranger = entered(&app, &register_with(&app, form).await);
    let strangers_code = app.code_of(ADA).await;
    let owner = register_with(&app, json!({ "email": ADA, "password": PASSWORD, "firstName": "Ada" })).await;
    assert!(owner.body.get("session").is_none(), "{owner:?}");
    let owners_code = code_in(&app.mail(ADA, "verification_code", 2).await);
    assert_ne!(strangers_code, owners_code);
    assert_eq!(stranger.get("/auth/profile").await.status, 200, "nothing is proven yet");

    let body = json!({ "userId": owner.body["id"], "code": owners_code });
    let verified = app.anyone.post("/auth/verify-email", body.clone()).await;
    assert_eq!((verified.status, &verified.body["firstName"]), (200, &json!("Ada")), "{verified:?}");
    assert_eq!((&verified.body["emailVerified"], &verified.body["username"]), (&json!(true), &Value::Null));
    let again = app.anyone.post("/auth/verify-email", body).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })), "a lost answer is asked for again");

    let replaced = app.audited(AuthAction::ResetPassword);
    assert_eq!(replaced.len(), 1, "another password is a change of a credential");
    assert_eq!((replaced[0].detail.as_str(), replaced[0].subject), ("by=address_proof", stranger.id.parse().ok()));
    assert_eq!(stranger.get("/auth/profile").await.problem(), "session_ended");
    let refresh = json!({ "refreshToken": stranger.tokens["refreshToken"] });
    assert_eq!(app.anyone.post("/auth/refresh", refresh).await.problem(), "session_ended");
    let theirs = json!({ "identifier": ADA, "password": OTHERS });
    assert_eq!(app.anyone.post("/auth/login", theirs).await.problem(), "invalid_credentials");
    let crossed = json!({ "userId": stranger.id, "code": strangers_code });
    assert_eq!(app.anyone.post("/auth/verify-email", crossed).await.problem(), "code_invalid");
    let ada = app.sign_in(ADA).await;
    assert_eq!(ada.id, verified.body["id"]);
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
}

#[tokio::test]
async fn the_first_holders_code_proves_the_address_while_another_registration_waits() {
    let app = lenient().await;
    let ada = entered(&app, &app.register(ADA).await);
    let code = app.code_of(ADA).await;
    register_with(&app, json!({ "email": ADA, "password": OTHERS })).await;
    app.mail(ADA, "verification_code", 2).await;
    let verified = ada.post("/auth/verify-email", json!({ "userId": ada.id, "code": code })).await;
    assert_eq!((verified.status, verified.body["id"].as_str()), (200, Some(ada.id.as_str())), "{verified:?}");
    assert_eq!(ada.get("/auth/profile").await.status, 200);
}

#[tokio::test]
async fn where_addresses_must_be_proven_again_who_has_not_is_sent_the_code_and_waits() {
    let app = TestApp::new().await;
    let ada = app.member(ADA).await;
    let id: UserId = ada.id.parse().unwrap();
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(5));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "unprove"));
    let unproven = app.store.write(write, move |tx| {
        let found = user::find(tx, id)?.unwrap();
        user::replace(tx, &User { email_verified: false, status: Status::Pending, ..found })?;
        Ok(())
    });
    unproven.await.unwrap();
    assert_eq!(ada.get("/auth/profile").await.problem(), "session_ended");
    app.advance(Duration::from_secs(3_600));
    assert_eq!(app.login(ADA).await.problem(), "invalid_credentials");
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    let verified = app.verify(&json!(ada.id), &code).await;
    assert_eq!((verified.status, &verified.body["status"]), (200, &json!("active")), "{verified:?}");
    assert_eq!(app.login(ADA).await.status, 200);
}

#[tokio::test]
async fn a_forgotten_password_takes_the_account_over_as_well() {
    let app = lenient().await;
    let stranger = entered(&app, &register_with(&app, json!({ "email": ADA, "password": OTHERS })).await);
    let request = app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await.body["requestId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let reset = json!({ "requestId": request, "code": code, "newPassword": PASSWORD });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    assert_eq!(stranger.get("/auth/profile").await.problem(), "session_ended");
    let ada = app.sign_in(ADA).await;
    let profile = ada.get("/auth/profile").await.body;
    assert_eq!((&profile["status"], &profile["emailVerified"]), (&json!("active"), &json!(true)));
    assert_eq!(app.events(UserVerified::TYPE).len(), 1, "the proof is told however it came about");
    assert_eq!(app.audited(AuthAction::VerifyEmail).len(), 1);
    app.mail(ADA, "welcome", 1).await;
}

#[tokio::test]
async fn an_operator_opens_a_lock_of_somebody_who_has_not_proven_the_address() {
    let app = lenient().await;
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
async fn a_phone_that_the_former_holder_proved_is_not_the_owners() {
    let app = lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "phone": "+4369912345678" });
    let stranger = entered(&app, &register_with(&app, form).await);
    assert_eq!(stranger.post("/otp", json!({ "purpose": "verify_phone" })).await.status, 202);
    let code = code_in(&app.mail("+4369912345678", "phone_code", 1).await);
    let proven = stranger.post("/otp/verify", json!({ "purpose": "verify_phone", "code": code })).await;
    assert_eq!(proven.status, 200, "{proven:?}");
    assert_eq!(stranger.get("/auth/profile").await.body["phoneVerified"], true);
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let reset = json!({ "email": ADA, "code": code, "newPassword": PASSWORD });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    assert_eq!(app.sign_in(ADA).await.get("/auth/profile").await.body["phoneVerified"], false);
}

#[tokio::test]
async fn a_proof_by_reset_or_by_the_users_own_code_ends_what_else_waits_for_the_address() {
    for by_reset in [true, false] {
        let app = lenient().await;
        let ada = entered(&app, &app.register(ADA).await);
        let code = app.code_of(ADA).await;
        assert_eq!(root(&app).await.post("/invitations", json!({ "email": ADA })).await.status, 201);
        let waiting = register_with(&app, json!({ "email": ADA, "password": OTHERS })).await;
        let theirs = code_in(&app.mail(ADA, "verification_code", 2).await);
        if by_reset {
            app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
            let code = code_in(&app.mail(ADA, "reset_code", 1).await);
            let reset = json!({ "email": ADA, "code": code, "newPassword": PASSWORD });
            assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
        } else {
            let proof = json!({ "purpose": "verify_email", "code": code });
            assert_eq!(ada.post("/otp/verify", proof).await.status, 200);
        }
        let address = EmailAddress::parse(ADA).unwrap();
        let read = app.store.read(move |view| {
            Ok((registration::of_email(view, &address)?, invitation::find_by_email(view, &address)?))
        });
        let (left, invited) = read.await.unwrap();
        let all_ended = left.iter().all(|found| found.address == AddressState::Taken);
        assert!(all_ended, "by_reset: {by_reset}: they keep their places, and no code turns them into a user");
        assert_eq!(invited.map(|found| found.email), None, "by_reset: {by_reset}");
        let crossed = json!({ "userId": waiting.body["id"], "code": theirs });
        assert_eq!(app.anyone.post("/auth/verify-email", crossed).await.problem(), "code_invalid");
    }
}

#[tokio::test]
async fn roles_are_given_to_who_has_proven_the_address() {
    let app = lenient().await;
    let stranger = entered(&app, &register_with(&app, json!({ "email": ADA, "password": OTHERS })).await);
    let code = app.code_of(ADA).await;
    let grant = json!({ "email": ADA, "role": "admin" });
    let refused = app.operator().post("/users/grant", grant.clone()).await;
    assert_eq!((refused.status, refused.problem()), (409, "status_conflict"));
    assert!(refused.body["detail"].as_str().unwrap().contains("not proven"), "{refused:?}");
    let admin = root(&app).await;
    let roles = format!("/users/{}/roles", stranger.id);
    let refused = admin.put(&roles, json!({ "roles": ["user", "support"] })).await;
    assert_eq!((refused.status, refused.problem()), (409, "status_conflict"));
    assert_eq!(admin.put(&roles, json!({ "roles": [] })).await.status, 200, "taking away is no matter");
    assert_eq!(stranger.get("/users").await.problem(), "forbidden");

    assert_eq!(app.verify(&json!(stranger.id), &code).await.status, 200);
    assert_eq!(app.operator().post("/users/grant", grant).await.status, 200);
}

#[tokio::test]
async fn devices_of_the_former_holder_are_not_known_any_more() {
    let app = lenient().await;
    let stranger = entered(&app, &register_with(&app, json!({ "email": ADA, "password": OTHERS })).await);
    app.code_of(ADA).await;
    app.advance(Duration::from_secs(60));
    let owner = register_with(&app, json!({ "email": ADA, "password": PASSWORD })).await;
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    let body = json!({ "userId": owner.body["id"], "code": code });
    assert_eq!(app.anyone.post("/auth/verify-email", body).await.status, 200);
    let guess = |token: &Value| json!({ "identifier": ADA, "password": "a guess", "deviceToken": token });
    for _ in 0..5 {
        app.anyone.post("/auth/login", guess(&Value::Null)).await;
    }
    let guessed = app.anyone.post("/auth/login", guess(&stranger.tokens["deviceToken"])).await;
    assert_eq!(guessed.problem(), "locked_out", "it would have tries of its own, and none of them counted by the day");
}

#[tokio::test]
async fn nobody_keeps_an_address_from_the_administrator_an_operator_makes() {
    let app = lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "username": "mallory" });
    let stranger = entered(&app, &register_with(&app, form).await);
    let code = app.code_of(ADA).await;
    let made = app.operator().post("/users/admins", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!((made.status, &made.body["id"]), (201, &json!(stranger.id)), "{made:?}");
    assert_eq!((&made.body["status"], &made.body["emailVerified"]), (&json!("active"), &json!(true)));
    assert_eq!((&made.body["username"], &made.body["roles"]), (&Value::Null, &json!(["user", "admin"])));

    assert_eq!(stranger.get("/auth/profile").await.problem(), "session_ended");
    let theirs = json!({ "identifier": ADA, "password": OTHERS });
    assert_eq!(app.anyone.post("/auth/login", theirs).await.problem(), "invalid_credentials");
    let late = json!({ "userId": stranger.id, "code": code });
    assert_eq!(app.anyone.post("/auth/verify-email", late).await.problem(), "code_invalid");
    assert_eq!(app.sign_in(ADA).await.get("/users").await.status, 200);
    let again = app.operator().post("/users/admins", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!(again.problem(), "email_taken");
    assert_eq!(app.audited(UserAction::CreateAdmin).len(), 1);
}

#[tokio::test]
async fn an_unproven_address_is_sent_codes_and_nothing_else() {
    let app = lenient().await;
    let ada = entered(&app, &app.register(ADA).await);
    for _ in 0..3 {
        app.login(ADA).await;
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another sentence nobody guesses" });
    assert_eq!(ada.post("/auth/password/change", change).await.status, 204);
    ada.post("/otp", json!({ "purpose": "step_up" })).await;
    app.mail(ADA, "step_up_code", 1).await;
    let inbox = app.anyone.get(&format!("/dev/inbox?to={ADA}")).await;
    let mut templates: Vec<_> =
        inbox.body["data"].as_array().unwrap().iter().map(|mail| mail["template"].as_str().unwrap()).collect();
    templates.sort_unstable();
    assert_eq!(templates, ["step_up_code", "verification_code"]);
}
