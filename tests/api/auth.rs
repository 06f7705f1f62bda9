//! Sign-in through the API: from a registration to a signed-in user and a logout, with the records of each step.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use majordomo::{
    crypto::password::{PasswordCost, PasswordHasher, Scratch},
    domain::{
        auth::{
            actions::AuthAction,
            events::{
                SessionRefreshed, SessionReuseDetected, UserLockedOut, UserLoggedIn, UserLoggedOut, UserLoginFailed,
                UserRegistered, UserRegistrationRepeated,
            },
        },
        otp::{
            actions::OtpAction,
            events::{OtpFailed, OtpVerified},
        },
        user::{User, events::UserVerified},
    },
    persistence::{
        Write,
        tables::{session, user},
    },
    types::{
        CallContext, Secret, Work,
        id::{SessionId, UserId},
    },
};
use serde_json::{Value, json};

use crate::test_app::{PASSWORD, TestApp, code_in, eventually, ready, wrong};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_user_registers_verifies_signs_in_and_leaves() {
    let app = TestApp::new().await;
    let form = json!({
        "email": "Ada@Example.com", "password": PASSWORD, "username": "Ada", "displayName": "Ada L.", "firstName": "Ada",
        "lastName": "Lovelace", "phone": "+4369912345678", "locale": "en",
    });
    let registered = app.anyone.post("/auth/register", form).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let id = registered.body["id"].as_str().unwrap().to_owned();
    assert_eq!(registered.header("location"), format!("/users/{id}"));
    for (member, wanted) in [
        ("email", json!("Ada@example.com")),
        ("username", json!("ada")),
        ("status", json!("pending")),
        ("emailVerified", json!(false)),
        ("roles", json!(["user"])),
    ] {
        assert_eq!(registered.body[member], wanted, "{member}");
    }
    assert!(!registered.body.to_string().contains("argon2"));
    assert_eq!(app.events(UserRegistered::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::Register)[0].subject.unwrap().to_string(), id);

    let mail = app.mail("ada@example.com", "verification_code", 1).await;
    assert!(!mail["text"].as_str().unwrap().contains("Ada"), "nothing that was typed: {mail}");
    let verified = app.anyone.post("/auth/verify-email", json!({ "userId": id, "code": code_in(&mail) })).await;
    assert_eq!((verified.status, &verified.body["status"]), (200, &json!("active")));
    assert_eq!(verified.body["emailVerified"], true);
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    assert_eq!(app.events(OtpVerified::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::VerifyEmail).len(), 1);
    app.mail("ada@example.com", "welcome", 1).await;

    let ada = app.sign_in("ada").await;
    assert_eq!(ada.id, id);
    assert_eq!((&ada.tokens["tokenType"], &ada.tokens["firstLogin"]), (&json!("Bearer"), &json!(true)));
    assert_eq!(ada.tokens["expiresIn"], 900);
    let entered = app.events(UserLoggedIn::TYPE);
    assert_eq!(entered[0].personal.email.as_deref(), Some("Ada@example.com"));
    assert_eq!(entered[0].personal.ip_address.as_deref(), Some("127.0.0.1"));
    assert_eq!(app.audited(AuthAction::Login).len(), 1);

    let profile = ada.get("/auth/profile").await;
    assert_eq!((profile.status, &profile.body["firstName"]), (200, &json!("Ada")));
    assert_eq!(profile.body["displayName"], "Ada L.");
    let valid = ada.get("/auth/validate").await;
    assert_eq!((&valid.body["active"], &valid.body["claims"]["sub"]), (&json!(true), &json!(id)));
    assert_eq!(valid.body["claims"]["sid"], ada.tokens["sessionId"]);

    let refreshed = app.anyone.post("/auth/refresh", json!({ "refreshToken": ada.tokens["refreshToken"] })).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    assert!(app.events(SessionRefreshed::TYPE).is_empty() && app.audited(AuthAction::Refresh).is_empty());
    let later = app.member_of(refreshed.body);
    assert_eq!(later.post("/auth/logout", json!({})).await.status, 204);
    assert_eq!(app.events(UserLoggedOut::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::Logout).len(), 1);
    for gone in [&ada, &later] {
        assert_eq!(gone.get("/auth/profile").await.problem(), "session_ended");
    }
    let again = app.anyone.post("/auth/refresh", json!({ "refreshToken": later.tokens["refreshToken"] })).await;
    assert_eq!((again.status, again.problem()), (401, "session_ended"));
    assert_eq!(later.post("/auth/logout", json!({})).await.status, 204, "always");
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_all_at_once_and_nothing_is_left_of_it() {
    let app = TestApp::new().await;
    let before = (app.hashes(), app.store.head());
    let answer = app
        .anyone
        .post(
            "/auth/register",
            json!({
                "email": "ada", "password": 7, "username": "-", "firstName": "<b>", "lastName": "a\u{7}b",
                "phone": "0699", "locale": "english!", "isAdmin": true,
            }),
        )
        .await;
    assert_eq!((answer.status, answer.problem()), (422, "validation_failed"));
    assert_eq!(
        answer.fields(),
        [
            "/email email_format",
            "/firstName control_character",
            "/isAdmin unknown_field",
            "/lastName control_character",
            "/locale locale_format",
            "/password wrong_type",
            "/phone phone_format",
            "/username username_format",
        ]
    );
    for (field, value, code) in [
        ("email", json!(null), "required"),
        ("email", json!("a\u{0434}a@example.com"), "email_local_part"),
        ("email", json!("ada@example"), "email_format"),
        ("email", json!(format!("{}@example.com", "a".repeat(65))), "email_format"),
        ("email", json!("ada@example.com\u{0}"), "control_character"),
        ("password", json!("short"), "password_too_short"),
        ("password", json!("a".repeat(129)), "password_too_long"),
        ("password", json!("ada.lovelace ada.lovelace"), "password_contains_email"),
        ("username", json!("admin"), "username_reserved"),
        ("username", json!("a\u{0434}a"), "username_format"),
    ] {
        let mut form = json!({ "email": "ada.lovelace@example.com", "password": PASSWORD });
        form[field] = value.clone();
        let answer = app.anyone.post("/auth/register", form).await;
        assert_eq!(answer.problem(), "validation_failed", "{field} {value}");
        assert_eq!(answer.fields(), [format!("/{field} {code}")], "{value}");
    }
    assert_eq!((app.hashes(), app.store.head()), before);
    assert!(app.audited(AuthAction::Register).is_empty());
}

#[tokio::test]
async fn variants_of_an_address_are_one_address() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    app.advance(Duration::from_secs(24 * 3_600));
    for variant in [" ADA@Example.COM ", "Ada@example.com", "ada@e\u{ff58}ample.com", "ada\u{ff20}example.com"] {
        let entered = app.login(variant).await;
        assert_eq!(entered.status, 200, "{variant}: {entered:?}");
        let answer = app.register(variant).await;
        assert!(matches!(answer.status, 201 | 429), "{variant}: {answer:?}");
    }
    assert_eq!(app.events(UserRegistered::TYPE).len(), 1, "the others were repeated registrations");
    assert_eq!(app.events(UserRegistrationRepeated::TYPE).len(), 3);
    app.mail("ada@example.com", "address_taken", 1).await;
    assert_eq!(app.mails("ada@example.com").await.iter().filter(|m| m["template"] == "address_taken").count(), 1);
}

