//! Login and refresh: lockouts, known devices, older hashes, unverified addresses; repeats and theft of refresh tokens.

use std::time::Duration;

use majordomo::{
    crypto::password::{PasswordCost, PasswordHasher, Scratch},
    domain::{
        auth::{
            actions::AuthAction,
            events::{SessionRefreshed, SessionReuseDetected, UserLockedOut, UserLoggedIn, UserLoginFailed},
        },
        user::{Status, User},
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

use crate::test_app::{ADA, MINUTE, OTHERS, PASSWORD, TestApp, code_in, eventually, ready};

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
async fn wrong_passwords_for_the_id_of_a_registration_count_together_in_any_case() {
    let app = TestApp::new().await;
    let id = app.register("ada@example.com").await.body["id"].as_str().unwrap().to_owned();
    // The first letters of the id, one after another, in upper case.
    let letters: Vec<usize> = id.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    let written = |number: usize| {
        let upper = |(at, c): (usize, char)| if letters[..number].contains(&at) { c.to_ascii_uppercase() } else { c };
        id.char_indices().map(upper).collect::<String>()
    };
    let mut statuses = Vec::new();
    for number in 0..6.min(letters.len() + 1) {
        let guess = json!({ "identifier": written(number), "password": "not the one it is" });
        statuses.push(app.anyone.post("/auth/login", guess).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn five_wrong_passwords_lock_the_network_out_for_a_minute_and_a_known_device_signs_in() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let guess = json!({ "identifier": "ada@example.com", "password": "not the one it is" });
    for _ in 0..5 {
        assert_eq!(app.anyone.post("/auth/login", guess.clone()).await.problem(), "invalid_credentials");
    }
    let locked_out = app.login("ada@example.com").await;
    assert_eq!((locked_out.status, locked_out.problem(), locked_out.header("retry-after")), (429, "locked_out", "60"));
    assert_eq!(app.events(UserLoginFailed::TYPE).len(), 5);
    assert_eq!(app.events(UserLockedOut::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::LockOut).len(), 1);
    app.mail("ada@example.com", "locked_out", 1).await;
    let known = json!({
        "identifier": "ada@example.com", "password": PASSWORD, "deviceToken": ada.tokens["deviceToken"],
    });
    assert_eq!(app.anyone.post("/auth/login", known).await.status, 200);
    assert_eq!(app.login("ada@example.com").await.status, 429, "a known device signs in by itself alone");
    assert_eq!(app.anyone.at("192.0.2.9").post("/auth/login", guess).await.status, 401, "another network");
    app.advance(MINUTE);
    assert_eq!(app.login("ada@example.com").await.status, 200);
}

#[tokio::test]
async fn the_daily_lockout_writes_one_event_as_any_other() {
    let app = TestApp::with(|config| config.auth.lockout.daily_failures = 6).await;
    app.verified("ada@example.com").await;
    for (identifier, audited) in [("ada@example.com", 1), ("unknown@example.com", 2)] {
        let guess = json!({ "identifier": identifier, "password": "not the one it is" });
        for network in 1..=6 {
            let holder = app.anyone.at(&format!("198.51.{network}.1"));
            assert_eq!(holder.post("/auth/login", guess.clone()).await.problem(), "invalid_credentials");
        }
        for network in 6..=7 {
            let locked_out = app.anyone.at(&format!("198.51.{network}.1")).post("/auth/login", guess.clone()).await;
            assert_eq!(
                (locked_out.status, locked_out.problem(), locked_out.header("retry-after")),
                (429, "locked_out", "86400")
            );
        }
        assert_eq!(app.audited(AuthAction::LockOut).len(), audited, "{identifier}");
    }
    assert_eq!(app.events(UserLockedOut::TYPE).len(), 1);
    app.mail("ada@example.com", "locked_out", 1).await;
}

#[tokio::test]
async fn a_success_resets_the_failures_of_its_own_network_only() {
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
async fn a_hash_of_older_settings_is_replaced_at_the_next_sign_in() {
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
async fn once_addresses_must_be_proven_an_unproven_user_gets_the_code_and_no_session() {
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
async fn devices_of_the_former_holder_are_no_longer_known() {
    let app = TestApp::lenient().await;
    let holder = app.entered(&app.registered(json!({ "email": ADA, "password": OTHERS })).await);
    app.code_of(ADA).await;
    app.advance(Duration::from_secs(60));
    let owner = app.registered(json!({ "email": ADA, "password": PASSWORD })).await;
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    let body = json!({ "userId": owner.body["id"], "code": code });
    assert_eq!(app.anyone.post("/auth/verify-email", body).await.status, 200);
    let guess = |token: &Value| json!({ "identifier": ADA, "password": "a guess", "deviceToken": token });
    for _ in 0..5 {
        app.anyone.post("/auth/login", guess(&Value::Null)).await;
    }
    let guessed = app.anyone.post("/auth/login", guess(&holder.tokens["deviceToken"])).await;
    assert_eq!(guessed.problem(), "locked_out", "it would have tries of its own, and none of them counted by the day");
}

#[tokio::test]
async fn a_refresh_answers_a_repeat_as_the_first_time_and_detects_theft() {
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
async fn an_ordinary_refresh_is_recorded_only_if_configured() {
    for (are_recorded, records) in [(false, 0), (true, 1)] {
        let app = TestApp::with(|config| config.events.session_refreshed = are_recorded).await;
        let ada = app.member("ada@example.com").await;
        app.hush().await;
        app.advance(MINUTE);
        let before = app.commits();
        let body = json!({ "refreshToken": ada.tokens["refreshToken"] });
        let refreshed = app.anyone.post("/auth/refresh", body.clone()).await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        assert_eq!(app.commits() - before, 1, "the session is updated in one commit");
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
