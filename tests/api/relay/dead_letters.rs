//! Dead letters: listed, shown, requeued, discarded.

use axum::body::Body;
use majordomo::{
    domain::{
        audit::Actor,
        auth::events::UserLoggedIn,
        event::{DeadLetter, DeadReason, EventType, actions::EventAction},
        user::events::UserVerified,
    },
    persistence::tables::subscription::{self, EventPlace},
};
use serde_json::json;

use super::events::{sequences, test_write};
use crate::test_app::{TestApp, eventually};

/// Adds an event to the notifier's dead letters.
pub async fn add_dead_letter(app: &TestApp, kind: EventType) -> u64 {
    let event = app.events(kind).pop().unwrap();
    let (sequence, subject) = (event.sequence, event.subject);
    let letter = DeadLetter {
        event: Some(event.id),
        event_type: Some(kind),
        subject,
        reason: DeadReason::Exhausted,
        attempts: 10,
        last_error: "the mailbox is full".to_owned(),
        at: app.now(),
    };
    let buried = app.store.write(test_write(app), move |tx| {
        subscription::add_dead_letter(tx, EventPlace { subscriber: "notifier", subject, sequence }, &letter)
    });
    buried.await.unwrap();
    sequence
}

#[tokio::test]
async fn dead_letters_are_listed_inspected_and_requeued() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    app.mail("ada@example.com", "welcome", 1).await;
    let sequence = add_dead_letter(&app, UserVerified::TYPE).await;
    let ops = app.ops.clone();
    for query in ["", "?subscriber=notifier"] {
        let listed = ops.get(&format!("/events/dead-letters{query}")).await;
        let [letter] = &listed.body["data"].as_array().unwrap()[..] else { panic!("{listed:?}") };
        assert_eq!((&letter["subscriber"], &letter["sequence"]), (&json!("notifier"), &json!(sequence.to_string())));
        assert_eq!((&letter["reason"], &letter["attempts"]), (&json!("exhausted"), &json!(10)));
        assert_eq!((&letter["lastError"], &letter["subject"]), (&json!("the mailbox is full"), &json!(ada.id)));
        assert!(listed.body["nextCursor"].is_null());
    }
    assert_eq!(ops.get("/events/dead-letters?subscriber=otp").await.body["data"], json!([]));
    assert_eq!(ops.get("/events/dead-letters?subscriber=unknown").await.problem(), "not_found");
    let place = format!("/events/dead-letters/notifier/{sequence}");
    let whole = ops.get(&place).await;
    assert_eq!(whole.body["event"]["type"], "user.verified", "{whole:?}");
    let health = app.operator().get("/health/events").await;
    assert_eq!(health.body["reasons"], json!(["notifier: dead_letters: 1"]), "{health:?}");

    let requeue = format!("{place}/requeue");
    assert_eq!(ops.send("POST", &requeue, Body::empty()).await.problem(), "unauthenticated");
    let again = app.operator().send("POST", &requeue, Body::empty()).await;
    assert_eq!((again.status, &again.body), (200, &json!({ "requeued": 1 })), "{again:?}");
    assert_eq!(app.operator().send("POST", &requeue, Body::empty()).await.problem(), "not_found");
    assert_eq!(ops.get(&place).await.problem(), "not_found");
    let [entry] = &app.audited(EventAction::RequeueDeadLetter)[..] else { panic!("one entry") };
    assert_eq!((&entry.actor, entry.detail.clone()), (&Actor::Cli, format!("subscriber=notifier sequence={sequence}")));
    eventually("the letter to be handed over", async || {
        let report = app.ops.get("/events/subscribers").await.body;
        let notifier = &report["data"][1];
        (notifier["delayed"] == 0 && notifier["deadLetters"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn all_dead_letters_of_a_subscriber_are_requeued_at_once_and_one_is_discarded_with_a_reason() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    app.mail("ada@example.com", "welcome", 1).await;
    let operator = app.operator();
    let verified = add_dead_letter(&app, UserVerified::TYPE).await;
    let logged_in = add_dead_letter(&app, UserLoggedIn::TYPE).await;
    let first = operator.get("/events/dead-letters?limit=1").await;
    let cursor = first.body["nextCursor"].as_str().unwrap().to_owned();
    let second = operator.get(&format!("/events/dead-letters?limit=1&cursor={cursor}")).await;
    assert_eq!([sequences(&first.body), sequences(&second.body)].concat(), [verified, logged_in]);
    assert!(second.body["nextCursor"].is_null());
    let refused = operator.get(&format!("/events/dead-letters?subscriber=notifier&cursor={cursor}")).await;
    assert_eq!(refused.problem(), "invalid_cursor");

    let discard = format!("/events/dead-letters/notifier/{logged_in}/discard");
    assert_eq!(operator.post(&discard, json!({})).await.fields(), ["/reason required"]);
    let discarded = operator.post(&discard, json!({ "reason": "no longer needed" })).await;
    assert_eq!(discarded.status, 204, "{discarded:?}");
    assert_eq!(operator.post(&discard, json!({ "reason": "twice" })).await.problem(), "not_found");
    let [entry] = &app.audited(EventAction::DiscardDeadLetter)[..] else { panic!("one entry") };
    assert!(entry.detail.ends_with("reason=no longer needed"), "{entry:?}");

    let all = operator.send("POST", "/events/dead-letters/notifier/requeue", Body::empty()).await;
    assert_eq!((all.status, &all.body), (200, &json!({ "requeued": 1 })), "{all:?}");
    let unknown = operator.send("POST", "/events/dead-letters/unknown/requeue", Body::empty()).await;
    assert_eq!(unknown.problem(), "not_found");
}
