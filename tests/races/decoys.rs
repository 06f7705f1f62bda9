//! What is done for an address that nothing is sent to: wrong codes are counted, and work follows an answer, as for any
//! other address.

use std::{sync::Arc, time::Duration};

use majordomo::{
    actors::{
        otp::OtpSubscriber,
        relay::{Relays, Subscriber},
    },
    domain::{
        event::{EventEnvelope, EventKind},
        otp::{
            actions::OtpAction,
            events::{OtpEvent, OtpFailed, OtpVerificationRequired},
        },
    },
    supervision::{SeededEntropy, Spec, Supervisor, System, Tree},
};
use serde_json::{Value, json};

use crate::{
    races::roomy,
    test_app::{PASSWORD, TestApp, code_in, eventually},
};

const KNOWN: &str = "known1@example.com";
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

/// The commits that follow a request to reset the password of an address, until all its work is done.
async fn commits_behind(app: &TestApp, email: &str) -> u64 {
    let before = app.commits();
    forgot(app, email).await;
    let quiet = async || {
        let report = app.ops.get("/events/subscribers").await.body;
        let all = report["subscribers"].as_array().unwrap();
        all.iter().all(|subscriber| subscriber["lag"] == 0 && subscriber["delayed"] == 0).then_some(app.commits())
    };
    let mut seen = eventually("the events are handed over", quiet).await;
    // Quiet twice in a row, because an event leads to another one.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = eventually("the events are handed over", quiet).await;
        if now == seen {
            break;
        }
        seen = now;
    }
    seen - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_behind_a_request_to_reset_a_password_is_the_same_for_an_unknown_address() {
    let app = roomy().await;
    app.verified(KNOWN).await;
    app.mail(KNOWN, "welcome", 1).await;
    let mut all = Vec::new();
    for email in [KNOWN, UNKNOWN, KNOWN, UNKNOWN] {
        all.push(commits_behind(&app, email).await);
        app.advance(Duration::from_secs(61));
    }
    panic!("{all:?} {PASSWORD}");
}