#[tokio::test]
async fn a_code_is_sent_again_once_a_minute_and_is_the_same_one() {
    let app = TestApp::new().await;
    let registered = app.register("ada@example.com").await;
    let code = app.code_of("ada@example.com").await;
    let resend = json!({ "email": "ada@example.com" });
    let early = app.anyone.post("/auth/verify-email/resend", resend.clone()).await;
    assert_eq!(early.status, 202);
    assert_eq!(app.mails("ada@example.com").await.len(), 1, "it is too soon");
    app.advance(MINUTE);
    let by_id = json!({ "userId": registered.body["id"] });
    assert_eq!(app.anyone.post("/auth/verify-email/resend", by_id).await.status, 202);
    assert_eq!(code_in(&app.mail("ada@example.com", "verification_code", 2).await), code);
    assert_eq!(app.audited(OtpAction::ResendCode).len(), 1);
    app.advance(8 * MINUTE);
    app.anyone.post("/auth/verify-email/resend", resend).await;
    let renewed = code_in(&app.mail("ada@example.com", "verification_code", 3).await);
    assert_ne!(renewed, code, "under two minutes of its life remained");
    let id = &registered.body["id"];
    let old = app.verify(id, &code).await;
    assert_eq!((old.status, old.problem()), (422, "code_invalid"));
    let verified = app.verify(id, &renewed).await;
    assert_eq!((verified.status, &verified.body["id"]), (200, id));
    let again = app.verify(id, &renewed).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })), "a used code shows no profile");
}

