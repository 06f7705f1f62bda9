//! The verification of an address by its code, sent and sent again, and by the link of the same mail.

use majordomo::{
    domain::{
        auth::{AddressState, actions::AuthAction, events::SessionRevoked},
        otp::{
            actions::OtpAction,
            events::{OtpFailed, OtpVerified},
        },
        user::events::UserVerified,
    },
    persistence::tables::{invitation, registration},
    types::EmailAddress,
};
use serde_json::{Value, json};

use crate::{
    harness::Answer,
    test_app::{ADA, MINUTE, OTHERS, PASSWORD, TestApp, code_in, is_code_invalid, secret_in, wrong},
};

async fn by_link(app: &TestApp, secret: &str) -> Answer {
    app.anyone.post("/auth/verify-email", json!({ "secret": secret })).await
}

async fn reset_by(app: &TestApp, secret: &str) -> Answer {
    app.anyone.post("/auth/password/reset", json!({ "secret": secret, "newPassword": PASSWORD })).await
}

#[tokio::test]
async fn the_same_code_is_sent_again_at_most_once_per_minute() {
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
    assert_ne!(renewed, code, "it was valid for less than two minutes");
    let id = &registered.body["id"];
    let old = app.verify(id, &code).await;
    assert_eq!((old.status, old.problem()), (422, "code_invalid"));
    let verified = app.verify(id, &renewed).await;
    assert_eq!((verified.status, &verified.body["id"]), (200, id));
    let again = app.verify(id, &renewed).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })), "a used code shows no profile");
}

#[tokio::test]
async fn a_code_with_only_an_address_names_no_registration() {
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
async fn all_wrong_codes_have_one_answer_and_five_void_the_code() {
    let app = TestApp::new().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    let code = app.code_of("ada@example.com").await;
    let unknown = app.verify(&json!(uuid::Uuid::from_u128(7)), &code).await;
    for _ in 0..5 {
        let answer = app.verify(&id, &wrong(&code)).await;
        assert_eq!((answer.status, answer.problem()), (unknown.status, unknown.problem()));
        assert_eq!(answer.body["detail"], unknown.body["detail"]);
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
async fn a_code_expires() {
    let app = TestApp::new().await;
    let id = app.register("ada@example.com").await.body["id"].clone();
    let code = app.code_of("ada@example.com").await;
    app.advance(10 * MINUTE);
    let late = app.anyone.post("/auth/verify-email", json!({ "userId": id, "code": code })).await;
    assert_eq!((late.status, late.problem()), (422, "code_invalid"));
}

#[tokio::test]
async fn a_proof_ends_all_other_sessions() {
    for way in ["anonymous", "another user's", "own", "otp"] {
        let app = TestApp::lenient().await;
        let bob = app.member("bob@example.com").await;
        let registered = app.register(ADA).await;
        let first = app.entered(&registered);
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
async fn the_proof_of_an_address_takes_over_its_unproven_user() {
    let app = TestApp::lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "username": "mallory", "firstName": "Mallory" });
    let holder = app.entered(&app.registered(form).await);
    let holders_code = app.code_of(ADA).await;
    let owner = app.registered(json!({ "email": ADA, "password": PASSWORD, "firstName": "Ada" })).await;
    assert!(owner.body.get("session").is_none(), "{owner:?}");
    let owners_code = code_in(&app.mail(ADA, "verification_code", 2).await);
    assert_ne!(holders_code, owners_code);
    assert_eq!(holder.get("/auth/profile").await.status, 200, "nothing is proven yet");

    let body = json!({ "userId": owner.body["id"], "code": owners_code });
    let verified = app.anyone.post("/auth/verify-email", body.clone()).await;
    assert_eq!((verified.status, &verified.body["firstName"]), (200, &json!("Ada")), "{verified:?}");
    assert_eq!((&verified.body["emailVerified"], &verified.body["username"]), (&json!(true), &Value::Null));
    let again = app.anyone.post("/auth/verify-email", body).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })), "a lost answer is requested again");

    let replaced = app.audited(AuthAction::ResetPassword);
    assert_eq!(replaced.len(), 1, "another password is a change of a credential");
    assert_eq!((replaced[0].detail.as_str(), replaced[0].subject), ("by=address_proof", holder.id.parse().ok()));
    assert_eq!(holder.get("/auth/profile").await.problem(), "session_ended");
    let refresh = json!({ "refreshToken": holder.tokens["refreshToken"] });
    assert_eq!(app.anyone.post("/auth/refresh", refresh).await.problem(), "session_ended");
    let theirs = json!({ "identifier": ADA, "password": OTHERS });
    assert_eq!(app.anyone.post("/auth/login", theirs).await.problem(), "invalid_credentials");
    let crossed = json!({ "userId": holder.id, "code": holders_code });
    assert_eq!(app.anyone.post("/auth/verify-email", crossed).await.problem(), "code_invalid");
    let ada = app.sign_in(ADA).await;
    assert_eq!(ada.id, verified.body["id"]);
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
}

