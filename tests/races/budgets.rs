//! What other networks guess and request does not lock an owner out, and all guesses together have a ceiling.

use std::time::Duration;

use majordomo::domain::otp::actions::OtpAction;
use serde_json::{Value, json};

use crate::{
    harness::Client,
    test_app::{PASSWORD, TestApp, code_in, secret_in, wrong},
};

const ADA: &str = "ada@example.com";
const NEW: &str = "a new sentence of the owner";
/// The address of `TestApp::anyone`.
const HERE: &str = "127.0.0.1";
const MINUTE: Duration = Duration::from_secs(60);

async fn forgot(client: &Client, email: &str) -> Value {
    let answer = client.post("/auth/password/forgot", json!({ "email": email })).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["resetId"].clone()
}

fn reset(request: &Value, code: &str) -> Value {
    json!({ "resetId": request, "code": code, "newPassword": NEW })
}

#[tokio::test]
async fn wrong_tries_of_another_request_leave_the_code_of_the_owners_request() {
    let app = TestApp::new().await;
    app.verified(ADA).await;
    let own = forgot(&app.anyone, ADA).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    for network in 0..10 {
        let other = app.anyone.at(&format!("198.51.{network}.1"));
        let request = forgot(&other, ADA).await;
        for _ in 0..5 {
            let refused = other.post("/auth/password/reset", reset(&request, &wrong(&code))).await;
            assert_eq!(refused.problem(), "code_invalid");
        }
        let refused = other.post("/auth/password/reset", reset(&request, &code)).await;
        assert_eq!(refused.problem(), "code_invalid", "the request has no try left");
    }
    assert_eq!(app.anyone.post("/auth/password/reset", reset(&own, &code)).await.status, 204);
}

#[tokio::test]
async fn one_network_has_twenty_tries_a_day_for_an_address_whatever_it_requests() {
    let app = TestApp::new().await;
    app.verified(ADA).await;
    let own = forgot(&app.anyone, ADA).await;
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    let other = app.anyone.at("198.51.100.1");
    for _ in 0..4 {
        let request = forgot(&other, ADA).await;
        for _ in 0..5 {
            assert_eq!(other.post("/auth/password/reset", reset(&request, &wrong(&code))).await.status, 422);
        }
    }
    let request = forgot(&other, ADA).await;
    assert_eq!(other.post("/auth/password/reset", reset(&request, &code)).await.status, 422);
    assert_eq!(app.anyone.post("/auth/password/reset", reset(&own, &code)).await.status, 204);
}

#[tokio::test]
async fn sendings_that_another_network_requests_do_not_use_up_the_owners() {
    let app = TestApp::new().await;
    app.verified(ADA).await;
    let other = app.anyone.at("198.51.100.1");
    for sent in 1..=5 {
        forgot(&other, ADA).await;
        app.mail(ADA, "reset_code", sent).await;
        app.advance(MINUTE);
    }
    forgot(&other, ADA).await;
    let own = forgot(&app.anyone, ADA).await;
    let mail = app.mail(ADA, "reset_code", 6).await;
    assert_eq!(app.anyone.post("/auth/password/reset", reset(&own, &code_in(&mail))).await.status, 204);
    let sent = app.mails(ADA).await.iter().filter(|mail| mail["template"] == "reset_code").count();
    assert_eq!(sent, 6, "the other network has used up its hour");
}

#[tokio::test]
async fn a_known_device_signs_in_after_a_day_of_wrong_passwords() {
    let app = TestApp::new().await;
    let ada = app.member(ADA).await;
    for network in 0..12 {
        let other = app.anyone.at(&format!("198.51.{network}.1"));
        for _ in 0..5 {
            let answer =
                other.post("/auth/login", json!({ "identifier": ADA, "password": "a guess of another" })).await;
            assert_eq!(answer.status, if network < 10 { 401 } else { 429 });
        }
    }
    assert_eq!(app.login(ADA).await.problem(), "locked_out");
    let known = json!({ "identifier": ADA, "password": PASSWORD, "deviceToken": ada.tokens["deviceToken"] });
    for network in ["127.0.0.1", "198.51.3.1"] {
        let entered = app.anyone.at(network).post("/auth/login", known.clone()).await;
        assert_eq!(entered.status, 200, "{network} {entered:?}");
    }
}

