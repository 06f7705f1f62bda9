//! A hundred parallel registrations of one address or user name, and registrations of another user's address.

use majordomo::domain::{
    auth::events::{UserLoggedIn, UserRegistered},
    user::events::UserVerified,
};
use serde_json::json;

use crate::{
    races::{hundred, make_room, roomy, with_status},
    test_app::{PASSWORD, TestApp, code_in},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_registrations_of_one_address_store_three_and_create_one_user() {
    let app = roomy().await;
    let answers = hundred(|number| {
        let client = app.anyone.clone();
        let email = if number % 2 == 0 { "ada@example.com" } else { "ADA@Example.com" };
        async move { client.post("/auth/register", json!({ "email": email, "password": PASSWORD })).await }
    })
    .await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 429)), (3, 97));
    assert_eq!(app.events(UserRegistered::TYPE).len(), 3);
    let code = code_in(&app.mail("ada@example.com", "verification_code", 3).await);
    let mut right = 0;
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        right += usize::from(app.verify(&answer.body["id"], &code).await.status == 200);
    }
    assert_eq!(right, 1, "the code belongs to one registration");
    assert_eq!(app.login("ada@example.com").await.status, 200);
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_hundred_registrations_gets_the_user_name() {
    let app = roomy().await;
    let answers = hundred(|number| {
        let client = app.anyone.clone();
        let form =
            json!({ "email": format!("person{number}@example.com"), "password": PASSWORD, "username": "countess" });
        async move { client.post("/auth/register", form).await }
    })
    .await;
    assert_eq!((with_status(&answers, 201), with_status(&answers, 409)), (1, 99));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_registration_of_an_address_is_not_proved_by_its_owners_code() {
    let app = roomy().await;
    let email = "ada@example.com";
    let form = |password: &str| json!({ "email": email, "password": password });
    let other = app.anyone.post("/auth/register", form("the other person's sentence")).await;
    let others_code = app.code_of(email).await;
    let owner = app.anyone.post("/auth/register", form(PASSWORD)).await;
    let owners_code = code_in(&app.mail(email, "verification_code", 2).await);
    assert_ne!(others_code, owners_code);
    let crossed = json!({ "userId": other.body["id"], "code": owners_code });
    assert_eq!(app.anyone.post("/auth/verify-email", crossed).await.problem(), "code_invalid");
    let late = app.anyone.post("/auth/register", form("the other person's second sentence")).await;
    assert_eq!(late.status, 201);
    app.mail(email, "verification_code", 3).await;

    let verified = app.verify(&owner.body["id"], &owners_code).await;
    assert_eq!((verified.status, &verified.body["id"]), (200, &owner.body["id"]));
    for (id, code) in [(&other.body["id"], &others_code), (&late.body["id"], &owners_code)] {
        let answer = app.anyone.post("/auth/verify-email", json!({ "userId": id, "code": code })).await;
        assert_eq!(answer.problem(), "code_invalid");
    }
    for password in ["the other person's sentence", "the other person's second sentence"] {
        let login = app.anyone.post("/auth/login", json!({ "identifier": email, "password": password })).await;
        assert_eq!(login.problem(), "invalid_credentials");
    }
    assert_eq!(app.login(email).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_of_a_users_address_has_no_effect_and_its_owner_gets_a_notice() {
    let app = roomy().await;
    let ada = app.member("ada@example.com").await;
    let form = json!({ "email": "ada@example.com", "password": "the other person's sentence" });
    let other = app.anyone.post("/auth/register", form).await;
    assert_eq!((other.status, &other.body["status"]), (201, &json!("pending")));
    assert_ne!(other.body["id"], ada.id.as_str());
    app.mail("ada@example.com", "address_taken", 1).await;
    let forgot = app.anyone.post("/auth/password/forgot", json!({ "email": "ada@example.com" })).await;
    let code = code_in(&app.mail("ada@example.com", "reset_code", 1).await);
    assert_eq!(app.verify(&other.body["id"], &code).await.problem(), "code_invalid");
    let reset =
        json!({ "resetId": forgot.body["resetId"], "code": code, "newPassword": "the owner's second sentence" });
    assert_eq!(app.anyone.post("/auth/password/reset", reset).await.status, 204);
    let login = json!({ "identifier": "ada@example.com", "password": "the other person's sentence" });
    assert_eq!(app.anyone.post("/auth/login", login).await.status, 401);
    let login = json!({ "identifier": "ada@example.com", "password": "the owner's second sentence" });
    assert_eq!(app.anyone.post("/auth/login", login).await.body["userId"], ada.id.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_code_again_is_answered_while_another_registration_waits() {
    let app = roomy().await;
    let id = app.verified("ada@example.com").await;
    let code = app.code_of("ada@example.com").await;
    app.register("ada@example.com").await;
    let again = app.verify(&json!(id), &code).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_hundred_registrations_is_signed_in_if_addresses_need_no_proof() {
    let app = TestApp::with(|config| {
        make_room(config);
        config.auth.require_verified_email = false;
    })
    .await;
    let answers = hundred(|_| {
        let client = app.anyone.clone();
        async move { client.post("/auth/register", json!({ "email": "ada@example.com", "password": PASSWORD })).await }
    })
    .await;
    let signed_in = answers.iter().filter(|answer| answer.body.get("session").is_some()).count();
    assert_eq!((signed_in, with_status(&answers, 201), with_status(&answers, 429)), (1, 4, 96));
    assert_eq!(app.events(UserLoggedIn::TYPE).len(), 1);
}