#[tokio::test]
async fn an_address_alone_names_no_registration_that_a_code_is_for() {
    let app = TestApp::new().await;
    let registered = app.register("ada@example.com").await;
    let code = app.code_of("ada@example.com").await;
    let by_address = json!({ "email": "ada@example.com", "code": code });
    let refused = app.anyone.post("/auth/verify-email", by_address).await;
    assert_eq!(
        (refused.status, refused.fields()),
        (422, vec!["/email unknown_field".into(), "/userId required".into()])
    );
    assert_eq!(app.verify(&registered.body["id"], &code).await.status, 200);
}

#[tokio::test]
async fn codes_fail_in_one_way_and_are_void_after_five_wrong_ones() {
    let app = TestApp::new().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    let code = app.code_of("ada@example.com").await;
    let nobody = app.verify(&json!(uuid::Uuid::from_u128(7)), &code).await;
    for _ in 0..5 {
        let answer = app.verify(&id, &wrong(&code)).await;
        assert_eq!((answer.status, answer.problem()), (nobody.status, nobody.problem()));
        assert_eq!(answer.body["detail"], nobody.body["detail"]);
    }
    assert_eq!(app.events(OtpFailed::TYPE).len(), 5);
    assert_eq!(app.audited(OtpAction::CodeRefused).len(), 5);
    assert_eq!(app.verify(&id, &code).await.problem(), "code_invalid");
    for unfit in ["12345", "12345a", ""] {
        let answer = app.verify(&id, unfit).await;
        assert_eq!(answer.status, 422, "{unfit}");
    }
}

#[tokio::test]
async fn a_code_ends_with_its_time() {
    let app = TestApp::new().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    let code = app.code_of("ada@example.com").await;
    app.advance(10 * MINUTE);
    let late = app.anyone.post("/auth/verify-email", json!({ "userId": id, "code": code })).await;
    assert_eq!((late.status, late.problem()), (422, "code_invalid"));
}

#[tokio::test]
async fn a_user_name_is_reserved_from_the_form_on() {
    let app = TestApp::new().await;
    let form = |email: &str| json!({ "email": email, "password": PASSWORD, "username": "Countess" });
    assert_eq!(app.anyone.post("/auth/register", form("ada@example.com")).await.status, 201);
    let taken = app.anyone.post("/auth/register", form("bob@example.com")).await;
    assert_eq!((taken.status, taken.problem()), (409, "username_taken"));
    assert_eq!(taken.fields(), ["/username username_taken"]);
    app.advance(24 * 60 * MINUTE);
    assert_eq!(app.anyone.post("/auth/register", form("bob@example.com")).await.status, 201, "it lapsed");
}

#[tokio::test]
async fn a_registration_does_not_keep_the_user_name_from_its_own_address() {
    for is_required in [true, false] {
        let app = TestApp::with(|config| config.auth.require_verified_email = is_required).await;
        let form = |email: &str, name: &str| json!({ "email": email, "password": PASSWORD, "username": name });
        for email in ["ada@example.com", "ADA@example.com"] {
            let registered = app.anyone.post("/auth/register", form(email, "countess")).await;
            assert_eq!(registered.status, 201, "{registered:?}");
        }
        let newest = app.anyone.post("/auth/register", form("ada@example.com", "countess")).await;
        let code = code_in(&app.mail("ada@example.com", "verification_code", 3).await);
        assert_eq!(app.verify(&newest.body["id"], &code).await.body["username"], "countess");
        let again = app.anyone.post("/auth/register", form("ada@example.com", "countess")).await;
        assert_eq!(again.problem(), "username_taken", "it does not tell whose the name is");
    }
}

#[tokio::test]
async fn a_fourth_registration_of_an_address_points_to_the_password_reset() {
    let app = TestApp::new().await;
    app.verified("bob@example.com").await;
    app.advance(Duration::from_secs(24 * 3_600));
    for email in ["ada@example.com", "bob@example.com"] {
        for _ in 0..3 {
            assert_eq!(app.register(email).await.status, 201);
        }
        let fourth = app.register(email).await;
        assert_eq!((fourth.status, fourth.problem()), (429, "rate_limited"));
        assert!(fourth.body["detail"].as_str().unwrap().contains("/auth/password/forgot"), "{fourth:?}");
    }
}

