//! A user's own sessions, listed and ended.

use majordomo::domain::auth::actions::AuthAction;
use serde_json::{Value, json};

use crate::test_app::{PASSWORD, TestApp};

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_user_only() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let phone = json!({ "identifier": "ada@example.com", "password": PASSWORD, "deviceName": "Ada's phone" });
    let agent = app.anyone.with("user-agent", "Teapot/1").at("192.0.2.7");
    let phone = app.member_of(agent.post("/auth/login", phone).await.body);
    let bob = app.member("bob@example.com").await;
    let listed = ada.get("/auth/sessions").await;
    assert_eq!((listed.body["data"].as_array().unwrap().len(), &listed.body["nextCursor"]), (2, &Value::Null));
    let row = |id: &Value| listed.body["data"].as_array().unwrap().iter().find(|row| row["id"] == *id).unwrap().clone();
    assert_eq!(row(&ada.tokens["sessionId"])["current"], true);
    let theirs = row(&phone.tokens["sessionId"]);
    assert_eq!((&theirs["deviceName"], &theirs["userAgent"]), (&json!("Ada's phone"), &json!("Teapot/1")));
    assert_eq!((&theirs["ipAddress"], &theirs["current"]), (&json!("192.0.2.7"), &json!(false)));
    let path = format!("/auth/sessions/{}", phone.tokens["sessionId"].as_str().unwrap());
    assert_eq!(bob.delete(&path).await.problem(), "not_found");
    assert_eq!(phone.get("/auth/profile").await.status, 200);
    assert_eq!(ada.delete(&path).await.status, 204);
    assert_eq!(phone.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(ada.delete(&path).await.problem(), "not_found");
    assert_eq!(ada.delete("/auth/sessions/none").await.problem(), "not_found");
    assert_eq!(app.audited(AuthAction::EndSession).len(), 1);
    app.mail("ada@example.com", "new_device", 1).await;
}
