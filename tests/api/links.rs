//! Links in mails: each carries a secret beside the code, which no guess of a code can void.

use std::time::Duration;

use majordomo::{
    config::{Config, Sources},
    domain::{
        auth::{actions::AuthAction, events::PasswordResetCompleted},
        otp::{
            actions::OtpAction,
            events::{OtpFailed, OtpVerified},
        },
        user::events::UserVerified,
    },
};
use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{PASSWORD, TestApp, TestUser, wrong},
};

const ADA: &str = "ada@example.com";
const NEW: &str = "another sentence to sign in with";
const MINUTE: Duration = Duration::from_secs(60);

/// An installation with these settings of `[notify.email]` and `adjust`.
pub async fn configured(settings: &[(&str, &str)], adjust: impl FnOnce(&mut Config)) -> TestApp {
    let variable = |(key, value): &(&str, &str)| {
        (format!("MAJORDOMO__NOTIFY__EMAIL__{key}").into(), std::ffi::OsString::from(value))
    };
    let sources = Sources { environment: settings.iter().map(variable).collect(), ..Sources::default() };
    let loaded = Config::load(&sources).unwrap();
    TestApp::with(|config| {
        config.notify = loaded.config.notify;
        adjust(config);
    })
    .await
}

async fn linked() -> TestApp {
    configured(&[("APP_URL", "https://app.example.com")], |_| ()).await
}

/// The secret of the link in a mail.
fn secret_in(mail: &Value) -> String {
    let link = mail["link"].as_str().unwrap_or_else(|| panic!("no link in {mail}"));
    link.split_once("secret=").unwrap().1.to_owned()
}

fn code_in(mail: &Value) -> String {
    mail["code"].as_str().unwrap_or_else(|| panic!("no code in {mail}")).to_owned()
}

async fn verify(app: &TestApp, secret: &str) -> Answer {
    app.anyone.post("/auth/verify-email", json!({ "secret": secret })).await
}

async fn reset(app: &TestApp, secret: &str, password: &str) -> Answer {
    app.anyone.post("/auth/password/reset", json!({ "secret": secret, "newPassword": password })).await
}

async fn login_with(app: &TestApp, password: &str) -> u16 {
    app.anyone.post("/auth/login", json!({ "identifier": ADA, "password": password })).await.status
}

fn is_refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.problem()), (422, "code_invalid"), "{what}");
}

/// A user with a live reset code: the user, the id of the request, the mail.
async fn forgotten(app: &TestApp) -> (TestUser, Value, Value) {
    let ada = app.member(ADA).await;
    let asked = app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    (ada, asked.body["requestId"].clone(), app.mail(ADA, "reset_code", 1).await)
}

#[tokio::test]
async fn the_link_of_a_mail_verifies_the_address_and_answers_the_same_again() {
    let app = linked().await;
    let registered = app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    let (secret, code) = (secret_in(&mail), code_in(&mail));
    assert_eq!(mail["link"], format!("https://app.example.com/verify?secret={secret}"));
    let link = mail["link"].as_str().unwrap();
    assert!(mail["html"].as_str().unwrap().contains(&format!("href=\"{link}\"")), "a button: {mail}");
    assert!(mail["text"].as_str().unwrap().lines().any(|line| line == link), "text: {mail}");
    assert!(mail["text"].as_str().unwrap().contains(&code), "the code as well: {mail}");

    let verified = verify(&app, &secret).await;
    assert_eq!((verified.status, &verified.body["id"]), (200, &registered.body["id"]), "{verified:?}");
    let again = verify(&app, &secret).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })));
    let by_code = app.verify(&registered.body["id"], &code).await;
    assert_eq!((by_code.status, by_code.body), (200, json!({ "status": "verified" })), "it used the code as well");
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    assert_eq!(app.events(OtpVerified::TYPE).len(), 1);
    app.advance(10 * MINUTE);
    is_refused(&verify(&app, &secret).await, "after the end of the code");
}

#[tokio::test]
async fn a_used_code_answers_its_link_without_a_profile() {
    let app = linked().await;
    let registered = app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    assert_eq!(app.verify(&registered.body["id"], &code_in(&mail)).await.status, 200);
    let again = verify(&app, &secret_in(&mail)).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })));
}