#[tokio::test]
async fn a_take_over_ends_the_lockouts_of_the_users_identifiers() {
    let app = TestApp::lenient().await;
    let form = json!({ "email": ADA, "password": OTHERS, "username": "mallory" });
    app.entered(&app.registered(form).await);
    app.code_of(ADA).await;
    let form = json!({ "email": ADA, "password": PASSWORD, "username": "countess" });
    let owner = app.registered(form).await.body["id"].clone();
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    for identifier in [ADA, "countess"] {
        for _ in 0..5 {
            assert_eq!(app.login_with(identifier, "not the one it is").await.status, 401);
        }
        assert_eq!(app.login(identifier).await.problem(), "locked_out");
    }
    assert_eq!(app.verify(&owner, &code).await.status, 200);
    for identifier in [ADA, "countess"] {
        assert_eq!(app.login(identifier).await.status, 200, "{identifier}");
    }
}

#[tokio::test]
async fn the_first_holders_code_proves_the_address_while_another_registration_waits() {
    let app = TestApp::lenient().await;
    let ada = app.entered(&app.register(ADA).await);
    let code = app.code_of(ADA).await;
    app.registered(json!({ "email": ADA, "password": OTHERS })).await;
    app.mail(ADA, "verification_code", 2).await;
    let verified = ada.post("/auth/verify-email", json!({ "userId": ada.id, "code": code })).await;
    assert_eq!((verified.status, verified.body["id"].as_str()), (200, Some(ada.id.as_str())), "{verified:?}");
    assert_eq!(ada.get("/auth/profile").await.status, 200);
}

#[tokio::test]
async fn any_proof_ends_other_registrations_and_invitations_of_the_address() {
    for by_reset in [true, false] {
        let app = TestApp::lenient().await;
        let ada = app.entered(&app.register(ADA).await);
        let code = app.code_of(ADA).await;
        assert_eq!(app.admin("root@example.com").await.post("/invitations", json!({ "email": ADA })).await.status, 201);
        let waiting = app.registered(json!({ "email": ADA, "password": OTHERS })).await;
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
async fn an_unproven_address_gets_codes_and_no_other_mail() {
    let app = TestApp::lenient().await;
    let ada = app.entered(&app.register(ADA).await);
    for _ in 0..3 {
        app.login(ADA).await;
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another sentence without names" });
    assert_eq!(ada.post("/auth/password/change", change).await.status, 204);
    ada.post("/otp", json!({ "purpose": "step_up" })).await;
    app.mail(ADA, "step_up_code", 1).await;
    let inbox = app.anyone.get(&format!("/dev/inbox?to={ADA}")).await;
    let mut templates: Vec<_> =
        inbox.body["data"].as_array().unwrap().iter().map(|mail| mail["template"].as_str().unwrap()).collect();
    templates.sort_unstable();
    assert_eq!(templates, ["step_up_code", "verification_code"]);
}

/// What a request costs: commits and hashes.
async fn cost(app: &TestApp, path: &str, body: Value) -> (u16, u64, u64) {
    let (commits, hashes) = (app.commits(), app.hashes());
    let answer = app.anyone.post(path, body).await;
    (answer.status, app.commits() - commits, app.hashes() - hashes)
}

#[tokio::test]
async fn the_link_of_a_mail_verifies_the_address_and_answers_the_same_again() {
    let app = TestApp::linked().await;
    let registered = app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    let (secret, code) = (secret_in(&mail), code_in(&mail));
    assert_eq!(mail["link"], format!("https://app.example.com/verify?secret={secret}"));
    let link = mail["link"].as_str().unwrap();
    assert!(mail["html"].as_str().unwrap().contains(&format!("href=\"{link}\"")), "a button: {mail}");
    assert!(mail["text"].as_str().unwrap().lines().any(|line| line == link), "text: {mail}");
    assert!(mail["text"].as_str().unwrap().contains(&code), "the code as well: {mail}");

    let verified = by_link(&app, &secret).await;
    assert_eq!((verified.status, &verified.body["id"]), (200, &registered.body["id"]), "{verified:?}");
    let again = by_link(&app, &secret).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })));
    let by_code = app.verify(&registered.body["id"], &code).await;
    assert_eq!((by_code.status, by_code.body), (200, json!({ "status": "verified" })), "it used the code as well");
    assert_eq!(app.events(UserVerified::TYPE).len(), 1);
    assert_eq!(app.events(OtpVerified::TYPE).len(), 1);
    app.advance(10 * MINUTE);
    is_code_invalid(&by_link(&app, &secret).await, "after the end of the code");
}

#[tokio::test]
async fn a_used_code_answers_its_link_without_a_profile() {
    let app = TestApp::linked().await;
    let registered = app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    assert_eq!(app.verify(&registered.body["id"], &code_in(&mail)).await.status, 200);
    let again = by_link(&app, &secret_in(&mail)).await;
    assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })));
}