#[tokio::test]
async fn a_reset_ends_the_lockouts_of_its_network_and_no_other_client_sees_it() {
    let app = TestApp::new().await;
    app.verified(ADA).await;
    let other = app.anyone.at("198.51.100.1");
    let wrong = json!({ "identifier": ADA, "password": "not the one it is" });
    for _ in 0..5 {
        assert_eq!(app.anyone.post("/auth/login", wrong.clone()).await.status, 401);
        assert_eq!(other.post("/auth/login", wrong.clone()).await.status, 401);
    }
    assert_eq!(app.login(ADA).await.problem(), "locked_out");
    let request = app.forgot(ADA).await.body["resetId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    assert_eq!(app.anyone.post("/auth/password/reset", reset(&request, &code)).await.status, 204);
    assert_eq!(other.post("/auth/login", wrong).await.problem(), "locked_out", "as before the reset");
    assert_eq!(app.login_with(ADA, NEW).await.status, 200);
}

#[tokio::test]
async fn a_reset_ends_the_lockout_of_the_day() {
    let app = TestApp::with(|config| config.auth.lockout.daily_failures = 10).await;
    app.verified(ADA).await;
    for network in 0..10 {
        app.anyone
            .at(&format!("198.51.{network}.1"))
            .post("/auth/login", json!({ "identifier": ADA, "password": "not the one it is" }))
            .await;
    }
    assert_eq!(app.login(ADA).await.problem(), "locked_out");
    let request = app.forgot(ADA).await.body["resetId"].clone();
    let code = code_in(&app.mail(ADA, "reset_code", 1).await);
    assert_eq!(app.anyone.post("/auth/password/reset", reset(&request, &code)).await.status, 204);
    assert_eq!(app.login_with(ADA, NEW).await.status, 200);
}

/// Registers an address and tries wrong codes for it from one network; gives the id and the right code.
async fn guessed(app: &TestApp, email: &str, (network, tries): (&str, usize)) -> (Value, String) {
    let id = app.register(email).await.body["id"].clone();
    let code = app.code_of(email).await;
    for _ in 0..tries {
        let body = json!({ "userId": id, "code": wrong(&code) });
        assert_eq!(app.anyone.at(network).post("/auth/verify-email", body).await.problem(), "code_invalid");
    }
    (id, code)
}

/// Registers an address of `domain` for each of `tries`, which are made from networks of their own.
async fn guessed_by_networks(app: &TestApp, domain: &str, tries: impl IntoIterator<Item = usize>) {
    for (network, tries) in tries.into_iter().enumerate() {
        guessed(app, &format!("user{network}@{domain}"), (&format!("198.51.{network}.1"), tries)).await;
    }
}

fn ceilings(app: &TestApp) -> Vec<String> {
    app.audited(OtpAction::CodeCeiling).into_iter().map(|entry| entry.detail).collect()
}

#[tokio::test]
async fn at_the_ceiling_of_a_domain_no_code_of_it_is_accepted_for_an_hour() {
    let app = TestApp::with(|config| config.auth.code.refused_hourly_by_domain = 16).await;
    let (other, others_code) = guessed(&app, "eve@elsewhere.example", (HERE, 0)).await;
    let (id, code) = guessed(&app, ADA, (HERE, 0)).await;
    guessed_by_networks(&app, "example.com", [4, 4, 4, 4]).await;
    assert_eq!(app.verify(&id, &code).await.problem(), "code_invalid");
    assert_eq!(app.verify(&id, &wrong(&code)).await.problem(), "code_invalid");
    assert_eq!(ceilings(&app).last().unwrap(), "scope=domain domain=example.com");
    assert_eq!(app.verify(&other, &others_code).await.status, 200, "another domain");
    app.advance(60 * MINUTE);
    let again = app.anyone.post("/auth/verify-email/resend", json!({ "userId": id })).await;
    assert_eq!(again.status, 202);
    let code = code_in(&app.mail(ADA, "verification_code", 2).await);
    assert_eq!(app.verify(&id, &code).await.status, 200);
}

#[tokio::test]
async fn at_the_ceiling_of_the_installation_no_code_is_accepted_and_links_are() {
    let links = [("APP_URL", "https://app.example.com")];
    let app = TestApp::with_mail(&links, |config| config.auth.code.refused_hourly = 16).await;
    let (id, code) = guessed(&app, ADA, (HERE, 0)).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    guessed_by_networks(&app, "one.example", [4, 4, 4]).await;
    let other = app.anyone.at("203.0.113.1");
    let unknown = forgot(&other, "nobody@two.example").await;
    for _ in 0..4 {
        assert_eq!(other.post("/auth/password/reset", reset(&unknown, "999999")).await.status, 422);
    }
    assert_eq!(app.verify(&id, &code).await.problem(), "code_invalid");
    assert_eq!(ceilings(&app).last().unwrap(), "scope=installation");
    let verified = app.anyone.post("/auth/verify-email", json!({ "secret": secret_in(&mail) })).await;
    assert_eq!(verified.status, 200, "{verified:?}");
}

#[tokio::test]
async fn one_network_causes_a_quarter_of_a_ceiling_at_most_and_is_refused_alone() {
    for is_of_domain in [true, false] {
        let app = TestApp::with(|config| {
            let ceiling = if is_of_domain {
                &mut config.auth.code.refused_hourly_by_domain
            } else {
                &mut config.auth.code.refused_hourly
            };
            *ceiling = 16;
        })
        .await;
        let (id, code) = guessed(&app, ADA, (HERE, 0)).await;
        let (second, seconds_code) = guessed(&app, "bob@example.com", (HERE, 0)).await;
        for email in ["one@example.com", "two@example.com", "three@example.com", "four@example.com"] {
            guessed(&app, email, ("198.51.100.1", 5)).await;
        }
        let scope = if is_of_domain { "scope=domain domain=example.com" } else { "scope=installation" };
        assert_eq!(ceilings(&app), [format!("{scope} share=network")], "four of twenty tries were counted");
        let of_it = app.anyone.at("198.51.100.9");
        let body = json!({ "userId": id, "code": code });
        assert_eq!(of_it.post("/auth/verify-email", body.clone()).await.problem(), "code_invalid", "the same network");
        assert_eq!(app.verify(&id, &code).await.status, 200, "another network");
        app.advance(5 * MINUTE);
        guessed_by_networks(&app, "example.com", [4, 4]).await;
        assert_eq!(app.verify(&second, &seconds_code).await.status, 200, "twelve of sixteen are counted");
        app.advance(60 * MINUTE);
        let (third, thirds_code) = guessed(&app, "eve@example.com", ("198.51.100.1", 1)).await;
        let body = json!({ "userId": third, "code": thirds_code });
        assert_eq!(of_it.post("/auth/verify-email", body).await.status, 200, "the hour is over");
    }
}

#[tokio::test]
async fn a_network_at_its_share_costs_the_same_for_a_code_and_for_none() {
    let app = TestApp::with(|config| config.auth.code.refused_hourly_by_domain = 16).await;
    app.verified("known1@example.com").await;
    let taken = app.register("known1@example.com").await.body["id"].clone();
    let (waiting, _) = guessed(&app, ADA, ("198.51.100.1", 4)).await;
    let (known, unknown) =
        (forgot(&app.anyone, "known1@example.com").await, forgot(&app.anyone, "no@example.com").await);
    app.mail("known1@example.com", "reset_code", 1).await;
    app.hush().await;
    let of_it = app.anyone.at("198.51.100.1");
    let refusals = || app.audited(OtpAction::CodeRefused).len();
    let before = refusals();
    for id in [taken, waiting] {
        let commits = app.commits();
        let body = json!({ "userId": id, "code": "999999" });
        assert_eq!(of_it.post("/auth/verify-email", body).await.problem(), "code_invalid");
        assert_eq!(app.commits() - commits, 1);
    }
    for request in [known, unknown] {
        let commits = app.commits();
        assert_eq!(of_it.post("/auth/password/reset", reset(&request, "999999")).await.problem(), "code_invalid");
        assert_eq!(app.commits() - commits, 2);
    }
    assert_eq!(refusals(), before, "none of them is counted");
}