#[tokio::test]
async fn no_wrong_guess_of_a_code_voids_the_link() {
    for resent in [false, true] {
        let app = linked().await;
        let registered = app.register(ADA).await;
        let mail = app.mail(ADA, "verification_code", 1).await;
        let code = code_in(&mail);
        for _ in 0..6 {
            is_refused(&app.verify(&registered.body["id"], &wrong(&code)).await, "a guess");
        }
        is_refused(&app.verify(&registered.body["id"], &code).await, "too many guesses");
        if resent {
            app.advance(MINUTE);
            app.anyone.post("/auth/verify-email/resend", json!({ "email": ADA })).await;
            let newer = app.mail(ADA, "verification_code", 2).await;
            assert_ne!(code_in(&newer), code, "other digits");
        }
        let verified = verify(&app, &secret_in(&mail)).await;
        assert_eq!(verified.status, 200, "resent: {resent}, {verified:?}");
        for _ in 0..5 {
            app.verify(&registered.body["id"], &wrong(&code)).await;
        }
        let again = verify(&app, &secret_in(&mail)).await;
        assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })), "guesses of a used code");
    }
}

#[tokio::test]
async fn a_wrong_secret_counts_against_no_code() {
    let app = linked().await;
    let registered = app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    let secret = secret_in(&mail);
    app.register("bob@example.com").await;
    let bobs = secret_in(&app.mail("bob@example.com", "verification_code", 1).await);
    let mut changed: Vec<String> = Vec::new();
    for place in [0, 10, 30, secret.len() - 2] {
        let other = if &secret[place..=place] == "A" { "B" } else { "A" };
        changed.push(format!("{}{other}{}", &secret[..place], &secret[place + 1..]));
    }
    let half = secret.len() / 2;
    changed.extend([format!("{}{}", &secret[..half], &bobs[half..]), "x".to_owned(), secret[1..].to_owned()]);
    for typed in &changed {
        for _ in 0..3 {
            is_refused(&verify(&app, typed).await, typed);
            is_refused(&reset(&app, typed, NEW).await, typed);
        }
    }
    is_refused(&reset(&app, &secret, NEW).await, "a secret is for one act");
    assert_eq!(app.events(OtpFailed::TYPE).len(), 0);
    assert_eq!(app.audited(OtpAction::CodeRefused).len(), 0);
    assert_eq!(app.verify(&registered.body["id"], &code_in(&mail)).await.status, 200, "the code has all its tries");
}

