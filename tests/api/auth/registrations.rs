//! `/registrations`: what administrators see and do with registrations that wait for their codes.

use std::time::Duration;

use majordomo::domain::{auth::actions::AuthAction, user::actions::UserAction};
use serde_json::{Value, json};

use crate::{
    harness::Client,
    test_app::{ADA, MINUTE, OTHERS, PASSWORD, TestApp, is_code_invalid},
};

const ROOT: &str = "root@example.com";
const BOB: &str = "bob@example.com";

async fn listed(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/registrations{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["data"].as_array().unwrap().clone()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn registrations_are_listed_until_their_address_is_proven() {
    let app = TestApp::new().await;
    let admin = app.admin(ROOT).await;
    let form =
        json!({ "email": ADA, "password": PASSWORD, "username": "ada", "firstName": "Ada", "phone": "+4930123456" });
    let ada = app.registered(form).await.body;
    let bob = app.register(BOB).await.body;
    let code = app.code_of(ADA).await;
    let rows = listed(&admin, "").await;
    assert_eq!(ids(&rows), [bob["id"].as_str().unwrap(), ada["id"].as_str().unwrap()], "newest first");
    let shown = &rows[1];
    for member in ["email", "username", "firstName", "lastName", "displayName", "phone", "locale", "createdAt"] {
        assert_eq!(shown[member], ada[member], "{member}");
    }
    assert!(shown["expiresAt"].is_string(), "{shown}");
    let text = Value::from(rows.clone()).to_string();
    for secret in [code.as_str(), PASSWORD, "argon2", "address"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(ids(&listed(&admin, "?email=ADA@example.com").await), [ada["id"].as_str().unwrap()]);
    assert!(listed(&admin, "?email=unknown%40example.com").await.is_empty());
    assert_eq!(app.verify(&ada["id"], &code).await.status, 200);
    assert_eq!(ids(&listed(&admin, "").await), [bob["id"].as_str().unwrap()]);
    app.advance(Duration::from_secs(25 * 3_600));
    let admin = app.sign_in(ROOT).await;
    assert!(listed(&admin, "").await.is_empty(), "it has expired");
    assert!(app.audited(UserAction::ReadUser).iter().any(|entry| entry.detail.contains("list_registrations")));
}

/// The registration of a taken address, and the placeholders of proven ones, are like ids that do not exist: in no
/// page, and no cursor leads to them.
#[tokio::test]
async fn registrations_that_cannot_become_users_are_hidden() {
    let app = TestApp::new().await;
    let admin = app.admin(ROOT).await;
    app.verified(ADA).await;
    let again = json!({ "email": ADA, "password": OTHERS });
    let decoy = app.registered(again).await.body["id"].as_str().unwrap().to_owned();
    let page = admin.get("/registrations?limit=1").await;
    assert_eq!((&page.body["data"], &page.body["nextCursor"]), (&json!([]), &Value::Null));
    let bob = app.register(BOB).await.body["id"].as_str().unwrap().to_owned();
    for query in ["?limit=1", "?limit=1&email=bob%40example.com"] {
        let page = admin.get(&format!("/registrations{query}")).await;
        assert_eq!((ids(page.body["data"].as_array().unwrap()), &page.body["nextCursor"]), (vec![&*bob], &Value::Null));
    }
    assert!(listed(&admin, "?email=ada%40example.com").await.is_empty());
    for id in [decoy.as_str(), "0199b2c0-0000-7000-8000-000000000000"] {
        let resent = admin.post(&format!("/registrations/{id}/resend"), json!({})).await;
        assert_eq!((resent.status, resent.problem()), (404, "not_found"), "{id}");
        let dropped = admin.delete(&format!("/registrations/{id}")).await;
        assert_eq!((dropped.status, dropped.problem()), (404, "not_found"), "{id}");
    }
    // The decoy still answers as before.
    let login = app.login_with(&decoy, OTHERS).await;
    assert_eq!((login.status, login.problem()), (403, "email_not_verified"));
}

#[tokio::test]
async fn the_list_has_pages() {
    let app = TestApp::new().await;
    let admin = app.admin(ROOT).await;
    let mut made = Vec::new();
    for number in 0..5 {
        let answer = app.register(&format!("user{number}@example.com")).await;
        made.push(answer.body["id"].as_str().unwrap().to_owned());
    }
    made.reverse();
    let (mut walked, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = admin.get(&format!("/registrations{query}")).await;
        walked.extend(ids(page.body["data"].as_array().unwrap()).into_iter().map(str::to_owned));
        match page.body["nextCursor"].as_str() {
            Some(next) => query = format!("?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(walked, made);
    assert_eq!(admin.get("/registrations?cursor=x").await.problem(), "invalid_cursor");
}

#[tokio::test]
async fn a_code_is_sent_again_within_the_limits_on_sending() {
    let app = TestApp::new().await;
    let admin = app.admin(ROOT).await;
    let registered = app.register(ADA).await.body;
    let first = app.code_of(ADA).await;
    let path = format!("/registrations/{}/resend", registered["id"].as_str().unwrap());
    let soon = admin.post(&path, json!({})).await;
    assert_eq!((soon.status, soon.problem()), (429, "resend_too_soon"));
    assert!(soon.header("retry-after").parse::<u64>().unwrap() <= 60, "{soon:?}");
    assert!(app.audited(AuthAction::ResendRegistration).is_empty());
    app.advance(MINUTE);
    let sent = admin.post(&path, json!({})).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    assert!(sent.body["expiresAt"].is_string() && sent.body["resendAt"].is_string(), "{sent:?}");
    assert!(!sent.body.to_string().contains(&first), "the code is only in the mail");
    let mail = app.mail(ADA, "verification_code", 2).await;
    assert_eq!(mail["code"], first.as_str(), "the valid code is sent again");
    let [entry] = &app.audited(AuthAction::ResendRegistration)[..] else { panic!("one entry") };
    assert_eq!(entry.subject.map(|subject| subject.to_string()).as_deref(), registered["id"].as_str());
    // Several a day, as for a registrant.
    let mut refused = 0;
    for _ in 0..30 {
        app.advance(MINUTE);
        let admin = app.sign_in(ROOT).await;
        refused += usize::from(admin.post(&path, json!({})).await.status == 429);
    }
    assert!(refused > 10, "{refused}");
}

#[tokio::test]
async fn a_dropped_registration_is_void() {
    let app = TestApp::new().await;
    let admin = app.admin(ROOT).await;
    let form = json!({ "email": ADA, "password": PASSWORD, "username": "ada" });
    let registered = app.registered(form).await.body;
    let code = app.code_of(ADA).await;
    let path = format!("/registrations/{}", registered["id"].as_str().unwrap());
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.delete(&path).await.status, 404);
    is_code_invalid(&app.verify(&registered["id"], &code).await, "its code is void");
    assert!(listed(&admin, "").await.is_empty());
    assert_eq!(app.audited(AuthAction::DropRegistration).len(), 1);
    let taken = app.registered(json!({ "email": BOB, "password": PASSWORD, "username": "ada" })).await;
    assert_eq!(taken.body["username"], "ada", "the user name is free");
    assert_eq!(app.register(ADA).await.status, 201, "the address may register again");
}

#[tokio::test]
async fn only_administrators_see_registrations() {
    let app = TestApp::new().await;
    let id = app.register(ADA).await.body["id"].as_str().unwrap().to_owned();
    let support = app.holder(BOB, "support").await;
    assert_eq!(app.anyone.get("/registrations").await.problem(), "unauthenticated");
    for answer in [
        support.get("/registrations").await,
        support.post(&format!("/registrations/{id}/resend"), json!({})).await,
        support.delete(&format!("/registrations/{id}")).await,
    ] {
        assert_eq!((answer.status, answer.problem()), (403, "forbidden"));
        assert_eq!(answer.body["permission"], "manage_users");
    }
}
