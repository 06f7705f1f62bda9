//! A hundred resets in parallel.

use majordomo::domain::{auth::events::PasswordResetCompleted, otp::events::OtpFailed};
use serde_json::json;

use crate::{
    races::{hundred, roomy, with_status},
    test_app::{TestApp, code_in, wrong},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_send_one_code_and_a_hundred_resets_set_one_password() {
    let app = TestApp::with(|config| {
        config.auth.hash.queue = 512;
        config.auth.hash.queue_per_network = 512;
        config.auth.lockout.daily_failures = 1_000;
    })
    .await;
    app.verified("ada@example.com").await;
    let answers = hundred(|_| {
        let client = app.anyone.clone();
        async move { client.post("/auth/password/forgot", json!({ "email": "ada@example.com" })).await }
    })
    .await;
    assert_eq!(with_status(&answers, 202), 100);
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    let resets = hundred(|number| {
        let client = app.anyone.clone();
        let body = json!({
            "resetId": answers[number].body["resetId"], "code": code,
            "newPassword": format!("the sentence with number {number}"),
        });
        async move { client.post("/auth/password/reset", body).await }
    })
    .await;
    // Each sends another password: one is set, and no other request reports success.
    assert_eq!(with_status(&resets, 204), 1);
    assert_eq!(with_status(&resets, 422) + with_status(&resets, 503), 99);
    assert_eq!(app.events(PasswordResetCompleted::TYPE).len(), 1);
    let changed = app.mails("ada@example.com").await;
    assert!(changed.iter().filter(|mail| mail["template"] == "reset_code").count() == 1);
    let mut right = 0;
    for number in 0..100 {
        let client = app.anyone.at(&format!("192.0.{number}.1"));
        let password = format!("the sentence with number {number}");
        let entered =
            client.post("/auth/login", json!({ "identifier": "ada@example.com", "password": password })).await;
        right += usize::from(entered.status == 200);
    }
    assert_eq!(right, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_wrong_reset_codes_at_most_five_are_checked_by_request_and_twenty_by_address() {
    let app = roomy().await;
    app.verified("ada@example.com").await;
    let forgot = app.anyone.post("/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    for by in [json!({ "resetId": forgot.body["resetId"] }), json!({ "email": "ada@example.com" })] {
        let mut body = json!({ "code": wrong(&code), "newPassword": "a sentence for the thief" });
        body.as_object_mut().unwrap().extend(by.as_object().unwrap().clone());
        let answers = hundred(|_| {
            let (client, body) = (app.anyone.clone(), body.clone());
            async move { client.post("/auth/password/reset", body).await }
        })
        .await;
        assert_eq!(with_status(&answers, 422) + with_status(&answers, 503), 100);
    }
    // A try that finds the mailbox full is counted and not made.
    let tried = app.events(OtpFailed::TYPE).len();
    assert!((1..=25).contains(&tried), "{tried}");
    let late = json!({ "resetId": forgot.body["resetId"], "code": code, "newPassword": "a sentence for the thief" });
    assert_eq!(app.anyone.post("/auth/password/reset", late).await.problem(), "code_invalid");
    assert!(app.events(PasswordResetCompleted::TYPE).is_empty());
}