#[tokio::test]
async fn signing_in_before_the_address_is_verified_sends_the_code_again() {
    let app = TestApp::new().await;
    app.register("ada@example.com").await;
    let code = app.code_of("ada@example.com").await;
    app.advance(MINUTE);
    let entered = app.login("ada@example.com").await;
    assert_eq!((entered.status, entered.problem()), (401, "invalid_credentials"));
    assert!(entered.body["detail"].as_str().unwrap().contains("not verified yet"));
    assert_eq!(code_in(&app.mail("ada@example.com", "verification_code", 2).await), code);
    assert!(app.events(UserLoggedIn::TYPE).is_empty());
}

#[tokio::test]
async fn five_wrong_passwords_shut_the_door_for_a_minute_and_a_known_device_is_let_in() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let guess = json!({ "identifier": "ada@example.com", "password": "not the one it is" });
    for _ in 0..5 {
        assert_eq!(app.anyone.post("/auth/login", guess.clone()).await.problem(), "invalid_credentials");
    }
    let shut = app.login("ada@example.com").await;
    assert_eq!((shut.status, shut.problem(), shut.header("retry-after")), (429, "locked_out", "60"));
    assert_eq!(app.events(UserLoginFailed::TYPE).len(), 5);
    assert_eq!(app.events(UserLockedOut::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::LockOut).len(), 1);
    app.mail("ada@example.com", "locked_out", 1).await;
    let known = json!({
        "identifier": "ada@example.com", "password": PASSWORD, "deviceToken": ada.tokens["deviceToken"],
    });
    assert_eq!(app.anyone.post("/auth/login", known).await.status, 200);
    assert_eq!(app.login("ada@example.com").await.status, 429, "a known device opens the door for itself alone");
    assert_eq!(app.anyone.at("192.0.2.9").post("/auth/login", guess).await.status, 401, "another network");
    app.advance(MINUTE);
    assert_eq!(app.login("ada@example.com").await.status, 200);
}

#[tokio::test]
async fn the_lock_of_a_whole_day_is_told_once_like_any_other() {
    let app = TestApp::with(|config| config.auth.lockout.daily_failures = 6).await;
    app.verified("ada@example.com").await;
    for (identifier, audited) in [("ada@example.com", 1), ("nobody@example.com", 2)] {
        let guess = json!({ "identifier": identifier, "password": "not the one it is" });
        for network in 1..=6 {
            let stranger = app.anyone.at(&format!("198.51.{network}.1"));
            assert_eq!(stranger.post("/auth/login", guess.clone()).await.problem(), "invalid_credentials");
        }
        for network in 6..=7 {
            let shut = app.anyone.at(&format!("198.51.{network}.1")).post("/auth/login", guess.clone()).await;
            assert_eq!((shut.status, shut.problem(), shut.header("retry-after")), (429, "locked_out", "86400"));
        }
        assert_eq!(app.audited(AuthAction::LockOut).len(), audited, "{identifier}");
    }
    assert_eq!(app.events(UserLockedOut::TYPE).len(), 1);
    app.mail("ada@example.com", "locked_out", 1).await;
}

#[tokio::test]
async fn a_success_forgets_what_was_tried_from_its_own_network_alone() {
    let app = TestApp::new().await;
    app.verified("ada@example.com").await;
    let elsewhere = app.anyone.at("192.0.2.9");
    let guess = json!({ "identifier": "ada@example.com", "password": "not the one it is" });
    for client in [&app.anyone, &elsewhere] {
        for _ in 0..4 {
            assert_eq!(client.post("/auth/login", guess.clone()).await.status, 401);
        }
    }
    assert_eq!(app.login("ada@example.com").await.status, 200);
    assert_eq!(elsewhere.post("/auth/login", guess.clone()).await.status, 401);
    assert_eq!(elsewhere.post("/auth/login", guess.clone()).await.status, 429, "four and one are five");
    for _ in 0..5 {
        assert_eq!(app.anyone.post("/auth/login", guess.clone()).await.status, 401);
    }
}

