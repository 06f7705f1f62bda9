//! Registration: the form, its refusals, and what a registration keeps for its address.

use std::time::Duration;

use majordomo::domain::{
    auth::{
        actions::AuthAction,
        events::{SessionRefreshed, UserLoggedIn, UserLoggedOut, UserRegistered, UserRegistrationRepeated},
    },
    otp::events::OtpVerified,
    user::events::UserVerified,
};
use serde_json::json;

use crate::test_app::{ADA, MINUTE, OTHERS, PASSWORD, TestApp, code_in, wrong};

#[tokio::test]
async fn a_user_registers_verifies_signs_in_and_logs_out() {
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
async fn all_errors_of_a_form_are_reported_at_once_and_nothing_is_stored() {
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
async fn a_registration_reserves_its_user_name() {
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
async fn a_user_name_can_be_registered_again_by_its_own_address() {
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
async fn a_registration_signs_in_at_once_and_the_address_is_proven_later() {
    let app = TestApp::lenient().await;
    let registered = app.register(ADA).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    assert_eq!((&registered.body["status"], &registered.body["emailVerified"]), (&json!("pending"), &json!(false)));
    let session = &registered.body["session"];
    for member in ["token", "refreshToken", "expiresIn", "tokenType", "userId", "sessionId", "deviceToken"] {
        assert!(!session[member].is_null(), "{member} is missing in {session}");
    }
    assert_eq!((&session["firstLogin"], &session["userId"]), (&json!(true), &registered.body["id"]));
    let ada = app.entered(&registered);
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
async fn a_registration_of_a_proven_address_gets_no_session() {
    let app = TestApp::lenient().await;
    let ada = app.entered(&app.register(ADA).await);
    let code = app.code_of(ADA).await;
    assert_eq!(ada.post("/auth/verify-email", json!({ "userId": ada.id, "code": code })).await.status, 200);
    let holder = app.registered(json!({ "email": ADA, "password": OTHERS })).await;
    assert!(holder.body.get("session").is_none(), "{holder:?}");
    app.mail(ADA, "address_taken", 1).await;
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    let guess = json!({ "identifier": ADA, "password": OTHERS });
    assert_eq!(app.anyone.post("/auth/login", guess).await.problem(), "invalid_credentials");
}

const FIELDS: [&str; 3] = ["displayName", "firstName", "lastName"];

async fn refusals(app: &TestApp, name: &str) -> Vec<String> {
    let mut form = json!({ "email": ADA, "password": PASSWORD });
    for field in FIELDS {
        form[field] = json!(name);
    }
    let answer = app.anyone.post("/auth/register", form).await;
    assert_eq!(answer.status, 422, "{name:?}: {answer:?}");
    for error in answer.body["errors"].as_array().unwrap() {
        assert!(error["detail"].as_str().unwrap().starts_with("must"), "the rule: {error}");
    }
    answer.fields()
}

#[tokio::test]
async fn names_hold_no_web_address_no_at_sign_and_something_visible() {
    let app = TestApp::new().await;
    for (name, code) in [
        ("http://evil.example", "web_address"),
        ("Claim at evil.com now", "web_address"),
        ("WWW.EVIL", "web_address"),
        ("evil\u{ff0e}com", "web_address"),
        ("evil.\u{440}\u{444}", "web_address"),
        ("//evil/x", "web_address"),
        ("ada@example", "at_sign"),
        ("ada\u{ff20}example", "at_sign"),
        ("   ", "not_visible"),
        ("\u{a0}\u{3000}", "not_visible"),
        ("\u{200b}\u{200d}", "not_visible"),
        ("\u{3164}", "not_visible"),
        ("\u{2800}\u{2800}", "not_visible"),
        ("\u{ad}\u{34f}\u{fe0f}", "not_visible"),
        ("\u{e0041}", "not_visible"),
        ("\u{7}\n", "not_visible"),
        ("Ada\u{202e}", "control_character"),
        ("", "length"),
    ] {
        let expected: Vec<String> = FIELDS.iter().map(|field| format!("/{field} {code}")).collect();
        assert_eq!(refusals(&app, name).await, expected, "{name:?}");
    }
    for name in
        ["J.R.R. Tolkien", "St. John", "Dr. Ada L.", "O'Neil-Smith", "\u{738b}\u{82b3}", "\u{2603}", "A.", "3.5"]
    {
        let form = json!({ "email": "x@example.com", "password": PASSWORD, "firstName": name });
        let answer = app.anyone.post("/auth/register", form).await;
        assert!(answer.status == 201 || answer.problem() == "rate_limited", "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn no_mail_up_to_the_first_after_proof_holds_what_was_typed() {
    let app = TestApp::new().await;
    let form = json!({
        "email": ADA, "password": PASSWORD, "username": "zorro", "displayName": "Zebra", "firstName": "Zacharias",
        "lastName": "Zeppelin", "phone": "+4369912345678",
    });
    let agent = app.anyone.with("user-agent", "Zither/1 (Windows) Firefox/1");
    let registered = agent.post("/auth/register", form).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    app.mail(ADA, "reset_code", 1).await;
    let code = app.code_of(ADA).await;
    assert_eq!(app.verify(&registered.body["id"], &code).await.status, 200);
    app.mail(ADA, "welcome", 1).await;
    let mails = app.mails(ADA).await;
    assert_eq!(mails.len(), 3);
    for mail in mails {
        let whole = format!("{} {} {}", mail["subject"], mail["text"], mail["html"]);
        for typed in ["zorro", "Zebra", "Zacharias", "Zeppelin", "36991234", "Zither"] {
            assert!(!whole.contains(typed), "{typed} in {whole}");
        }
    }
}
