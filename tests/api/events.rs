//! The event log, its subscribers and dead letters, as operators see them.

use axum::body::Body;
use majordomo::{
    domain::{
        audit::{Actor, AuditAction},
        event::{DeadLetter, DeadReason, EventType},
    },
    persistence::{
        Verdict, Write,
        tables::subscription::{self, EventPlace},
    },
    types::{CallContext, Work},
};
use serde_json::{Value, json};

use crate::test_app::{TestApp, eventually};

/// The sequences of a page.
fn sequences(page: &Value) -> Vec<u64> {
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
    rows.iter().map(|event| event["sequence"].as_str().unwrap().parse().unwrap()).collect()
}

/// Puts an event among the dead letters of the notifier, as if it had not been taken.
async fn bury(app: &TestApp, kind: EventType) -> u64 {
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
    let work = Work::until(majordomo::types::Clock::instant(&*app.clock) + std::time::Duration::from_secs(5));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "bury"));
    let buried = app.store.old_write(write, move |tx| {
        subscription::bury(tx, EventPlace { subscriber: "notifier", subject, sequence }, &letter)?;
        Ok(Verdict::Commit(()))
    });
    buried.await.unwrap();
    sequence
}

#[tokio::test]
async fn the_log_is_read_in_pages_with_the_attributes_of_cloudevents() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let ops = app.ops.clone();
    let all = ops.get("/events?limit=100").await;
    assert_eq!(all.status, 200, "{all:?}");
    let events = all.body["data"].as_array().unwrap();
    let known = sequences(&all.body);
    assert!(known.is_sorted() && known.len() > 4, "{known:?}");

    let login = events.iter().find(|event| event["type"] == "user.logged_in").unwrap();
    assert_eq!(login["source"], "/auth");
    assert_eq!((&login["specversion"], &login["datacontenttype"]), (&json!("1.0"), &json!("application/json")));
    assert_eq!((&login["subject"], &login["data"]["userId"]), (&json!(ada.id), &json!(ada.id)));
    assert_eq!((&login["data"]["firstLogin"], &login["data"]["ipAddress"]), (&json!(true), &json!("127.0.0.1")));
    assert!(login["id"].is_string() && login["time"].as_str().unwrap().ends_with('Z'), "{login}");
    assert!(login["correlationid"].is_string() && login["dataversion"] == "1", "{login}");

    let mut walked = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let page = ops.get(&format!("/events?limit=2&after={after}")).await;
        let rows = sequences(&page.body);
        assert!(rows.len() <= 2 && rows.iter().all(|row| *row > after.parse().unwrap()));
        walked.extend(rows);
        match page.body["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(walked[..known.len()], known);
}

#[tokio::test]
async fn the_log_is_filtered_by_type_and_subject() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    app.member("grace@example.com").await;
    let ops = app.ops.clone();
    let page = ops.get(&format!("/events?types=user.logged_in,user.verified&subject={}", ada.id)).await;
    let types: Vec<&str> =
        page.body["data"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["user.verified", "user.logged_in"], "{page:?}");
    assert!(page.body["nextCursor"].is_null() && page.body["lastEvent"].is_string());

    for (query, field) in [
        ("types=user.logged_in,user.danced", "types unknown_value"),
        ("after=soon", "after not_a_sequence"),
        ("subject=ada", "subject not_an_id"),
        ("limit=101", "limit out_of_range"),
        ("cursor=x", "cursor unknown_parameter"),
    ] {
        let refused = ops.get(&format!("/events?{query}")).await;
        assert_eq!((refused.problem(), refused.fields()), ("invalid_query", vec![field.to_owned()]), "{query}");
    }
    assert_eq!(app.anyone.get("/events").await.problem(), "not_found", "only on the operators' listener");
}

#[tokio::test]
async fn subscribers_are_shown_with_their_lag() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let told = eventually("all to be heard", async || {
        let told = app.ops.get("/events/subscribers").await.body;
        told["subscribers"].as_array().unwrap().iter().all(|one| one["lag"] == 0).then_some(told)
    })
    .await;
    let [otp, notifier] = &told["subscribers"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((&otp["name"], &notifier["name"]), (&json!("otp"), &json!("notifier")));
    assert_eq!((&notifier["watermark"], &notifier["oldestMs"]), (&told["lastEvent"], &Value::Null));
    assert_eq!((&notifier["delayed"], &notifier["deadLetters"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn dead_letters_are_listed_inspected_and_requeued() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    app.mail("ada@example.com", "welcome", 1).await;
    let sequence = bury(&app, EventType::UserVerified).await;
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
    assert_eq!(ops.get("/events/dead-letters?subscriber=nobody").await.problem(), "not_found");
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
    let [entry] = &app.audited(AuditAction::RequeueDeadLetter)[..] else { panic!("one entry") };
    assert_eq!((&entry.actor, entry.detail.clone()), (&Actor::Cli, format!("subscriber=notifier sequence={sequence}")));
    eventually("the letter to be handed over", async || {
        let told = app.ops.get("/events/subscribers").await.body;
        let notifier = &told["subscribers"][1];
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
    let verified = bury(&app, EventType::UserVerified).await;
    let logged_in = bury(&app, EventType::UserLoggedIn).await;
    let first = operator.get("/events/dead-letters?limit=1").await;
    let cursor = first.body["nextCursor"].as_str().unwrap().to_owned();
    let second = operator.get(&format!("/events/dead-letters?limit=1&cursor={cursor}")).await;
    assert_eq!([sequences(&first.body), sequences(&second.body)].concat(), [verified, logged_in]);
    assert!(second.body["nextCursor"].is_null());
    let elsewhere = operator.get(&format!("/events/dead-letters?subscriber=notifier&cursor={cursor}")).await;
    assert_eq!(elsewhere.problem(), "invalid_cursor");

    let discard = format!("/events/dead-letters/notifier/{logged_in}/discard");
    assert_eq!(operator.post(&discard, json!({})).await.fields(), ["/reason required"]);
    let gone = operator.post(&discard, json!({ "reason": "nobody waits for it" })).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(operator.post(&discard, json!({ "reason": "twice" })).await.problem(), "not_found");
    let [entry] = &app.audited(AuditAction::DiscardDeadLetter)[..] else { panic!("one entry") };
    assert!(entry.detail.ends_with("reason=nobody waits for it"), "{entry:?}");

    let all = operator.send("POST", "/events/dead-letters/notifier/requeue", Body::empty()).await;
    assert_eq!((all.status, &all.body), (200, &json!({ "requeued": 1 })), "{all:?}");
    let nobody = operator.send("POST", "/events/dead-letters/nobody/requeue", Body::empty()).await;
    assert_eq!(nobody.problem(), "not_found");
}