#[tokio::test]
async fn no_wrong_guess_of_a_code_voids_the_link() {
    for resent in [false, true] {
        let app = TestApp::linked().await;
        let registered = app.register(ADA).await;
        let mail = app.mail(ADA, "verification_code", 1).await;
        let code = code_in(&mail);
        for _ in 0..6 {
            is_code_invalid(&app.verify(&registered.body["id"], &wrong(&code)).await, "a guess");
        }
        is_code_invalid(&app.verify(&registered.body["id"], &code).await, "too many guesses");
        if resent {
            app.advance(MINUTE);
            app.anyone.post("/auth/verify-email/resend", json!({ "email": ADA })).await;
            let newer = app.mail(ADA, "verification_code", 2).await;
            assert_ne!(code_in(&newer), code, "other digits");
        }
        let verified = by_link(&app, &secret_in(&mail)).await;
        assert_eq!(verified.status, 200, "resent: {resent}, {verified:?}");
        for _ in 0..5 {
            app.verify(&registered.body["id"], &wrong(&code)).await;
        }
        let again = by_link(&app, &secret_in(&mail)).await;
        assert_eq!((again.status, again.body), (200, json!({ "status": "verified" })), "guesses of a used code");
    }
}

#[tokio::test]
async fn a_wrong_secret_counts_against_no_code() {
    let app = TestApp::linked().await;
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
            is_code_invalid(&by_link(&app, typed).await, typed);
            is_code_invalid(&reset_by(&app, typed).await, typed);
        }
    }
    is_code_invalid(&reset_by(&app, &secret).await, "a secret is for one act");
    assert_eq!(app.events(OtpFailed::TYPE).len(), 0);
    assert_eq!(app.audited(OtpAction::CodeRefused).len(), 0);
    assert_eq!(app.verify(&registered.body["id"], &code_in(&mail)).await.status, 200, "the code has all its tries");
}

#[tokio::test]
async fn a_form_is_by_code_or_by_secret() {
    let app = TestApp::linked().await;
    let fields = async |path: &str, body: Value| app.anyone.post(path, body).await.fields();
    let (verify, reset) = ("/auth/verify-email", "/auth/password/reset");
    let id = json!(uuid::Uuid::nil());
    assert_eq!(fields(verify, json!({})).await, ["/userId one_of"]);
    assert_eq!(fields(verify, json!({ "userId": id })).await, ["/code required"]);
    assert_eq!(fields(verify, json!({ "code": "123456" })).await, ["/userId required"]);
    assert_eq!(fields(verify, json!({ "secret": "x", "userId": id, "code": "123456" })).await, ["/secret one_of"]);
    assert_eq!(fields(verify, json!({ "secret": "x", "code": "123456" })).await, ["/secret one_of"]);
    assert_eq!(fields(reset, json!({ "newPassword": PASSWORD })).await, ["/resetId one_of"]);
    assert_eq!(fields(reset, json!({ "secret": "x" })).await, ["/newPassword required"]);
    let both = json!({ "secret": "x", "resetId": id, "code": "123456", "newPassword": PASSWORD });
    assert_eq!(fields(reset, both).await, ["/secret one_of"]);
}

#[tokio::test]
async fn a_wrong_secret_costs_the_same_for_every_owner() {
    let app = TestApp::linked().await;
    app.verified(ADA).await;
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    let mail = app.mail(ADA, "reset_code", 1).await;
    app.register("bob@example.com").await;
    let waiting = secret_in(&app.mail("bob@example.com", "verification_code", 1).await);
    let known = secret_in(&mail);
    app.hush().await;
    let forged = |secret: &str| format!("{}{}", &secret[..secret.len() - 8], "AAAAAAAA");
    let made_up = format!("{}{}", &known[..4], "A".repeat(known.len() - 4));
    for secret in [&forged(&known), &forged(&waiting), &made_up] {
        assert_eq!(cost(&app, "/auth/verify-email", json!({ "secret": secret })).await, (422, 1, 0), "{secret}");
        let body = json!({ "secret": secret, "newPassword": PASSWORD });
        assert_eq!(cost(&app, "/auth/password/reset", body).await, (422, 1, 1), "{secret}");
    }
}

#[tokio::test]
async fn where_domains_may_register_codes_have_eight_digits() {
    let app = TestApp::with_mail(&[], |config| {
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
        is_code_invalid(&app.verify(id, guess).await, guess);
    }
    let spaced = format!("{} {}", &code[..4], &code[4..]);
    assert_eq!(app.verify(id, &spaced).await.status, 200);
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    assert_eq!(code_in(&app.mail(ADA, "reset_code", 1).await).len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_uses_of_a_link_at_once_one_has_an_effect() {
    let app = TestApp::linked().await;
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
