//! Guesses of passwords and codes, a hundred in parallel.

use std::time::Duration;

use majordomo::domain::{
    auth::events::{SessionRevoked, UserLockedOut, UserLoginFailed},
    otp::events::OtpFailed,
    user::events::UserVerified,
};
use serde_json::json;

use crate::{
    races::{hundred, roomy, with_status},
    test_app::{PASSWORD, TestApp, code_in, wrong},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_parallel_wrong_passwords_five_are_checked() {
    let app = roomy().await;
    app.verified("ada@example.com").await;
    app.register("eve@example.com").await;
    for identifier in ["ada@example.com", "eve@example.com", "unknown@example.com"] {
        let before = app.hashes();
        let answers = hundred(|number| {
            let (client, guess) = (app.anyone.clone(), format!("a guess with number {number}"));
            async move { client.post("/auth/login", json!({ "identifier": identifier, "password": guess })).await }
        })
        .await;
        assert_eq!((with_status(&answers, 401), with_status(&answers, 429)), (5, 95), "{identifier}");
        assert_eq!(app.hashes() - before, 5, "{identifier}");
    }
    assert_eq!(app.events(UserLoginFailed::TYPE).len(), 5);
    assert_eq!(app.events(UserLockedOut::TYPE).len(), 1);
    assert_eq!(app.login("ada@example.com").await.status, 429, "not even the right one");
    app.advance(Duration::from_secs(60));
    assert_eq!(app.login("ada@example.com").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_networks_have_fifty_login_attempts_in_total() {
    let app = roomy().await;
    let ada = app.member("ada@example.com").await;
    let before = app.hashes();
    let answers = hundred(|number| {
        let client = app.anyone.at(&format!("192.0.{number}.1"));
        let guess = format!("a guess with number {number}");
        async move { client.post("/auth/login", json!({ "identifier": "ada@example.com", "password": guess })).await }
    })
    .await;
    assert_eq!((with_status(&answers, 401), with_status(&answers, 429)), (50, 50));
    assert_eq!(app.hashes() - before, 50);
    let known = json!({
        "identifier": "ada@example.com", "password": PASSWORD, "deviceToken": ada.tokens["deviceToken"],
    });
    assert_eq!(app.anyone.post("/auth/login", known).await.status, 200, "a known device is not locked out");
    assert_eq!(app.login("ada@example.com").await.status, 429, "and does not end the lockout of others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_parallel_codes_five_are_checked() {
    let app = roomy().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    let code = app.code_of("ada@example.com").await;
    let body = json!({ "userId": id, "code": wrong(&code) });
    let answers = hundred(|_| {
        let (client, body) = (app.anyone.clone(), body.clone());
        async move { client.post("/auth/verify-email", body).await }
    })
    .await;
    assert_eq!(with_status(&answers, 422) + with_status(&answers, 503), 100);
    assert_eq!(app.events(OtpFailed::TYPE).len(), 5);
    assert_eq!(app.verify(&id, &code).await.problem(), "code_invalid");

    let bob = app.member("bob@example.com").await;
    let asked = bob.post("/otp", json!({ "purpose": "step_up" })).await;
    let code = code_in(&app.mail("bob@example.com", "step_up_code", 1).await);
    let body = json!({ "id": asked.body["id"], "code": wrong(&code) });
    let answers = hundred(|_| {
        let (client, body) = (app.anyone.signed_in(bob.tokens["token"].as_str().unwrap()), body.clone());
        async move { client.post("/otp/verify", body).await }
    })
    .await;
    let mut left: Vec<i64> = answers.iter().filter_map(|answer| answer.body["attemptsLeft"].as_i64()).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_parallel_right_codes_create_one_user() {
    let app = roomy().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    let body = json!({ "userId": id, "code": app.code_of("ada@example.com").await });
    let answers = hundred(|_| {
        let (client, body) = (app.anyone.clone(), body.clone());
        async move { client.post("/auth/verify-email", body).await }
    })
    .await;
    assert!(with_status(&answers, 200) >= 1);
    assert_eq!(with_status(&answers, 200) + with_status(&answers, 503), 100, "repeats succeed as well");
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_sign_ins_leave_no_more_sessions_than_allowed() {
    let app = TestApp::with(|config| {
        config.auth.hash.queue = 512;
        config.auth.hash.queue_per_network = 512;
        config.auth.session.max_per_user = 7;
        config.auth.lockout.failures = 1_000;
        config.auth.lockout.daily_failures = 1_000;
    })
    .await;
    app.verified("ada@example.com").await;
    let body = json!({ "identifier": "ada@example.com", "password": PASSWORD });
    let answers = hundred(|_| {
        let (client, body) = (app.anyone.clone(), body.clone());
        async move { client.post("/auth/login", body).await }
    })
    .await;
    assert_eq!(with_status(&answers, 200), 100);
    let first = answers.iter().filter(|answer| answer.body["firstLogin"] == true).count();
    assert_eq!(first, 1, "one of them was the first");
    let mut living = 0;
    for answer in answers {
        living += usize::from(app.member_of(answer.body).get("/auth/profile").await.status == 200);
    }
    assert_eq!(living, 7);
    assert_eq!(app.events(SessionRevoked::TYPE).len(), 93);
}
