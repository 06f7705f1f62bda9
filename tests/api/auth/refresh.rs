//! Refresh tokens: repeats, theft, and what a refresh records.

use std::time::Duration;

use majordomo::{
    domain::{audit::AuditAction, event::EventType},
    persistence::tables::session,
    types::id::SessionId,
};
use serde_json::{Value, json};

use crate::test_app::{MINUTE, TestApp, eventually, ready};

#[tokio::test]
async fn a_refresh_answers_a_repeat_as_the_first_time_and_finds_a_thief() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let refresh = async |token: &Value| app.anyone.post("/auth/refresh", json!({ "refreshToken": token })).await;
    let first = &ada.tokens["refreshToken"];
    let next = refresh(first).await.body["refreshToken"].clone();
    app.advance(60 * MINUTE);
    assert_eq!(refresh(first).await.body["refreshToken"], next, "an hour's sleep");
    assert_eq!(refresh(&json!("mdr_made-up")).await.problem(), "invalid_refresh_token");
    assert_eq!(refresh(&next).await.status, 200);
    app.advance(Duration::from_secs(31));
    assert_eq!(refresh(first).await.problem(), "session_ended");
    assert_eq!(app.events(EventType::SessionReuseDetected).len(), 1);
    assert_eq!(app.audited(AuditAction::ReuseDetected).len(), 1);
    app.mail("ada@example.com", "session_ended", 1).await;
    assert_eq!(refresh(&next).await.problem(), "session_ended");
}

#[tokio::test]
async fn an_ordinary_refresh_is_recorded_only_where_the_settings_say_so() {
    for (are_recorded, records) in [(false, 0), (true, 1)] {
        let app = TestApp::with(|config| config.events.session_refreshed = are_recorded).await;
        let ada = app.member("ada@example.com").await;
        app.hush().await;
        app.advance(MINUTE);
        let before = app.commits();
        let body = json!({ "refreshToken": ada.tokens["refreshToken"] });
        let refreshed = app.anyone.post("/auth/refresh", body.clone()).await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        assert_eq!(app.commits() - before, 1, "the session moves on in one commit");
        let events = app.events(EventType::SessionRefreshed);
        let audited = app.audited(AuditAction::Refresh);
        assert_eq!((events.len(), audited.len()), (records, records));
        let repeated = app.anyone.post("/auth/refresh", body).await;
        assert_eq!(repeated.body["refreshToken"], refreshed.body["refreshToken"], "the session has moved on");
        let sessions = ada.get("/auth/sessions").await;
        let last_used = sessions.body["data"][0]["lastUsedAt"].as_str().unwrap_or_default();
        assert!(last_used.starts_with("2026-01-02T03:05"), "{sessions:?}");
    }
}

#[tokio::test]
async fn the_first_request_of_a_generation_is_marked_and_later_ones_write_nothing() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let id: SessionId = ada.tokens["sessionId"].as_str().unwrap().parse().unwrap();
    let used_at = || ready(app.store.read(move |view| session::find(view, id))).unwrap().unwrap().refresh.used_at;
    assert_eq!(used_at(), None);
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    eventually("the mark", async || used_at()).await;
    app.hush().await;
    let before = app.commits();
    assert_eq!(ada.get("/auth/profile").await.status, 200);
    assert_eq!(app.commits(), before);
}
