//! The event log as operators read it, its subscribers, and events with their fields.

use std::collections::BTreeSet;

use majordomo::{
    domain::event::EventRow,
    persistence::Write,
    types::{CallContext, Work},
};
use serde_json::{Value, json};

use super::dead_letters::add_dead_letter;
use crate::flows::test_store::{NEWER_EVENT, append_newer_event};
use crate::test_app::{PASSWORD, TestApp, eventually};

/// The sequences of a page.
pub fn sequences(page: &Value) -> Vec<u64> {
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
    rows.iter().map(|event| event["sequence"].as_str().unwrap().parse().unwrap()).collect()
}

pub fn test_write(app: &TestApp) -> Write {
    let work = Work::until(majordomo::types::Clock::instant(&*app.clock) + std::time::Duration::from_secs(5));
    Write::new(work, app.system.stamp(), CallContext::service("test", "write"))
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
    let mut query = String::new();
    loop {
        let page = ops.get(&format!("/events?limit=2{query}")).await;
        let rows = sequences(&page.body);
        assert!(rows.len() <= 2 && rows.iter().all(|row| !walked.contains(row)), "{page:?}");
        walked.extend(rows);
        match page.body["nextCursor"].as_str() {
            Some(next) => query = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(walked[..known.len()], known);
    let later = sequences(&ops.get(&format!("/events?after={}", known[1])).await.body);
    assert_eq!(later[..known.len() - 2], known[2..]);
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
        ("sort=x", "sort unknown_parameter"),
    ] {
        let refused = ops.get(&format!("/events?{query}")).await;
        assert_eq!((refused.problem(), refused.fields()), ("invalid_query", vec![field.to_owned()]), "{query}");
    }
    assert_eq!(ops.get("/events?cursor=x").await.problem(), "invalid_cursor");
    assert_eq!(app.anyone.get("/events").await.problem(), "not_found", "only on the operators' listener");
}

#[tokio::test]
async fn the_log_is_filtered_by_the_names_of_the_source_documents_too() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let types = async |names: &str| -> Vec<String> {
        let page = app.ops.get(&format!("/events?types={names}")).await;
        let rows = page.body["data"].as_array().unwrap_or_else(|| panic!("{names}: {page:?}"));
        rows.iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect()
    };
    for name in ["user.registered", "user.created", "USER_REGISTERED"] {
        assert_eq!(types(name).await, ["user.registered"], "{name}");
    }
    for name in ["user.logged_in", "user.login", "USER_LOGGED_IN"] {
        assert_eq!(types(name).await, ["user.logged_in"], "{name}");
    }
    assert_eq!(types("USER_REGISTERED,user.login").await, ["user.registered", "user.logged_in"]);
    assert_eq!(app.ops.get("/events?types=user_registered").await.problem(), "invalid_query", "case counts");
}

#[tokio::test]
async fn an_event_of_a_newer_version_is_listed_by_its_number() {
    let app = TestApp::new().await;
    app.store.write(test_write(&app), append_newer_event).await.unwrap();
    for query in ["", "?types=unknown:0x01fe"] {
        let page = app.ops.get(&format!("/events{query}")).await;
        let [event] = &page.body["data"].as_array().unwrap()[..] else { panic!("{page:?}") };
        assert_eq!((&event["type"], &event["source"]), (&json!("unknown:0x01fe"), &json!("/auth")), "{page:?}");
        assert_eq!(event["data"], json!({}));
    }
    let sequence = add_dead_letter(&app, NEWER_EVENT).await;
    let letter = app.ops.get(&format!("/events/dead-letters/notifier/{sequence}")).await;
    assert_eq!((letter.status, &letter.body["eventType"]), (200, &json!("unknown:0x01fe")), "{letter:?}");
}

#[tokio::test]
async fn the_event_of_a_registration_has_its_form_and_that_of_a_repeated_one_no_name() {
    let app = TestApp::new().await;
    let form = json!({ "email": "ada@example.com", "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace" });
    assert_eq!(app.anyone.post("/auth/register", form).await.status, 201);
    let events = app.ops.get("/events?types=user.registered").await;
    let registered = &events.body["data"][0];
    for (field, value) in [("email", "ada@example.com"), ("firstName", "Ada"), ("lastName", "Lovelace")] {
        assert_eq!(registered["data"][field], value, "{registered}");
    }
    assert_eq!(registered["data"]["userId"], registered["subject"]);

    app.member("grace@example.com").await;
    let form = json!({ "email": "grace@example.com", "password": PASSWORD, "firstName": "Call", "lastName": "Me" });
    assert_eq!(app.anyone.post("/auth/register", form).await.status, 201);
    let events = app.ops.get("/events?types=user.registration_repeated").await;
    let repeated = &events.body["data"][0]["data"];
    assert!(repeated["userId"].is_string() && repeated.get("firstName").is_none(), "{repeated}");
    assert!(repeated.get("lastName").is_none(), "{repeated}");
}

#[tokio::test]
async fn an_event_reports_a_code_once_it_is_sent() {
    let app = TestApp::new().await;
    let answer = app.register("ada@example.com").await;
    app.mail("ada@example.com", "verification_code", 1).await;
    let sent = eventually("the event of the code", async || {
        let page = app.ops.get("/events?types=otp.sent").await.body;
        page["data"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&sent["source"], &sent["data"]["channel"]), (&json!("/otp"), &json!("email")));
    assert_eq!((&sent["data"]["purpose"], &sent["data"]["userId"]), (&json!("verify_email"), &sent["subject"]));
    let required = app.ops.get("/events?types=otp.verification_required").await.body;
    assert_eq!(sent["data"]["codeId"], required["data"][0]["data"]["codeId"], "{answer:?}");
}

#[tokio::test]
async fn the_subscribers_are_those_of_the_catalogue() {
    let app = TestApp::new().await;
    let named: BTreeSet<&str> = EventRow::all().flat_map(|row| row.subscribers.iter().copied()).collect();
    let running: BTreeSet<&str> = app.services.relays.report().await.unwrap().iter().map(|one| one.name).collect();
    assert_eq!(named, running);
}

#[tokio::test]
async fn subscribers_are_shown_with_their_lag() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let report = eventually("all events to be handed over", async || {
        let report = app.ops.get("/events/subscribers").await.body;
        report["data"].as_array().unwrap().iter().all(|one| one["lag"] == 0).then_some(report)
    })
    .await;
    let [otp, notifier] = &report["data"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&otp["name"], &notifier["name"]), (&json!("otp"), &json!("notifier")));
    assert_eq!((&notifier["watermark"], &notifier["oldestMs"]), (&report["lastEvent"], &Value::Null));
    assert_eq!((&notifier["delayed"], &notifier["deadLetters"]), (&json!(0), &json!(0)));
}