#[tokio::test]
async fn a_hash_of_older_settings_is_made_anew_at_the_next_sign_in() {
    let app = TestApp::new().await;
    let id: UserId = app.verified("ada@example.com").await.parse().unwrap();
    let costlier = PasswordCost { memory_kib: 64, passes: 2, lanes: 1 };
    let older = PasswordHasher::new(costlier, Vec::new()).unwrap();
    let older = older.hash(&mut Scratch::default(), &Secret::new(PASSWORD), [3; 16]).unwrap();
    let work = Work::until(app.system.clock().instant() + MINUTE);
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "older-hash"));
    let stored = app.store.write(write, move |tx| {
        let found = user::find(tx, id)?.unwrap();
        user::replace(tx, &User { password_hash: Some(older.clone()), ..found })?;
        Ok(())
    });
    stored.await.unwrap();
    let hash = || ready(app.store.read(move |view| user::find(view, id))).unwrap().unwrap().password_hash.unwrap();
    assert!(hash().contains("m=64,t=2"), "{}", hash());
    assert_eq!(app.login("ada@example.com").await.status, 200);
    let renewed = hash();
    assert!(renewed.contains("m=8,t=1"), "{renewed}");
    assert_eq!(app.login("ada@example.com").await.status, 200);
    assert_eq!(hash(), renewed);
}

#[tokio::test]
async fn any_service_checks_a_token_with_the_published_keys_alone() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let keys = app.anyone.get("/.well-known/jwks.json").await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    let keys: JwkSet = serde_json::from_value(keys.body).unwrap();
    let token = ada.tokens["token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref().unwrap()).unwrap()).unwrap();
    let mut wanted = Validation::new(Algorithm::EdDSA);
    wanted.validate_exp = false;
    wanted.validate_aud = false;
    let claims = jsonwebtoken::decode::<Value>(token, &key, &wanted).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["email"]), (&json!(ada.id), &json!("ada@example.com")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let mut forged = token.to_owned();
    forged.replace_range(token.len() - 4.., "AAAA");
    assert!(jsonwebtoken::decode::<Value>(&forged, &key, &wanted).is_err());
    assert_eq!(app.anyone.signed_in(&forged).get("/auth/profile").await.problem(), "invalid_token");
}

#[tokio::test]
async fn a_refresh_answers_a_repeat_as_the_first_time_and_finds_a_thief() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let refresh = async |token: &Value| app.anyone.post("/auth/refresh", json!({ "refreshToken": token })).await;
    let first = &ada.tokens["refreshToken"];
    let next = refresh(first).await.body["refreshToken"].clone();
    app.advance(60 * MINUTE);
    assert_eq!(refresh(first).await.body["refreshToken"], next, "an hour's sleep");
    assert_eq!(refresh(&json!("mdr_made-up")).await.problem(), "invalid_refresh_token");
    assert_eq!(refresh(&next).await.status, 200);
    app.advance(Duration::from_secs(31));
    assert_eq!(refresh(first).await.problem(), "session_ended");
    assert_eq!(app.events(SessionReuseDetected::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ReuseDetected).len(), 1);
    app.mail("ada@example.com", "session_ended", 1).await;
    assert_eq!(refresh(&next).await.problem(), "session_ended");
}

#[tokio::test]
async fn an_ordinary_refresh_is_recorded_only_where_the_settings_say_so() {
    for (are_recorded, records) in [(false, 0), (true, 1)] {
        let app = TestApp::with(|config| config.events.session_refreshed = are_recorded).await;
        let ada = app.member("ada@example.com").await;
        app.hush().await;
        app.advance(MINUTE);
        let before = app.commits();
        let body = json!({ "refreshToken": ada.tokens["refreshToken"] });
        let refreshed = app.anyone.post("/auth/refresh", body.clone()).await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        assert_eq!(app.commits() - before, 1, "the session moves on in one commit");
        let events = app.events(SessionRefreshed::TYPE);
        let audited = app.audited(AuthAction::Refresh);
        assert_eq!((events.len(), audited.len()), (records, records));
        let repeated = app.anyone.post("/auth/refresh", body).await;
        assert_eq!(repeated.body["refreshToken"], refreshed.body["refreshToken"], "the session has moved on");
        let sessions = ada.get("/auth/sessions").await;
        let last_used = sessions.body["data"][0]["lastUsedAt"].as_str().unwrap_or_default();
        assert!(last_used.starts_with("2026-01-02T03:05"), "{sessions:?}");
    }
}

#[tokio::test]
async fn the_first_request_of_a_generation_is_marked_and_later_ones_write_nothing() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let id: SessionId = ada.tokens["sessionId"].as_str().unwrap().parse().unwrap();
    let used_at = || ready(app.store.read(move |view| session::find(view, id))).unwrap().unwrap().refresh.used_at;
    assert_eq!(used_at(), None);
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    eventually("the mark", async || used_at()).await;
    app.hush().await;
    let before = app.commits();
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    assert_eq!(app.commits(), before);
}