#[tokio::test]
async fn the_link_of_a_mail_sets_a_new_password() {
    let app = linked().await;
    let (ada, _, mail) = forgotten(&app).await;
    let secret = secret_in(&mail);
    assert_eq!(mail["link"], format!("https://app.example.com/reset?secret={secret}"));
    is_refused(&verify(&app, &secret).await, "a secret is for one act");
    let unfit = reset(&app, &secret, "short").await;
    assert_eq!(unfit.fields(), ["/newPassword password_too_short"]);
    let done = reset(&app, &secret, NEW).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert_eq!(reset(&app, &secret, NEW).await.status, 204, "a lost answer is asked for again");
    is_refused(&reset(&app, &secret, "one more sentence for me").await, "a used secret sets no other password");
    assert_eq!(ada.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(app.events(PasswordResetCompleted::TYPE).len(), 1);
    assert_eq!(app.audited(AuthAction::ResetPassword).len(), 1);
    assert_eq!(login_with(&app, NEW).await, 200);
}

#[tokio::test]
async fn only_the_holder_of_a_secret_learns_that_a_password_holds_the_address() {
    let app = linked().await;
    let address = "ada.lovelace@example.com";
    app.verified(address).await;
    app.anyone.post("/auth/password/forgot", json!({ "email": address })).await;
    let secret = secret_in(&app.mail(address, "reset_code", 1).await);
    let telling = "ada.lovelace ada.lovelace";
    assert_eq!(reset(&app, &secret, telling).await.fields(), ["/newPassword password_contains_email"]);
    let forged = format!("{}{}", &secret[..secret.len() - 4], "AAAA");
    is_refused(&reset(&app, &forged, telling).await, "forged");
}

#[tokio::test]
async fn a_link_ends_with_each_change_that_makes_its_code_void() {
    for way in ["change", "operator", "disabled", "locked", "time", "newer"] {
        let app = linked().await;
        let (ada, request, mail) = forgotten(&app).await;
        let secret = secret_in(&mail);
        for _ in 0..5 {
            let guess = json!({ "requestId": request, "code": wrong(&code_in(&mail)), "newPassword": NEW });
            app.anyone.post("/auth/password/reset", guess).await;
        }
        match way {
            "change" => {
                let change = json!({ "currentPassword": PASSWORD, "newPassword": "the owner's second sentence" });
                assert_eq!(ada.post("/auth/password/change", change).await.status, 204);
            }
            "operator" => {
                let given = json!({ "email": ADA, "password": "a sentence from the operator" });
                assert_eq!(app.operator().post("/users/reset-password", given).await.status, 200);
            }
            "disabled" | "locked" => give_status(&administrator(&app).await, &ada.id, way).await,
            "time" => app.advance(10 * MINUTE),
            _newer => {
                app.advance(9 * MINUTE);
                app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
                app.mail(ADA, "reset_code", 2).await;
            }
        }
        is_refused(&reset(&app, &secret, NEW).await, way);
    }
}

async fn administrator(app: &TestApp) -> TestUser {
    let made = json!({ "email": "root@example.com", "password": PASSWORD });
    assert_eq!(app.operator().post("/users/admins", made).await.status, 201);
    app.sign_in("root@example.com").await
}

async fn give_status(root: &TestUser, id: &str, status: &str) {
    let given = root.put(&format!("/users/{id}/status"), json!({ "status": status })).await;
    assert_eq!(given.status, 200, "{given:?}");
}

#[tokio::test]
async fn a_live_code_ends_when_its_user_is_locked_or_disabled() {
    for status in ["locked", "disabled"] {
        let app = linked().await;
        let (ada, request, mail) = forgotten(&app).await;
        let root = administrator(&app).await;
        give_status(&root, &ada.id, status).await;
        let late = json!({ "requestId": request, "code": code_in(&mail), "newPassword": NEW });
        is_refused(&app.anyone.post("/auth/password/reset", late).await, status);
        give_status(&root, &ada.id, "active").await;
        is_refused(&reset(&app, &secret_in(&mail), NEW).await, status);
        assert_eq!(login_with(&app, PASSWORD).await, 200);
    }
}

#[tokio::test]
async fn templates_of_links_are_the_applications() {
    let settings = [("LINKS__VERIFY", "http://localhost:3000/#/confirm/?token={secret}&from=mail")];
    let app = configured(&settings, |_| ()).await;
    app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    let link = mail["link"].as_str().unwrap().to_owned();
    let rest = link.strip_prefix("http://localhost:3000/#/confirm/?token=").unwrap();
    let secret = rest.strip_suffix("&from=mail").unwrap();
    assert_eq!(verify(&app, secret).await.status, 200);
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    let mail = app.mail(ADA, "reset_code", 1).await;
    assert_eq!(mail["link"], Value::Null, "its template needs an app_url: {mail}");
}

#[tokio::test]
async fn without_app_url_a_mail_has_a_code_and_no_link() {
    let app = TestApp::new().await;
    app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    assert_eq!((mail["code"].as_str().map(str::len), &mail["link"]), (Some(6), &Value::Null));
    for part in ["html", "text"] {
        let text = mail[part].as_str().unwrap();
        assert!(!text.contains("http") && !text.contains("secret"), "{text}");
    }
    app.verified("bob@example.com").await;
    let welcome = app.mail("bob@example.com", "welcome", 1).await;
    assert_eq!((&welcome["code"], &welcome["link"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_secret_is_in_no_event_and_no_audit_entry() {
    let app = linked().await;
    let (_, _, mail) = forgotten(&app).await;
    assert_eq!(reset(&app, &secret_in(&mail), NEW).await.status, 204);
    let secret = secret_in(&mail);
    let (events, entries) =
        (app.operator().get("/events?limit=100").await, app.operator().get("/audit?limit=100").await);
    let all = format!("{}{}", events.body, entries.body);
    assert!(all.contains("password.reset_completed"), "{all}");
    for part in [secret.as_str(), &secret[26..], &code_in(&mail)] {
        assert!(!all.contains(part), "{part} in {all}");
    }
}

#[tokio::test]
async fn a_form_is_by_code_or_by_secret() {
    let app = linked().await;
    let fields = async |path: &str, body: Value| app.anyone.post(path, body).await.fields();
    let (verify, reset) = ("/auth/verify-email", "/auth/password/reset");
    let id = json!(uuid::Uuid::nil());
    assert_eq!(fields(verify, json!({})).await, ["/userId one_of"]);
    assert_eq!(fields(verify, json!({ "userId": id })).await, ["/code required"]);
    assert_eq!(fields(verify, json!({ "code": "123456" })).await, ["/userId required"]);
    assert_eq!(fields(verify, json!({ "secret": "x", "userId": id, "code": "123456" })).await, ["/secret one_of"]);
    assert_eq!(fields(verify, json!({ "secret": "x", "code": "123456" })).await, ["/secret one_of"]);
    assert_eq!(fields(reset, json!({ "newPassword": NEW })).await, ["/requestId one_of"]);
    assert_eq!(fields(reset, json!({ "secret": "x" })).await, ["/newPassword required"]);
    let both = json!({ "secret": "x", "requestId": id, "code": "123456", "newPassword": NEW });
    assert_eq!(fields(reset, both).await, ["/secret one_of"]);
}

/// What a request costs: commits and hashes.
async fn cost(app: &TestApp, path: &str, body: Value) -> (u16, u64, u64) {
    let (commits, hashes) = (app.commits(), app.hashes());
    let answer = app.anyone.post(path, body).await;
    (answer.status, app.commits() - commits, app.hashes() - hashes)
}

#[tokio::test]
async fn a_wrong_secret_costs_the_same_for_every_owner() {
    let app = linked().await;
    let (_, _, mail) = forgotten(&app).await;
    app.register("bob@example.com").await;
    let waiting = secret_in(&app.mail("bob@example.com", "verification_code", 1).await);
    let known = secret_in(&mail);
    app.hush().await;
    let forged = |secret: &str| format!("{}{}", &secret[..secret.len() - 8], "AAAAAAAA");
    let made_up = format!("{}{}", &known[..4], "A".repeat(known.len() - 4));
    for secret in [&forged(&known), &forged(&waiting), &made_up] {
        assert_eq!(cost(&app, "/auth/verify-email", json!({ "secret": secret })).await, (422, 1, 0), "{secret}");
        let body = json!({ "secret": secret, "newPassword": NEW });
        assert_eq!(cost(&app, "/auth/password/reset", body).await, (422, 1, 1), "{secret}");
    }
}

#[tokio::test]
async fn where_domains_may_register_codes_have_eight_digits() {
    let app = configured(&[], |config| {
        config.auth.registration = majordomo::config::RegistrationPolicy::Domains;
        config.auth.domains = vec!["example.com".to_owned()];
    })
    .await;
    let registered = app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    let code = code_in(&mail);
    assert_eq!(code.len(), 8, "{code}");
    assert!(mail["text"].as_str().unwrap().contains(&code) && mail["html"].as_str().unwrap().contains(&code));
    let id = &registered.body["id"];
    for guess in ["123456", "12345678", "1234567"] {
        is_refused(&app.verify(id, guess).await, guess);
    }
    let spaced = format!("{} {}", &code[..4], &code[4..]);
    assert_eq!(app.verify(id, &spaced).await.status, 200);
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    assert_eq!(code_in(&app.mail(ADA, "reset_code", 1).await).len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_uses_of_a_link_at_once_one_has_an_effect() {
    let app = linked().await;
    app.register(ADA).await;
    let secret = secret_in(&app.mail(ADA, "verification_code", 1).await);
    let use_it = |_| {
        let (client, body) = (app.anyone.clone(), json!({ "secret": secret }));
        tokio::spawn(async move { client.post("/auth/verify-email", body).await })
    };
    let answers = futures::future::join_all((0..100).map(use_it)).await;
    let answers: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
    let profiles = answers.iter().filter(|answer| answer.body["email"] == ADA).count();
    assert_eq!(profiles, 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 503)), "{answers:?}");
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    assert_eq!(app.events(OtpVerified::TYPE).len(), 1);
}
