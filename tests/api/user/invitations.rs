//! `auth.registration = "invite"`: only invited persons register.

use std::time::Duration;

use majordomo::{
    config::RegistrationPolicy,
    domain::{
        auth::events::UserRegistered,
        user::{actions::UserAction, events::UserInvited},
    },
};
use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{PASSWORD, TestApp, TestUser},
};

const ADA: &str = "ada@example.com";
const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn by_invitation() -> (TestApp, TestUser) {
    let app = TestApp::with(|config| config.auth.registration = RegistrationPolicy::Invite).await;
    let root = json!({ "email": "root@example.com", "password": PASSWORD });
    assert_eq!(app.operator().post("/users/admins", root).await.status, 201);
    let admin = app.sign_in("root@example.com").await;
    (app, admin)
}

async fn invite(admin: &TestUser, email: &str) -> Answer {
    let made = admin.post("/invitations", json!({ "email": email })).await;
    assert_eq!(made.status, 201, "{made:?}");
    made
}

async fn register_with(app: &TestApp, email: &str, invitation: &str) -> Answer {
    let form = json!({ "email": email, "password": PASSWORD, "invitation": invitation });
    app.anyone.post("/auth/register", form).await
}

/// The code in the newest of `count` invitations of an address.
async fn mailed(app: &TestApp, email: &str, count: usize) -> String {
    let mail = app.mail(email, "invitation", count).await;
    let text = mail["text"].as_str().unwrap();
    let code = text.lines().map(str::trim).find(|line| line.len() == 19 && line.matches('-').count() == 3);
    code.unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

#[tokio::test]
async fn an_invited_person_registers_with_the_code_from_the_mail() {
    let (app, admin) = by_invitation().await;
    let made = invite(&admin, ADA).await;
    assert_eq!((made.body["email"].as_str(), made.body["invitedBy"].as_str()), (Some(ADA), Some(admin.id.as_str())));
    let code = mailed(&app, ADA, 1).await;
    assert!(!made.body.to_string().contains(&code), "the code is only in the mail");
    let registered = register_with(&app, "ADA@example.com", &code.to_lowercase()).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let code = app.code_of(ADA).await;
    assert_eq!(app.verify(&registered.body["id"], &code).await.status, 200);
    assert_eq!(app.login(ADA).await.status, 200);
    assert_eq!(admin.get("/invitations").await.body["data"], json!([]), "it has served");
    assert_eq!(app.events(UserInvited::TYPE).len(), 1);
    assert_eq!(app.audited(UserAction::Invite).len(), 1);
    let again = admin.post("/invitations", json!({ "email": ADA })).await;
    assert_eq!((again.status, again.problem()), (409, "email_taken"));
}

#[tokio::test]
async fn a_registration_without_an_invitation_of_the_address_is_refused() {
    let (app, admin) = by_invitation().await;
    let bare = app.register(ADA).await;
    assert_eq!((bare.status, bare.problem()), (403, "invitation_required"));
    invite(&admin, ADA).await;
    let code = mailed(&app, ADA, 1).await;
    for (email, invitation) in [
        ("mallory@example.com", code.as_str()),
        (ADA, "0000-0000-0000-0000"),
        (ADA, "not a code"),
        ("uninvited@example.com", "0000-0000-0000-0000"),
    ] {
        let refused = register_with(&app, email, invitation).await;
        assert_eq!((refused.status, refused.fields()), (422, vec!["/invitation invitation_invalid".to_owned()]));
    }
    assert_eq!(app.register(ADA).await.problem(), "invitation_required");
    assert!(app.events(UserRegistered::TYPE).is_empty());
}

#[tokio::test]
async fn an_invitation_ends_by_expiry_by_a_newer_one_and_by_withdrawal() {
    let (app, admin) = by_invitation().await;
    invite(&admin, ADA).await;
    let first = mailed(&app, ADA, 1).await;
    let soon = admin.post("/invitations", json!({ "email": ADA })).await;
    assert_eq!((soon.status, soon.problem()), (429, "resend_too_soon"));
    app.advance(Duration::from_secs(61));
    let second = invite(&admin, ADA).await;
    let code = mailed(&app, ADA, 2).await;
    assert_eq!(register_with(&app, ADA, &first).await.status, 422, "a newer invitation replaced it");
    let listed = admin.get("/invitations").await;
    let ids: Vec<&Value> = listed.body["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&second.body["id"]]);

    let path = format!("/invitations/{}", second.body["id"].as_str().unwrap());
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.delete(&path).await.status, 404);
    assert_eq!(register_with(&app, ADA, &code).await.status, 422, "it was withdrawn");
    assert_eq!(app.audited(UserAction::RevokeInvitation).len(), 1);

    invite(&admin, ADA).await;
    let code = mailed(&app, ADA, 3).await;
    app.advance(7 * DAY);
    assert_eq!(register_with(&app, ADA, &code).await.status, 422, "it has expired");
}

#[tokio::test]
async fn an_invitation_admits_addresses_of_other_domains_but_not_without_registration() {
    for (policy, status) in
        [(RegistrationPolicy::Domains, 201), (RegistrationPolicy::Open, 201), (RegistrationPolicy::Closed, 403)]
    {
        let app = TestApp::with(|config| {
            config.auth.registration = policy;
            config.auth.domains = vec!["example.org".to_owned()];
        })
        .await;
        let root = json!({ "email": "root@example.com", "password": PASSWORD });
        app.operator().post("/users/admins", root).await;
        let admin = app.sign_in("root@example.com").await;
        invite(&admin, ADA).await;
        let code = mailed(&app, ADA, 1).await;
        assert_eq!(register_with(&app, ADA, &code).await.status, status, "{policy:?}");
    }
}

#[tokio::test]
async fn invitations_are_listed_in_pages_newest_first() {
    let (app, admin) = by_invitation().await;
    for number in 0..5 {
        app.advance(Duration::from_millis(5));
        invite(&admin, &format!("invited{number}@example.com")).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/invitations?limit=2".to_owned());
    loop {
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        seen.extend(page.body["data"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap().to_owned()));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("/invitations?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [4, 3, 2, 1, 0].map(|number| format!("invited{number}@example.com")));
    let strange = admin.get("/invitations?of=me").await;
    assert_eq!(strange.problem(), "invalid_query");
}
