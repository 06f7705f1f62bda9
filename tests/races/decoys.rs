//! What is done for an address that nothing is sent to: wrong codes are counted, and work follows an answer, as for any
//! other address.

use std::{sync::Arc, time::Duration};

use majordomo::{
    actors::{
        otp::OtpSubscriber,
        relay::{Relays, Subscriber},
    },
    domain::{
        event::{EventEnvelope, EventKind, EventType},
        otp::{
            actions::OtpAction,
            events::{OtpEvent, OtpFailed, OtpResetUnmatched, OtpSent, OtpVerificationRequired},
        },
    },
    persistence::{Reader, persons, tables::code},
    supervision::{SeededEntropy, Spec, Supervisor, System, Tree},
};
use serde_json::{Value, json};

use crate::{
    races::roomy,
    test_app::{OTHERS, PASSWORD, TestApp, code_in, eventually, is_code_invalid, secret_in},
};

const KNOWN: &str = "known1@example.com";
const NEW: &str = "another sentence without names";
const UNKNOWN: &str = "nobody@example.com";

/// Events of wrong codes, and their audit entries.
fn refusals(app: &TestApp) -> (usize, usize) {
    (app.events(OtpFailed::TYPE).len(), app.audited(OtpAction::CodeRefused).len())
}

/// Tries a wrong code for a registration; returns the events and audit entries that it led to.
async fn refused(app: &TestApp, id: &Value) -> (usize, usize) {
    let before = refusals(app);
    let answer = app.anyone.post("/auth/verify-email", json!({ "userId": id, "code": "999999" })).await;
    assert_eq!(answer.problem(), "code_invalid");
    let after = refusals(app);
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_before_the_first_code_is_issued_are_counted_as_for_a_taken_address() {
    let app = roomy().await;
    app.verified(KNOWN).await;
    app.mail(KNOWN, "welcome", 1).await;
    app.hush().await;
    for email in [KNOWN, "regist@example.com"] {
        let id = app.register(email).await.body["id"].clone();
        for round in 0..7 {
            let wanted = if round < 5 { (1, 1) } else { (0, 0) };
            assert_eq!(refused(&app, &id).await, wanted, "{email} {round}");
        }
    }
}

/// Runs the relay of the codes again, after `TestApp::hush`.
async fn issue_codes(app: &TestApp) -> Tree {
    let system = System::new(app.clock.clone(), Arc::new(SeededEntropy::new(9)));
    let mut root = Supervisor::root(&system);
    let subscriber: Arc<dyn Subscriber> = Arc::new(OtpSubscriber::new(app.services.otp.clone()));
    Relays::supervised(&mut root, |_| Spec::park("relay"), [subscriber], (&app.store, &system));
    root.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_was_tried_before_it_was_issued_is_sent_with_the_tries_that_are_left() {
    let app = roomy().await;
    app.hush().await;
    let id = app.register("regist@example.com").await.body["id"].clone();
    assert_eq!(refused(&app, &id).await, (1, 1));
    assert_eq!(app.events(OtpVerificationRequired::TYPE).len(), 0);
    let tree = issue_codes(&app).await;
    eventually("the code is sent", async || (!app.events(OtpVerificationRequired::TYPE).is_empty()).then_some(()))
        .await;
    assert_eq!(app.audited(OtpAction::ResendCode).len(), 0, "it was not sent before");
    let resent = app.anyone.post("/auth/verify-email/resend", json!({ "userId": id })).await;
    assert_eq!(resent.status, 202);
    assert_eq!(app.events(OtpVerificationRequired::TYPE).len(), 1, "and not again within a minute");
    for round in 0..5 {
        let wanted = if round < 4 { (1, 1) } else { (0, 0) };
        assert_eq!(refused(&app, &id).await, wanted, "{round}");
    }
    tree.stop(Duration::from_secs(5)).await;
}

async fn forgot(app: &TestApp, email: &str) -> Value {
    app.anyone.post("/auth/password/forgot", json!({ "email": email })).await.body["resetId"].clone()
}

/// Tries a wrong code to reset a password; returns the audit entries that it led to.
async fn refused_reset(app: &TestApp, mut by: Value) -> usize {
    let before = refusals(app).1;
    let form = json!({ "code": "999999", "newPassword": "a sentence for the thief" });
    by.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
    assert_eq!(app.anyone.post("/auth/password/reset", by).await.problem(), "code_invalid");
    refusals(app).1 - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_reset_codes_are_counted_the_same_whether_there_is_a_code_or_not() {
    let app = roomy().await;
    app.verified(KNOWN).await;
    app.verified("known2@example.com").await;
    let used = forgot(&app, "known2@example.com").await;
    let code = code_in(&app.mail("known2@example.com", "reset_code", 1).await);
    let form = json!({ "resetId": used, "code": code, "newPassword": "a sentence of the owner" });
    assert_eq!(app.anyone.post("/auth/password/reset", form).await.status, 204);
    for email in [KNOWN, UNKNOWN] {
        assert_eq!(refused_reset(&app, json!({ "email": email })).await, 1, "{email}: no code was requested");
    }
    app.hush().await;
    let (known, unknown) = (forgot(&app, KNOWN).await, forgot(&app, UNKNOWN).await);
    for round in 0..6 {
        for request in [&known, &unknown, &used] {
            // The request of the used code has had one try.
            let left = if *request == used { 4 } else { 5 };
            let counted = refused_reset(&app, json!({ "resetId": request })).await;
            assert_eq!(counted, usize::from(round < left), "{request} {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_reset_code_is_counted_as_for_an_unknown_address() {
    let app = roomy().await;
    app.verified(KNOWN).await;
    forgot(&app, KNOWN).await;
    app.mail(KNOWN, "reset_code", 1).await;
    app.advance(Duration::from_secs(5 * 60));
    let requests = [forgot(&app, KNOWN).await, forgot(&app, UNKNOWN).await];
    app.mail(KNOWN, "reset_code", 2).await;
    app.advance(Duration::from_secs(6 * 60));
    for request in requests {
        assert_eq!(refused_reset(&app, json!({ "resetId": request })).await, 1, "{request}");
    }
}

fn attempts_left(event: EventEnvelope) -> u8 {
    match event.kind {
        Some(EventKind::Otp(OtpEvent::OtpFailed(failed))) => failed.attempts_left,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_of_a_wrong_reset_code_has_the_tries_that_are_left_to_its_request() {
    let app = roomy().await;
    app.verified(KNOWN).await;
    let request = forgot(&app, KNOWN).await;
    app.mail(KNOWN, "reset_code", 1).await;
    for _ in 0..6 {
        refused_reset(&app, json!({ "resetId": request })).await;
    }
    let left: Vec<_> = app.events(OtpFailed::TYPE).into_iter().map(attempts_left).collect();
    assert_eq!(left, [4, 3, 2, 1, 0]);
    let unknown = forgot(&app, UNKNOWN).await;
    refused_reset(&app, json!({ "resetId": unknown })).await;
    let details: Vec<_> = app.audited(OtpAction::CodeRefused).into_iter().map(|entry| entry.detail).collect();
    assert_eq!((&details[0], details.len()), (&details[5], 6), "an unknown address has the same detail");
    assert_eq!(details[0], "purpose=reset_password attempts_left=4");
}

/// The commits of a request to reset the password of an address, and of all work that follows until `last` is written
/// and every subscriber has passed it.
async fn commits_behind(app: &TestApp, (email, last): (&str, EventType)) -> u64 {
    let (before, written) = (app.commits(), app.events(last).len());
    forgot(app, email).await;
    eventually("all work is done", async || {
        let report = app.ops.get("/events/subscribers").await.body;
        let all = report["data"].as_array().unwrap();
        let is_quiet = all.iter().all(|subscriber| subscriber["lag"] == 0 && subscriber["delayed"] == 0);
        (is_quiet && app.events(last).len() > written).then_some(())
    })
    .await;
    app.commits() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_behind_a_request_to_reset_a_password_is_the_same_for_an_unknown_address() {
    let app = roomy().await;
    app.verified(KNOWN).await;
    app.mail(KNOWN, "welcome", 1).await;
    for _ in 0..2 {
        let known = commits_behind(&app, (KNOWN, OtpSent::TYPE)).await;
        let unknown = commits_behind(&app, (UNKNOWN, OtpResetUnmatched::TYPE)).await;
        // The development inbox writes the mail in a commit of its own; a mail server needs none.
        assert!(known.abs_diff(unknown) <= 1 && unknown >= 4, "{known} commits, {unknown} for an unknown address");
        app.advance(Duration::from_secs(61));
    }
    assert_eq!(app.mails(UNKNOWN).await.len(), 0, "nothing is sent");
    let stand_in = app.events(OtpResetUnmatched::TYPE)[0].subject;
    let is_known = async || {
        let read = app.store.read(move |view| {
            let codes = code::of_owner(view, stand_in)?.len();
            Ok((codes, view.get(&persons::PERSON_KEY_BY_ID, &stand_in)?.is_some()))
        });
        read.await.unwrap()
    };
    assert_eq!(is_known().await, (1, true), "for the limits on sending");
    app.advance(Duration::from_secs(25 * 3_600));
    eventually("the stand-in ends", async || {
        // The code becomes void in one run of upkeep, and is removed in a later one.
        app.advance(Duration::from_secs(31));
        (is_known().await == (0, false)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reset_leaves_the_earlier_registrations_as_they_look_to_their_clients() {
    let app = TestApp::linked().await;
    for by_link in [false, true] {
        let address = format!("ada{by_link}@example.com");
        let name = format!("mallory{by_link}");
        let form = json!({ "email": address, "password": OTHERS, "username": name });
        let registered = app.anyone.post("/auth/register", form).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        let id = registered.body["id"].as_str().unwrap().to_owned();
        let sent = app.code_of(&address).await;
        let request = app.forgot(&address).await.body["resetId"].clone();
        let mail = app.mail(&address, "reset_code", 1).await;
        let form = if by_link {
            json!({ "secret": secret_in(&mail), "newPassword": NEW })
        } else {
            json!({ "resetId": request, "code": code_in(&mail), "newPassword": NEW })
        };
        let done = app.anyone.post("/auth/password/reset", form).await;
        assert_eq!(done.status, 204, "{done:?}");
        assert_eq!(app.login_with(&address, NEW).await.status, 200);
        let of_registration = app.login_with(&id, OTHERS).await;
        assert_eq!((of_registration.status, of_registration.problem()), (403, "email_not_verified"));
        assert_eq!(app.login_with(&id, "not the one it is").await.problem(), "invalid_credentials");
        assert_eq!(app.login_with(&id, NEW).await.problem(), "invalid_credentials");
        is_code_invalid(&app.verify(&registered.body["id"], &sent).await, "it becomes no user any more");
        let named = |email: &str| json!({ "email": email, "password": PASSWORD, "username": name });
        let taken = app.anyone.post("/auth/register", named("bob@example.com")).await;
        assert_eq!(taken.status, 409, "the name stays reserved: {taken:?}");
        assert_eq!(app.anyone.post("/auth/verify-email/resend", json!({ "userId": id })).await.status, 202);
        let sent = app.mails(&address).await;
        let codes = sent.iter().filter(|mail| mail["template"] == "verification_code").count();
        assert_eq!(codes, 1, "no code is sent for it any more");
        app.advance(Duration::from_secs(24 * 3_600));
        assert_eq!(app.login_with(&id, OTHERS).await.problem(), "invalid_credentials");
        let free = app.anyone.post("/auth/register", named("bob@example.com")).await;
        assert_eq!(free.status, 201, "the registration has ended: {free:?}");
    }
}
